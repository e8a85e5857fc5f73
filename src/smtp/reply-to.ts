/** Which reply a message gets. There is no `default`, so that a new finding or refusal does not compile without its reply. */
import type { AcceptedMessage, Finding, Refused, RefusedMessage } from "../delivery/fate.ts";
import { REPLIES, type SmtpReply } from "./replies.ts";

export function replyTo(handled: AcceptedMessage | RefusedMessage): SmtpReply {
  return "finding" in handled ? replyToAccepted(handled.finding) : replyToRefused(handled.refused);
}

function replyToAccepted(finding: Finding): SmtpReply {
  switch (finding.kind) {
    case "event":
      return REPLIES.stored;
    case "quarantine":
      return REPLIES.quarantined;
    case "ignored":
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
