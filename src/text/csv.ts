/** Lines of CSV, as RFC 4180 has them, that a spreadsheet shows and does not run. */

/** What may stand in a cell. A list stands there with blanks between its parts. */
export type Cell = string | number | boolean | null | readonly (string | number)[];

/** What a line ends with. */
export const CSV_END = "\r\n";

/** One line, with its end. */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(cellOf).join(",")}${CSV_END}`;
}

function cellOf(value: Cell): string {
  const text = value === null ? "" : Array.isArray(value) ? value.join(" ") : String(value);
  // A spreadsheet runs what begins so as a formula, in some languages also in wide letters, and a peer may have written it.
  const harmless = /^[=+\-@\t\r＝＋－＠]/.test(text) && !/^\+[\d*]+$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
