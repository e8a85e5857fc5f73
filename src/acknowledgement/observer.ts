/** Who wants to know what becomes of acknowledgements. Each is told a list at a time, in the order in which it happened. */
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { TiedBounce } from "../delivery/bounced.ts";
import type { TriedMmsc } from "./tried-mmscs.ts";

export interface AcknowledgementObserver {
  /** Messages asked to be acknowledged. Never for what is published again. */
  requested(requests: readonly Requested[]): void;
  /** Attempts to send acknowledgements have ended. */
  attempted(attempts: readonly Attempt[]): void;
  /** Bounces were read. Never for what is published again. */
  bounced(bounces: readonly TiedBounce[]): void;
}

/** A message that asked to be acknowledged. */
export interface Requested {
  readonly peer: string;
  /** `undeliverable`: there is nowhere to send it. */
  readonly state: "owed" | "undeliverable";
  /** Whether it is the first undeliverable one of its peer since the peers' entries were read. */
  readonly firstUndeliverable: boolean;
}

/** One attempt to send an acknowledgement. */
export interface Attempt {
  readonly id: string;
  readonly acknowledgement: Acknowledgement;
  /** How many there were, this one included. */
  readonly attempts: number;
  /** `failed`: it is not tried again. */
  readonly result: "sent" | "retried" | "failed";
  /** The MMSC's reply when it was sent, else the reason why it was not. */
  readonly words: string;
  /** What is known of the peer's MMSC since this attempt; null when the attempt did not reach out to it. */
  readonly mmsc: TriedMmsc | null;
}
