/**
 * One record of the journal as bytes: `<crc32, 8 hex> <length> <JSON>\n`.
 *
 * Checksum and length cover the JSON, which never holds a line feed. So a record
 * that lost its last byte is still whole, and after a damaged record the next line
 * feed begins the next one.
 *
 * `kind` also marks the version. A record that an earlier mm4d would misread gets a
 * new kind, because mm4d refuses to start on a kind that it does not know. If the
 * bytes themselves change, the segment gets another name (segments.ts).
 */
import { crc32 } from "node:zlib";
import type { MessageRules, SaidMessage } from "../delivery/accepted.ts";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { BouncedMessage } from "../delivery/bounced.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { quoted, textOf } from "../delivery/event-text.ts";
import { type PeerIdentity, withNulls } from "../delivery/peer.ts";
import { ORDINARY_PEER, type PeerRules, unusualIn } from "../delivery/peer-rules.ts";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";
import { createLines, type Lines } from "./lines.ts";

/** What the journal promises to keep: a message as it was said, or what a message was read as. */
export type JournalRecord = SaidRecord | ReadRecord;

/** A message that is read after its 250. */
export interface SaidRecord {
  readonly id: string;
  readonly kind: "message";
  readonly message: SaidMessage;
}

/**
 * What reading a message gives, and what mm4d 1.0.0 stored in its place: an event to
 * publish, a message for the quarantine, or a bounce to look at. An acknowledgement
 * that the peer is owed goes with the event or the message, or is a record by itself.
 */
export type ReadRecord = { readonly id: string } & (
  | { readonly kind: "event"; readonly event: DeliveryEvent; readonly acknowledgement?: Acknowledgement }
  | { readonly kind: "quarantine"; readonly message: QuarantinedMessage; readonly acknowledgement?: Acknowledgement }
  | { readonly kind: "acknowledgement"; readonly acknowledgement: Acknowledgement }
  | { readonly kind: "bounce"; readonly message: BouncedMessage }
);

/** When the message of a record was received: RFC 3339, UTC. */
export function receivedAtOf(record: JournalRecord): string {
  switch (record.kind) {
    case "event":
      return record.event.time;
    case "acknowledgement":
      return record.acknowledgement.receivedAt;
    case "message":
    case "quarantine":
    case "bounce":
      return record.message.receivedAt;
  }
}

/** The peer that sent the message. Never throws, because a person may have edited the record by hand. */
export function peerOf(record: JournalRecord): string {
  switch (record.kind) {
    case "event":
      return record.event?.data?.peer?.name ?? NO_PEER;
    case "acknowledgement":
      return record.acknowledgement?.peer ?? NO_PEER;
    case "message":
    case "quarantine":
    case "bounce":
      return record.message?.peer?.name ?? NO_PEER;
  }
}

const NO_PEER = "";

/** The line of a record. */
export function encodeRecord(record: JournalRecord): Buffer {
  const lines = createLines(0);
  lines.add(writeRecord(record, lines));
  return lines.bytes();
}

/** Writes the line of a record, and gives how many bytes it takes; see {@link Lines.write}. */
export function writeRecord(record: JournalRecord, lines: Lines): number {
  if (record.kind === "message") return lines.write(beforeSaid(record), JSON.stringify(record.message.said));
  if (record.kind !== "event") return lines.write(JSON.stringify(record));
  const { id, event, acknowledgement } = record;
  const owed = acknowledgement === undefined ? "" : `,"acknowledgement":${JSON.stringify(acknowledgement)}`;
  return lines.write(`{"id":${quoted(id)},"kind":"event","event":${textOf(event)}${owed}}`);
}

/** A stretch of a segment: a record, or other bytes. Offsets count from the first byte scanned. */
export type Stretch =
  | { readonly kind: "record"; readonly start: number; readonly end: number; readonly json: Buffer }
  /** Bytes up to a line feed whose checksum does not fit. */
  | { readonly kind: "damaged"; readonly start: number; readonly end: number }
  /** Line feeds: mm4d 0.1.0 wrote them to test the disk. */
  | { readonly kind: "padding"; readonly start: number; readonly end: number }
  /** Bytes at the end, without a line feed: a record that was only partly written. */
  | { readonly kind: "torn"; readonly start: number; readonly end: number };

/** Splits the bytes of a segment into records and other stretches. Never throws. */
export function* scanRecords(bytes: Buffer): Generator<Stretch> {
  let start = 0;
  while (start < bytes.byteLength) {
    const stretch = paddingAt(bytes, start) ?? recordAt(bytes, start) ?? restAt(bytes, start);
    yield stretch;
    start = stretch.end;
  }
}

/** Reads a record from its JSON. Undefined when this version knows no such record. */
export function decodeRecord(json: Buffer): JournalRecord | undefined {
  try {
    const record = JSON.parse(json.toString()) as Partial<ReadRecord | Written> | null;
    const known = KINDS.some((kind) => kind === record?.kind);
    if (!known || typeof record?.id !== "string") return undefined;
    return record.kind === "message" ? saidIn(record as Written) : (record as ReadRecord);
  } catch {
    return undefined;
  }
}

