/**
 * Whether a report fits into an event. What a peer sends is bounded in bytes, and
 * what is made of it here: otherwise 60 KB of mail would be megabytes on the disk, in
 * Redis and in every consumer.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { DeliveryEvent } from "./event.ts";
import { textOf } from "./event-text.ts";
import type { Report } from "./report.ts";

/** The bound that a report is beyond, in words; null when it fits. */
export function boundBeyond(report: Report): string | null {
  for (const [what, length, { value }] of lengthsOf(report)) {
    if (length > value) return `${what} has ${inWords(length)} characters, must have ${inWords(value)} at most`;
  }
  if (report.requestRecipients.length > BOUNDS.recipients.value) {
    return `It names more than ${inWords(BOUNDS.recipients.value)} recipients`;
  }
  const fields = fieldsOf(report).length;
  return fields > BOUNDS.fields.value
    ? `It has ${inWords(fields)} fields, must have ${inWords(BOUNDS.fields.value)} at most`
    : null;
}

/** The same of its event as a whole. */
export function sizeBeyond(event: DeliveryEvent): string | null {
  const bytes = Buffer.byteLength(textOf(event));
  const { value } = BOUNDS.eventBytes;
  return bytes > value ? `Its event would have ${inWords(bytes)} bytes, must have ${inWords(value)} at most` : null;
}

type Length = readonly [what: string, length: number, bound: { readonly value: number }];

function* lengthsOf(report: Report): Generator<Length> {
  yield ["Its message id", report.messageId?.length ?? 0, BOUNDS.idLength];
  yield ["Its transaction id", report.transactionId?.length ?? 0, BOUNDS.idLength];
  yield ["Its recipient", report.recipient?.raw.length ?? 0, BOUNDS.partyLength];
  yield ["Its originator", report.originator?.raw.length ?? 0, BOUNDS.partyLength];
  for (const { party } of report.requestRecipients)
    yield ["One of its recipients", party.raw.length, BOUNDS.partyLength];
  for (const [name, text] of fieldsOf(report)) {
    if (name.toLowerCase() !== RECIPIENTS)
      yield [`Its field ${name.slice(0, NAME_SHOWN)}`, name.length + text.length, BOUNDS.fieldLength];
  }
}

function fieldsOf({ raw }: Report): readonly (readonly [name: string, text: string])[] {
  return Object.entries(raw).filter((field): field is [string, string] => field[1] !== null);
}

const NAME_SHOWN = 40;
/** As long as its recipients are many, which is bounded by itself. */
const RECIPIENTS = "x-mms-request-recipients";

function inWords(value: number): string {
  return value.toLocaleString("en");
}
