/**
 * Whether a peer's MMSC is away. An MMSC that has not answered several responses in a row
 * counts as away: after a pause, one response at a time asks it again.
 */
import type { SendResult } from "../delivery/acknowledgement.ts";

/** An MMSC counts as away after this many in a row without an answer, because a single one may be that response's own fault. */
const AWAY_AFTER = 3;
/** The pause before it is asked again doubles, up to this multiple of the first. */
const LONGEST_AWAY = 12;

/** `awayMs` is the first pause. */
export function createAway(awayMs: number) {
  /** How many messages in a row had no answer; `fault` says why the last had none. */
  let unanswered = 0;
  let fault = "";
  let untilMs = 0;
  let asking = false;

  return {
    /**
     * True when this response asks for all others; its caller must call `asked` in the end. False when the MMSC
     * is not away. A result when the response must not be tried now.
     */
    mayAsk(): boolean | SendResult {
      if (unanswered < AWAY_AFTER) return false;
      // One response is asking already. The others wait for its answer, so that none loses an attempt.
      if (asking) return { kind: "busy" };
      if (performance.now() < untilMs) {
        const reason = `Not tried: it came to nothing just before (${fault})`;
        return { kind: "failed", reason, mmsc: "not-asked" };
      }
      asking = true;
      return true;
    },
    asked() {
      asking = false;
    },
    answered() {
      unanswered = 0;
    },
    unanswered(reason: string) {
      unanswered += 1;
      fault = reason;
      const pauses = Math.min(2 ** Math.max(0, unanswered - AWAY_AFTER), LONGEST_AWAY);
      untilMs = performance.now() + awayMs * pauses;
    },
  };
}
