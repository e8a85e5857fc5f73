import { expect, test } from "vitest";
import { readCode } from "../../src/delivery/code-value.ts";

test.each([
  ["470", 470, null, []],
  ["0", 0, null, []],
  ["00", 0, null, ["code-zero-padded"]],
  ["ok", 0, null, []],
  ["OK", 0, null, []],
  ['"470"', 470, null, []],
  ["0470", 470, null, ["code-zero-padded"]],
  ["470 rejected-spam-detected", 470, null, ["code-with-text"]],
  ["470/rejected", 470, null, ["code-with-text"]],
  ["4470", 470, 4470, ["code-in-http-form"]],
  ["9902", 902, 9902, ["code-in-http-form"]],
  ["5999", 999, 5999, ["code-in-http-form"]],
  ["4001", 1, 4001, ["code-in-http-form"]],
  ["4000", 4000, null, []],
  ["6470", 6470, null, []],
  ["888", 888, null, []],
  ["none", null, null, ["code-not-a-number"]],
  ["-1", null, null, ["code-not-a-number"]],
  ["47x", null, null, ["code-not-a-number"]],
  ["4.7", null, null, ["code-not-a-number"]],
  ["9".repeat(20), null, null, ["code-out-of-range"]],
  ["9".repeat(60_000), null, null, ["code-out-of-range"]],
])("readCode() reads %j as %s", (written, number, httpCode, warnings) => {
  expect(readCode(written)).toEqual({ number, httpCode, warnings });
});
