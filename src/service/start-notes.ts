/** What a user should know about the settings in force. */
import { openFilesLimit, tooFewFiles } from "../process/system-limits.ts";
import type { Config } from "../settings/config.ts";
import { doubtsAbout } from "../settings/peers.ts";
import type { SettingsFiles } from "../settings/settings-files.ts";

/** `doubtOfDirectory`: what is doubtful about the data directory; null for nothing. */
export function startNotes(
  config: Config,
  files: Pick<SettingsFiles, "certificate" | "peers">,
  doubtOfDirectory: string | null,
): readonly string[] {
  const certificateExpiresAt = files.certificate()?.expiresAt ?? null;
  const notes = [...tooFewFiles(openFilesLimit(), config.maxClients)];
  if (doubtOfDirectory) notes.push(doubtOfDirectory);
  if (config.peers.length === 0 && config.peersFile === "") {
    notes.push("Only this machine may connect. To let a peer in: MM4D_PEERS='carrier=192.0.2.0/24'");
  }
  if (config.domain.length === 0) {
    notes.push("Recipients of every domain are accepted. To take only yours: MM4D_DOMAIN=mms.example.net");
  }
  if (certificateExpiresAt !== null && certificateExpiresAt <= new Date()) {
    notes.push(`The TLS certificate expired at ${certificateExpiresAt.toISOString()}. Renew MM4D_TLS_CERT_FILE`);
  }
  // "peers check" says what would be better; what is never sent concerns every user.
  return [...notes, ...doubtsAbout(files.peers().filter(({ acknowledge }) => acknowledge.tls === "off"))];
}
