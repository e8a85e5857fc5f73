/**
 * The header fields that are read, with every name that was seen for them, and
 * how they are taken out of a header.
 */
import type { RawFields } from "../delivery/raw-fields.ts";
import type { Warning } from "../delivery/warning.ts";
import { type DecodeWords, decodeValue, type Header, type HeaderField } from "./header.ts";

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

/** The values of one property in a message. */
export interface FieldValues {
  /** Every value that is not empty, in order, decoded: those of the first name that has any. */
  readonly values: readonly string[];
  /** The same as header fields, not decoded, because an address is split before its words are decoded. RFC 2047 §5. */
  readonly fields: readonly HeaderField[];
  /** The values of its other names, decoded. */
  readonly rivals: readonly string[];
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
  readonly raw: RawFields;
  readonly warnings: readonly Warning[];
}

/** Takes the fields above out of a header, and every other field of MM4 or Bandwidth. */
export function readFields(header: Header, decodeWords: DecodeWords): ReadFields {
  const warnings = new Set<Warning>(header.warnings);
  const byKey = new Map<string, Said>();
  for (const field of header.fields) {
    if (!isOurs(field)) continue;
    const { value, warnings: needed } = decodeValue(field.bytes, decodeWords);
    for (const warning of needed) warnings.add(warning);
    const said = byKey.get(field.key);
    if (!said) byKey.set(field.key, { name: field.name, values: [value], fields: [field] });
    else {
      said.values.push(value);
      said.fields.push(field);
    }
  }

  const found: Partial<Record<FieldProperty, FieldValues>> = {};
  const raw: Record<string, string | null> = {};
  for (const [property, { names }] of FIELD_ROWS) {
    let first: { readonly key: string; readonly said: Said } | undefined;
    const rivals: string[] = [];
    for (const { key, warning } of names) {
      const said = withoutEmpty(byKey.get(key));
      if (!said) continue;
      if (first) rivals.push(...said.values);
      else {
        first = { key, said };
        if (warning) warnings.add(warning);
      }
    }
    if (first) found[property] = { values: first.said.values, rivals, fields: first.said.fields };
    // `raw` has no property for it: it keeps its own name there.
    if (property === "requestRecipients") continue;
    raw[property] = first ? joined(first.said.values) : null;
    if (first) byKey.delete(first.key);
  }
  // All other fields keep their own names, also the second names of the fields above.
  for (const [key, { name, values }] of byKey) if (isCarriedThrough(key)) raw[name] = joined(values);
  return {
    of: (property) => found[property] ?? NOTHING,
    token: (property) => tokenOf(found[property] ?? NOTHING, decodeWords),
    raw: raw as unknown as RawFields,
    warnings: [...warnings],
  };
}

/** The values and fields of one name, in order. */
interface Said {
  readonly name: string;
  readonly values: string[];
  readonly fields: HeaderField[];
}

/** A fold between two encoded words only separates them, and belongs to neither: RFC 2047 §6.2. */
function tokenOf({ values: [text = ""], fields: [field] }: FieldValues, decodeWords: DecodeWords): Token {
  const folded = field !== undefined && field.token !== field.bytes && !field.token.includes("=?");
  if (!folded) return { text, bytes: field?.bytes ?? "", folded };
  return { text: decodeValue(field.token, decodeWords).value, bytes: field.token, folded };
}

/** Undefined when all values are empty. */
function withoutEmpty(said: Said | undefined): Said | undefined {
  if (!said?.values.includes("")) return said;
  const spoken = (_: unknown, index: number): boolean => said.values[index] !== "";
  const values = said.values.filter(spoken);
  return values.length === 0 ? undefined : { name: said.name, values, fields: said.fields.filter(spoken) };
}

/** Names of the fields that hold a status. */
export const STATUS_KEYS: readonly string[] = [
  ...FIELDS.mmStatusCode.names.map(({ key }) => key),
  ...FIELDS.internalStatusCode.names.map(({ key }) => key),
];

const FIELD_ROWS = Object.entries(FIELDS) as [FieldProperty, FieldRow][];
const READ_KEYS = new Set(FIELD_ROWS.flatMap(([, { names }]) => names.map(({ key }) => key)));
const NOTHING: FieldValues = { values: [], fields: [], rivals: [] };

function isOurs({ key }: HeaderField): boolean {
  return READ_KEYS.has(key) || isCarriedThrough(key);
}

function isCarriedThrough(key: string): boolean {
  return key.startsWith("x-mms-") || key.startsWith("x-internal-");
}

/** The values of a field that occurs several times, as one text; equal values once. */
function joined(values: readonly string[]): string {
  const [first = ""] = values;
  return values.length > 1 ? [...new Set(values)].join(", ") : first;
}
