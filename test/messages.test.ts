/**
 * Every oddity seen on the wire is a message under test/messages/ with what is
 * expected of it. The expectations were written from the sources, not from the
 * output; each names its row.
 */
import { readdirSync, readFileSync } from "node:fs";
import { simpleParser } from "mailparser";
import { describe, expect, test } from "vitest";
import type { AckRequest } from "../src/delivery/acknowledgement.ts";
import type { EventData } from "../src/delivery/event.ts";
import { ORDINARY_PEER, type PeerRules } from "../src/delivery/peer-rules.ts";
import type { Problem } from "../src/delivery/problem.ts";
import { readAckRequest } from "../src/mm4/ack-request.ts";
import { readHeader } from "../src/mm4/header.ts";
import { openMessage } from "../src/mm4/read-message.ts";
import { decodeWords } from "./support/decode-words.ts";
import { HEADER_LIMITS, read } from "./support/report.ts";

interface Expected {
  /** What is odd about it, and where that is documented. */
  readonly about: string;
  readonly rules?: Partial<PeerRules>;
  /** When it makes no event. */
  readonly problem?: Problem["kind"];
  /** When it makes one: properties of `data`, each compared whole. `code` is `reason.code`, null for no reason. */
  readonly data?: Partial<Omit<EventData, "raw">> & { readonly code?: number | null };
  /** Fields of `data.raw`, each compared whole. */
  readonly raw?: Readonly<Record<string, string | null>>;
  /** What it asks to be answered, each property compared whole, when it comes from envelope@mmsc.example.net; null for nothing. */
  readonly acknowledgement?: Partial<AckRequest> | null;
  /** Why mailparser reads its header otherwise; absent where both must agree. */
  readonly mailparserDiffers?: string;
}

const DIRECTORY = new URL("messages/", import.meta.url);
const NAMES = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith(".eml"))
  .map((name) => name.slice(0, -".eml".length));

describe.each(NAMES)("test/messages/%s.eml", (name) => {
  const bytes = readFileSync(new URL(`${name}.eml`, DIRECTORY));
  const expected = JSON.parse(readFileSync(new URL(`${name}.json`, DIRECTORY), "utf8")) as Expected;

  test(expected.about, () => {
    const result = read(bytes, expected.rules);
    if (expected.problem !== undefined) {
      expect(result.ok ? result.value : result.error.kind).toBe(expected.problem);
      return;
    }
    if (!result.ok) throw new Error(`No event: ${result.error.kind}`);
    const { data } = result.value;
    const actual: Record<string, unknown> = {
      ...data,
      code: data.reason?.code ?? null,
      warnings: data.warnings.toSorted(),
    };
    const wanted: Record<string, unknown> = { ...expected.data };
    if (expected.data?.warnings) wanted.warnings = expected.data.warnings.toSorted();
    expect(Object.keys(wanted).length).toBeGreaterThan(0);
    expect(Object.fromEntries(Object.keys(wanted).map((key) => [key, actual[key]]))).toEqual(wanted);
    for (const [field, value] of Object.entries(expected.raw ?? {}))
      expect([field, data.raw[field]]).toEqual([field, value]);
  });

  if (expected.acknowledgement !== undefined)
    test("it asks for what it asks for", () => {
      const opened = openMessage(bytes, { decodeWords, headerLimits: HEADER_LIMITS });
      if (!opened.ok) throw new Error(opened.error.kind);
      const asked = readAckRequest(opened.value, {
        mailFrom: "envelope@mmsc.example.net",
        systemAddress: "system-user@mm4.example.org",
        rules: ORDINARY_PEER,
        always: false,
      });
      if (expected.acknowledgement) expect(asked).toMatchObject(expected.acknowledgement);
      else expect(asked).toBe(null);
    });

  test.skipIf(expected.mailparserDiffers !== undefined)(
    "mailparser sees the same fields in the same order",
    async () => {
      const header = readHeader(bytes, HEADER_LIMITS);
      if (!header.ok) throw new Error(header.error.kind);
      const { headerLines } = await simpleParser(bytes);
      const theirs = headerLines.map(({ key, line }) => [key, unfolded(line.slice(line.indexOf(":") + 1))]);
      expect(header.value.fields.map((field) => [field.key, unfolded(field.bytes)])).toEqual(theirs);
    },
  );
});

test("every message has its expectation, and every expectation its message", () => {
  const files = readdirSync(DIRECTORY);
  expect(files.filter((file) => !NAMES.includes(file.replace(/\.(eml|json)$/, "")))).toEqual([]);
  expect(files.length).toBe(NAMES.length * 2);
});

test("numbers in messages come from the ranges reserved for fiction", () => {
  for (const name of NAMES) {
    const text = readFileSync(new URL(`${name}.eml`, DIRECTORY), "latin1");
    // The North American one, and Ofcom's, where a number must begin with 0. Folds and too many digits are on purpose.
    for (const [number] of text.replaceAll(/\r?\n[ \t]/g, "").matchAll(/\+\d{7,}/g))
      expect([name, number]).toEqual([
        name,
        expect.stringMatching(/^\+(?:(?:00)?1\d{3}555(?:01\d\d(?:12345)?)?|07700900\d{3})$/),
      ]);
  }
});

function unfolded(value: string): string {
  return value.replace(/[ \t]*\r?\n[ \t]+/g, " ").trim();
}
