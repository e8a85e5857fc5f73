/** Reading, as it is handed to the trace, which knows nothing of MM4 and of codes. */
import type { SavedMessage } from "../delivery/accepted.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { MessageIds } from "../delivery/fate.ts";
import type { PeerRules } from "../delivery/peer-rules.ts";
import type { Problem } from "../delivery/problem.ts";
import type { Result } from "../result.ts";

/** This version's reader, with the catalogue in force. Each may throw, by a fault of ours. */
export interface TraceReading {
  read(message: SavedMessage): Result<DeliveryEvent, Problem>;
  /** Of a message that need not make an event. */
  idsIn(message: Uint8Array): MessageIds;
  /** By the peer's name; null for a peer that is not known here. */
  rulesOf(peer: string): PeerRules | null;
}
