/**
 * Whether a report fits into an event. The event is bounded as well as the message,
 * because 60 KB of mail could otherwise be megabytes on the disk, in Redis and in
 * every consumer.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { textOf } from "../delivery/event-text.ts";
import type { Report } from "../delivery/report.ts";
import { maskAllNumbers } from "../text/masking.ts";

/** The bound that a report is beyond, in words; null when it fits. */
export function boundBeyond(report: Report): string | null {
  const fields = fieldsOf(report);
  for (const [what, length, { value }] of lengthsOf(report)) {
    if (length > value) return tooLong(what, length, value);
  }
  for (const [name, text] of fields) {
    const length = name.length + text.length;
    const { value } = BOUNDS.fieldLength;
    // A forward response may have a long list of recipients, because their number has its own bound.
    if (length <= value || (report.kind === "forward-response" && name.toLowerCase() === RECIPIENTS)) continue;
    return tooLong(`Its field ${maskAllNumbers(name.slice(0, NAME_SHOWN))}`, length, value);
  }
  if (report.requestRecipients.length > BOUNDS.recipients.value) {
    return `It names more than ${inWords(BOUNDS.recipients.value)} recipients`;
  }
  if (fields.length > BOUNDS.fields.value) {
    return `It has ${inWords(fields.length)} fields, must have ${inWords(BOUNDS.fields.value)} at most`;
  }
  return null;
}

/** The bound of the whole event, in words; null when the event fits. */
export function sizeBeyond(event: DeliveryEvent): string | null {
  const bytes = Buffer.byteLength(textOf(event));
  const { value } = BOUNDS.eventBytes;
  return bytes > value ? `Its event would have ${inWords(bytes)} bytes, must have ${inWords(value)} at most` : null;
}

const RECIPIENTS = "x-mms-request-recipients";
const NAME_SHOWN = 40;

type Length = readonly [what: string, length: number, bound: { readonly value: number }];

function lengthsOf({ messageId, transactionId, recipient, originator, ...report }: Report): readonly Length[] {
  const { idLength, partyLength } = BOUNDS;
  return [
    ["Its message id", messageId?.length ?? 0, idLength],
    ["Its transaction id", transactionId?.length ?? 0, idLength],
    ["Its recipient", recipient?.raw.length ?? 0, partyLength],
    ["Its originator", originator?.raw.length ?? 0, partyLength],
    ...report.requestRecipients.map(
      ({ party, status }) => ["One of its recipients", party.raw.length + (status?.length ?? 0), partyLength] as const,
    ),
  ];
}

function tooLong(what: string, length: number, most: number): string {
  return `${what} has ${inWords(length)} characters, must have ${inWords(most)} at most`;
}

function fieldsOf({ raw }: Report): readonly (readonly [name: string, text: string])[] {
  return Object.entries(raw).filter((field): field is [string, string] => field[1] !== null);
}

function inWords(value: number): string {
  return value.toLocaleString("en");
}
