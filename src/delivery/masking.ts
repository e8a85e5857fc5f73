/** Masks telephone numbers in what people see: all but their last four digits. */
import type { DeliveryEvent } from "./event.ts";
import type { Party } from "./party.ts";
import type { RawFields } from "./report.ts";

/** A number as people and relays write it: +12025550100, 202-555-0100, +1 (202) 555 0100. */
const NUMBER = /\d(?:[ ().-]{0,2}\d){6,14}/g;
const NUMBER_WITH_PLUS = /(?<=\+)\d(?:[ ().-]{0,2}\d){6,14}/g;

/**
 * Masks the numbers of parties wherever their digits stand, and whatever is
 * written with a "+". Other digits stay, because most ids are made of them.
 */
export function maskNumbers(text: string, parties: readonly (Party | null)[]): string {
  let masked = text;
  // A response may name thousands of recipients.
  for (const party of parties.slice(0, MAX_MASKED_PARTIES)) {
    if (party === null) continue;
    const written = party.raw.match(NUMBER) ?? [];
    const numbers = [digitsOf(party.number ?? ""), ...written, ...written.map(digitsOf)];
    // The longest first: one may be the end of another.
    for (const number of numbers.sort((a, b) => b.length - a.length)) {
      if (digitsOf(number).length >= LEAST_DIGITS) masked = masked.replaceAll(number, maskDigits(number));
    }
  }
  return masked.replace(NUMBER_WITH_PLUS, maskDigits);
}

/** Masks whatever may be a number: for texts of which nothing is known. Ids and dates are hit too. */
export function maskAllNumbers(text: string): string {
  return text.replace(NUMBER, maskDigits);
}

/** Fields of a header that hold no number but a party's. */
const FIELDS_WITHOUT = /^(?:x-mms-message-id|x-mms-transaction-id|x-internal-status-code|message-id|date)\s*:/i;

/** Masks the header of a message. Where its parties are not known, ids may hold their numbers. */
export function maskHeader(header: string, parties: readonly (Party | null)[]): string {
  const without = parties.length === 0 ? /^(?:x-internal-status-code|date)\s*:/i : FIELDS_WITHOUT;
  return header
    .split(/\r?\n(?![ \t])/)
    .map((field) => maskNumbers(without.test(field) ? field : maskAllNumbers(field), parties))
    .join("\r\n");
}

/** What a report says in words of the protocol, or by which people find it; the rest is free text. */
const WORDS: readonly (keyof RawFields)[] = [
  "messageId",
  "transactionId",
  "messageType",
  "version",
  "date",
  "mmStatusCode",
  "statusExtension",
  "internalStatusCode",
  "requestStatusCode",
  "readStatus",
];

/** The event with every number in it masked, also where a peer wrote it elsewhere. */
export function maskEvent(event: DeliveryEvent): DeliveryEvent {
  const parties = partiesOf(event);
  const raw = Object.entries(event.data.raw).map(([name, value]) => {
    const free = value !== null && !WORDS.includes(name);
    return [name, free ? maskAllNumbers(value) : value];
  });
  const { requestRecipients, ...data } = event.data;
  const masked = mapTexts({ ...event, data }, (text) => maskNumbers(text, parties)) as DeliveryEvent;
  return {
    ...masked,
    data: {
      ...masked.data,
      requestRecipients: mapTexts(requestRecipients, maskAllNumbers) as typeof requestRecipients,
      raw: mapTexts(Object.fromEntries(raw), (text) => maskNumbers(text, parties)) as RawFields,
    },
  };
}

/** Changes every text in a value, however deep it stands; nothing else. */
export function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((part) => mapTexts(part, change));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, mapTexts(part, change)]));
}

export function partiesOf({ data }: DeliveryEvent): readonly (Party | null)[] {
  return [data.recipient, data.originator, ...data.requestRecipients.map(({ party }) => party)];
}

const MAX_MASKED_PARTIES = 20;
const LEAST_DIGITS = 7;
const DIGITS_SHOWN = 4;

function digitsOf(number: string): string {
  return number.replace(/\D/g, "");
}

/** What stands between the digits stays. */
function maskDigits(number: string): string {
  let left = digitsOf(number).length - DIGITS_SHOWN;
  return number.replace(/\d/g, (digit) => (left-- > 0 ? "*" : digit));
}
