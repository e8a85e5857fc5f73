/** Tells the log of peers that have used up what one peer may have of the journal, while others' records are taken. */
import type { Recorder } from "../flow/observer.ts";
import type { JournalUse } from "./log.ts";
import { oncePer } from "./once-per.ts";

export interface JournalSharesOptions {
  readonly use: () => JournalUse;
  /** Whether no peer has room: then the journal is full, which is told as such. */
  readonly isFullForAll: () => boolean;
  readonly onUsedUp: (peer: string, use: JournalUse) => void;
}

const HOUR_MS = 3_600_000;
const MAX_PEERS = 1_000;

export function watchJournalShares({ use, isFullForAll, onUsedUp }: JournalSharesOptions): Recorder {
  const oncePerHour = oncePer(HOUR_MS, MAX_PEERS);
  return {
    refused(messages) {
      for (const { refused } of messages) {
        if (refused.kind !== "not-stored" || refused.lack?.of !== "journal-share") continue;
        if (!isFullForAll() && oncePerHour(refused.lack.peer)) onUsedUp(refused.lack.peer, use());
      }
    },
  };
}
