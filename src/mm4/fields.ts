/**
 * The header fields that are read, with every name that was seen for them, and
 * how they are taken out of a header.
 */
import type { RawFields } from "../delivery/raw-fields.ts";
import type { Warning } from "../delivery/warning.ts";
import { type DecodeWords, decodeValue, type Header, type HeaderField, isPlain } from "./header.ts";

interface FieldRow {
  /** First the specification's name, then those seen in its place. Keys are in lower case. */
  readonly names: readonly { readonly key: string; readonly warning: Warning | null }[];
  readonly source: string;
}

const named = (key: string, warning: Warning | null = null) => ({ key: key.toLowerCase(), warning });

/** Every field that is read, by its name in an event's `raw`. */
export const FIELDS = {
  messageType: { names: [named("X-Mms-Message-Type")], source: "3GPP TS 23.140 §8.4.4" },
  version: {
    names: [
      named("X-Mms-3GPP-MMS-Version"),
      // Seen in practice: Nexmo's client.
      named("X-Mms-3GPP-Version", "version-in-x-mms-3gpp-version"),
    ],
    source: "3GPP TS 23.140 §8.4.6",
  },
  transactionId: { names: [named("X-Mms-Transaction-ID")], source: "3GPP TS 23.140 §8.4.2" },
  messageId: { names: [named("X-Mms-Message-ID")], source: "3GPP TS 23.140 §8.4.2" },
  mmStatusCode: {
    names: [
      named("X-Mms-MM-Status-Code"),
      // Seen in practice: vectorcore; the name of MM1 and of RFC 4356.
      named("X-Mms-Status", "status-in-x-mms-status"),
      // Seen in practice: a Korean MMSC.
      named("X-Mms-Status-Code", "status-in-x-mms-status-code"),
    ],
    source: "3GPP TS 23.140 §8.4.2",
  },
  statusExtension: { names: [named("X-Mms-MM-Status-Extension")], source: "3GPP TS 23.140 §8.4.2" },
  statusText: { names: [named("X-Mms-Status-Text")], source: "3GPP TS 23.140 §8.4.2" },
  internalStatusCode: { names: [named("X-Internal-Status-Code")], source: "Bandwidth support article 12823149" },
  requestStatusCode: {
    names: [
      named("X-Mms-Request-Status-Code"),
      // Seen in practice: a Korean MMSC.
      named("X-Mms-Response-Status", "request-status-in-x-mms-response-status"),
    ],
    source: "3GPP TS 23.140 §8.4.1",
  },
  readStatus: {
    names: [
      named("X-Mms-Read-Status"),
      // Seen in practice: mmsgw.
      named("X-Mms-MM-Read-Status", "read-status-in-x-mms-mm-read-status"),
    ],
    source: "3GPP TS 23.140 §8.4.3",
  },
  requestRecipients: { names: [named("X-Mms-Request-Recipients")], source: "3GPP TS 23.140 §8.4.1" },
  date: { names: [named("Date")], source: "RFC 5322 §3.6.1" },
  from: { names: [named("From")], source: "RFC 5322 §3.6.2" },
  to: { names: [named("To")], source: "RFC 5322 §3.6.3" },
} as const satisfies Record<string, FieldRow>;

export type FieldProperty = keyof typeof FIELDS;

/** What a message says of one property: the values that are not empty, of the first name that has any. */
export interface FieldValues {
  /** The first value, decoded; undefined when there is none. */
  readonly first: string | undefined;
  /** The same as a header field, not decoded, because an address is split before its words are decoded. RFC 2047 §5. */
  readonly field: HeaderField | undefined;
  /** All of them, in order, where there are several: most properties have one value, and need no lists. */
  readonly several: Several | null;
  /** The values of its other names, decoded. */
  readonly rivals: readonly string[];
}

interface Several {
  readonly values: readonly string[];
  readonly fields: readonly HeaderField[];
}

/** All values of a property, in order, decoded. */
export function valuesIn({ first, several }: FieldValues): readonly string[] {
  return several?.values ?? (first === undefined ? NO_VALUES : [first]);
}

