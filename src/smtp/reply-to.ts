/** Which reply a message gets. There is no `default`, so that a new finding or refusal does not compile without its reply. */
import type { Recognised } from "../delivery/accepted.ts";
import type { AcceptedMessage, Refused, RefusedMessage } from "../delivery/fate.ts";
import { REPLIES, type SmtpReply } from "./replies.ts";

export function replyTo(handled: AcceptedMessage | RefusedMessage): SmtpReply {
  return "recognised" in handled ? replyToAccepted(handled.recognised) : replyToRefused(handled.refused);
}

/** What only reading shows, behind the 250, is told to no relay: it could do nothing about it. */
export function replyToAccepted(recognised: Recognised): SmtpReply {
  switch (recognised) {
    case "report":
      return REPLIES.stored;
    case "unreadable":
      return REPLIES.quarantined;
    case "other-pdu":
      return REPLIES.ignored;
    case "bounce":
      return REPLIES.bounce;
  }
}

function replyToRefused(refused: Refused): SmtpReply {
  switch (refused.kind) {
    case "refused":
      return refused.problem.kind === "not-mm4" ? REPLIES.notMm4 : REPLIES.headerTooLarge;
    case "not-stored":
      return REPLIES.notStored;
  }
}
