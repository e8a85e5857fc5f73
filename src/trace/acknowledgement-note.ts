/** The trace, as an observer of acknowledgements: it notes their attempts and bounces. */
import type { AcknowledgementRecorder } from "../acknowledgement/observer.ts";
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import { type AcknowledgementResult, idsOfAcknowledgement, type TraceNote } from "./note.ts";

export function traceAcknowledgements(write: (note: TraceNote) => void): AcknowledgementRecorder {
  function add(id: string, acknowledgement: Acknowledgement, result: AcknowledgementResult, detail: string): void {
    const ids = idsOfAcknowledgement(acknowledgement);
    write({ kind: "acknowledgement", at: new Date().toISOString(), id, result, detail, ids });
  }

  return {
    attempted(attempts) {
      for (const { id, acknowledgement, result, words } of attempts) add(id, acknowledgement, result, words);
    },
    bounced(bounces) {
      for (const { id, acknowledgement, action, bounce } of bounces)
        if (acknowledgement && id !== null)
          add(id, acknowledgement, "bounced", `${action} ${bounce.diagnostic ?? ""}`.trim());
    },
  };
}
