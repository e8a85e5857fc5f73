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
