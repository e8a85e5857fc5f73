/**
 * Whether a report fits into an event. The event is bounded as well as the message,
 * because 60 KB of mail could otherwise be megabytes on the disk, in Redis and in
 * every consumer.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { textOf } from "../delivery/event-text.ts";
import type { Report } from "../delivery/report.ts";
import { takesMoreThan } from "../text/byte-length.ts";
import { maskAllNumbers } from "../text/masking.ts";

/** The bound that a report is beyond, in words; null when it fits. */
export function boundBeyond(report: Report): string | null {
  const { idLength, partyLength, fieldLength, fields, recipients } = BOUNDS;
  const ofParts =
    partBeyond("Its message id", report.messageId, idLength.value) ??
    partBeyond("Its transaction id", report.transactionId, idLength.value) ??
    partBeyond("Its recipient", report.recipient?.raw, partyLength.value) ??
    partBeyond("Its originator", report.originator?.raw, partyLength.value);
  if (ofParts !== null) return ofParts;
  for (const { party, status } of report.requestRecipients) {
    const length = party.raw.length + (status?.length ?? 0);
    if (length > partyLength.value) return tooLong("One of its recipients", length, partyLength.value);
  }
  let said = 0;
  for (const name of Object.keys(report.raw)) {
    const text = report.raw[name] ?? null;
    if (text === null) continue;
    said += 1;
    const length = name.length + text.length;
    // A forward response may have a long list of recipients, because their number has its own bound.
    if (length <= fieldLength.value || (report.kind === "forward-response" && name.toLowerCase() === RECIPIENTS))
      continue;
    return tooLong(`Its field ${maskAllNumbers(name.slice(0, NAME_SHOWN))}`, length, fieldLength.value);
  }
  if (report.requestRecipients.length > recipients.value) {
    return `It names more than ${inWords(recipients.value)} recipients`;
  }
  if (said > fields.value) return `It has ${inWords(said)} fields, must have ${inWords(fields.value)} at most`;
  return null;
}

/** The bound of the whole event, in words; null when the event fits. */
export function sizeBeyond(event: DeliveryEvent): string | null {
  const text = textOf(event);
  const { value } = BOUNDS.eventBytes;
  if (!takesMoreThan(value, text)) return null;
  return `Its event would have ${inWords(Buffer.byteLength(text))} bytes, must have ${inWords(value)} at most`;
}

const RECIPIENTS = "x-mms-request-recipients";
const NAME_SHOWN = 40;

function partBeyond(what: string, text: string | null | undefined, most: number): string | null {
  return text != null && text.length > most ? tooLong(what, text.length, most) : null;
}

function tooLong(what: string, length: number, most: number): string {
  return `${what} has ${inWords(length)} characters, must have ${inWords(most)} at most`;
}

function inWords(value: number): string {
  return value.toLocaleString("en");
}
