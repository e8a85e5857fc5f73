/**
 * What can become of a message, in two steps: how it is answered, by what it was taken
 * for; and where it ends, by what reading makes of it. A new kind of either does not
 * compile until every switch over it has a line: those that give nothing end in `satisfies never`.
 */
import type { ReceivedMessage, Recognised, SaidMessage } from "./accepted.ts";
import type { Acknowledgement } from "./acknowledgement.ts";
import type { BouncedMessage, TiedBounce } from "./bounced.ts";
import type { DeliveryEvent } from "./event.ts";
import type { Problem } from "./problem.ts";
import type { QuarantinedMessage } from "./quarantined.ts";

/** What reading makes of a message that is taken. */
export type Finding =
  | { readonly kind: "event"; readonly event: DeliveryEvent; readonly owed: Owed }
  | { readonly kind: "quarantine"; readonly message: QuarantinedMessage; readonly owed: Owed }
  /** A PDU of which no event is made. `advice` is for the operator; null without any. */
  | { readonly kind: "ignored"; readonly messageType: string; readonly advice: string | null; readonly owed: Owed }
  | { readonly kind: "bounce"; readonly message: BouncedMessage };

/** The acknowledgement that its peer is owed; `undeliverable` when there is nowhere to send it. */
export type Owed =
  | { readonly state: "none" | "undeliverable" }
  | { readonly state: "owed"; readonly acknowledgement: Acknowledgement };

/** Problems that sending the same message again can never solve. */
export type Refusal = Extract<Problem, { kind: "not-mm4" | "header-too-large" | "too-many-fields" }>;

/** Why a message is not taken. */
export type Refused =
  | { readonly kind: "refused"; readonly problem: Refusal }
  | { readonly kind: "not-stored"; readonly cause: Error; readonly lack: Lack | null };

/** The room that its peer has used up. */
export type Lack =
  /** `bytes`: how many of it the message would have taken. */
  | { readonly of: "quarantine"; readonly bytes: number }
  | { readonly of: "bounces" }
  /** What one peer may have of the journal: others' messages are stored. */
  | { readonly of: "journal-share"; readonly peer: string };

/** By which a message is found that made no event. */
export interface MessageIds {
  readonly messageId: string | null;
  readonly transactionId: string | null;
}

interface Handled {
  readonly message: ReceivedMessage;
  /** From the end of the message to what became of it. */
  readonly tookMs: number;
}

/** A message that is answered 250, under the id of its record. It has not been read. */
export type AcceptedMessage = Handled & { readonly id: string; readonly recognised: Recognised };

/** A message that is answered otherwise. */
export type RefusedMessage = Handled & { readonly refused: Refused };

/** What was said, and what reading it gave. */
export interface ReadMessage {
  readonly said: SaidMessage;
  readonly finding: Exclude<Finding, { kind: "bounce" }>;
  readonly ids: MessageIds;
}

/**
 * Where what was stored has ended. `read` is null for what was read and told of before it was stored: by mm4d 1.0.0,
 * by a person who replays it, and for a bounce.
 */
export type Fate = { readonly id: string; readonly read: ReadMessage | null } & (
  | { readonly kind: "queued"; readonly event: DeliveryEvent }
  /** `duplicateOf`: the job that stood for its event already. */
  | { readonly kind: "duplicate"; readonly event: DeliveryEvent; readonly duplicateOf: string }
  | { readonly kind: "quarantined"; readonly message: QuarantinedMessage }
  /** A PDU of which no event is made. Its acknowledgement, if it is owed one, waits to be sent. */
  | { readonly kind: "ignored" }
  | { readonly kind: "bounce"; readonly tied: TiedBounce }
);
