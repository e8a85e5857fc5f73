/** docs/contributing.md: what its recipes ask for, and no other test does; and names in files, where documents tell of both. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FURTHER_CODES } from "../../src/catalogue/further.ts";
import { WARNINGS } from "../../src/delivery/warning.ts";
import { ROOT, readDocument } from "../support/document.ts";

const flat = (text: string): string => text.replace(/\s+/g, " ");
const source = (path: string): string => readFileSync(`${ROOT}${path}`, "utf8");

describe.each(["life-of-a-report", "connecting", "security", "contributing"])("docs/%s.md", (name) => {
  const { text } = readDocument(`docs/${name}.md`);

  test("a name in a file, and the title of a test, stand there", () => {
    for (const [, said = "", path = ""] of flat(text).matchAll(
      /`(\w+)`[^`|.;]{0,12} (?:in|of) `((?:src|test)\/[^`]+\.ts)`/g,
    ))
      expect([path, said, source(path).includes(said)]).toEqual([path, said, true]);
    for (const [, path = "", title = ""] of flat(text).matchAll(/`(test\/[^`]+\.test\.ts)`: "([^"]+)"/g))
      expect([path, title, source(path).includes(title)]).toEqual([path, title, true]);
  });
});

test("every tolerance has a message that needs it", () => {
  const messages = readdirSync(`${ROOT}test/messages`).filter((file) => file.endsWith(".json"));
  const needed = messages.flatMap((file) => JSON.parse(source(`test/messages/${file}`)).data?.warnings ?? []);
  expect(Object.keys(WARNINGS).filter((warning) => !needed.includes(warning))).toEqual([]);
});

test("codes from elsewhere stand in numeric order", () => {
  const codes = FURTHER_CODES.map(({ code }) => code);
  expect(codes).toEqual(codes.toSorted((a, b) => a - b));
});
