/** What becomes of messages, in the log. */
import type { AcceptedMessage } from "../delivery/fate.ts";
import type { Recorder } from "../flow/observer.ts";
import type { Log } from "./log.ts";
import { oncePer } from "./once-per.ts";

const HOUR_MS = 3_600_000;
const MAX_CODES_REMEMBERED = 1_000;

export function logMessages(log: Log): Recorder {
  const oncePerHour = oncePer(HOUR_MS, Number.POSITIVE_INFINITY);
  const isNewCode = oncePer(Number.POSITIVE_INFINITY, MAX_CODES_REMEMBERED);

  function logAccepted({ message, finding, id, tookMs }: AcceptedMessage): void {
    const { sessionId, peer } = message;
    switch (finding.kind) {
      case "event": {
        const { event } = finding;
        const { peer: from, conflict, reason } = event.data;
        log.reportStored(sessionId, event, tookMs);
        if (conflict) log.reportConflict(event);
        if (reason?.known === false && isNewCode(`${from.name} ${reason.code}`)) log.codeUnknown(event);
        return;
      }
      case "quarantine":
        log.messageQuarantined(sessionId, id ?? "", finding.message);
        return;
      case "ignored": {
        const { messageType, advice } = finding;
        const isDue = oncePerHour(`${peer.identity.name} ${messageType}`);
        log.messageIgnored(sessionId, peer.identity, messageType, isDue ? advice : null);
        return;
      }
      // Told once it is read.
      case "bounce":
        return;
      default:
        finding satisfies never;
    }
  }

  return {
    accepted(messages) {
      for (const message of messages) logAccepted(message);
    },
    refused(messages) {
      for (const { message, refused } of messages) {
        const { sessionId, peer } = message;
        if (refused.kind === "refused") log.messageRefused(sessionId, peer.identity, refused.problem.kind);
        else log.messageNotStored(sessionId, peer.identity, refused.cause);
      }
    },
    answered(answers) {
      for (const { handled, reply, handed } of answers) {
        const { sessionId, peer } = handled.message;
        if (!handed) log.replyLost(sessionId, peer.identity, reply);
      }
    },
    became(fates) {
      for (const fate of fates) {
        switch (fate.kind) {
          case "queued":
            log.reportPublished(fate.event, fate.id);
            break;
          case "duplicate":
            log.reportDuplicate(fate.event, fate.duplicateOf);
            break;
          case "quarantined":
          case "ignored":
          case "bounce":
            break;
          default:
            fate satisfies never;
        }
      }
    },
  };
}
