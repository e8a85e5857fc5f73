/**
 * Entries that wait to be written, in blocks. They wait as bytes outside of the heap: as strings, what waits would be
 * copied by the collector, and once more when the block is made.
 */
import { namesOf } from "./blocks.ts";
import type { ReportIds } from "./note.ts";

export interface WaitingBlock {
  /** Its lines and headers are the first `length` of these bytes. */
  readonly bytes: Buffer;
  length: number;
  entries: number;
  /** By which its entries are found. */
  readonly names: Set<string>;
}

export interface WaitingBlocks {
  /** `header`: one character for each byte, as it is to stand behind its line; null for none. */
  add(line: string, header: string | null, ids: ReportIds): void;
  /** The oldest; undefined when nothing waits. No entry is added to it any more. */
  take(): WaitingBlock | undefined;
  /** The bytes of one that was taken, when they are not needed any more. */
  useAgain(bytes: Buffer): void;
  newest(): WaitingBlock | undefined;
  has(block: WaitingBlock): boolean;
  /** Whether the oldest is full. */
  isOneFull(): boolean;
  /** Of all that wait, in bytes. */
  length(): number;
}

/** Limited because a block is read as a whole, which takes some milliseconds at this size. */
export const MAX_ENTRIES_IN_BLOCK = 200;
const MAX_BLOCK_BYTES = 512 * 1024;
const MAX_BYTES_OF_CHARACTER = 3;
const LINE_FEED = 0x0a;

export function createWaitingBlocks(): WaitingBlocks {
  const blocks: WaitingBlock[] = [];
  let length = 0;
  /** Used again, because memory that is new for each block costs more than what is written to it. */
  let spare: Buffer | null = null;

  function open(needed: number): WaitingBlock {
    const bytes =
      spare !== null && needed <= spare.length ? spare : Buffer.allocUnsafe(Math.max(needed, MAX_BLOCK_BYTES));
    if (bytes === spare) spare = null;
    const block = { bytes, length: 0, entries: 0, names: new Set<string>() };
    blocks.push(block);
    return block;
  }

  function isFull(block: WaitingBlock, needed: number): boolean {
    return block.entries === MAX_ENTRIES_IN_BLOCK || block.length + needed > block.bytes.length;
  }

  return {
    add(line, header, ids) {
      const needed = 2 + MAX_BYTES_OF_CHARACTER * line.length + (header?.length ?? 0);
      const last = blocks.at(-1);
      const block = last === undefined || isFull(last, needed) ? open(needed) : last;
      const { bytes } = block;
      let end = block.length;
      if (block.entries > 0) bytes[end++] = LINE_FEED;
      end += bytes.write(line, end);
      if (header !== null) {
        bytes[end++] = LINE_FEED;
        end += bytes.write(header, end, "latin1");
      }
      length += end - block.length;
      block.length = end;
      block.entries += 1;
      for (const name of namesOf(ids)) block.names.add(name);
    },
    take() {
      const block = blocks.shift();
      length -= block?.length ?? 0;
      return block;
    },
    useAgain(bytes) {
      if (bytes.length === MAX_BLOCK_BYTES) spare = bytes;
    },
    newest: () => blocks.at(-1),
    has: (block) => blocks.includes(block),
    isOneFull: () => blocks.length > 1 || blocks[0]?.entries === MAX_ENTRIES_IN_BLOCK,
    length: () => length,
  };
}
