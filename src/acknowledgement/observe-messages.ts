/** Acknowledging, as an observer of messages: it counts the acknowledgements they asked for, and the bounces that were tied. */
import type { Recorder } from "../flow/observer.ts";
import type { Acknowledgements } from "./acknowledgements.ts";

export function observeMessages(
  acknowledgements: Pick<Acknowledgements, "countOwed" | "bounceRoom" | "countBounces">,
): Recorder {
  return {
    became(fates) {
      const requests = fates.flatMap(({ read }) =>
        // Most reports ask for none.
        read === null || read.finding.owed.state === "none"
          ? []
          : [{ peer: read.said.peer.name, state: read.finding.owed.state }],
      );
      if (requests.length > 0) acknowledgements.countOwed(requests);
      for (const fate of fates) {
        if (fate.kind !== "bounce") continue;
        acknowledgements.bounceRoom.broken(fate.id);
        acknowledgements.countBounces([fate.tied]);
      }
    },
  };
}
