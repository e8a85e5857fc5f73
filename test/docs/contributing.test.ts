/** docs/contributing.md, and the names of files in the documents beside it: what is named is there, and what a recipe asks for was done so far. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FURTHER_CODES } from "../../src/catalogue/further.ts";
import { WARNINGS } from "../../src/delivery/warning.ts";
import { ROOT, readDocument } from "../support/document.ts";

const CONTRIBUTING = readDocument("docs/contributing.md");
const flat = (text: string): string => text.replace(/\s+/g, " ");
const source = (path: string): string => readFileSync(`${ROOT}${path}`, "utf8");

describe.each(["life-of-a-report", "connecting", "security", "contributing"])("docs/%s.md", (name) => {
  const { text } = readDocument(`docs/${name}.md`);

  test("names only files that are there", () => {
    const named = [...text.matchAll(/`((?:src|test|ops|docs)\/[^`\s]*|[A-Z]+\.md|package(?:-lock)?\.json)`/g)].flatMap(
      ([, path = ""]) => (/\b[A-Z]{3,}\b(?!\.md)/.test(path) ? [] : [path]),
    );
    for (const path of named) expect([path, existsSync(`${ROOT}${path}`)]).toEqual([path, true]);
  });

  test("a name in a file, and the title of a test, stand there", () => {
    for (const [, said = "", path = ""] of flat(text).matchAll(
      /`(\w+)`[^`|.;]{0,12} (?:in|of) `((?:src|test)\/[^`]+\.ts)`/g,
    ))
      expect([path, said, source(path).includes(said)]).toEqual([path, said, true]);
    for (const [, path = "", title = ""] of flat(text).matchAll(/`(test\/[^`]+\.test\.ts)`: "([^"]+)"/g))
      expect([path, title, source(path).includes(title)]).toEqual([path, title, true]);
  });
});

test("every npm script that is named is one", () => {
  const { scripts } = JSON.parse(source("package.json")) as { scripts: Record<string, string> };
  const named = [...CONTRIBUTING.text.matchAll(/npm run (?:--silent )?([a-z:]+)/g)].map(([, script = ""]) => script);
  expect(named.length).toBeGreaterThan(5);
  for (const script of named) expect([script, script in scripts]).toEqual([script, true]);
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

test("the commit that is shown is about a message that is there", () => {
  const [, covered = ""] = /Covered by (test\/messages\/\S+\.eml)\./.exec(CONTRIBUTING.text) ?? [];
  expect(existsSync(`${ROOT}${covered}`)).toBe(true);
});
