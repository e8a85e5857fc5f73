/** The list of reports as a file: CSV for a spreadsheet, JSON lines for a program. As much as is listed, within a bound. */
import type { Context } from "hono";
import { BOUNDS } from "../bounds/bounds.ts";
import { csvLine } from "../text/csv.ts";
import { visibleJson } from "../text/visible.ts";
import type { ReportFilter, ReportRow } from "../views/report-row.ts";
import type { JobSeen, Place } from "../views/views.ts";
import { addressOf, type PageEnv } from "./login.ts";
import type { OnAction, Operations } from "./operations.ts";
import type { Operator } from "./operator.ts";
import { idShown, numberShown } from "./report-rows.ts";

export type ExportFormat = "csv" | "jsonl";

const TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: "text/csv; charset=utf-8",
  jsonl: "application/jsonl; charset=utf-8",
};

export function formatIn(text: string | undefined): ExportFormat | null {
  return text === "csv" || text === "jsonl" ? text : null;
}

/** What is exported, and as what. */
interface Export {
  readonly format: ExportFormat;
  readonly filter: ReportFilter;
  readonly from: Place | null;
}

/** What is asked for, as a file. Numbers are masked in it as on the page. */
export async function exported(
  c: Context<PageEnv>,
  { format, filter, from }: Export,
  { views }: Pick<Operations, "views">,
  onAction: OnAction,
): Promise<Response> {
  const { numbers } = c.var.operator;
  const day = new Date().toISOString().slice(0, 10);
  const headers = {
    "content-type": TYPES[format],
    "content-disposition": `attachment; filename="mm4d-reports-${day}.${format}"`,
  };
  // Hono calls this for HEAD too, and then nothing is exported.
  if (c.req.method === "HEAD") return c.body(null, 200, headers);
  const rows: ExportedRow[] = [];
  let place = from;
  for (let page = 0; page < BOUNDS.pagesExported.value; page += 1) {
    const found = await views.reports(filter, place, addressOf(c));
    for (const row of found.rows) rows.push({ ...row, consumer: found.jobs.get(row.jobId ?? "")?.state ?? null });
    place = found.older;
    if (place === null) break;
  }
  onAction("reports-exported", { address: addressOf(c), format, reports: rows.length, numbers });
  const shown = rows.map((row) => shownRow(row, numbers));
  const text = format === "csv" ? csvOf(shown) : shown.map((row) => `${visibleJson(JSON.stringify(row))}\n`).join("");
  return c.body(text, 200, headers);
}

/** A report with what has become of its job, which is null where there is none. */
export interface ExportedRow extends ReportRow {
  readonly consumer: JobSeen["state"] | null;
}

/** What is exported of a row, with its numbers as they are shown to who asks. */
export function shownRow(row: ExportedRow, shown: Operator["numbers"]) {
  const { code, numbers, messageId, transactionId, why } = row;
  return {
    ...row,
    // A relay may have written a party's number there.
    code: code !== null && idShown(String(code), numbers, shown) === String(code) ? code : null,
    why: why && idShown(why, numbers, shown),
    messageId: messageId && idShown(messageId, numbers, shown),
    transactionId: transactionId && idShown(transactionId, numbers, shown),
    numbers: numbers.map((number) => numberShown(number, shown)),
  };
}

const COLUMNS = [
  "at",
  "peer",
  "fate",
  "type",
  "outcome",
  "disposition",
  "code",
  "conflict",
  "warnings",
  "why",
  "numbers",
  "messageId",
  "transactionId",
  "eventId",
  "id",
  "jobId",
  "consumer",
] as const satisfies readonly (keyof ExportedRow)[];

/** RFC 4180. */
export function csvOf(rows: readonly ExportedRow[]): string {
  return [csvLine(COLUMNS), ...rows.map((row) => csvLine(COLUMNS.map((name) => row[name])))].join("");
}
