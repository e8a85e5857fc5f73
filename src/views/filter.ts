/** Which rows somebody asks for. */
import { namesOf } from "../trace/blocks.ts";
import { namesSought } from "../trace/find.ts";
import type { ReportFilter, ReportRow } from "./report-row.ts";

/** Leaves nothing out. */
export const EVERY_REPORT: ReportFilter = {
  peer: null,
  outcome: null,
  disposition: null,
  code: null,
  type: null,
  since: null,
  conflict: false,
  warnings: false,
  q: null,
};

/** Equal for two filters that ask for the same. */
export function keyOf(filter: ReportFilter): string {
  return JSON.stringify({ ...EVERY_REPORT, ...filter });
}

/** Says of rows whether they fit: of what comes live as of what has passed. */
export function fitting(filter: ReportFilter): (row: ReportRow) => boolean {
  const { code, conflict, warnings, q } = filter;
  const since = sinceOf(filter);
  const alike = (["peer", "outcome", "disposition", "type"] as const).filter((name) => filter[name] !== null);
  const names = q === null ? null : new Set(namesSought(q));
  return (row) =>
    alike.every((name) => row[name] === filter[name]) &&
    (code === null || (code === "none" ? row.code === null && row.eventId !== null : row.code === code)) &&
    (since === null || row.at >= since) &&
    (!conflict || row.conflict) &&
    (!warnings || row.warnings.length > 0) &&
    (names === null || row.id === q || namesOf(row).some((name) => names.has(name)));
}

/** Since when, as times are written in the trace. Throws for a time that is none. */
export function sinceOf({ since }: Pick<ReportFilter, "since">): string | null {
  return since === null ? null : new Date(since).toISOString();
}

/**
 * Says of lines of the trace whether their reports may fit, before they are read: reading takes longer than all else
 * where a few fit among very many. Only of lines as they are written now, of which each is a report.
 */
export function perhapsFitting({ peer, outcome, disposition, code, type, conflict }: ReportFilter) {
  const texts = [
    ...(peer === null ? [] : [`"name":${JSON.stringify(peer)}`]),
    ...(outcome === null ? [] : [`"outcome":"${outcome}"`]),
    ...(disposition === null ? [] : [`"disposition":"${disposition}"`]),
    ...(code === null || code === "none" ? [] : [`"code":${code}`]),
    ...(type === null ? [] : [`"type":"${type}"`]),
    ...(conflict ? ['"conflict":true'] : []),
  ];
  return (line: string): boolean => !line.startsWith('{"header":') || texts.every((text) => line.includes(text));
}
