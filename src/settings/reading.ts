/** The rules by which messages are read: the same for the service, for `explain` and for a replay. */
import libmime from "libmime";
import type { ReadingRules } from "../flow/read.ts";
import { loadCatalogue } from "./catalogue-file.ts";
import type { Config } from "./config.ts";

/** Reads the operator's catalogue file. Throws one sentence for each of its faults. */
export function loadReading({ catalogueFile, domain, maxHeaderBytes, maxHeaderFields }: Config): ReadingRules {
  return {
    headerLimits: { bytes: maxHeaderBytes, fields: maxHeaderFields },
    catalogue: loadCatalogue(catalogueFile),
    decodeWords: (text) => libmime.decodeWords(text),
    // A path has no brackets. RFC 3986 §3.3.
    source: `/mm4d/${domain[0]?.replace(/^\[(?:ipv6:)?|\]$/g, "") ?? "local"}`,
  };
}
