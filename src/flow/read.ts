/** What a message says, and what is made of it: read, judged, explained. Pure. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { MessageRules, ReceivedMessage, SavedMessage } from "../delivery/accepted.ts";
import { type Acknowledgeable, type Acknowledgement, type AckRequest, ANSWERS } from "../delivery/acknowledgement.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { Finding, MessageIds, Owed, Refusal } from "../delivery/fate.ts";
import { interpret } from "../delivery/interpret.ts";
import { makeEvent } from "../delivery/make-event.ts";
import type { Problem } from "../delivery/problem.ts";
import type { QuarantineReason } from "../delivery/quarantined.ts";
import { partiesNamed, readAckRequest } from "../mm4/ack-request.ts";
import { holdsOwnId } from "../mm4/own-mail-id.ts";
import { findPdu } from "../mm4/pdus.ts";
import { type MessageReading, type OpenMessage, openMessage, readIds, readReport } from "../mm4/read-message.ts";
import { err, ok, type Result } from "../result.ts";
import { numbersIn } from "../text/masking.ts";
import { boundBeyond, sizeBeyond } from "./event-bounds.ts";

/** What reading a message takes besides the message. */
export interface ReadingRules extends MessageReading {
  readonly catalogue: Catalogue;
  /** The `source` of our events. */
  readonly source: string;
}

/** What acknowledging takes besides the peer's entry. */
export interface Acknowledging {
  /** Our own address. */
  readonly systemAddress: string;
  /** Whether a response could be sent that goes where its message says; null for nowhere. */
  canSend(entry: MessageRules, to: string | null): boolean;
}

/** What was found in a message, and the ids by which it is found again. */
export interface ReadMessage {
  readonly finding: Finding | { readonly kind: "refused"; readonly problem: Refusal };
  readonly ids: MessageIds;
}

/** Reads one message. Never throws: a fault of ours is a finding too. */
export function readMessage(
  message: ReceivedMessage,
  reading: ReadingRules,
  acknowledging: Acknowledging,
): ReadMessage {
  let opened: Result<OpenMessage, Problem> | undefined;
  let request: Request | null = null;
  let read: Result<DeliveryEvent, Problem>;
  try {
    opened = openMessage(message.bytes, reading);
    if (opened.ok) {
      request = readRequest(opened.value, message, acknowledging);
      read = judge(opened.value, savedOf(message), reading);
    } else read = opened;
  } catch (cause) {
    // The relay cannot mend our own fault by trying for ever: the message waits until we have mended it.
    const detail = ((cause as Error).stack ?? String(cause)).slice(0, BOUNDS.detailLength.value);
    const owed = owedFor(message, request, acknowledging, "internal-error");
    return { finding: keep(message, "internal-error", detail, owed), ids: idsIn(opened) };
  }
  if (read.ok) {
    const event = read.value;
    const { messageId, transactionId } = event.data;
    const owed = owedFor(message, request, acknowledging, "event", event.id);
    return { finding: { kind: "event", event, owed }, ids: { messageId, transactionId } };
  }
  const owed = (fate: Acknowledgeable): Owed => owedFor(message, request, acknowledging, fate);
  return { finding: findingOf(read.error, message, acknowledging, owed), ids: idsIn(opened) };
}

/** Reads, judges and explains one message. */
export function readEvent(message: SavedMessage, reading: ReadingRules): Result<DeliveryEvent, Problem> {
  const opened = openMessage(message.bytes, reading);
  return opened.ok ? judge(opened.value, message, reading) : opened;
}

function savedOf({ bytes, peer, receivedAt }: ReceivedMessage): SavedMessage {
  return { bytes, peer: peer.identity, rules: peer.entry.rules, receivedAt };
}

