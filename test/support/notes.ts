/** Notes of the trace, as the service makes them. */
import { idsOf, MAX_HEADER_LENGTH, type TraceNote } from "../../src/trace/note.ts";
import { deliveryReport, eventOf, type FieldsOf } from "./report.ts";

/** From one recipient. */
export const KIM = { From: "+12025550155/TYPE=PLMN" };

let seconds = 0;
/** A second after the note before. */
export const later = (): string => new Date(Date.UTC(2026, 0, 2) + 1000 * seconds++).toISOString();

export function received(fields: FieldsOf): Extract<TraceNote, { kind: "received" }> {
  const bytes = deliveryReport(fields);
  const event = eventOf(bytes);
  return {
    kind: "received",
    at: later(),
    quarantineId: null,
    sessionId: "s1",
    peer: event.data.peer,
    mailFrom: "system-user@mmsc.example.net",
    bytes: bytes.length,
    tookMs: 1.5,
    reply: "250 2.0.0 Report stored",
    fate: null,
    header: Buffer.from(bytes).toString("latin1").slice(0, MAX_HEADER_LENGTH),
    ids: idsOf(event),
    event,
  };
}
export const queued = (
  { ids, event }: TraceNote & { kind: "received" },
  recordId: string,
  duplicateOf: string | null = null,
) => ({ kind: "queued", at: later(), recordId, duplicateOf, ids, event }) as const;
