/** A message that was saved to a file, or comes on stdin. */
import { readFileSync } from "node:fs";

/** The bytes of a file; `-` is stdin. Throws a sentence when it cannot be read. */
export function readSavedMessage(file: string): Uint8Array {
  try {
    return readFileSync(file === "-" ? 0 : file);
  } catch (cause) {
    throw new Error(`Cannot read ${file === "-" ? "stdin" : file}: ${(cause as Error).message}`);
  }
}
