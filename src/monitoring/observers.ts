/** Calls those who want to know of something, one after the other. */
import type { AcknowledgementObserver, AcknowledgementRecorder } from "../acknowledgement/observer.ts";
import type { Observer, Recorder } from "../flow/observer.ts";

/** Of messages. An observer that throws is told of, and stops no other. */
export function tellEach(observers: readonly Recorder[], onFault: (cause: Error) => void): Observer {
  const each = inTurn(observers, onFault);
  return {
    accepted: (messages) => each((observer) => observer.accepted?.(messages)),
    refused: (messages) => each((observer) => observer.refused?.(messages)),
    answered: (answers) => each((observer) => observer.answered?.(answers)),
    became: (fates) => each((observer) => observer.became?.(fates)),
  };
}

/** Of acknowledgements. An observer that throws is told of, and stops no other. */
export function tellEachOfAcknowledgements(
  observers: readonly AcknowledgementRecorder[],
  onFault: (cause: Error) => void,
): AcknowledgementObserver {
  const each = inTurn(observers, onFault);
  return {
    requested: (requests) => each((observer) => observer.requested?.(requests)),
    attempted: (attempts) => each((observer) => observer.attempted?.(attempts)),
    bounced: (bounces) => each((observer) => observer.bounced?.(bounces)),
  };
}

function inTurn<One>(observers: readonly One[], onFault: (cause: Error) => void) {
  return (tell: (observer: One) => void): void => {
    for (const observer of observers) {
      try {
        tell(observer);
      } catch (cause) {
        onFault(cause as Error);
      }
    }
  };
}
