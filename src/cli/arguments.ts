/** Values of options on the command line. */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { InvalidArgumentError } from "commander";

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

/** What stands in a file, without blanks around it. */
export function readTextFile(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    throw new InvalidArgumentError(`It must be a file that can be read: ${(cause as Error).message}.`);
  }
}
