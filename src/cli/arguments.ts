/** Values of options on the command line. */
import { closeSync, openSync } from "node:fs";
import { isIP } from "node:net";
import { InvalidArgumentError } from "commander";
import { BOUNDS } from "../bounds/bounds.ts";
import { readAtMost } from "../settings/named-file.ts";

export function readWholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : -1;
    if (value < least || value > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    return value;
  };
}

export const readPort = readWholeNumber(1, 65_535);

export function readAddress(text: string): string {
  if (isIP(text) === 0) throw new InvalidArgumentError("It must be an IP address.");
  return text;
}

/** The text of a file, trimmed. It may be a pipe, as in `--password-file <(…)`, whose writer waits to be read. */
export function readTextFile(path: string): string {
  try {
    const handle = openSync(path, "r");
    try {
      return readAtMost(handle, BOUNDS.settingsFileBytes.value).trim();
    } finally {
      closeSync(handle);
    }
  } catch (cause) {
    throw new InvalidArgumentError(`It must be a file that can be read: ${(cause as Error).message}.`);
  }
}
