/**
 * Masks telephone numbers in what people see: all but their last four digits.
 *
 * A text is read once, however many numbers are looked for in it, because a peer may
 * write thousands into one field, and every text of its report is searched for them.
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
/** A number without anything between its digits. */
const SOLID_NUMBER = /\d{7,}/g;
const DIGITS_SHOWN = 4;

/**
 * Looks like a number and is none: an id that we make, a UUID, or an IP address in
 * brackets. An id must have a letter, because one without could be a number.
 */
const NO_NUMBER =
  /(?<![0-9a-z])(?:[ajr](?=[0-9]{0,31}[a-f])[0-9a-f]{32}|(?=[0-9-]{0,35}[a-f])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9a-z])|\[(?:\d{1,3}\.){3}\d{1,3}\]/;
const NO_NUMBER_OR_NUMBER = new RegExp(`${NO_NUMBER.source}|(${NUMBER.source})`, "gi");
const IP_ADDRESS_OR_NUMBER = new RegExp(
  `(?<![\\d.])(?:(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)\\.){3}(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)(?![\\d.])|${NO_NUMBER_OR_NUMBER.source}`,
  "gi",
);

/** A party, as far as masking needs to know it. */
export type Numbered = Pick<Party, "raw" | "number">;

/** Masks that hide the numbers of parties. */
export interface NumberMasks {
  /** For ids. It keeps all other digits, because most ids are made of digits. */
  readonly id: Mask;
  /** For what is no id. It is the same, unless there are too many numbers to know: then it masks whatever may be one. */
  readonly text: Mask;
}

/**
 * Masks the numbers of parties, wherever and however they are written, and every
 * number with a "+".
 */
export function numberMasks(parties: Iterable<Numbered | null>): NumberMasks {
  const { numbers, all } = numbersOf(parties);
  let tree: KnownDigits | undefined;
  const id: Mask = (text) => {
    const digits = text.startsWith("+") ? text.slice(1) : text;
    if (numbers.has(digits)) return text.slice(0, text.length - digits.length) + maskDigits(digits);
    let masked = text;
    if (!isNoneIn(text, numbers)) {
      tree ??= knownDigits(numbers);
      masked = maskPlaces(text, placesOfKnown(text, tree, DIGITS_SHOWN));
    }
    return masked.includes("+") ? masked.replace(NUMBER_WITH_PLUS, maskDigits) : masked;
  };
  return { id, text: all ? id : maskEveryNumber };
}

/** A few numbers are looked for one by one in what is short, because to make a tree of them takes longer. */
const FEW = { numbers: 8, characters: 100 };
const SEPARATORS = /[ ().-]+/g;

/** Whether certainly none of the numbers is in the text. */
function isNoneIn(text: string, numbers: ReadonlySet<string>): boolean {
  if (numbers.size > FEW.numbers || text.length > FEW.characters) return false;
  const joined = text.replace(SEPARATORS, "");
  for (const number of numbers) if (joined.includes(number)) return false;
  return true;
}

/** The mask for ids, and for texts with ids in them. */
export function numberMask(parties: Iterable<Numbered | null>): Mask {
  return numberMasks(parties).id;
}

/**
 * Masks what an acknowledgement says: the numbers of its message's parties and of its
 * MMSC's address, also in its ids. Those that mm4d 1.0.0 stored do not name the parties.
 * There it masks digits that stand alone in an id and are as many as a number has.
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

/** Masks whatever may be a number. This is for free text, not for ids. */
export function maskAllNumbers(text: string): string {
  return maskWhere(NO_NUMBER_OR_NUMBER, text);
}

/** Does the same for what relays write, and keeps their IP addresses. */
export function maskAllButAddresses(text: string): string {
  return maskWhere(IP_ADDRESS_OR_NUMBER, text);
}

/** Masks what the expression finds as its group, which is a number, and keeps what it finds otherwise. */
function maskWhere(expression: RegExp, text: string): string {
  return text.replace(expression, (found, number?: string) => (number === undefined ? found : maskDigits(number)));
}

/** Masks whatever may be a number, even in an id. */
function maskEveryNumber(text: string): string {
  return text.replace(NUMBER, maskDigits);
}

/** Fields that hold words of the protocol, or ids by which people find a report. All others are free text. */
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
 * Masks every number in an event, in whichever field a peer wrote it. What mm4d itself
 * wrote stays as it is. `parties` are those of the whole event, which a shortened one
 * does not name.
 */
export function maskEvent(
  event: DeliveryEvent,
  parties: readonly (Numbered | null)[] = partiesOf(event),
): DeliveryEvent {
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

/** Changes every text in a value, at any depth, and nothing else. */
export function mapTexts(value: unknown, change: Mask): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((part) => mapTexts(part, change));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, mapTexts(part, change)]));
}

/** The parties that an event names; null for one that it does not have. */
export function partiesOf({ data }: DeliveryEvent): readonly (Party | null)[] {
  return [data.recipient, data.originator, ...data.requestRecipients.map(({ party }) => party)];
}

/** The first of the parties' numbers, as digits: those that the job of an acknowledgement remembers. */
export function numbersIn(parties: Iterable<Numbered | null>): readonly string[] {
  const ordinary = [...numbersOf(parties).numbers].filter(({ length }) => length <= MOST_DIGITS);
  return ordinary.slice(0, BOUNDS.numbersOwed.value);
}

/** More than twice the digits of a number of ITU-T E.164. Anything longer is no number. */
const MOST_DIGITS = 40;

/** Numbers as digits. `all` is false when there are more than are looked for. */
interface Found {
  readonly numbers: ReadonlySet<string>;
  readonly all: boolean;
}

/** The digits of the parties' numbers: those of each whole number, and those of each unbroken run in it. */
function numbersOf(parties: Iterable<Numbered | null>): Found {
  const numbers = new Set<string>();
  let left: number = BOUNDS.digitsKnown.value;
  let all = true;
  const add = (number: string): void => {
    if (numbers.has(number)) return;
    if (number.length > left) {
      all = false;
      return;
    }
    left -= number.length;
    numbers.add(number);
  };
  for (const party of parties) {
    if (party === null) continue;
    const usual = usualNumber(party);
    if (usual !== null) {
      add(usual);
      continue;
    }
    for (const written of [party.number ?? "", party.raw]) {
      const found = written.match(NUMBER) ?? [];
      for (const number of found) add(digitsOf(number));
      // Where nothing separates their digits, the runs are the numbers.
      if (found.some((number) => NO_DIGIT.test(number))) for (const run of written.match(SOLID_NUMBER) ?? []) add(run);
    }
  }
  return { numbers, all };
}

/** The digits of a party that is written with its number at the beginning and no other behind it, as most are; null of any other. */
function usualNumber({ number, raw }: Numbered): string | null {
  if (number === null || !WHOLE_NUMBER.test(number) || !raw.startsWith(number)) return null;
  const rest = raw.slice(number.length);
  return rest.startsWith("/") && !HOLDS_NUMBER.test(rest) ? number.slice(1) : null;
}

const WHOLE_NUMBER = /^\+\d{7,}$/;
const HOLDS_NUMBER = new RegExp(NUMBER.source);
const NO_DIGIT = /\D/;

function digitsOf(number: string): string {
  return NO_DIGIT.test(number) ? number.replace(/\D/g, "") : number;
}

/** Masks a number. What stands between its digits stays. */
function maskDigits(number: string): string {
  let left = digitsOf(number).length - DIGITS_SHOWN;
  if (left === number.length - DIGITS_SHOWN) return "*".repeat(left) + number.slice(left);
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
