/**
 * FIRST HALF OF THE FLOW: one message in, one reply out.
 *
 *   bytes → read → judged → explained → one record on the disk → 250
 *
 * It knows neither SMTP nor Redis: it says what it needs.
 */
import type { ReceivedMessage } from "../delivery/accepted.ts";
import type { AcceptedMessage, Finding, Lack, Owed, Refused, RefusedMessage } from "../delivery/fate.ts";
import { JournalFullError } from "../journal/fault.ts";
import type { Journal } from "../journal/journal.ts";
import type { JournalRecord } from "../journal/record.ts";
import type { Observer, Reply } from "./observer.ts";
import { type Acknowledging, type ReadingRules, type ReadMessage, readMessage } from "./read.ts";
import type { Turns } from "./turns.ts";
import { type QueueStore, withDeadline } from "./without-journal.ts";

export interface AcceptOptions<SmtpReply extends Reply> {
  readonly reading: () => ReadingRules;
  readonly acknowledging: Acknowledging;
  readonly turns: Turns;
  readonly store: Store;
  readonly rooms: Rooms;
  /** A fresh id for a record, unlike any other ever made. */
  readonly recordId: () => string;
  readonly replyTo: (handled: AcceptedMessage | RefusedMessage) => SmtpReply;
  readonly observer: Observer;
}

/** Where records are stored: the journal, or the queue itself (MM4D_ACCEPT=queue). */
export type Store = { readonly journal: Pick<Journal, "append"> } | { readonly queue: QueueStore };

/** The rooms in which messages wait that make no event: each peer has a share of them. */
export interface Rooms {
  readonly quarantine: Room;
  readonly bounces: Room;
}

export interface Room {
  /** Whether one more message of a peer, of so many bytes, may be kept. */
  has(peer: string, bytes: number): boolean;
  /** A message is on its way there, under the id of its record. */
  promised(id: string, message: { readonly peer: string; readonly bytes: number }): void;
  /** It will not come: it could not be stored. */
  broken(id: string): void;
}

/** What is to be answered to a message. */
export interface Answer<SmtpReply> {
  readonly reply: SmtpReply;
  /** Called once: whether the system took the reply, on a connection that was open. */
  readonly onAnswered: (handed: boolean) => void;
}

/** The peer's share of the room for unreadable messages is used up, until a person has looked at them. */
export class QuarantineFullError extends Error {
  override readonly name = "QuarantineFullError";
}

/** So many bounces of one peer are still to be tied that there is no room for more. */
export class BouncesWaitError extends Error {
  override readonly name = "BouncesWaitError";
}

/**
 * Makes what turns one received message into one stored record and its reply.
 *
 * A message that was accepted is ours to lose: only then may the peer hear 250.
 * RFC 5321 §6.1. The acknowledgement that it is owed is part of the same record.
 */
export function createAccept<SmtpReply extends Reply>(
  options: AcceptOptions<SmtpReply>,
): (message: ReceivedMessage) => Promise<Answer<SmtpReply>> {
  const { turns, acknowledging, observer } = options;

  return async (message) => {
    const startedMs = performance.now();
    const reading = options.reading();
    const taken = await turns.run(message.peer.identity.name, async () => {
      const read = readMessage(message, reading, acknowledging);
      return { ids: read.ids, ...(await take(read.finding, options)) };
    });
    const handled = { message, tookMs: performance.now() - startedMs, ...taken };
    if ("finding" in handled) observer.accepted([handled]);
    else observer.refused([handled]);
    const reply = options.replyTo(handled);
    return { reply, onAnswered: (handed) => observer.answered([{ handled, reply, handed }]) };
  };
}

type Taken = Pick<AcceptedMessage, "id" | "finding"> | Pick<RefusedMessage, "refused">;

/** Stores what was found, if there is room for it. */
async function take(
  finding: ReadMessage["finding"],
  options: Pick<AcceptOptions<Reply>, "rooms" | "recordId" | "store">,
): Promise<Taken> {
  if (finding.kind === "refused") return { refused: finding };
  const lack = lackFor(finding, options.rooms);
  if (lack) return { refused: lack };
  const record = recordOf(finding, options.recordId);
  if (record === null) return { id: null, finding };
  const refused = await keep(record, options);
  return refused === null ? { id: record.id, finding } : { refused };
}

/** Null when there is room. */
function lackFor(finding: Finding, rooms: Rooms): Refused | null {
  switch (finding.kind) {
    case "event":
    case "ignored":
      return null;
    case "quarantine": {
      const { peer, raw } = finding.message;
      if (rooms.quarantine.has(peer.name, raw.length)) return null;
      const cause = new QuarantineFullError("The quarantine has no room for more of this peer's messages");
      return { kind: "not-stored", cause, lack: { of: "quarantine", bytes: raw.length } };
    }
    case "bounce": {
      const { peer, raw } = finding.message;
      if (rooms.bounces.has(peer.name, raw.length)) return null;
      const cause = new BouncesWaitError("Too many bounces of this peer wait to be tied to their acknowledgements");
      return { kind: "not-stored", cause, lack: { of: "bounces" } };
    }
  }
}

/** Null when nothing needs to be kept. */
function recordOf(finding: Finding, newId: () => string): JournalRecord | null {
  switch (finding.kind) {
    case "event":
      return { id: newId(), kind: "event", event: finding.event, ...owedIn(finding.owed) };
    case "quarantine":
      return { id: newId(), kind: "quarantine", message: finding.message, ...owedIn(finding.owed) };
    case "ignored": {
      const { acknowledgement } = owedIn(finding.owed);
      return acknowledgement === undefined ? null : { id: newId(), kind: "acknowledgement", acknowledgement };
    }
    case "bounce":
      return { id: newId(), kind: "bounce", message: finding.message };
  }
}

function owedIn(owed: Owed): Pick<Extract<JournalRecord, { kind: "event" }>, "acknowledgement"> {
  return owed.state === "owed" ? { acknowledgement: owed.acknowledgement } : {};
}

/** Null once the record is safe; otherwise, and in time, why that is not certain: then the relay comes again. */
async function keep(
  record: JournalRecord,
  { rooms, store }: Pick<AcceptOptions<Reply>, "rooms" | "store">,
): Promise<Refused | null> {
  const room = promiseRoom(record, rooms);
  try {
    if ("journal" in store) await withDeadline(store.journal.append(record), "The disk");
    else await store.queue.append(record);
    return null;
  } catch (cause) {
    room?.broken(record.id);
    return { kind: "not-stored", cause: cause as Error, lack: shareLacking(cause) };
  }
}

/** Promised before the record is stored, because it may arrive before that is told. Null for what takes no room. */
export function promiseRoom(record: JournalRecord, rooms: Rooms): Room | null {
  if (record.kind !== "quarantine" && record.kind !== "bounce") return null;
  const room = record.kind === "quarantine" ? rooms.quarantine : rooms.bounces;
  const { peer, raw } = record.message;
  room.promised(record.id, { peer: peer.name, bytes: raw.length });
  return room;
}

function shareLacking(cause: unknown): Lack | null {
  return cause instanceof JournalFullError && cause.peer !== null ? { of: "journal-share", peer: cause.peer } : null;
}
