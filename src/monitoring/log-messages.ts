/** What becomes of messages, in the log: that they came, at their 250; what they say, once they are where they belong. */
import type { ReadMessage } from "../delivery/fate.ts";
import type { Recorder } from "../flow/observer.ts";
import { isUnlisted } from "../text/codes.ts";
import type { Log } from "./log.ts";
import { oncePer } from "./once-per.ts";

const HOUR_MS = 3_600_000;
const MAX_CODES_REMEMBERED = 1_000;

export function logMessages(log: Log): Recorder {
  const oncePerHour = oncePer(HOUR_MS, Number.POSITIVE_INFINITY);
  const isNewCode = oncePer(Number.POSITIVE_INFINITY, MAX_CODES_REMEMBERED);

  /** `id`: of its record. */
  function logRead(id: string, { said, finding }: ReadMessage): void {
    const { sessionId, peer } = said;
    switch (finding.kind) {
      case "event": {
        const { event } = finding;
        const { conflict, reason } = event.data;
        if (conflict) log.reportConflict(event);
        if (isUnlisted(reason) && isNewCode(`${peer.name} ${reason?.code}`)) log.codeUnknown(event);
        return;
      }
      case "quarantine":
        log.messageQuarantined(sessionId, id, finding.message);
        return;
      case "ignored": {
        const { messageType, advice } = finding;
        const isDue = oncePerHour(`${peer.name} ${messageType}`);
        log.messageIgnored(sessionId, peer, messageType, isDue ? advice : null);
        return;
      }
      default:
        finding satisfies never;
    }
  }

  return {
    accepted(messages) {
      for (const message of messages) log.messageAccepted(message);
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
        const { id, read } = fate;
        // What it says was told before it was stored.
        if (read !== null) logRead(id, read);
        const sessionId = read?.said.sessionId ?? null;
        switch (fate.kind) {
          case "queued":
            log.reportPublished(sessionId, fate.event, id);
            break;
          case "duplicate":
            log.reportDuplicate(sessionId, fate.event, fate.duplicateOf);
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
