/** What a user should know about the settings in force. */
import type { Config } from "../settings/config.ts";
import { doubtsAbout } from "../settings/peers.ts";
import type { Peer } from "../smtp/peer.ts";

export function startNotes(
  config: Config,
  certificateExpiresAt: Date | null,
  peers: readonly Peer[],
): readonly string[] {
  const notes: string[] = [];
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
  return [...notes, ...doubtsAbout(peers.filter(({ acknowledge }) => acknowledge.tls === "off"))];
}
