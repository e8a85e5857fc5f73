/**
 * Reads the files that settings name (catalogue, peers and their codes, certificate) at the start,
 * and again when they change or an operator asks for it. When one has a fault, what
 * was read before stays in force.
 */

import type { Catalogue } from "../catalogue/catalogue.ts";
import type { ReadingRules } from "../flow/read.ts";
import type { Peer } from "../smtp/peer.ts";
import type { Certificate } from "./certificate.ts";
import { loadCertificate, loadValidCertificate } from "./certificate.ts";
import type { Config } from "./config.ts";
import { loadPeers, mustUseTls } from "./peers.ts";
import { loadReading, type PeersTables } from "./reading.ts";
import { watchFiles } from "./watch-files.ts";

export interface SettingsFiles {
  reading(): ReadingRules;
  peers(): readonly Peer[];
  certificate(): Certificate | null;
  /** A sentence for each of them that has a fault now, so that what was read before is in force. */
  faults(): readonly string[];
  /** Reads all of them again. */
  reload(): void;
  stop(): void;
}

export interface SettingsFilesOptions {
  readonly config: Config;
  readonly onPeers: (peers: readonly Peer[]) => void;
  readonly onCertificate: (certificate: Certificate) => void;
  readonly onReloaded: (what: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly onFault: (what: string, cause: Error) => void;
  /** A file with codes that no entry names any more cannot be read, and a message of then is. */
  readonly onCodesNotRead: (cause: Error) => void;
}

/** Throws one sentence for each fault of a file. */
export function openSettingsFiles(options: SettingsFilesOptions): SettingsFiles {
  const { config, onReloaded, onFault } = options;
  const { tlsCertFile: certFile, tlsKeyFile: keyFile, tlsCaFile: caFile } = config;
  const peersWatch = watchFiles(() => read("peers"));
  const certificateWatch = watchFiles(() => read("certificate"));
  const first = <T>(load: () => T): T => {
    try {
      return naming(config, load);
    } catch (cause) {
      peersWatch.stop();
      throw cause;
    }
  };
  // Tables that no peer uses any more stay, because messages that came before that may be read later.
  const own = new Map<string, Catalogue>();
  const tables: PeersTables = { own, onUnread: options.onCodesNotRead };
  const loadThem = (): readonly Peer[] => {
    const found = new Map<string, Catalogue>();
    const usable = loadUsablePeers(config, peersWatch.follow, (file, table) => found.set(file, table));
    for (const [file, table] of found) own.set(file, table);
    return usable;
  };
  let reading = first(() => loadReading(config, tables));
  let peers = first(loadThem);
  // An expired certificate is better than none, because a relay that does not check it goes on. /healthz tells of it.
  let certificate = certFile === "" ? null : first(() => loadCertificate({ certFile, keyFile, caFile }));

  const faults = new Map<string, string>();

  const again = {
    catalogue() {
      reading = loadReading(config, tables);
      onReloaded("catalogue", { catalogue: reading.catalogue.version });
    },
    peers() {
      peers = loadThem();
      options.onPeers(peers);
      onReloaded("peers", { peers: peers.map(({ name }) => name) });
    },
    certificate() {
      certificate = loadValidCertificate({ certFile, keyFile, caFile }, new Date());
      options.onCertificate(certificate);
      onReloaded("certificate", { subject: certificate.subject, expiresAt: certificate.expiresAt });
    },
  };
  const read = (what: keyof typeof again): void => {
    try {
      again[what]();
      faults.delete(what);
    } catch (cause) {
      faults.set(what, (cause as Error).message.replaceAll("\n", "; "));
      onFault(what, cause as Error);
    }
  };
  for (const file of [certFile, keyFile, caFile]) if (file !== "") certificateWatch.follow(file);

  return {
    reading: () => reading,
    peers: () => peers,
    certificate: () => certificate,
    faults: () =>
      [...faults].map(
        ([what, why]) => `The ${what} file has an error, so what was read before is still in use (${why})`,
      ),
    reload() {
      read("catalogue");
      if (config.peersFile !== "") read("peers");
      if (certificate !== null) read("certificate");
    },
    stop() {
      peersWatch.stop();
      certificateWatch.stop();
    },
  };
}

/**
 * Adds to each fault of a file the setting that names the file. This is for the start,
 * because later faults say what could not be read again.
 */
function naming<T>(config: Config, load: () => T): T {
  const files = [
    ["MM4D_CATALOGUE_FILE", config.catalogueFile],
    ["MM4D_PEERS_FILE", config.peersFile],
    ["MM4D_TLS_CERT_FILE", config.tlsCertFile],
    ["MM4D_TLS_KEY_FILE", config.tlsKeyFile],
    ["MM4D_TLS_CA_FILE", config.tlsCaFile],
  ] as const;
  try {
    return load();
  } catch (cause) {
    const faults = (cause as Error).message.split("\n").map((fault) => {
      const [setting] = files.find(([, file]) => file !== "" && fault.startsWith(`Cannot use ${file}: `)) ?? [];
      return setting === undefined ? fault : `${fault} (${setting})`;
    });
    throw new Error(faults.join("\n"), { cause });
  }
}

/** Loads the peers. It also throws when a peer must use TLS and TLS is not offered. */
function loadUsablePeers(
  config: Config,
  onFile: (file: string) => void,
  onTable: (file: string, table: Catalogue) => void,
): readonly Peer[] {
  const loaded = loadPeers(config, onFile, onTable);
  const needy = loaded.filter(mustUseTls);
  if (needy.length > 0 && config.tlsCertFile === "") {
    const names = needy.map(({ name }) => name).join(", ");
    throw new Error(
      `Cannot use ${config.peersFile}: ${names} must use TLS, and MM4D_TLS_CERT_FILE is not set, must be`,
    );
  }
  return loaded;
}
