/** The rules by which messages are read: the same for the service, for `explain` and for a replay. */
import libmime from "libmime";
import type { ReadingRules } from "../flow/read.ts";
import { loadCatalogue, type OwnTables, tablesBeside } from "./catalogue-file.ts";
import type { Config } from "./config.ts";

/** The tables of peers, as they were loaded with the peers, and who hears of one that cannot be read. */
export interface PeersTables {
  readonly own: OwnTables;
  readonly onUnread: (cause: Error) => void;
}

const READ_WHEN_NEEDED: PeersTables = { own: new Map(), onUnread: () => {} };

/** The settings that reading goes by. */
export type ReadingSettings = Pick<Config, "catalogueFile" | "domain" | "maxHeaderBytes" | "maxHeaderFields">;

/** Reads the operator's catalogue file. Throws one sentence for each of its faults. */
export function loadReading(
  { catalogueFile, domain, maxHeaderBytes, maxHeaderFields }: ReadingSettings,
  { own, onUnread }: PeersTables = READ_WHEN_NEEDED,
): ReadingRules {
  const catalogue = loadCatalogue(catalogueFile);
  return {
    headerLimits: { bytes: maxHeaderBytes, fields: maxHeaderFields },
    catalogue,
    tableOf: tablesBeside(catalogue, own, onUnread),
    decodeWords: (text) => libmime.decodeWords(text),
    // A path has no brackets. RFC 3986 §3.3.
    source: `/mm4d/${domain[0]?.replace(/^\[(?:ipv6:)?|\]$/g, "") ?? "local"}`,
  };
}
