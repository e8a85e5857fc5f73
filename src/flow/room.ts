/** The rooms in which messages wait that make no event: each peer has a share of them. */
import type { JournalRecord } from "../journal/record.ts";

export interface Rooms {
  readonly quarantine: Room;
  readonly bounces: Room;
}

export interface Room {
  /** Whether one more message of a peer, of so many bytes, may be kept. */
  has(peer: string, bytes: number): boolean;
  /** A message is on its way there, under the id of its record. */
  promised(id: string, message: { readonly peer: string; readonly bytes: number }): void;
  /** It will not come: it could not be stored, or belongs elsewhere. */
  broken(id: string): void;
}

/** A room, as it is for messages that have been answered 250 and wait for it. */
export interface AwaitedRoom extends Room {
  /**
   * Whether a message may come now: there is a place for it, or it has one already, because it was tried or has
   * arrived before. Never before what is there has been counted.
   */
  takes(id: string, message: { readonly peer: string; readonly bytes: number }): boolean;
  /** Whether what is there has been counted since the start. */
  isCounted(): boolean;
}

/** The peer's share of the room for unreadable messages is used up, until a person has looked at them. */
export class QuarantineFullError extends Error {
  override readonly name = "QuarantineFullError";
  /** What the message would have taken of the room. */
  readonly bytes: number;
  constructor(bytes: number) {
    super("The quarantine has no room for more of this peer's messages");
    this.bytes = bytes;
  }
}

/** So many bounces of one peer are still to be tied that there is no room for more. */
export class BouncesWaitError extends Error {
  override readonly name = "BouncesWaitError";
  constructor() {
    super("Too many bounces of this peer wait to be tied to their acknowledgements");
  }
}

/** What a message of so many bytes takes of the quarantine, which keeps it in base64. */
export function quarantineBytes(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/**
 * The room that a record takes, if it is known to take any; null for others. Promised before the record is stored,
 * because it may arrive before that is told; and again for each record that an earlier process left.
 */
export function promiseRoom(record: JournalRecord, rooms: Rooms): Room | null {
  const { id } = record;
  switch (record.kind) {
    case "message": {
      const { recognised, peer, said } = record.message;
      if (recognised !== "unreadable") return null;
      rooms.quarantine.promised(id, { peer: peer.name, bytes: quarantineBytes(said.length) });
      return rooms.quarantine;
    }
    case "quarantine":
    case "bounce": {
      const room = record.kind === "quarantine" ? rooms.quarantine : rooms.bounces;
      room.promised(id, { peer: record.message.peer.name, bytes: record.message.raw.length });
      return room;
    }
    case "event":
    case "acknowledgement":
      return null;
  }
}

/** Whether a record was promised its place before it was read. */
export function isPromised(record: JournalRecord): boolean {
  return record.kind !== "message" || record.message.recognised === "unreadable";
}
