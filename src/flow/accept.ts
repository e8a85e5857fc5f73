/**
 * FIRST HALF OF THE FLOW: one message in, one reply out.
 *
 *   bytes → what is it? → is there room? → what was said, on the disk → 250
 *
 * Nothing is read before the 250 but what an honest answer needs. It knows neither
 * SMTP nor Redis: it says what it needs.
 */
import type { ReceivedMessage } from "../delivery/accepted.ts";
import type { AcceptedMessage, Lack, Refused, RefusedMessage } from "../delivery/fate.ts";
import { JournalFullError } from "../journal/fault.ts";
import type { Journal } from "../journal/journal.ts";
import type { JournalRecord } from "../journal/record.ts";
import type { MessageReading } from "../mm4/read-message.ts";
import { fateOf } from "./fate-of.ts";
import type { Observer, Reply } from "./observer.ts";
import type { ReadRecords, Ready } from "./ready.ts";
import { BouncesWaitError, promiseRoom, QuarantineFullError, quarantineBytes, type Rooms } from "./room.ts";
import { type Sorted, sort } from "./sort.ts";
import type { Turns } from "./turns.ts";
import { type QueueStore, withDeadline } from "./without-journal.ts";

export interface AcceptOptions<SmtpReply extends Reply> {
  readonly reading: () => MessageReading;
  /** Our own address. */
  readonly systemAddress: string;
  readonly turns: Turns;
  readonly store: Store;
  readonly rooms: Rooms & { readonly aside: AsideRoom };
  /** A fresh id for a record, unlike any other ever made. */
  readonly recordId: () => string;
  /** Reads what is not stored, because it is only told of. */
  readonly read: ReadRecords;
  readonly replyTo: (handled: AcceptedMessage | RefusedMessage) => SmtpReply;
  readonly observer: Observer;
}

/** Where records are stored: the journal, or the queue itself (MM4D_ACCEPT=queue). */
export type Store = { readonly journal: Pick<Journal, "append"> } | { readonly queue: QueueStore };

/** The room in the journal for messages of which only reading shows that they belong into quarantine, while that is full. */
export interface AsideRoom {
  /** Whether further reports of a peer may be taken in. */
  has(peer: string): boolean;
}

/** What is to be answered to a message. */
export interface Answer<SmtpReply> {
  readonly reply: SmtpReply;
  /** Called once: whether the system took the reply, on a connection that was open. */
  readonly onAnswered: (handed: boolean) => void;
}

/**
 * Makes what turns one received message into one stored record and its reply.
 *
 * A message that was accepted is ours to lose: only then may the peer hear 250. RFC 5321 §6.1.
 */
export function createAccept<SmtpReply extends Reply>(
  options: AcceptOptions<SmtpReply>,
): (message: ReceivedMessage) => Promise<Answer<SmtpReply>> {
  const { turns, observer, reading, systemAddress } = options;

  return async (message) => {
    const startedMs = performance.now();
    const taken = await turns.run(message.peer.identity.name, () =>
      take(sort(message, reading(), systemAddress), message.peer.identity.name, options),
    );
    const handled = handledOf(message, performance.now() - startedMs, taken);
    if ("refused" in handled) observer.refused([handled]);
    else observer.accepted([handled]);
    const reply = options.replyTo(handled);
    return {
      reply,
      onAnswered(handed) {
        // What is not stored, or could not be answered, is read here: that takes as long as a message may want it to.
        void turns.run(message.peer.identity.name, async () => {
          observer.answered([{ handled, reply, handed }]);
          if ("unstored" in taken && taken.unstored !== null) finish(taken.unstored(), options);
        });
      },
    };
  };
}

type Taken =
  | (Pick<AcceptedMessage, "id" | "recognised"> & {
      /** What becomes of a message that need not be stored; null for one that is. */
      readonly unstored: (() => Ready) | null;
    })
  | Lost;

function handledOf(message: ReceivedMessage, tookMs: number, taken: Taken): AcceptedMessage | RefusedMessage {
  if ("refused" in taken) return { message, tookMs, refused: taken.refused };
  return { message, tookMs, id: taken.id, recognised: taken.recognised };
}

type Lost = Pick<RefusedMessage, "refused">;

/** Stores what was said, if there is room for it. */
function take(
  sorted: Sorted,
  peer: string,
  options: Pick<AcceptOptions<Reply>, "rooms" | "recordId" | "read" | "store">,
): Promise<Taken> {
  if (sorted.recognised === null) return Promise.resolve({ refused: { kind: "refused", problem: sorted.refusal } });
  const refused = lackFor(sorted, peer, options.rooms);
  if (refused !== null) return Promise.resolve({ refused });
  const id = options.recordId();
  const { recognised } = sorted;
  const record: JournalRecord =
    recognised === "bounce"
      ? { id, kind: "bounce", message: sorted.bounce }
      : { id, kind: "message", message: sorted.said };
  if (recognised !== "bounce" && !sorted.isStored)
    return Promise.resolve({ id, recognised, unstored: () => options.read(record, 0) });
  return keep(record, { id, recognised, unstored: null }, options);
}

/** What need not be stored is told of. A fault of ours met in reading it is stored all the same, for a person to see. */
function finish(ready: Ready, options: Pick<AcceptOptions<Reply>, "observer" | "rooms" | "store">): void {
  if (ready.job === null) options.observer.became([fateOf(ready, null)]);
  else void keep(ready.record, null, options);
}

/** Null when there is room. */
function lackFor(sorted: Exclude<Sorted, { recognised: null }>, peer: string, rooms: AcceptOptions<Reply>["rooms"]) {
  switch (sorted.recognised) {
    case "other-pdu":
      return null;
    case "report":
      // What is worse than a report that comes again later: one that waits for a person, and takes the journal from others.
      return rooms.aside.has(peer)
        ? null
        : notStored(new QuarantineFullError(quarantineBytes(sorted.said.said.length)));
    case "unreadable": {
      const bytes = quarantineBytes(sorted.said.said.length);
      return rooms.quarantine.has(peer, bytes) ? null : notStored(new QuarantineFullError(bytes));
    }
    case "bounce":
      return rooms.bounces.has(peer, sorted.bounce.raw.length) ? null : notStored(new BouncesWaitError());
  }
}

/** `kept` once the record is safe; otherwise, and in time, why that is not certain: then the relay comes again. */
async function keep<Kept>(
  record: JournalRecord,
  kept: Kept,
  { rooms, store }: Pick<AcceptOptions<Reply>, "rooms" | "store">,
): Promise<Kept | Lost> {
  const room = promiseRoom(record, rooms);
  try {
    if ("journal" in store) await withDeadline(store.journal.append(record), "The disk");
    else await store.queue.append(record);
    return kept;
  } catch (cause) {
    room?.broken(record.id);
    return { refused: notStored(cause as Error) };
  }
}

function notStored(cause: Error): Refused {
  return { kind: "not-stored", cause, lack: lackIn(cause) };
}

function lackIn(cause: Error): Lack | null {
  if (cause instanceof QuarantineFullError) return { of: "quarantine", bytes: cause.bytes };
  if (cause instanceof BouncesWaitError) return { of: "bounces" };
  if (cause instanceof JournalFullError && cause.peer !== null) return { of: "journal-share", peer: cause.peer };
  return null;
}
