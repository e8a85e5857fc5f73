/** An archived report as a row: of the CSV, of the JSON lines, and in words. */
import type { ArchivedReport } from "../archive/read-report.ts";
import { codeInWords } from "../text/codes.ts";
import type { Cell } from "../text/csv.ts";
import { masksByHeader } from "../text/mask-header.ts";
import { maskEvent, type NumberMasks, numberMasks, partiesOf } from "../text/masking.ts";
import type { Numbers } from "./numbers.ts";

/** The columns of the CSV, in their order. Their names stay: further ones come behind them. */
export const COLUMNS = [
  "at",
  "peer",
  "fate",
  "fateAt",
  "type",
  "outcome",
  "disposition",
  "final",
  "code",
  "codeName",
  "status",
  "conflict",
  "warnings",
  "handledAt",
  "recipient",
  "originator",
  "messageId",
  "transactionId",
  "eventId",
  "outcomeThen",
  "why",
  "acknowledged",
  "id",
  "jobId",
  "stands",
] as const;

/** A report by the names of the columns; null for what it does not have. */
export type ArchiveRow = Readonly<Record<(typeof COLUMNS)[number], Cell>>;

/** Its numbers as they are asked for, also within ids. */
export function rowOf(report: ArchivedReport, numbers: Numbers): ArchiveRow {
  const { record, became, event, read, at: stands, eventId, receivedAt, peer } = report;
  const masks = numbers === "full" ? UNMASKED : masksOf(report);
  const masked = (text: string | null | undefined): string | null => (text == null ? null : masks.text(text));
  const maskedId = (text: string | null | undefined): string | null => (text == null ? null : masks.id(text));
  const data = event?.data;
  const recipients = data?.recipient ? [data.recipient] : (data?.requestRecipients.map(({ party }) => party) ?? []);
  const ids = data ?? read?.ids;
  return {
    at: receivedAt,
    peer,
    fate: fateOf(report),
    fateAt: became?.at ?? null,
    type: event?.type ?? null,
    outcome: data?.outcome ?? null,
    disposition: data?.disposition ?? null,
    final: data?.final ?? null,
    code: data?.reason?.code ?? null,
    codeName: data?.reason?.name ?? null,
    status: masked(data?.raw.mmStatusCode ?? data?.raw.requestStatusCode ?? data?.raw.readStatus),
    conflict: data?.conflict ?? null,
    warnings: data?.warnings ?? [],
    handledAt: data?.handledAt ?? null,
    recipient: recipients.flatMap((party) => masked(party?.number ?? party?.raw) ?? []),
    originator: masked(data?.originator?.number ?? data?.originator?.raw),
    messageId: maskedId(ids?.messageId),
    transactionId: maskedId(ids?.transactionId),
    eventId,
    outcomeThen: became?.outcome ?? null,
    why: masked(whyOf(report)),
    acknowledged: became?.acknowledged ?? null,
    id: record.id,
    jobId: became?.kind === "queued" ? record.id : (became?.duplicateOf ?? null),
    stands,
  };
}

/** The row with today's event, whole but for its numbers. */
export function rowWithEvent(report: ArchivedReport, numbers: Numbers): object {
  const { event } = report;
  return { ...rowOf(report, numbers), event: event && numbers === "masked" ? maskEvent(event) : event };
}

/** Two lines for a person. */
export function describeReport(report: ArchivedReport, numbers: Numbers): readonly string[] {
  const { event } = report;
  const row = rowOf(report, numbers);
  const reason = event?.data.reason;
  const says = event
    ? `${row.outcome} (${row.disposition})${reason ? `  ${codeInWords(reason)}` : ""}`
    : "without an event";
  const ids = [
    ["message", row.messageId],
    ["recipient", Array.isArray(row.recipient) ? row.recipient.join(" ") : null],
    row.eventId === null ? ["record", row.id] : ["event", row.eventId],
  ].flatMap(([name, value]) => (value ? [`${name} ${value}`] : []));
  return [`${row.at}  ${says}  ${row.peer}  ${fateInWords(report, row)}`, `  ${ids.join(", ")}`];
}

/** `waiting` for what is not worked off yet, `unknown` for what a crash has taken or is not written down yet. */
function fateOf({ became, at }: ArchivedReport): string {
  return became?.kind ?? (at === "waiting" ? "waiting" : "unknown");
}

function fateInWords({ became }: ArchivedReport, { fate, why }: ArchiveRow): string {
  switch (fate) {
    case "waiting":
      return "waits in the journal";
    case "unknown":
      return "what became of it is not known";
    case "duplicate":
      return `duplicate of ${became?.duplicateOf}`;
    default:
      return why === null ? String(fate) : `${fate} (${why})`;
  }
}

/** Why it is in quarantine, or which PDU it is; null for what made an event. */
function whyOf({ became, job, read }: ArchivedReport): string | null {
  if (became?.reason) return became.reason;
  if (job?.kind === "quarantine") return job.message.reason;
  return read?.finding.kind === "ignored" ? read.finding.messageType : null;
}

const UNMASKED: NumberMasks = { id: (text) => text, text: (text) => text };

function masksOf({ event, read }: ArchivedReport): NumberMasks {
  return event ? numberMasks(partiesOf(event)) : masksByHeader(read?.said.said ?? "");
}
