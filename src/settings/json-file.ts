/** A JSON file that a setting names. */
import { BOUNDS } from "../bounds/bounds.ts";
import { readNamedFile } from "./named-file.ts";

/** Reads it. Throws a sentence when it cannot be read, is too large, or is no JSON. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readNamedFile(path, BOUNDS.settingsFileBytes.value));
  } catch (cause) {
    throw new Error(`Cannot use ${path}: ${(cause as Error).message}`);
  }
}
