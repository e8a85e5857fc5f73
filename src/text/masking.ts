/**
 * Masks telephone numbers in what people see: all but their last four digits.
 *
 * A text is gone through once, however many numbers are looked for in it: a peer may
 * write thousands into one field, and they are looked for in all that its report says.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { Party } from "../delivery/party.ts";
import type { RawFields } from "../delivery/raw-fields.ts";
import { type KnownDigits, knownDigits, placesOfKnown } from "./known-digits.ts";

/** Makes a text fit to be shown. */
export type Mask = (text: string) => string;

/** A number as people and relays write it: +12025550100, 202-555-0100, +1 (202) 555 0100. */
const NUMBER = /\d(?:[ ().-]{0,2}\d){6,}/g;
const NUMBER_WITH_PLUS = /(?<=\+)\d(?:[ ().-]{0,2}\d){6,}/g;
/** Its digits without anything between them. */
const SOLID_NUMBER = /\d{7,}/g;
const DIGITS_SHOWN = 4;

/**
 * What is no number, though its digits look like one: the ids that we make, UUIDs,
 * and IP addresses in brackets. An id has a letter, or it could be a number.
 */
const NO_NUMBER =
  /(?<![0-9a-z])(?:[ajr](?=[0-9]{0,31}[a-f])[0-9a-f]{32}|(?=[0-9-]{0,35}[a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-z])|\[(?:\d{1,3}\.){3}\d{1,3}\]/;
const NO_NUMBER_OR_NUMBER = new RegExp(`${NO_NUMBER.source}|(${NUMBER.source})`, "gi");
const IP_ADDRESS_OR_NUMBER = new RegExp(
  `(?<![\\d.])(?:(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)\\.){3}(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)(?![\\d.])|${NO_NUMBER_OR_NUMBER.source}`,
  "gi",
);

/** Whose number it is, as far as masking needs to know. */
export type Numbered = Pick<Party, "raw" | "number">;

/** What hides the numbers of parties. */
export interface NumberMasks {
  /** In ids: of other digits they keep all, because most ids are made of them. */
  readonly id: Mask;
  /** In what is no id. The same, unless there are too many numbers to know: then whatever may be one is masked. */
  readonly text: Mask;
}

/**
 * Masks the numbers of parties wherever their digits stand, however they are
 * written, and whatever is written with a "+".
 */
export function numberMasks(parties: Iterable<Numbered | null>): NumberMasks {
  const { known, all } = digitsOfParties(parties);
  const id: Mask = (text) => {
    const masked = maskPlaces(text, placesOfKnown(text, known, DIGITS_SHOWN));
    return masked.includes("+") ? masked.replace(NUMBER_WITH_PLUS, maskDigits) : masked;
  };
  return { id, text: all ? id : maskEveryNumber };
}

/** The mask for ids, and for what stands among them. */
export function numberMask(parties: Iterable<Numbered | null>): Mask {
  return numberMasks(parties).id;
}

/**
 * Masks what an acknowledgement says: the numbers of its message's parties and of its
 * MMSC's address, in its ids too. Where the parties are not known, because mm4d 1.0.0
 * stored it, whatever stands alone in an id and is as long as a number is masked.
 */
export function acknowledgementMask({
  originator,
  to,
  numbers,
}: Pick<Acknowledgement, "originator" | "to" | "numbers">): Mask {
  const parties = [originator, to, ...(numbers ?? [])].map((raw) => (raw === null ? null : { raw, number: null }));
  const masked = numberMask(parties);
  if (numbers !== undefined) return masked;
  return (text) => maskWhere(UUID_OR_NUMBER_ALONE, masked(text));
}

/** A UUID may end with twelve digits. E.164 has at most 15 digits, and most numbers have ten or more. */
const UUID_OR_NUMBER_ALONE = /(?<![0-9a-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(\d{10,15}))(?![0-9a-z])/gi;

/** Masks whatever may be a number: for free text, and not for ids. */
export function maskAllNumbers(text: string): string {
  return maskWhere(NO_NUMBER_OR_NUMBER, text);
}

/** The same for what relays write: their IP addresses stay. */
export function maskAllButAddresses(text: string): string {
  return maskWhere(IP_ADDRESS_OR_NUMBER, text);
}

/** Masks what the expression has found as its group, a number, and leaves what it has found otherwise. */
function maskWhere(expression: RegExp, text: string): string {
  return text.replace(expression, (found, number?: string) => (number === undefined ? found : maskDigits(number)));
}

/** Also where it is part of an id. */
function maskEveryNumber(text: string): string {
  return text.replace(NUMBER, maskDigits);
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

/**
 * The event with every number in it masked, also where a peer wrote it elsewhere.
 * What is ours in it stays as it is. `parties` are the event's own, unless it was
 * shortened.
 */
export function maskEvent(event: DeliveryEvent, parties = partiesOf(event)): DeliveryEvent {
  const masks = numberMasks(parties);
  const { data } = event;
  const { helo, user, ...peer } = data.peer;
  const raw = Object.entries(data.raw).map(([name, value]) => {
    if (typeof value !== "string") return [name, value];
    const isWord = WORDS.includes(name);
    return [name, masks.id(isWord ? value : maskAllNumbers(value))];
  });
  const ids = { messageId: data.messageId, transactionId: data.transactionId };
  return {
    ...event,
    ...(event.subject === undefined ? {} : { subject: masks.id(event.subject) }),
    data: {
      ...data,
      ...(mapTexts(ids, masks.id) as typeof ids),
      recipient: mapTexts(data.recipient, masks.text) as typeof data.recipient,
      originator: mapTexts(data.originator, masks.text) as typeof data.originator,
      requestRecipients: mapTexts(data.requestRecipients, maskAllNumbers) as typeof data.requestRecipients,
      peer: { ...peer, ...(mapTexts({ helo, user }, masks.text) as { helo: typeof helo; user: typeof user }) },
      raw: Object.fromEntries(raw) as RawFields,
    },
  };
}

/** Changes every text in a value, however deep it stands; nothing else. */
export function mapTexts(value: unknown, change: Mask): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((part) => mapTexts(part, change));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, mapTexts(part, change)]));
}

