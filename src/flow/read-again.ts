/** Reads what is remembered once more, with this version and the catalogue in force. */
import type { SavedMessage } from "../delivery/accepted.ts";
import type { MessageIds } from "../delivery/fate.ts";
import type { PeerRules } from "../delivery/peer-rules.ts";
import { openMessage, readIds } from "../mm4/read-message.ts";
import { type ReadingRules, readEvent } from "./read.ts";

/** A peer, as far as reading depends on it. */
interface KnownPeer {
  readonly name: string;
  readonly rules: PeerRules;
}

/**
 * A reader for what knows nothing of MM4 and of codes: the trace (trace/reading.ts).
 * Both are asked each time, because a file that settings name may change.
 */
export function readingAgain(reading: () => ReadingRules, peers: () => readonly KnownPeer[]) {
  return {
    read: (message: SavedMessage) => readEvent(message, reading()),
    idsIn(message: Uint8Array): MessageIds {
      const opened = openMessage(message, reading());
      return opened.ok ? readIds(opened.value) : { messageId: null, transactionId: null };
    },
    /** Null for a peer that is not known here. */
    rulesOf: (peer: string): PeerRules | null => peers().find(({ name }) => name === peer)?.rules ?? null,
  };
}
