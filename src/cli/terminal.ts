/**
 * What goes to a terminal, a file or a pipe: the one writer of the command line. It
 * fits there, and whatever a peer wrote into it does no harm. test/layering.test.ts
 * refuses any other.
 */
import { once } from "node:events";
import { type Cell, CSV_END, csvLine } from "../text/csv.ts";
import { visible, visibleJson } from "../text/visible.ts";

/** Prints lines so that they fit the terminal. */
export function printWrapped(lines: readonly string[]): void {
  print(fitted(lines));
}

/** Lines as one text that fits the terminal, broken at blanks. */
export function fitted(lines: readonly string[]): string {
  return lines.flatMap((line) => wrapped(line, columns())).join("\n");
}

/** Prints a text, and ends its line. */
export function print(text: string): void {
  process.stdout.write(`${visible(text)}\n`);
}

/** Prints a piece of a long output, and waits while whoever reads it does not keep up. */
export function printLine(text: string): Promise<void> {
  return written(`${visible(text)}\n`);
}

/** Prints a line of CSV in the same way. It ends as RFC 4180 has it, which a text for people does not. */
export function printCsv(cells: readonly Cell[]): Promise<void> {
  const line = csvLine(cells);
  return written(`${visible(line.slice(0, -CSV_END.length))}${CSV_END}`);
}

async function written(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}

/** A value as JSON: it parses to the same, and holds nothing that cannot be seen. */
export function jsonOf(value: unknown, indent = 0): string {
  return visibleJson(JSON.stringify(value, null, indent));
}

/** Tells something beside the output, on stderr, and ends its line. */
export function tell(text: string): void {
  process.stderr.write(`${visible(text)}\n`);
}

/** What commander prints, with its line ends. */
export const OUTPUT = {
  writeOut: (text: string): void => void process.stdout.write(visible(text)),
  writeErr: (text: string): void => void process.stderr.write(visible(text)),
};

/** Draws the last line of a terminal on stderr anew. */
export function redraw(line: string): void {
  // Of one that breaks, only the last row would be drawn anew.
  process.stderr.write(`\r${cut(line, (process.stderr.columns || 80) - 2)} \x1b[K`);
}

/** The first line of any text, safe for a terminal, indented by two and cut to fit. */
export function firstLine(text: string): string {
  const [line = ""] = text.trim().split(/[\r\n]/, 1);
  return `  ${cut(line, columns() - 2)}`;
}

function cut(line: string, room: number): string {
  const chars = [...visible(line).replaceAll("\t", " ")];
  return chars.length <= room ? chars.join("") : `${chars.slice(0, room - 1).join("")}…`;
}

/** 80 where there is no terminal. */
function columns(): number {
  return process.stdout.columns || 80;
}

/** Breaks a line at blanks, but before no "%", with further lines indented by four. A word that is too long stays whole. */
function wrapped(line: string, width: number): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of visible(line).split(/(?<=\S) (?!%)/)) {
    if (current !== "" && current.length + 1 + word.length > width) {
      lines.push(current);
      current = `    ${word}`;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current];
}
