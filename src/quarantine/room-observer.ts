/** The quarantine's room, as an observer of messages: it counts those that arrive or find no room. */
import type { Recorder } from "../flow/observer.ts";
import type { QuarantineRoom, QuarantineUse } from "./room.ts";

/** Calls `onFull` once for each peer, until there is room for its messages again. */
export function observeRoom(
  room: QuarantineRoom,
  onFull: (peer: string, ofPeer: QuarantineUse, ofAll: QuarantineUse) => void,
): Recorder {
  return {
    refused(messages) {
      for (const { message, refused } of messages) {
        if (refused.kind !== "not-stored" || refused.lack?.of !== "quarantine") continue;
        const { name } = message.peer.identity;
        if (room.refused(name, refused.lack.bytes)) onFull(name, room.useOf(name), room.use());
      }
    },
    became(fates) {
      for (const fate of fates) {
        if (fate.kind !== "quarantined") continue;
        const { peer, raw } = fate.message;
        room.arrived(fate.id, { peer: peer.name, bytes: raw.length });
      }
    },
  };
}
