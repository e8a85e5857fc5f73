import { expect, test } from "vitest";
import { newSessionId } from "../../src/smtp/session-id.ts";

test("ids of sessions are 16 digits of base 32, each digit of every one is random, and none comes twice", () => {
  const ids = Array.from({ length: 2_000 }, newSessionId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !/^[0-9a-v]{16}$/.test(id))).toEqual([]);
  for (let digit = 0; digit < 16; digit++) expect(new Set(ids.map((id) => id[digit])).size).toBe(32);
});
