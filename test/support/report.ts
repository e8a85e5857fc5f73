import type { DeliveryEvent } from "../../src/delivery/event.ts";
import type { PeerIdentity } from "../../src/delivery/peer.ts";
import { ORDINARY_PEER, type PeerRules } from "../../src/delivery/peer-rules.ts";
import type { Problem } from "../../src/delivery/problem.ts";
import { readEvent } from "../../src/flow/read.ts";
import type { Result } from "../../src/result.ts";
import { decodeWords } from "./decode-words.ts";
import { valid } from "./schema.ts";
import { tables } from "./tables.ts";

export type FieldsOf = Readonly<Record<string, string | undefined>>;

/** The fields of a valid delivery report, with the named ones replaced; undefined leaves one out. */
export function deliveryReport(fields: FieldsOf = {}): Uint8Array {
  return message({ ...ORDINARY_REPORT, ...fields });
}

/** A message of these fields, CRLF throughout. */
export function message(fields: FieldsOf): Uint8Array {
  const lines = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}\r\n`],
  );
  return Buffer.from(`${lines.join("")}\r\n`);
}

/** The defaults of MM4D_MAX_HEADER_BYTES and MM4D_MAX_HEADER_FIELDS. */
export const HEADER_LIMITS = { bytes: 65_536, fields: 1_000 };

export const PEER: PeerIdentity = {
  name: "carrier",
  address: "192.0.2.1",
  helo: "mmsc.example.net",
  tls: null,
  user: null,
};

/** Reads a message as the receiver does, at a fixed time, from a fixed peer. An event that the schema refuses is a fault. */
export function read(bytes: Uint8Array, rules: Partial<PeerRules> = {}, peer = PEER): Result<DeliveryEvent, Problem> {
  const result = readEvent(
    { bytes, peer, rules: { ...ORDINARY_PEER, ...rules }, receivedAt: new Date("2026-01-02T03:04:05.678Z") },
    { decodeWords, headerLimits: HEADER_LIMITS, ...tables(), source: "/mm4d/local" },
  );
  if (result.ok) valid(result.value);
  return result;
}

/** The event of a message that must make one. */
export function eventOf(bytes: Uint8Array, rules: Partial<PeerRules> = {}, peer = PEER): DeliveryEvent {
  const result = read(bytes, rules, peer);
  if (!result.ok) throw new Error(`No event: ${result.error.kind}`);
  return result.value;
}

const ORDINARY_REPORT = {
  "X-Mms-3GPP-MMS-Version": "6.10.0",
  "X-Mms-Message-Type": "MM4_delivery_report.REQ",
  "X-Mms-Transaction-ID": '"tx-1@mmsc.example.net"',
  "X-Mms-Message-ID": '"mm-1@mmsc.example.net"',
  From: "+12025550100/TYPE=PLMN",
  To: "+12025550199/TYPE=PLMN",
  Date: "Fri, 02 Jan 2026 03:04:00 +0000",
  "X-Mms-MM-Status-Code": "Retrieved",
};
