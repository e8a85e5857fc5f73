/**
 * What can become of a message, in two steps: what reading makes of it, by which it
 * is answered; and where that ends, once it is stored. A new kind of either does not
 * compile until every switch over it has a line: those that give nothing end in `satisfies never`.
 */
import type { ReceivedMessage } from "./accepted.ts";
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
  readonly ids: MessageIds;
  /** From the end of the message to what became of it. */
  readonly tookMs: number;
}

/** A message that is answered 250. `id` is its record's; null for one that needs none. */
export type AcceptedMessage = Handled & { readonly id: string | null; readonly finding: Finding };

/** A message that is answered otherwise. */
export type RefusedMessage = Handled & { readonly refused: Refused };

/** Where what was stored has ended. */
export type Fate =
  | { readonly kind: "queued"; readonly id: string; readonly event: DeliveryEvent }
  /** `duplicateOf`: the job that stood for its event already. */
  | {
      readonly kind: "duplicate";
      readonly id: string;
      readonly event: DeliveryEvent;
      readonly duplicateOf: string;
    }
  | { readonly kind: "quarantined"; readonly id: string; readonly message: QuarantinedMessage }
  /** Of it there was only an acknowledgement, which waits to be sent. */
  | { readonly kind: "ignored"; readonly id: string }
  | { readonly kind: "bounce"; readonly id: string; readonly tied: TiedBounce };
