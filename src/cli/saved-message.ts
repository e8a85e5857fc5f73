/** Reads a message from a file or from stdin. */
import { closeSync, openSync } from "node:fs";
import { BOUNDS } from "../bounds/bounds.ts";
import { bytesAtMost } from "../settings/named-file.ts";

/** The bytes of a file or a pipe; `-` is stdin. Throws a sentence when it cannot be read or does not end. */
export function readSavedMessage(file: string): Uint8Array {
  try {
    if (file === "-") return bytesAtMost(0, BOUNDS.savedMessageBytes.value);
    const handle = openSync(file, "r");
    try {
      return bytesAtMost(handle, BOUNDS.savedMessageBytes.value);
    } finally {
      closeSync(handle);
    }
  } catch (cause) {
    throw new Error(`Cannot read ${file === "-" ? "stdin" : file}: ${(cause as Error).message}`);
  }
}
