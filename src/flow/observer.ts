/**
 * Who wants to know what becomes of messages. Each is told a list at a time, in the
 * order in which it happened, and never of what is published again.
 */
import type { AcceptedMessage, Fate, RefusedMessage } from "../delivery/fate.ts";

export interface Observer {
  /** Stored, and about to be answered 250. */
  accepted(messages: readonly AcceptedMessage[]): void;
  /** About to be answered otherwise. */
  refused(messages: readonly RefusedMessage[]): void;
  /** Answered, or not any more. */
  answered(answers: readonly Answered[]): void;
  /** What was stored is where it belongs. */
  became(fates: readonly Fate[]): void;
}

export interface Answered {
  readonly handled: AcceptedMessage | RefusedMessage;
  readonly reply: Reply;
  /** Whether the system took the reply, on a connection that was open. */
  readonly handed: boolean;
}

/** An SMTP reply, as far as it is told. */
export interface Reply {
  readonly code: number;
  readonly text: string;
}

/** An observer that wants to know of some of it. */
export type Recorder = Partial<Observer>;
