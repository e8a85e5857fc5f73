/** What goes to a terminal: it fits there, and does no harm. */
import { once } from "node:events";
import { visible } from "../visible.ts";

/** Prints lines so that they fit the terminal. */
export function printWrapped(lines: readonly string[]): void {
  process.stdout.write(`${fitted(lines)}\n`);
}

/** Lines as one text that fits the terminal, broken at blanks. */
export function fitted(lines: readonly string[]): string {
  return lines.flatMap((line) => wrapped(line, columns())).join("\n");
}

/** Prints a piece of a long output, and waits while whoever reads it does not keep up. */
export async function printLine(text: string): Promise<void> {
  if (!process.stdout.write(`${text}\n`)) await once(process.stdout, "drain");
}

/** The first line of any text, safe for a terminal, indented by two and cut to fit. */
export function firstLine(text: string): string {
  const [line = ""] = text.trim().split(/[\r\n]/, 1);
  const room = columns() - 2;
  const chars = [...visible(line).replaceAll("\t", " ")];
  return `  ${chars.length <= room ? chars.join("") : `${chars.slice(0, room - 1).join("")}…`}`;
}

/** 80 where there is no terminal. */
function columns(): number {
  return process.stdout.columns || 80;
}

/** Breaks a line at blanks, with further lines indented by four. A word that is too long stays whole. */
function wrapped(line: string, width: number): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(/(?<=\S) /)) {
    if (current !== "" && current.length + 1 + word.length > width) {
      lines.push(current);
      current = `    ${word}`;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current];
}
