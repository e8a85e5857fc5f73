/** What a drain takes besides its journal and its queue, for records that are stored as they are published. */
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { type Aside, createAside } from "../../src/flow/aside.ts";
import { createReadRecords, type ReadRecords } from "../../src/flow/ready.ts";
import type { Room } from "../../src/flow/room.ts";
import type { Journal } from "../../src/journal/journal.ts";
import { decodeWords } from "./decode-words.ts";
import { HEADER_LIMITS } from "./report.ts";

export const ROOM: Room = { has: () => true, promised() {}, broken() {} };
export const READING = {
  decodeWords,
  headerLimits: HEADER_LIMITS,
  catalogue: createCatalogue(),
  source: "/mm4d/local",
};
export const ACKNOWLEDGING = { systemAddress: "system-user@mm4.example", canSend: () => true };
export const readRecords: ReadRecords = createReadRecords({ reading: () => READING, acknowledging: ACKNOWLEDGING });

/** With room for all. */
export function partsOf(journal: Journal): { readonly read: ReadRecords; readonly aside: Aside } {
  return {
    read: readRecords,
    aside: createAside({ journal, maxBytes: 1e9, quarantine: ROOM, onWaits() {}, onBegin() {}, onOver() {} }),
  };
}