/**
 * A message on the disk. Whatever is ordinary is left out, because most of every record would be that, and every
 * report waits for its record to be written. It holds bytes as characters, so that it has no line feed.
 */
interface Written {
  readonly id: string;
  readonly kind: "message";
  /** Of {@link SaidMessage}: `receivedAt`, `sessionId`, `mailFrom`. */
  readonly at: string;
  readonly session: string;
  readonly from: string;
  /** Without the nulls at its end. Until November 2026 1.1.0-dev wrote it by its names, without all that is null. */
  readonly peer: WrittenPeer | Partial<PeerIdentity>;
  /** What its entry says otherwise than {@link ORDINARY_PEER}; absent for nothing. */
  readonly rules?: Partial<PeerRules>;
  /** What it is otherwise than {@link ACKNOWLEDGED}; absent for a peer whose messages are not acknowledged. */
  readonly acknowledge?: Partial<MessageRules["acknowledge"]>;
  /** Absent for a report. */
  readonly as?: SaidMessage["recognised"];
  /** Absent when all of them are kept. */
  readonly bytes?: number;
  readonly said: string;
}

type WrittenPeer = readonly [
  name: string,
  address: string,
  helo?: string | null,
  tls?: PeerIdentity["tls"],
  user?: string | null,
];

const NOT_ACKNOWLEDGED: MessageRules["acknowledge"] = { mode: "off", host: null, to: null };
const ACKNOWLEDGED: MessageRules["acknowledge"] = { mode: "auto", host: null, to: null };

/** A message as {@link Written}, up to what was said. Put together by hand, because each report waits for it. */
function beforeSaid({ id, message }: SaidRecord): string {
  const { receivedAt, sessionId, mailFrom, peer, entry, recognised, bytes, said } = message;
  const as = recognised === "report" ? "" : `,"as":"${recognised}"`;
  const came = bytes === said.length ? "" : `,"bytes":${bytes}`;
  return (
    `{"id":${quoted(id)},"kind":"message","at":${quoted(receivedAt)},"session":${quoted(sessionId)},` +
    `"from":${quoted(mailFrom)},"peer":${peerText(peer)}${entryText(entry)}${as}${came},"said":`
  );
}

function peerText({ name, address, helo, tls, user }: PeerIdentity): string {
  const known = `${quoted(name)},${quoted(address)}`;
  if (user !== null) return `[${known},${quoted(helo)},${JSON.stringify(tls)},${quoted(user)}]`;
  if (tls !== null) return `[${known},${quoted(helo)},${JSON.stringify(tls)}]`;
  return helo === null ? `[${known}]` : `[${known},${quoted(helo)}]`;
}

const entryTexts = new WeakMap<MessageRules, string>();

/** A peer's entry is the same object for all its messages. */
function entryText(entry: MessageRules): string {
  const known = entryTexts.get(entry);
  if (known !== undefined) return known;
  const { mode, host, to } = entry.acknowledge;
  const rules = unusualIn(entry.rules);
  // These only: the peer's entry has a password for its MMSC.
  const acknowledge = { mode: mode === "auto" ? undefined : mode, host: host ?? undefined, to: to ?? undefined };
  const text =
    (rules === null ? "" : `,"rules":${JSON.stringify(rules)}`) +
    (mode === "off" ? "" : `,"acknowledge":${JSON.stringify(acknowledge)}`);
  entryTexts.set(entry, text);
  return text;
}

function peerIn(written: Written["peer"]): PeerIdentity {
  if (!isList(written)) return withNulls(written);
  const [name, address, helo = null, tls = null, user = null] = written;
  return { name, address, helo, tls, user };
}

function isList(written: Written["peer"]): written is WrittenPeer {
  return Array.isArray(written);
}

function saidIn(written: Written): SaidRecord {
  const { id, kind, at, session, from, peer, rules, acknowledge, as, said } = written;
  const message: SaidMessage = {
    sessionId: session,
    peer: peerIn(peer),
    entry: {
      rules: { ...ORDINARY_PEER, ...rules },
      acknowledge: acknowledge ? { ...ACKNOWLEDGED, ...acknowledge } : NOT_ACKNOWLEDGED,
    },
    mailFrom: from,
    receivedAt: at,
    recognised: as ?? "report",
    bytes: written.bytes ?? said.length,
    said,
  };
  return { id, kind, message };
}

const KINDS: readonly JournalRecord["kind"][] = ["message", "event", "quarantine", "acknowledgement", "bounce"];
const LINE_FEED = 0x0a;
/** Eight hex digits, a blank, at most ten digits, a blank. */
const MAX_HEAD_BYTES = 20;

function paddingAt(bytes: Buffer, start: number): Stretch | undefined {
  let end = start;
  while (bytes[end] === LINE_FEED) end += 1;
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
  const lineFeed = bytes.indexOf(LINE_FEED, start);
  if (lineFeed === -1) return { kind: "torn", start, end: bytes.byteLength };
  return { kind: "damaged", start, end: lineFeed + 1 };
}
