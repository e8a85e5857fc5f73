/**
 * Reads the value of X-Internal-Status-Code. It is read leniently and its text is
 * kept, because no message that holds one was ever published.
 */
import type { Warning } from "./warning.ts";

export interface CodeReading {
  /** The code, with a four-digit HTTP form folded to three; null when the value is no number. */
  readonly number: number | null;
  /** The four digits, when the value was written in its HTTP form. */
  readonly httpCode: number | null;
  readonly warnings: readonly Warning[];
}

/**
 * Takes an integer, with leading zeros, with text after it (`470
 * rejected-spam-detected`, `470/…`), the word "ok", or the four-digit form
 * that is the code plus 4000 (client), 5000 (service) or 9000 (ambiguous).
 */
export function readCode(written: string): CodeReading {
  if (ORDINARY.test(written)) return { number: Number(written), httpCode: null, warnings: [] };
  const text = written
    .trim()
    .replace(/^"(.*)"$/, "$1")
    .trim();
  if (/^ok$/i.test(text)) return { number: 0, httpCode: null, warnings: [] };

  const match = /^(\d+)(?:$|[\s/,;:(-])/.exec(text);
  const digits = match?.[1];
  if (digits === undefined) return { number: null, httpCode: null, warnings: ["code-not-a-number"] };

  const value = Number(digits);
  // Beyond 2^53 the digits could not be told apart, so there is no number to report.
  if (!Number.isSafeInteger(value)) return { number: null, httpCode: null, warnings: ["code-out-of-range"] };
  const warnings: Warning[] = [];
  if (digits.length < text.length) warnings.push("code-with-text");
  if (digits.length > 1 && digits.startsWith("0")) warnings.push("code-zero-padded");
  if (!isHttpForm(value)) return { number: value, httpCode: null, warnings };
  return { number: value % 1000, httpCode: value, warnings: [...warnings, "code-in-http-form"] };
}

/** As nearly all are written. */
const ORDINARY = /^[1-9]\d{0,2}$/;

/**
 * The code as part of an event's id: the folded number, the same for every form of
 * it. But 999 stands for two codes: 9999 is the carrier's, 5999 is Bandwidth's own,
 * and a message may get both. Empty when the value is no number.
 */
export function codeIdentity({ number, httpCode }: Pick<CodeReading, "number" | "httpCode">): string {
  if (number === null) return "";
  return String(httpCode === BANDWIDTHS_999 ? httpCode : number);
}

const BANDWIDTHS_999 = 5999;

/** 4000, 5000 and 9000 themselves are not folded, because 0 would mean success. */
function isHttpForm(value: number): boolean {
  const family = Math.floor(value / 1000);
  return (family === 4 || family === 5 || family === 9) && value % 1000 !== 0;
}
