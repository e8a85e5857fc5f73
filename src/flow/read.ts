/**
 * THE FLOW: one message in, one decision out.
 *
 *   bytes → read → judge → explain → one record on the disk → 250
 *
 * It knows neither SMTP nor Redis: it says what it needs, and what can come of it.
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { Acknowledging } from "../delivery/accepted.ts";
import { type Acknowledgement, type AckRequest, ANSWERS, type Fate } from "../delivery/acknowledgement.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { boundBeyond, sizeBeyond } from "../delivery/event-bounds.ts";
import { interpret } from "../delivery/interpret.ts";
import { makeEvent } from "../delivery/make-event.ts";
import type { PeerIdentity } from "../delivery/peer.ts";
import type { PeerRules } from "../delivery/peer-rules.ts";
import type { Problem } from "../delivery/problem.ts";
import type { QuarantinedMessage, QuarantineReason } from "../delivery/quarantined.ts";
import type { JournalRecord } from "../journal/record.ts";
import { partiesNamed, readAckRequest } from "../mm4/ack-request.ts";
import { holdsOwnId } from "../mm4/own-mail-id.ts";
import { type MessageReading, type OpenMessage, openMessage, readReport } from "../mm4/read-message.ts";
import { err, ok, type Result } from "../result.ts";
import { numbersIn } from "../text/masking.ts";

/** A message as it arrived, as far as its event depends on it. */
export interface SavedMessage {
  readonly bytes: Uint8Array;
  readonly peer: PeerIdentity;
  readonly rules: PeerRules;
  readonly receivedAt: Date;
}

/** A message as it arrived. */
export interface ReceivedMessage extends SavedMessage {
  /** Of the envelope; empty for the null sender. */
  readonly mailFrom: string;
  readonly acknowledging: Acknowledging;
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
  /** Whether the quarantine has room for a message of this many bytes: its peer has a share of it. */
  hasQuarantineRoom(bytes: number): boolean;
  /** Whether one more bounce of this peer, of this many bytes, may wait to be tied. */
  hasBounceRoom(peer: string, bytes: number): boolean;
  /** A fresh id for a record, unlike any other ever made. */
  recordId(): string;
}

/** What became of one message. */
export type Receipt =
  | (Acknowledged & { readonly kind: "stored"; readonly event: DeliveryEvent })
  /** `id` is the one it has in quarantine. */
  | (Acknowledged & { readonly kind: "quarantined"; readonly id: string; readonly message: QuarantinedMessage })
  | (Acknowledged & { readonly kind: "ignored"; readonly messageType: string })
  | { readonly kind: "bounce" }
  | { readonly kind: "refused"; readonly problem: Refusal }
  | { readonly kind: "not-stored"; readonly cause: Error };

interface Acknowledged {
  /** Whether its peer is owed an acknowledgement; `undeliverable` when there is nowhere to send it. */
  readonly acknowledgement: "none" | "owed" | "undeliverable";
}

/** Unreadable messages are kept until a person has looked at them; their peer's share of the room for them is used up. */
export class QuarantineFullError extends Error {
  override readonly name = "QuarantineFullError";
}

/** So many bounces of one peer are still to be tied that there is no room for more. */
export class BouncesWaitError extends Error {
  override readonly name = "BouncesWaitError";
}

/** Problems that sending the same message again can never solve. */
export type Refusal = Extract<Problem, { kind: "not-mm4" | "header-too-large" | "too-many-fields" }>;

/**
 * Turns one received message into one stored event.
 *
 * Once this resolves to `stored` or `quarantined`, the message is ours to lose:
 * only then may the peer hear 250. RFC 5321 §6.1. The acknowledgement that it is
 * owed is part of the same record.
 */
export async function receive(message: ReceivedMessage, outlets: Outlets): Promise<Receipt> {
  let asked: Asked | null = null;
  let read: Result<DeliveryEvent, Problem>;
  try {
    const opened = openMessage(message.bytes, outlets);
    if (opened.ok) {
      asked = readDebt(opened.value, message);
      read = judge(opened.value, message, outlets);
    } else read = opened;
  } catch (cause) {
    // Our own fault is not the relay's to retry for ever: the message waits until we have mended it.
    const detail = ((cause as Error).stack ?? String(cause)).slice(0, BOUNDS.detailLength.value);
    return keep(message, "internal-error", detail, owe(message, asked, "internal-error"), outlets);
  }

  if (read.ok) {
    const event = read.value;
    const debt = owe(message, asked, "event", event.id);
    const record = { id: outlets.recordId(), kind: "event", event, ...debt.inRecord } as const;
    return store(record, { kind: "stored", event, ...debt.inReceipt }, outlets);
  }
  const problem = read.error;
  switch (problem.kind) {
    case "other-pdu": {
      const { inRecord, inReceipt } = owe(message, asked, "other-pdu");
      const receipt = { kind: "ignored", messageType: problem.messageType, ...inReceipt } as const;
      if (inRecord.acknowledgement === undefined) return receipt;
      const { acknowledgement } = inRecord;
      return store({ id: outlets.recordId(), kind: "acknowledgement", acknowledgement }, receipt, outlets);
    }
    case "no-status":
    case "unknown-type":
      return keep(message, problem.kind, null, owe(message, asked, "unreadable"), outlets);
    case "event-too-large":
      return keep(message, problem.kind, problem.detail, owe(message, asked, "too-large"), outlets);
    case "bounce":
    case "type-outside-header":
    case "not-mm4":
      // First of all: what we have sent comes back within a bounce, with its type.
      if (isBounce(problem.kind, message)) return keepBounce(message, outlets);
      // Nobody can tell what it asks for, and whose it is: it may be an answer of our own that comes back.
      if (problem.kind === "type-outside-header" || (problem.kind === "bounce" && problem.typeOutsideHeader))
        return keep(message, "type-outside-header", null, NO_DEBT, outlets);
      return { kind: "refused", problem: { kind: "not-mm4" } };
    case "header-too-large":
    case "too-many-fields":
      return { kind: "refused", problem };
  }
}

