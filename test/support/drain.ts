/** What a drain takes besides its journal and its queue, for records that are stored as they are published. */
import { ORDINARY_PEER, type PeerRules } from "../../src/delivery/peer-rules.ts";
import { type Aside, createAside } from "../../src/flow/aside.ts";
import { createReadRecords, type ReadRecords } from "../../src/flow/ready.ts";
import type { AwaitedRoom } from "../../src/flow/room.ts";
import type { Journal } from "../../src/journal/journal.ts";
import type { SaidRecord } from "../../src/journal/record.ts";
import { decodeWords } from "./decode-words.ts";
import { HEADER_LIMITS, PEER } from "./report.ts";
import { saidRecord as recordOf } from "./said-message.ts";
import { tables } from "./tables.ts";

export const ROOM: AwaitedRoom = {
  has: () => true,
  takes: () => true,
  isCounted: () => true,
  promised() {},
  broken() {},
};
export const READING = {
  decodeWords,
  headerLimits: HEADER_LIMITS,
  ...tables(),
  source: "/mm4d/local",
};
export const ACKNOWLEDGING = { systemAddress: "system-user@mm4.example", canSend: () => true };
export const readRecords: ReadRecords = createReadRecords({ reading: () => READING, acknowledging: ACKNOWLEDGING });

/** For a drain of whose calls nobody but the test's own need hear. A fault is none of them. */
export const UNHEARD = {
  onPublished() {},
  onPublishedAgain() {},
  onFault(cause: Error) {
    throw cause;
  },
  onTrouble() {},
  onRecovered() {},
};

/** With room for all. */
export function partsOf(journal: Journal): { readonly read: ReadRecords; readonly aside: Aside } {
  return {
    read: readRecords,
    aside: createAside({ journal, maxBytes: 1e9, quarantine: ROOM, onWaits() {}, onBegin() {}, onOver() {} }),
  };
}

/** What was said, as it is stored. Its peer's messages are acknowledged when they ask. */
export function saidRecord(
  id: string,
  bytes: Uint8Array,
  peer = PEER.name,
  rules: Partial<PeerRules> = {},
): SaidRecord {
  return recordOf(id, bytes, {
    peer: { ...PEER, name: peer },
    entry: { rules: { ...ORDINARY_PEER, ...rules }, acknowledge: { mode: "auto", host: "mmsc.example", to: null } },
    mailFrom: "system-user@mmsc.example",
  });
}
