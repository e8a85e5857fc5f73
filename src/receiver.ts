/**
 * THE FLOW: one message in, one decision out.
 *
 *   bytes → read → judge → explain → one record on the disk → 250
 *
 * It knows neither SMTP nor Redis: it says what it needs, and what can come of it.
 */
import type { Catalogue } from "./catalogue/catalogue.ts";
import { type DeliveryEvent, makeEvent } from "./delivery/event.ts";
import { interpret } from "./delivery/interpret.ts";
import type { PeerIdentity, PeerRules } from "./delivery/peer.ts";
import type { Problem } from "./delivery/problem.ts";
import type { QuarantinedMessage, QuarantineReason } from "./delivery/quarantined.ts";
import type { JournalRecord } from "./journal/record.ts";
import { type MessageReading, readMessage } from "./mm4/read-message.ts";
import type { Result } from "./result.ts";

/** A message as it arrived. */
export interface ReceivedMessage {
  readonly bytes: Uint8Array;
  readonly peer: PeerIdentity;
  readonly rules: PeerRules;
  readonly receivedAt: Date;
}

/** What reading a message takes besides the message. */
export interface Reading extends MessageReading {
  readonly catalogue: Catalogue;
  /** The `source` of our events. */
  readonly source: string;
}

/** What the flow needs from the outside world. */
export interface Outlets extends Reading {
  /** Resolves once the record is on the disk. Rejects, in time, when that is not certain. */
  store(record: JournalRecord): Promise<void>;
  /** Whether the quarantine has room for a message of this many bytes. */
  hasQuarantineRoom(bytes: number): boolean;
  /** A fresh id for a record, unlike any other ever made. */
  recordId(): string;
}

/** What became of one message. */
export type Receipt =
  | { readonly kind: "stored"; readonly event: DeliveryEvent }
  /** `id` is the one it has in quarantine. */
  | { readonly kind: "quarantined"; readonly id: string; readonly message: QuarantinedMessage }
  | { readonly kind: "ignored"; readonly messageType: string }
  | { readonly kind: "refused"; readonly problem: Refusal }
  | { readonly kind: "not-stored"; readonly cause: Error };

/** Unreadable messages are kept until a person has looked at them; there is no room for more. */
export class QuarantineFullError extends Error {
  override readonly name = "QuarantineFullError";
}

/** Problems that sending the same message again can never solve. */
export type Refusal = Extract<Problem, { kind: "not-mm4" | "header-too-large" | "too-many-fields" }>;

/**
 * Turns one received message into one stored event.
 *
 * Once this resolves to `stored` or `quarantined`, the message is ours to lose:
 * only then may the peer hear 250. RFC 5321 §6.1.
 */
export async function receive(message: ReceivedMessage, outlets: Outlets): Promise<Receipt> {
  let read: Result<DeliveryEvent, Problem>;
  try {
    read = readEvent(message, outlets);
  } catch (cause) {
    // Our own fault is not the relay's to retry for ever: the message waits until we have mended it.
    return keep(message, "internal-error", (cause as Error).stack ?? String(cause), outlets);
  }

  if (read.ok) {
    const event = read.value;
    return store({ id: outlets.recordId(), kind: "event", event }, { kind: "stored", event }, outlets);
  }
  const problem = read.error;
  switch (problem.kind) {
    case "other-pdu":
      return { kind: "ignored", messageType: problem.messageType };
    case "no-status":
    case "unknown-type":
      return keep(message, problem.kind, null, outlets);
    case "not-mm4":
    case "header-too-large":
    case "too-many-fields":
      return { kind: "refused", problem };
  }
}

/** Reads, judges and explains one message. Pure. */
export function readEvent(
  { bytes, peer, rules, receivedAt }: ReceivedMessage,
  reading: Reading,
): Result<DeliveryEvent, Problem> {
  const { catalogue, source } = reading;
  const report = readMessage(bytes, rules, reading);
  if (!report.ok) return report;
  const judgement = interpret(report.value, rules, catalogue);
  const event = makeEvent(report.value, judgement, { peer, receivedAt, source, catalogueVersion: catalogue.version });
  return { ok: true, value: event };
}

function keep(
  { bytes, peer, receivedAt }: ReceivedMessage,
  reason: QuarantineReason,
  detail: string | null,
  outlets: Outlets,
): Promise<Receipt> {
  const raw = Buffer.from(bytes).toString("base64");
  if (!outlets.hasQuarantineRoom(raw.length)) {
    return Promise.resolve({ kind: "not-stored", cause: new QuarantineFullError("The quarantine is full") });
  }
  const message = { reason, detail, peer, receivedAt: receivedAt.toISOString(), raw };
  const id = outlets.recordId();
  return store({ id, kind: "quarantine", message }, { kind: "quarantined", id, message }, outlets);
}

async function store(record: JournalRecord, receipt: Receipt, outlets: Outlets): Promise<Receipt> {
  try {
    await outlets.store(record);
    return receipt;
  } catch (cause) {
    return { kind: "not-stored", cause: cause as Error };
  }
}
