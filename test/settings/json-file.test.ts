/** Where a JSON file stops being JSON. Each version of Node words that differently, and of some faults says no place. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJson } from "../../src/settings/json-file.ts";

function faultOf(text: string): string | null {
  try {
    parseJson(text);
    return null;
  } catch (cause) {
    return (cause as Error).message;
  }
}

test.each([
  ['{\n  "a": [1, 2,]\n}', `line 2, column 14 (unexpected token ']'; the comma before it must go): "a": [1, 2,]`],
  ['{ "a": 1,\n}', "line 2, column 1 (expected double-quoted property name; the comma before it must go): }"],
  ['{\r\n  "a": 1\r\n  "b": 2 }', `line 3, column 3 (expected ',' or '}' after property value): "b": 2 }`],
  ["{ 'a': 1 }", "line 1, column 3 (expected property name or '}'): { 'a': 1 }"],
  ['// peers\n{ "peers": [] }', "line 1, column 1 (unexpected token '/'): // peers"],
  ['{ "a": "b\tc" }', 'line 1, column 10 (bad control character in string literal): { "a": "b\tc" }'],
  ["[01]", "line 1, column 3 (unexpected number): [01]"],
  ["[True]", "line 1, column 2 (unexpected token 'T'): [True]"],
  ["undefined", "line 1, column 1 (unexpected text): undefined"],
  ["{} {}", "line 1, column 4 (unexpected non-whitespace character after JSON): {} {}"],
  ["", "line 1, column 1 (the file ends too early)"],
  ['{ "a":\n', "line 2, column 1 (the file ends too early)"],
])("%j", (text, expected) => {
  expect(faultOf(text)).toBe(`not valid JSON at ${expected}`);
});

test("of a long line the piece around the fault is shown", () => {
  const told = faultOf(`[${"1, ".repeat(10_000)}?${", 2".repeat(10_000)}]`);
  expect(told).toMatch(
    /^not valid JSON at line 1, column 30002 \(unexpected token '\?'\): …(?:, 1|1, |, )+\?(?:, 2)+,?…$/,
  );
  expect(told?.length).toBeLessThan(200);
});

const PLACE = 987_654_321;

test("whatever stands before and behind, a word that JSON has not is found where it is", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.nat({ max: 4 }), (before, behind, indent) => {
      const sound = JSON.stringify({ before, place: [PLACE], behind }, null, indent);
      const lines = sound.slice(0, sound.indexOf(`"place"`)).split("\n").length;
      const text = sound.replace(String(PLACE), "nothing");
      fc.pre(text.indexOf("nothing") === text.lastIndexOf("nothing") && sound.split('"place"').length === 2);
      const at = text.indexOf("nothing") + "n".length;
      const line = lines + (indent === 0 ? 0 : 1);
      const column = at - text.lastIndexOf("\n", at);
      // "n" begins null, and no other letter than "u" goes on with it.
      expect(faultOf(text)).toContain(`not valid JSON at line ${line}, column ${column} (unexpected token 'o')`);
    }),
  );
});

test("what JSON.parse takes is taken, and gives the same", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseJson(text)).toEqual(JSON.parse(text));
    }),
  );
  const letters = fc.constantFrom(..."[]{},:\"'\\ \n01-.eEtrufalsn/");
  fc.assert(
    fc.property(fc.string({ unit: letters, maxLength: 30 }), (text) => {
      const told = faultOf(text);
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      expect(told === null).toBe(isJson);
      if (told !== null) expect(told).toMatch(/^not valid JSON at line \d+, column \d+ \(/);
    }),
    { numRuns: 2_000 },
  );
});
