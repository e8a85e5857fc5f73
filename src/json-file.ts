/** A JSON file that a setting names. */
import { readFileSync } from "node:fs";

/** What is in it. Throws a sentence when it cannot be read, or is no JSON. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new Error(`Cannot use ${path}: ${(cause as Error).message}`);
  }
}
