/** Checks the acknowledgements (.RES) that come back against the messages that asked for them. */
import { readHeader } from "../mm4/header.ts";
import type { MmscMessage } from "./mmsc.ts";

export interface ExpectedAcks {
  /** A message that asks for an acknowledgement is about to be sent. */
  expect(sent: { readonly bytes: Uint8Array; readonly acknowledgedAs: string }): void;
  received(message: MmscMessage): void;
  /** How many are still missing. */
  missing(): number;
  result(): AckResult;
}

export interface AckResult {
  readonly expected: number;
  readonly right: number;
  /** Transaction ids without an acknowledgement. */
  readonly missing: readonly string[];
  /** What is wrong with the acknowledgements that came, one sentence for each. */
  readonly wrong: readonly string[];
  /** Acknowledgements that were right, but later than `lateMs`. */
  readonly late: number;
  /** Acknowledgements of transactions that were answered before or never sent. */
  readonly repeated: number;
  readonly unexpected: number;
}

interface Expected {
  readonly acknowledgedAs: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly sentMs: number;
}

const LIMITS = { bytes: 65_536, fields: 1_000 };

/** `lateMs`: from sending the message to its acknowledgement. */
export function createExpectedAcks(lateMs: number): ExpectedAcks {
  /** Messages not answered yet, in the order of sending. An id may have several, because some carriers use one id for all reports on an MM. */
  const byTransaction = new Map<string, Expected[]>();
  const wrong: string[] = [];
  const counts = { expected: 0, right: 0, late: 0, repeated: 0, unexpected: 0 };
  let missing = 0;

  return {
    expect({ bytes, acknowledgedAs }) {
      const fields = fieldsOf(bytes);
      const transaction = fields.get("x-mms-transaction-id") ?? "";
      const sent = { acknowledgedAs, fields, sentMs: performance.now() };
      byTransaction.set(transaction, [...(byTransaction.get(transaction) ?? []), sent]);
      counts.expected += 1;
      missing += 1;
    },
    received({ bytes, answer }) {
      if (answer === "refused") return;
      const fields = fieldsOf(bytes);
      const transaction = fields.get("x-mms-transaction-id") ?? "";
      const unanswered = byTransaction.get(transaction);
      const expected = unanswered?.shift();
      if (!expected) {
        if (unanswered) counts.repeated += 1;
        else counts.unexpected += 1;
        return;
      }
      missing -= 1;
      const faults = compare(expected, fields);
      for (const fault of faults) wrong.push(`${transaction}: ${fault}`);
      if (faults.length > 0) return;
      counts.right += 1;
      if (performance.now() - expected.sentMs > lateMs) counts.late += 1;
    },
    missing: () => missing,
    result: () => ({
      ...counts,
      wrong,
      missing: [...byTransaction].flatMap(([transaction, unanswered]) => unanswered.map(() => transaction)),
    }),
  };
}

/** 3GPP TS 23.140 §8.4.2: what a response must say of its request. */
function compare(
  { fields: request, acknowledgedAs }: Expected,
  response: ReadonlyMap<string, string>,
): readonly string[] {
  const faults: string[] = [];
  const must = (name: string, wanted: string | undefined): void => {
    const said = response.get(name);
    if (said !== wanted) faults.push(`${name} is ${shown(said)}, must be ${shown(wanted)}`);
  };
  must("x-mms-message-id", request.get("x-mms-message-id"));
  must("x-mms-request-status-code", acknowledgedAs);
  must("x-mms-message-type", responseTo(request.get("x-mms-message-type")));
  const version = request.get("x-mms-3gpp-mms-version") ?? request.get("x-mms-3gpp-version") ?? "";
  const answered = response.get("x-mms-3gpp-mms-version") ?? "";
  if (majorOf(answered) !== majorOf(version)) {
    faults.push(`x-mms-3gpp-mms-version is ${shown(answered)}, must be of the major version of ${shown(version)}`);
  }
  for (const name of ["sender", "to", "date", "message-id"]) {
    if (!response.get(name)) faults.push(`${name} is missing`);
  }
  return faults;
}

/** Compared in the specification's spelling, which is what we speak. */
function responseTo(requestType: string | undefined): string {
  const name = /^MM4_(\w+)\.REQ$/i.exec(requestType ?? "")?.[1]?.toLowerCase();
  const known = ["delivery_report", "read_reply_report", "forward", "capability_negotiation"];
  if (name === undefined) return "MM4_delivery_report.RES";
  return known.includes(name) ? `MM4_${name}.RES` : (requestType ?? "").replace(/REQ$/i, "RES");
}

function majorOf(version: string): string {
  return /\d+/.exec(version)?.[0] ?? "";
}

/** The first value of each field by its name in lower case, one character a byte; none where the header cannot be read. */
export function fieldsOf(bytes: Uint8Array): ReadonlyMap<string, string> {
  const header = readHeader(bytes, LIMITS);
  const fields = header.ok ? header.value.fields : [];
  return new Map(fields.toReversed().map(({ key, bytes: value }) => [key, value]));
}

function shown(value: string | undefined): string {
  return value === undefined ? "missing" : JSON.stringify(value);
}