/** The same as header fields, not decoded. */
export function fieldsIn({ field, several }: FieldValues): readonly HeaderField[] {
  return several?.fields ?? (field === undefined ? NO_FIELDS : [field]);
}

/** The first value of a property that is one token, such as an id. */
export interface Token {
  /** Decoded, and without the blanks that folds in its middle leave; empty when there is no value. */
  readonly text: string;
  /** The same, not decoded. */
  readonly bytes: string;
  /** Whether there were folds in its middle. */
  readonly folded: boolean;
}

export interface ReadFields {
  readonly of: (property: FieldProperty) => FieldValues;
  readonly token: (property: FieldProperty) => Token;
  /** The values as an event holds them: each property, and every other X-Mms-* or X-Internal-* field. */
  readonly raw: () => RawFields;
  readonly warnings: readonly Warning[];
}

/** Takes the fields above out of a header, and every other field of MM4 or Bandwidth. */
export function readFields(header: Header, decodeWords: DecodeWords): ReadFields {
  const warnings = [...header.warnings];
  const warn = (warning: Warning): void => {
    if (!warnings.includes(warning)) warnings.push(warning);
  };
  const said = readOurs(header, decodeWords, warn);
  const found = FIELD_ROWS.map((names) => valuesOf(names, said.known, warn));
  const of = (property: FieldProperty): FieldValues => found[ROW_OF[property]] ?? NOTHING;
  return {
    of,
    token: (property) => tokenOf(of(property), decodeWords),
    raw: () => rawOf(found, said.all),
    warnings,
  };
}

/** What one name says, in order, with what is empty. */
interface Said extends FieldValues, Pick<HeaderField, "name" | "key"> {
  readonly first: string;
  readonly field: HeaderField;
  several: { readonly values: string[]; readonly fields: HeaderField[] } | null;
  /** Whether it is the first name with a value of its property. */
  isFirst: boolean;
}

/** All that the header says: by the place of its name in the rows, and in order. */
interface AllSaid {
  readonly known: readonly (Said | undefined)[];
  readonly all: readonly Said[];
}

function readOurs({ fields }: Header, decodeWords: DecodeWords, warn: (warning: Warning) => void): AllSaid {
  const known: (Said | undefined)[] = PLACES.slice();
  const all: Said[] = [];
  /** Those of other names. */
  let others: Map<string, Said> | undefined;
  for (const field of fields) {
    const place = PLACE_OF.get(field.key);
    if (place === undefined && !isCarriedThrough(field.key)) continue;
    let value = field.bytes;
    if (!isPlain(value)) {
      const decoded = decodeValue(value, decodeWords);
      value = decoded.value;
      decoded.warnings.forEach(warn);
    }
    const before = place === undefined ? others?.get(field.key) : known[place];
    if (before) {
      before.several ??= { values: [before.first], fields: [before.field] };
      before.several.values.push(value);
      before.several.fields.push(field);
      continue;
    }
    const { name, key } = field;
    const said: Said = { name, key, first: value, field, several: null, rivals: NO_VALUES, isFirst: false };
    all.push(said);
    if (place === undefined) {
      others ??= new Map();
      others.set(key, said);
    } else known[place] = said;
  }
  return { known, all };
}

/** The values of one property; null when none of its names has any. */
function valuesOf(
  names: readonly NamePlace[],
  known: AllSaid["known"],
  warn: (warning: Warning) => void,
): FieldValues | null {
  let first: FieldValues | null = null;
  for (const { place, warning } of names) {
    const said = known[place];
    const values: FieldValues | null = said ? withoutEmpty(said) : null;
    if (!said || !values) continue;
    if (first) first = withRivals(first, valuesIn(values));
    else {
      first = values;
      said.isFirst = true;
      if (warning) warn(warning);
    }
  }
  return first;
}

function withRivals({ first, field, several, rivals }: FieldValues, more: readonly string[]): FieldValues {
  return { first, field, several, rivals: [...rivals, ...more] };
}

