/** Acknowledging, as an observer of messages: it counts the acknowledgements they asked for, and the bounces that were tied. */
import type { Recorder } from "../flow/observer.ts";
import type { Acknowledgements } from "./acknowledgements.ts";

export function observeMessages(
  acknowledgements: Pick<Acknowledgements, "countOwed" | "bounceRoom" | "countBounces">,
): Recorder {
  return {
    accepted(messages) {
      acknowledgements.countOwed(
        messages.flatMap(({ message, finding }) =>
          finding.kind === "bounce" ? [] : [{ peer: message.peer.identity.name, state: finding.owed.state }],
        ),
      );
    },
    became(fates) {
      for (const fate of fates) {
        if (fate.kind !== "bounce") continue;
        acknowledgements.bounceRoom.broken(fate.id);
        acknowledgements.countBounces([fate.tied]);
      }
    },
  };
}