/** Reads, judges and explains one message. Pure. */
export function readEvent(message: SavedMessage, reading: Reading): Result<DeliveryEvent, Problem> {
  const opened = openMessage(message.bytes, reading);
  return opened.ok ? judge(opened.value, message, reading) : opened;
}

function judge(
  opened: OpenMessage,
  { peer, rules, receivedAt }: SavedMessage,
  reading: Reading,
): Result<DeliveryEvent, Problem> {
  const { catalogue, source } = reading;
  const report = readReport(opened, rules, reading);
  if (!report.ok) return report;
  const tooMuch = boundBeyond(report.value);
  if (tooMuch !== null) return err({ kind: "event-too-large", detail: tooMuch });
  const judgement = interpret(report.value, rules, catalogue);
  const event = makeEvent(report.value, judgement, { peer, receivedAt, source, catalogueVersion: catalogue.version });
  const tooLarge = sizeBeyond(event);
  return tooLarge === null ? ok(event) : err({ kind: "event-too-large", detail: tooLarge });
}

/** What a peer is owed: for the record that pays it, and for whoever counts. */
interface Debt {
  readonly inRecord: { readonly acknowledgement?: Acknowledgement };
  readonly inReceipt: Acknowledged;
}

const NO_DEBT: Debt = { inRecord: {}, inReceipt: { acknowledgement: "none" } };

/** What it asks for, and whom it names. */
type Asked = AckRequest & Pick<Acknowledgement, "numbers">;

/** Null when nothing is owed. */
function readDebt(opened: OpenMessage, { mailFrom, rules, acknowledging }: ReceivedMessage): Asked | null {
  const { mode, systemAddress } = acknowledging;
  if (mode === "off") return null;
  const request = readAckRequest(opened, { mailFrom, rules, systemAddress, always: mode === "always" });
  return request && { ...request, numbers: numbersIn(partiesNamed(opened, rules)) };
}

function owe(
  { peer, receivedAt, acknowledging: { canSend } }: ReceivedMessage,
  request: Asked | null,
  fate: Fate,
  eventId: string | null = null,
): Debt {
  if (request === null) return NO_DEBT;
  if (!canSend(request.to)) return { inRecord: {}, inReceipt: { acknowledgement: "undeliverable" } };
  const acknowledgement = {
    peer: peer.name,
    eventId,
    receivedAt: receivedAt.toISOString(),
    ...request,
    ...ANSWERS[fate],
  };
  return { inRecord: { acknowledgement }, inReceipt: { acknowledgement: "owed" } };
}

function keep(
  { bytes, peer, receivedAt }: ReceivedMessage,
  reason: QuarantineReason,
  detail: string | null,
  debt: Debt,
  outlets: Outlets,
): Promise<Receipt> {
  const raw = base64(bytes);
  if (!outlets.hasQuarantineRoom(raw.length)) {
    return Promise.resolve({
      kind: "not-stored",
      cause: new QuarantineFullError("The quarantine has no room for more of this peer's messages"),
    });
  }
  const message = { reason, detail, peer, receivedAt: receivedAt.toISOString(), raw };
  const id = outlets.recordId();
  const record = { id, kind: "quarantine", message, ...debt.inRecord } as const;
  return store(record, { kind: "quarantined", id, message, ...debt.inReceipt }, outlets);
}

/**
 * A bounce has the null sender, so that it never makes another one. RFC 3464 §2,
 * RFC 5321 §4.5.5. Besides what says so in its type, it is whatever holds the id of a
 * mail of ours: nothing else sends that back.
 *
 * Seen in practice: multipart/mixed (OpenSMTPD), text alone (dma, qmail, sendmail).
 */
function isBounce(
  kind: "bounce" | "not-mm4" | "type-outside-header",
  { bytes, mailFrom, acknowledging }: ReceivedMessage,
): boolean {
  if (mailFrom !== "") return false;
  if (kind === "bounce") return true;
  const { systemAddress } = acknowledging;
  const text = Buffer.from(bytes.subarray(0, BOUNDS.bounceBytes.value)).toString("latin1");
  return holdsOwnId(text, systemAddress.slice(systemAddress.lastIndexOf("@") + 1));
}

function keepBounce({ bytes, peer, receivedAt }: ReceivedMessage, outlets: Outlets): Promise<Receipt> {
  const raw = base64(bytes.subarray(0, BOUNDS.bounceBytes.value));
  if (!outlets.hasBounceRoom(peer.name, raw.length)) {
    const cause = new BouncesWaitError("Too many bounces of this peer wait to be tied to their acknowledgements");
    return Promise.resolve({ kind: "not-stored", cause });
  }
  const message = { peer, receivedAt: receivedAt.toISOString(), raw };
  return store({ id: outlets.recordId(), kind: "bounce", message }, { kind: "bounce" }, outlets);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

async function store(record: JournalRecord, receipt: Receipt, outlets: Outlets): Promise<Receipt> {
  try {
    await outlets.store(record);
    return receipt;
  } catch (cause) {
    return { kind: "not-stored", cause: cause as Error };
  }
}
