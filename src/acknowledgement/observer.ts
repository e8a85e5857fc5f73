/** What an observer of acknowledgements is told. Each call has a list, in the order in which things happened. */
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { TiedBounce } from "../delivery/bounced.ts";
import type { TriedMmsc } from "./tried-mmscs.ts";

export interface AcknowledgementObserver {
  /** Messages asked to be acknowledged. Not told of records that are published again. */
  requested(requests: readonly Requested[]): void;
  /** Attempts to send acknowledgements have ended. */
  attempted(attempts: readonly Attempt[]): void;
  /** Bounces were read. Not told of records that are published again. */
  bounced(bounces: readonly TiedBounce[]): void;
}

/** An observer that wants to know of some of it. */
export type AcknowledgementRecorder = Partial<AcknowledgementObserver>;

/** A message that asked to be acknowledged. */
export interface Requested {
  readonly peer: string;
  /** `undeliverable` when there is nowhere to send it. */
  readonly state: "owed" | "undeliverable";
  /** Whether it is the first undeliverable one of its peer since the peers' entries were read. */
  readonly firstUndeliverable: boolean;
}

/** One attempt to send an acknowledgement. */
export interface Attempt {
  readonly id: string;
  readonly acknowledgement: Acknowledgement;
  /** How many attempts there were, this one included. */
  readonly attempts: number;
  /** `failed` when it is not tried again. */
  readonly result: "sent" | "retried" | "failed";
  /** The MMSC's reply if it was sent, else why it was not. */
  readonly words: string;
  /** What is known about the peer's MMSC after this attempt; null when the attempt did not ask it. */
  readonly mmsc: TriedMmsc | null;
}