function rawOf(found: readonly (FieldValues | null)[], all: readonly Said[]): RawFields {
  const value = (row: number): string | null => {
    const said = found[row];
    return said ? joined(said) : null;
  };
  // Written out, because an object that grows by one property after the other is slow.
  const raw: Record<Exclude<FieldProperty, "requestRecipients">, string | null> & Record<string, string | null> = {
    messageType: value(ROW_OF.messageType),
    version: value(ROW_OF.version),
    transactionId: value(ROW_OF.transactionId),
    messageId: value(ROW_OF.messageId),
    mmStatusCode: value(ROW_OF.mmStatusCode),
    statusExtension: value(ROW_OF.statusExtension),
    statusText: value(ROW_OF.statusText),
    internalStatusCode: value(ROW_OF.internalStatusCode),
    requestStatusCode: value(ROW_OF.requestStatusCode),
    readStatus: value(ROW_OF.readStatus),
    date: value(ROW_OF.date),
    from: value(ROW_OF.from),
    to: value(ROW_OF.to),
  };
  // All other fields keep their own names, also the second names of the fields above.
  for (const said of all) {
    const { name, key, isFirst } = said;
    if ((!isFirst || key === REQUEST_RECIPIENTS) && isCarriedThrough(key)) raw[name] = joined(said);
  }
  return raw;
}

/** A fold between two encoded words only separates them, and belongs to neither: RFC 2047 §6.2. */
function tokenOf({ first: text = "", field }: FieldValues, decodeWords: DecodeWords): Token {
  const folded = field !== undefined && field.token !== field.bytes && !field.token.includes("=?");
  if (!folded) return { text, bytes: field?.bytes ?? "", folded };
  return { text: decodeValue(field.token, decodeWords).value, bytes: field.token, folded };
}

/** Null when all values are empty. */
function withoutEmpty(said: Said): FieldValues | null {
  const { several, first } = said;
  if (several === null) return first === "" ? null : said;
  if (!several.values.includes("")) return said;
  const spoken = (_: unknown, index: number): boolean => several.values[index] !== "";
  const [values, fields] = [several.values.filter(spoken), several.fields.filter(spoken)];
  if (values.length === 0) return null;
  return { first: values[0], field: fields[0], several: { values, fields }, rivals: NO_VALUES };
}

/** Names of the fields that hold a status. */
export const STATUS_KEYS: readonly string[] = [
  ...FIELDS.mmStatusCode.names.map(({ key }) => key),
  ...FIELDS.internalStatusCode.names.map(({ key }) => key),
];

const NO_VALUES: readonly string[] = [];
const NO_FIELDS: readonly HeaderField[] = [];
const NOTHING: FieldValues = { first: undefined, field: undefined, several: null, rivals: NO_VALUES };
/** `raw` has no property for it: it keeps its own name there. */
const REQUEST_RECIPIENTS = FIELDS.requestRecipients.names[0].key;

/** Every name has a place, by which what it says is found. */
const ALL_KEYS = Object.values(FIELDS).flatMap(({ names }) => names.map(({ key }) => key));
const PLACE_OF: ReadonlyMap<string, number> = new Map(ALL_KEYS.map((key, place) => [key, place]));
const PLACES: readonly undefined[] = ALL_KEYS.map(() => undefined);
interface NamePlace {
  readonly place: number;
  readonly warning: Warning | null;
}
const FIELD_ROWS: readonly (readonly NamePlace[])[] = (Object.values(FIELDS) as FieldRow[]).map(({ names }) =>
  names.map(({ key, warning }) => ({ place: ALL_KEYS.indexOf(key), warning })),
);
const ROW_OF = Object.fromEntries(Object.keys(FIELDS).map((property, row) => [property, row])) as Readonly<
  Record<FieldProperty, number>
>;

function isCarriedThrough(key: string): boolean {
  return key.startsWith("x-mms-") || key.startsWith("x-internal-");
}

/** The values of a field that occurs several times, as one text; equal values once. */
function joined({ first = "", several }: FieldValues): string {
  return several === null ? first : [...new Set(several.values)].join(", ");
}
