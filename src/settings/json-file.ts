/** A JSON file that a setting names. */
import { BOUNDS } from "../bounds/bounds.ts";
import { readNamedFile } from "./named-file.ts";

/** Reads it. Throws a sentence when it cannot be read, is too large, or is not JSON; then with line, column and the line. */
export function readJsonFile(path: string): unknown {
  try {
    return parseJson(readNamedFile(path, BOUNDS.settingsFileBytes.value));
  } catch (cause) {
    throw new Error(`Cannot use ${path}: ${(cause as Error).message}`);
  }
}

/** Parses a text that a person wrote. Throws where it stops being JSON, and why. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const { message } = cause as Error;
    const at = placeOf(message, text);
    if (at === undefined) throw new Error(message);
    const { line, column, shown } = whereIs(at, text);
    const where = `not valid JSON at line ${line}, column ${column} (${whyNot(message, at, text)})`;
    throw new Error(shown === "" ? where : `${where}: ${shown}`);
  }
}

/** Node says "at position 63", from version 22 on with line and column too; of an unexpected character it says no place. */
function placeOf(message: string, text: string): number | undefined {
  const [, position] = /at position (\d+)/.exec(message) ?? [];
  if (position !== undefined) return Number(position);
  if (message.startsWith(TOO_SHORT)) return text.length;
  return UNEXPECTED.test(message) ? firstUnexpected(text) : undefined;
}

const TOO_SHORT = "Unexpected end of JSON input";
const UNEXPECTED = / is not valid JSON$/;

/** Up to there the text is the beginning of JSON, which has other faults than one that goes on wrongly. */
function firstUnexpected(text: string): number {
  let [sound, unsound] = [0, text.length];
  while (unsound - sound > 1) {
    const middle = Math.floor((sound + unsound) / 2);
    if (isUnexpectedIn(text.slice(0, middle))) unsound = middle;
    else sound = middle;
  }
  return unsound - 1;
}

function isUnexpectedIn(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (cause) {
    return UNEXPECTED.test((cause as Error).message);
  }
}

/** Around the place, where a line is long. */
const SHOWN_BEFORE = 50;
const SHOWN_BEHIND = 20;

/** Line and column begin with 1, as editors count. */
function whereIs(at: number, text: string): { readonly line: number; readonly column: number; readonly shown: string } {
  const before = text.slice(0, at);
  const begin = before.lastIndexOf("\n") + 1;
  const end = text.indexOf("\n", at);
  const whole = text.slice(begin, end === -1 ? undefined : end).trimEnd();
  const column = at - begin;
  const from = Math.max(0, column - SHOWN_BEFORE);
  const to = column + SHOWN_BEHIND;
  const shown = `${from > 0 ? "…" : ""}${whole.slice(from, to).trim()}${to < whole.length ? "…" : ""}`;
  return { line: before.split("\n").length, column: column + 1, shown };
}

/** Without what {@link whereIs} says better; and the usual reason for an unexpected bracket, which Node does not name. */
function whyNot(message: string, at: number, text: string): string {
  if (message.startsWith(TOO_SHORT)) return "the file ends too early";
  const [said = ""] = /(?: in JSON)? at position \d+|, (?:\.\.\.)?"/.exec(message) ?? [];
  const why = said === "" ? "unexpected text" : message.slice(0, message.indexOf(said)).replace(/^[A-Z]/, lower);
  const isCommaTooMany = /[\]}]/.test(text.charAt(at)) && text.slice(0, at).trimEnd().endsWith(",");
  return isCommaTooMany ? `${why}; the comma before it must go` : why;
}

function lower(letter: string): string {
  return letter.toLowerCase();
}
