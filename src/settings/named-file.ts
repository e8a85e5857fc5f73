/**
 * Reads a file that a setting names. A pipe, a device or a huge file in its place neither
 * blocks the process nor fills its memory.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";

const { O_NOCTTY, O_NONBLOCK, O_RDONLY } = constants;
const PIECE_BYTES = 65_536;

/** Reads the whole file as UTF-8. Throws why it cannot be used. Links are followed, because secrets in containers are links. */
export function readNamedFile(path: string, maxBytes: number): string {
  return readNamedBytes(path, maxBytes).toString("utf8");
}

/** Does the same, and gives bytes. */
export function readNamedBytes(path: string, maxBytes: number): Buffer {
  // Without O_NONBLOCK, opening a pipe waits until something writes to it.
  const handle = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  try {
    const stats = fstatSync(handle);
    if (!stats.isFile()) throw new Error(`it is ${kindOf(stats)}, must be a file`);
    return bytesAtMost(handle, maxBytes);
  } finally {
    closeSync(handle);
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a directory";
  if (stats.isFIFO()) return "a pipe";
  return stats.isSocket() ? "a socket" : "a device";
}

/**
 * Reads to the end, as UTF-8. It does not trust the file's size, because some file systems
 * tell none, and a file may grow meanwhile.
 */
export function readAtMost(handle: number, maxBytes: number): string {
  return bytesAtMost(handle, maxBytes).toString("utf8");
}

/** Does the same, and gives bytes. */
export function bytesAtMost(handle: number, maxBytes: number): Buffer {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const piece = new Uint8Array(PIECE_BYTES);
    const read = readSync(handle, piece);
    if (read === 0) return Buffer.concat(pieces);
    bytes += read;
    if (bytes > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes, must be smaller`);
    pieces.push(piece.subarray(0, read));
  }
}
