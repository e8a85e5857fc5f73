/** A document under docs/ whose marked pieces are held against the program. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface Document {
  readonly text: string;
  /** The fenced text behind `<!-- test: name -->`. */
  block(name: string): string;
  /** The rows of the table behind that mark, a text each cell, without the head. */
  table(name: string): readonly (readonly string[])[];
}

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export function readDocument(path: string): Document {
  const text = readFileSync(`${ROOT}${path}`, "utf8");
  const behind = (name: string, pattern: string): string => {
    const [, found] = new RegExp(`<!-- test: ${name} -->\n${pattern}`).exec(text) ?? [];
    if (found === undefined) throw new Error(`${path} has nothing marked "test: ${name}"`);
    return found;
  };
  return {
    text,
    block: (name) => behind(name, "```\\w*\n([\\s\\S]*?)```\n"),
    table: (name) =>
      behind(name, "((?:\\|.*\n)+)")
        .trimEnd()
        .split("\n")
        .slice(2)
        .map((row) =>
          row
            .slice(1, -1)
            .split("|")
            .map((cell) => cell.trim()),
        ),
  };
}

/** Text in which only what differs from run to run is blotted out, and where a terminal breaks it. */
export function timeless(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "(time)")
    .replace(/\b\d\d:\d\d:\d\d\.\d{3}\b/g, "(time)")
    .replace(/[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000/g, "(time)")
    .replace(/\b([ja])[0-9a-f]{32}\b/g, "$1(id)")
    .replace(/in session\s+\w+/g, "in session (id)")
    .replace(/"sessionId":"\w+"/g, '"sessionId":"(id)"')
    .replace(/(after|in) \d+(?:\.\d)? ms/g, "$1 (ms)")
    .replace(/"tookMs":\d+/g, '"tookMs":(ms)')
    .replace(/\s+/g, " ")
    .trim();
}
