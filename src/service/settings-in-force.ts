/** The files that settings name, and all that follow what they say. */
import type { Log } from "../monitoring/log.ts";
import type { Releaser } from "../process/releasers.ts";
import type { Certificate } from "../settings/certificate.ts";
import type { Config } from "../settings/config.ts";
import { openSettingsFiles, type SettingsFiles } from "../settings/settings-files.ts";
import type { Peer } from "../smtp/peer.ts";
import { createNews, type News } from "./news.ts";

export interface SettingsInForce extends SettingsFiles {
  /** Told after each reload that changes them. */
  readonly newPeers: Pick<News<readonly Peer[]>, "follow">;
  readonly newCertificate: Pick<News<Certificate>, "follow">;
}

/** Throws one sentence for each fault of a file. */
export function openSettings(config: Config, log: Log, releasers: Releaser[]): SettingsInForce {
  const newPeers = createNews<readonly Peer[]>();
  const newCertificate = createNews<Certificate>();
  const files = openSettingsFiles({
    config,
    onPeers: newPeers.tell,
    onCertificate: newCertificate.tell,
    onReloaded: (what, fields) => log.settingsReloaded({ what, ...fields }),
    onFault: (what, cause) => log.settingsNotReloaded(what, cause),
    onCodesNotRead: (cause) => log.codesNotRead(cause),
  });
  releasers.push(async () => files.stop());
  return { ...files, newPeers, newCertificate };
}