export function partiesOf({ data }: DeliveryEvent): readonly (Party | null)[] {
  return [data.recipient, data.originator, ...data.requestRecipients.map(({ party }) => party)];
}

/**
 * The digits of their numbers: of each address as a whole, and of what stands together
 * in it. `all` is false when there are more than are looked for.
 */
function digitsOfParties(parties: Iterable<Numbered | null>): { known: KnownDigits; all: boolean } {
  const { numbers, all } = numbersOf(parties);
  return { known: knownDigits(numbers), all };
}

/** The digits of their numbers, the first of them: what an acknowledgement's job remembers. */
export function numbersIn(parties: Iterable<Numbered | null>): readonly string[] {
  const ordinary = [...numbersOf(parties).numbers].filter(({ length }) => length <= MOST_DIGITS);
  return ordinary.slice(0, BOUNDS.numbersOwed.value);
}

/** Twice what a number of ITU-T E.164 has, and more: what is longer is none. */
const MOST_DIGITS = 40;

function numbersOf(parties: Iterable<Numbered | null>): { numbers: ReadonlySet<string>; all: boolean } {
  const numbers = new Set<string>();
  let left: number = BOUNDS.digitsKnown.value;
  let all = true;
  for (const party of parties) {
    if (party === null) continue;
    for (const written of [party.number ?? "", party.raw]) {
      const found = [...(written.match(NUMBER) ?? []).map(digitsOf), ...(written.match(SOLID_NUMBER) ?? [])];
      for (const number of found) {
        if (numbers.has(number)) continue;
        if (number.length > left) {
          all = false;
          continue;
        }
        left -= number.length;
        numbers.add(number);
      }
    }
  }
  return { numbers, all };
}

function digitsOf(number: string): string {
  return number.replace(/\D/g, "");
}

/** Masks a number. What stands between its digits stays. */
function maskDigits(number: string): string {
  let left = digitsOf(number).length - DIGITS_SHOWN;
  return number.replace(/\d/g, (digit) => (left-- > 0 ? "*" : digit));
}

function maskPlaces(text: string, places: readonly number[]): string {
  let masked = "";
  let from = 0;
  for (const place of places) {
    masked += `${text.slice(from, place)}*`;
    from = place + 1;
  }
  return from === 0 ? text : masked + text.slice(from);
}
