/** What a message says, and what is made of it: read, judged, explained. Pure. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { MessageRules, SaidMessage, SavedMessage } from "../delivery/accepted.ts";
import { type Acknowledgeable, type Acknowledgement, type AckRequest, ANSWERS } from "../delivery/acknowledgement.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { MessageIds, Owed, ReadMessage } from "../delivery/fate.ts";
import { interpret } from "../delivery/interpret.ts";
import { makeEvent } from "../delivery/make-event.ts";
import type { PeerRules } from "../delivery/peer-rules.ts";
import type { Problem } from "../delivery/problem.ts";
import type { QuarantineReason } from "../delivery/quarantined.ts";
import { partiesNamed, readAckRequest } from "../mm4/ack-request.ts";
import type { HeaderLimits } from "../mm4/header.ts";
import { findPdu } from "../mm4/pdus.ts";
import { type MessageReading, type OpenMessage, openMessage, readIds, readReport } from "../mm4/read-message.ts";
import { err, ok, type Result } from "../result.ts";
import { numbersIn } from "../text/masking.ts";
import { boundBeyond, sizeBeyond } from "./event-bounds.ts";

/** What reading a message takes besides the message. */
export interface ReadingRules extends MessageReading {
  /** The vendor's, with what an operator has laid over it. */
  readonly catalogue: Catalogue;
  /** The table that a peer's rules name. */
  readonly tableOf: (name: PeerRules["catalogue"]) => Catalogue;
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

/**
 * Reads what was said, by the rules in force when it was: so its event has the same id however often it is read. Never
 * throws: a fault of ours is a finding too.
 */
export function readSaid(said: SaidMessage, reading: ReadingRules, acknowledging: Acknowledging): ReadMessage {
  let opened: Result<OpenMessage, Problem> | undefined;
  let request: Request | null = null;
  let read: Result<DeliveryEvent, Problem>;
  try {
    opened = openMessage(said.said, { decodeWords: reading.decodeWords, headerLimits: NO_LIMITS });
    if (opened.ok) {
      request = readRequest(opened.value, said, acknowledging);
      read = judge(opened.value, { peer: said.peer, rules: said.entry.rules, receivedAt: said.receivedAt }, reading);
    } else read = opened;
  } catch (cause) {
    // The relay cannot mend our own fault by trying for ever: the message waits until we have mended it.
    const detail = ((cause as Error).stack ?? String(cause)).slice(0, BOUNDS.detailLength.value);
    const owed = owedFor(said, request, acknowledging, "internal-error");
    return { said, finding: unreadable(said, "internal-error", detail, owed), ids: idsIn(opened) };
  }
  if (read.ok) {
    const event = read.value;
    const { messageId, transactionId } = event.data;
    const owed = owedFor(said, request, acknowledging, "event", event.id);
    return { said, finding: { kind: "event", event, owed }, ids: { messageId, transactionId } };
  }
  const owed = (fate: Acknowledgeable): Owed => owedFor(said, request, acknowledging, fate);
  return { said, finding: findingOf(read.error, said, owed), ids: idsIn(opened) };
}

/** It was within the limits that were set when it came. */
const NO_LIMITS: HeaderLimits = { bytes: Number.POSITIVE_INFINITY, fields: Number.POSITIVE_INFINITY };

/** A message that is not read, because reading it has ended the process so many times. */
export function leftUnread(said: SaidMessage, ends: number): ReadMessage {
  const detail = `Reading it ended the process ${ends} times`;
  return { said, finding: unreadable(said, "not-read", detail, NOTHING_OWED), ids: NO_IDS };
}

/** Reads, judges and explains one message. */
export function readEvent(message: SavedMessage, reading: ReadingRules): Result<DeliveryEvent, Problem> {
  const opened = openMessage(message.bytes, reading);
  if (!opened.ok) return opened;
  const { peer, rules, receivedAt } = message;
  return judge(opened.value, { peer, rules, receivedAt: receivedAt.toISOString() }, reading);
}

/** What the event of a message depends on besides what it says. */
type Circumstances = Pick<SaidMessage, "peer" | "receivedAt"> & Pick<SavedMessage, "rules">;

function judge(
  opened: OpenMessage,
  { peer, rules, receivedAt }: Circumstances,
  reading: ReadingRules,
): Result<DeliveryEvent, Problem> {
  const { catalogue, source } = reading;
  const table = reading.tableOf(rules.catalogue);
  const report = readReport(opened, rules, reading);
  if (!report.ok) return report;
  const tooMuch = boundBeyond(report.value);
  if (tooMuch !== null) return err({ kind: "event-too-large", detail: tooMuch });
  const judgement = interpret(report.value, rules, table, catalogue);
  const event = makeEvent(report.value, judgement, { peer, receivedAt, source, catalogueVersion: table.version });
  const tooLarge = sizeBeyond(event);
  return tooLarge === null ? ok(event) : err({ kind: "event-too-large", detail: tooLarge });
}

/** What is made of a message that made no event. */
function findingOf(problem: Problem, said: SaidMessage, owed: (fate: Acknowledgeable) => Owed): ReadMessage["finding"] {
  switch (problem.kind) {
    case "other-pdu": {
      const { messageType } = problem;
      return { kind: "ignored", messageType, advice: findPdu(messageType)?.advice ?? null, owed: owed("other-pdu") };
    }
    case "no-status":
    case "unknown-type":
      return unreadable(said, problem.kind, null, owed("unreadable"));
    case "event-too-large":
      return unreadable(said, problem.kind, problem.detail, owed("too-large"));
    case "type-outside-header":
      // Nothing tells what it asks for, and whose it is: it may be an answer of our own that comes back.
      return unreadable(said, "type-outside-header", null, NOTHING_OWED);
    case "bounce":
      if (problem.typeOutsideHeader) return unreadable(said, "type-outside-header", null, NOTHING_OWED);
      return recognisedOtherwise(problem, said);
    case "not-mm4":
    case "header-too-large":
    case "too-many-fields":
      return recognisedOtherwise(problem, said);
  }
}

/** It was answered 250 as something else. That is a fault of ours, and no reason to throw it away. */
function recognisedOtherwise({ kind }: Problem, said: SaidMessage): ReadMessage["finding"] {
  return unreadable(said, "internal-error", `It was taken for ${said.recognised}, and read as ${kind}`, NOTHING_OWED);
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
  { mailFrom, entry }: SaidMessage,
  { systemAddress }: Acknowledging,
): Request | null {
  const { rules, acknowledge } = entry;
  if (acknowledge.mode === "off") return null;
  const request = readAckRequest(opened, { mailFrom, rules, systemAddress, always: acknowledge.mode === "always" });
  return request && { ...request, numbers: numbersIn(partiesNamed(opened, rules)) };
}

function owedFor(
  { peer, entry, receivedAt }: SaidMessage,
  request: Request | null,
  acknowledging: Acknowledging,
  fate: Acknowledgeable,
  eventId: string | null = null,
): Owed {
  if (request === null) return NOTHING_OWED;
  if (!acknowledging.canSend(entry, request.to)) return { state: "undeliverable" };
  const acknowledgement = {
    peer: peer.name,
    eventId,
    receivedAt,
    ...request,
    ...ANSWERS[fate],
  };
  return { state: "owed", acknowledgement };
}

function unreadable(
  { said, bytes, peer, receivedAt }: SaidMessage,
  reason: QuarantineReason,
  detail: string | null,
  owed: Owed,
): ReadMessage["finding"] {
  const raw = Buffer.from(said, "latin1").toString("base64");
  const notKept = bytes > said.length ? { notKept: bytes - said.length } : {};
  return { kind: "quarantine", message: { reason, detail, peer, receivedAt, raw, ...notKept }, owed };
}
