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
export function numberMask(parties: readonly (Party | null)[]): (text: string) => string {
  const numbers = new Set<string>();
  // A response may name thousands of recipients.
  for (const party of parties.slice(0, MAX_MASKED_PARTIES)) {
    const written = party?.raw.match(NUMBER) ?? [];
    for (const number of [digitsOf(party?.number ?? ""), ...written, ...written.map(digitsOf)]) {
      if (digitsOf(number).length >= LEAST_DIGITS) numbers.add(number);
    }
  }
  // The longest first: one may be the end of another.
  const masks = [...numbers].sort((a, b) => b.length - a.length).map((number) => [number, maskDigits(number)] as const);
  return (text) => {
    let masked = text;
    for (const [number, mask] of masks) if (masked.includes(number)) masked = masked.replaceAll(number, mask);
    return masked.includes("+") ? masked.replace(NUMBER_WITH_PLUS, maskDigits) : masked;
  };
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
  const masked = numberMask(parties);
  return header
    .split(/\r?\n(?![ \t])/)
    .map((field) => masked(without.test(field) ? field : maskAllNumbers(field)))
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
  const masked = numberMask(partiesOf(event));
  const raw = Object.entries(event.data.raw).map(([name, value]) => {
    const free = value !== null && !WORDS.includes(name);
    return [name, free ? maskAllNumbers(value) : value];
  });
  const { requestRecipients, ...data } = event.data;
  const rest = mapTexts({ ...event, data }, masked) as DeliveryEvent;
  return {
    ...rest,
    data: {
      ...rest.data,
      requestRecipients: mapTexts(requestRecipients, maskAllNumbers) as typeof requestRecipients,
      raw: mapTexts(Object.fromEntries(raw), masked) as RawFields,
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
