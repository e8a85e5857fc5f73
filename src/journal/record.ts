/**
 * One record of the journal as bytes: `<crc32, 8 hex> <length> <JSON>\n`.
 *
 * The checksum and the length are of the JSON, which never holds a line feed.
 * So a record whose last byte was lost is still whole, and behind a damaged one
 * the next line feed begins the next record.
 *
 * `kind` is the mark of its version: what an earlier mm4d would misread gets a kind
 * that it does not know, and then it refuses to start. Other bytes than these get
 * another name of the segment (segments.ts).
 */
import { crc32 } from "node:zlib";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { BouncedMessage } from "../delivery/bounced.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { textOf } from "../delivery/event-text.ts";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";

/**
 * What is promised to be kept: an event to publish, a message for the quarantine,
 * a bounce to look at; and the acknowledgement that its peer is owed, if any, which
 * may also stand alone.
 */
export type JournalRecord = { readonly id: string } & (
  | { readonly kind: "event"; readonly event: DeliveryEvent; readonly acknowledgement?: Acknowledgement }
  | { readonly kind: "quarantine"; readonly message: QuarantinedMessage; readonly acknowledgement?: Acknowledgement }
  | { readonly kind: "acknowledgement"; readonly acknowledgement: Acknowledgement }
  | { readonly kind: "bounce"; readonly message: BouncedMessage }
);

/** When the message of a record came: RFC 3339, UTC. */
export function receivedAtOf(record: JournalRecord): string {
  switch (record.kind) {
    case "event":
      return record.event.time;
    case "acknowledgement":
      return record.acknowledgement.receivedAt;
    case "quarantine":
    case "bounce":
      return record.message.receivedAt;
  }
}

/** Whose message it was. Never throws: of a record that a person has mended by hand nothing is certain. */
export function peerOf(record: JournalRecord): string {
  switch (record.kind) {
    case "event":
      return record.event?.data?.peer?.name ?? NO_PEER;
    case "acknowledgement":
      return record.acknowledgement?.peer ?? NO_PEER;
    case "quarantine":
    case "bounce":
      return record.message?.peer?.name ?? NO_PEER;
  }
}

const NO_PEER = "";

export function encodeRecord(record: JournalRecord): Buffer {
  const json = Buffer.from(jsonOf(record));
  const head = `${crc32(json).toString(16).padStart(8, "0")} ${json.byteLength} `;
  return Buffer.concat([Buffer.from(head), json, LINE_FEED]);
}

function jsonOf(record: JournalRecord): string {
  if (record.kind !== "event") return JSON.stringify(record);
  const { id, event, acknowledgement } = record;
  const owed = acknowledgement === undefined ? "" : `,"acknowledgement":${JSON.stringify(acknowledgement)}`;
  return `{"id":${JSON.stringify(id)},"kind":"event","event":${textOf(event)}${owed}}`;
}

/** A stretch of a segment: a record, or bytes that are none. Offsets count from the first byte scanned. */
export type Stretch =
  | { readonly kind: "record"; readonly start: number; readonly end: number; readonly json: Buffer }
  /** Bytes up to a line feed whose checksum does not fit. */
  | { readonly kind: "damaged"; readonly start: number; readonly end: number }
  /** Line feeds, with which mm4d 0.1.0 tried the disk. */
  | { readonly kind: "padding"; readonly start: number; readonly end: number }
  /** Bytes at the end, without a line feed: a record that was never written to its end. */
  | { readonly kind: "torn"; readonly start: number; readonly end: number };

/** Splits the bytes of a segment into records and what is none. Never throws. */
export function* scanRecords(bytes: Buffer): Generator<Stretch> {
  let start = 0;
  while (start < bytes.byteLength) {
    const stretch = paddingAt(bytes, start) ?? recordAt(bytes, start) ?? restAt(bytes, start);
    yield stretch;
    start = stretch.end;
  }
}

/** The record in its JSON form. Undefined when the JSON is not a record of ours. */
export function decodeRecord(json: Buffer): JournalRecord | undefined {
  try {
    const record = JSON.parse(json.toString()) as Partial<JournalRecord> | null;
    const known = KINDS.some((kind) => kind === record?.kind);
    return known && typeof record?.id === "string" ? (record as JournalRecord) : undefined;
  } catch {
    return undefined;
  }
}

const KINDS: readonly JournalRecord["kind"][] = ["event", "quarantine", "acknowledgement", "bounce"];
const LINE_FEED = Buffer.from("\n");
/** Eight hex digits, a blank, at most ten digits, a blank. */
const MAX_HEAD_BYTES = 20;

function paddingAt(bytes: Buffer, start: number): Stretch | undefined {
  let end = start;
  while (bytes[end] === 0x0a) end += 1;
  return end === start ? undefined : { kind: "padding", start, end };
}

function recordAt(bytes: Buffer, start: number): Stretch | undefined {
  const head = /^([0-9a-f]{8}) (\d{1,10}) /.exec(bytes.toString("latin1", start, start + MAX_HEAD_BYTES));
  if (!head) return undefined;
  const [prefix, checksum = "", length = ""] = head;
  const from = start + prefix.length;
  const to = from + Number(length);
  if (to > bytes.byteLength) return undefined;
  const json = bytes.subarray(from, to);
  if (crc32(json) !== Number.parseInt(checksum, 16)) return undefined;
  return { kind: "record", start, end: Math.min(to + 1, bytes.byteLength), json };
}

function restAt(bytes: Buffer, start: number): Stretch {
  const lineFeed = bytes.indexOf(0x0a, start);
  if (lineFeed === -1) return { kind: "torn", start, end: bytes.byteLength };
  return { kind: "damaged", start, end: lineFeed + 1 };
}
