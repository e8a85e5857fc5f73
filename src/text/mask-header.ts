/** Masks telephone numbers in the header of a message: which of its fields hold numbers, and which hold ids. */
import {
  maskAllButAddresses,
  maskAllNumbers,
  type Numbered,
  type NumberMasks,
  numberMask,
  numberMasks,
} from "./masking.ts";

/** Masks the header of a message. In its ids it masks only numbers of the parties that the header names, and of those given. */
export function maskHeader(header: string, parties: readonly (Numbered | null)[]): string {
  const fields = fieldsOf(header);
  const masked = numberMask([...parties, ...partiesIn(fields)]);
  return fields.map((field) => masked(maskField(field))).join("\r\n");
}

/** The masks for a message of which no event was made, by the parties that its header names. */
export function masksByHeader(header: string): NumberMasks {
  return numberMasks(partiesIn(fieldsOf(header)));
}

/** Fields that name parties. */
const OF_PARTIES = ["from", "to", "cc", "sender", "reply-to", "x-mms-originator-system", "x-mms-request-recipients"];
/** Fields that hold ids, a date or a code. They hold no number but a party's. */
const OF_IDS = [
  "x-mms-message-id",
  "x-mms-transaction-id",
  "x-internal-status-code",
  "message-id",
  "in-reply-to",
  "references",
  "date",
  "resent-message-id",
  "resent-date",
  "content-id",
];
/** Fields in which relays write their IP addresses. */
const OF_RELAYS = ["received", "x-received", "received-spf", "x-originating-ip", "authentication-results"];

/** The fields of a header. A line that starts with a blank belongs to the field before it. */
function fieldsOf(header: string): readonly string[] {
  return header.split(/\r?\n(?![ \t])/);
}

function partiesIn(fields: readonly string[]): readonly Numbered[] {
  return fields.flatMap((field) => (OF_PARTIES.includes(nameOf(field)) ? [{ raw: field, number: null }] : []));
}

function maskField(field: string): string {
  const name = nameOf(field);
  if (OF_IDS.includes(name)) return field;
  return OF_RELAYS.includes(name) ? maskAllButAddresses(field) : maskAllNumbers(field);
}

function nameOf(field: string): string {
  const colon = field.indexOf(":");
  return colon === -1 ? "" : field.slice(0, colon).trimEnd().toLowerCase();
}