function judge(
  opened: OpenMessage,
  { peer, rules, receivedAt }: SavedMessage,
  reading: ReadingRules,
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

/** What is made of a message that made no event. */
function findingOf(
  problem: Problem,
  message: ReceivedMessage,
  acknowledging: Acknowledging,
  owed: (fate: Acknowledgeable) => Owed,
): ReadMessage["finding"] {
  switch (problem.kind) {
    case "other-pdu": {
      const { messageType } = problem;
      return { kind: "ignored", messageType, advice: findPdu(messageType)?.advice ?? null, owed: owed("other-pdu") };
    }
    case "no-status":
    case "unknown-type":
      return keep(message, problem.kind, null, owed("unreadable"));
    case "event-too-large":
      return keep(message, problem.kind, problem.detail, owed("too-large"));
    case "bounce":
    case "type-outside-header":
    case "not-mm4":
      // Asked first, because what we have sent comes back within a bounce, with its type.
      if (isBounce(problem.kind, message, acknowledging.systemAddress)) return keepBounce(message);
      // Nothing tells what it asks for, and whose it is: it may be an answer of our own that comes back.
      if (problem.kind === "type-outside-header" || (problem.kind === "bounce" && problem.typeOutsideHeader))
        return keep(message, "type-outside-header", null, NOTHING_OWED);
      return { kind: "refused", problem: { kind: "not-mm4" } };
    case "header-too-large":
    case "too-many-fields":
      return { kind: "refused", problem };
  }
}

const NO_IDS: MessageIds = { messageId: null, transactionId: null };

/** Whatever goes wrong here, the reply stands: these ids serve the trace only. */
function idsIn(opened: Result<OpenMessage, Problem> | undefined): MessageIds {
  try {
    return opened?.ok ? readIds(opened.value) : NO_IDS;
  } catch {
    return NO_IDS;
  }
}

/** What a message asks for, and whom it names. */
type Request = AckRequest & Pick<Acknowledgement, "numbers">;

const NOTHING_OWED: Owed = { state: "none" };

/** Null when nothing is owed. */
function readRequest(
  opened: OpenMessage,
  { mailFrom, peer: { entry } }: ReceivedMessage,
  { systemAddress }: Acknowledging,
): Request | null {
  const { rules, acknowledge } = entry;
  if (acknowledge.mode === "off") return null;
  const request = readAckRequest(opened, { mailFrom, rules, systemAddress, always: acknowledge.mode === "always" });
  return request && { ...request, numbers: numbersIn(partiesNamed(opened, rules)) };
}

function owedFor(
  { peer: { identity, entry }, receivedAt }: ReceivedMessage,
  request: Request | null,
  acknowledging: Acknowledging,
  fate: Acknowledgeable,
  eventId: string | null = null,
): Owed {
  if (request === null) return NOTHING_OWED;
  if (!acknowledging.canSend(entry, request.to)) return { state: "undeliverable" };
  const acknowledgement = {
    peer: identity.name,
    eventId,
    receivedAt: receivedAt.toISOString(),
    ...request,
    ...ANSWERS[fate],
  };
  return { state: "owed", acknowledgement };
}

function keep(
  { bytes, peer: { identity: peer }, receivedAt }: ReceivedMessage,
  reason: QuarantineReason,
  detail: string | null,
  owed: Owed,
): Finding {
  const message = { reason, detail, peer, receivedAt: receivedAt.toISOString(), raw: base64(bytes) };
  return { kind: "quarantine", message, owed };
}

/**
 * A bounce has the null sender, so that it never makes another one. RFC 3464 §2,
 * RFC 5321 §4.5.5. It is one by its type, or because it holds the id of a mail of
 * ours: nothing else sends that back.
 *
 * Seen in practice: multipart/mixed (OpenSMTPD), text alone (dma, qmail, sendmail).
 */
function isBounce(
  kind: "bounce" | "not-mm4" | "type-outside-header",
  { bytes, mailFrom }: ReceivedMessage,
  systemAddress: string,
): boolean {
  if (mailFrom !== "") return false;
  if (kind === "bounce") return true;
  const text = Buffer.from(bytes.subarray(0, BOUNDS.bounceBytes.value)).toString("latin1");
  return holdsOwnId(text, systemAddress.slice(systemAddress.lastIndexOf("@") + 1));
}

function keepBounce({ bytes, peer: { identity: peer }, receivedAt }: ReceivedMessage): Finding {
  const raw = base64(bytes.subarray(0, BOUNDS.bounceBytes.value));
  return { kind: "bounce", message: { peer, receivedAt: receivedAt.toISOString(), raw } };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
