/** Calls those who want to know of something, one after the other. */
import type { AcknowledgementObserver, AcknowledgementRecorder } from "../acknowledgement/observer.ts";
import type { Observer, Recorder } from "../flow/observer.ts";

/** Of messages. An observer that throws is told of, and stops no other. */
export function tellEach(observers: readonly Recorder[], onFault: (cause: Error) => void): Observer {
  return {
    accepted: inTurn(
      observers.map(({ accepted }) => accepted),
      onFault,
    ),
    refused: inTurn(
      observers.map(({ refused }) => refused),
      onFault,
    ),
    answered: inTurn(
      observers.map(({ answered }) => answered),
      onFault,
    ),
    became: inTurn(
      observers.map(({ became }) => became),
      onFault,
    ),
  };
}

/** Of acknowledgements. An observer that throws is told of, and stops no other. */
export function tellEachOfAcknowledgements(
  observers: readonly AcknowledgementRecorder[],
  onFault: (cause: Error) => void,
): AcknowledgementObserver {
  return {
    requested: inTurn(
      observers.map(({ requested }) => requested),
      onFault,
    ),
    attempted: inTurn(
      observers.map(({ attempted }) => attempted),
      onFault,
    ),
    bounced: inTurn(
      observers.map(({ bounced }) => bounced),
      onFault,
    ),
  };
}

/** Undefined stands for one that does not want to know of it. */
function inTurn<What>(
  tells: readonly (((what: What) => void) | undefined)[],
  onFault: (cause: Error) => void,
): (what: What) => void {
  const wanted = tells.filter((tell) => tell !== undefined);
  return (what) => {
    for (const tell of wanted) {
      try {
        tell(what);
      } catch (cause) {
        onFault(cause as Error);
      }
    }
  };
}
