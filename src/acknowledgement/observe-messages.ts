/** Acknowledging, as an observer of messages: it counts the acknowledgements they asked for, and the bounces that were tied. */
import type { Recorder } from "../flow/observer.ts";
import type { Acknowledgements } from "./acknowledgements.ts";

export function observeMessages(
  acknowledgements: Pick<Acknowledgements, "countOwed" | "bounceRoom" | "countBounces">,
): Recorder {
  return {
    became(fates) {
      acknowledgements.countOwed(
        fates.flatMap(({ read }) =>
          read === null ? [] : [{ peer: read.said.peer.name, state: read.finding.owed.state }],
        ),
      );
      for (const fate of fates) {
        if (fate.kind !== "bounce") continue;
        acknowledgements.bounceRoom.broken(fate.id);
        acknowledgements.countBounces([fate.tied]);
      }
    },
  };
}
