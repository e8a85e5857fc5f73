/** Finds entries of the catalogue by what people type. */
import type { CodeEntry } from "../delivery/code.ts";
import { readCode } from "../delivery/code-value.ts";
import type { Catalogue } from "./catalogue.ts";

/**
 * A code (470), its HTTP form (4470), a range (4xx, 400-499), or a word from a name, a tag or an
 * explanation. A number that is not listed is explained by its hundreds.
 */
export function lookUp(wanted: string, { entries, findCode }: Catalogue): readonly CodeEntry[] {
  const what = wanted.trim();
  const between = (from: number, to: number) => entries.filter(({ code }) => code >= from && code <= to);
  const [, from, to] = /^(\d+)-(\d+)$/.exec(what) ?? [];
  if (from !== undefined && to !== undefined) return between(Number(from), Number(to));
  const [, hundreds] = /^(\d)xx$/i.exec(what) ?? [];
  if (hundreds !== undefined) return between(Number(hundreds) * 100, Number(hundreds) * 100 + 99);
  if (/^\d+$/.test(what)) {
    const { number, httpCode } = readCode(what);
    return number === null ? [] : [findCode(number, httpCode)];
  }
  const word = what.toLowerCase();
  return entries.filter(({ name, tag, explanation }) =>
    `${name} ${tag ?? ""} ${explanation}`.toLowerCase().includes(word),
  );
}
