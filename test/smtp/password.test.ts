/** Passwords as they are kept: which texts are hashes, and what a hash says. */
import { timingSafeEqual } from "node:crypto";
import { expect, test } from "vitest";
import { derive, hashPassword, readPasswordHash } from "../../src/smtp/password.ts";

test("a hash of ours is read again, and another password has another hash", async () => {
  const read = readPasswordHash(await hashPassword("s3cret"));
  if (!read) throw new Error("A hash of ours should be read");
  const same = async (password: string) => timingSafeEqual(await derive(password, read), read.hash);
  expect([await same("s3cret"), await same("S3cret"), await same("")]).toEqual([true, false, false]);
});

test.each([
  ["", undefined],
  ["s3cret", undefined],
  ["$scrypt$ln=14,r=8,p=1$c2FsdHNhbHRzYWx0$", undefined],
  ["$scrypt$ln=30,r=8,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g", undefined],
  ["$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", undefined],
])("readPasswordHash() refuses %j", (text, expected) => {
  expect(readPasswordHash(text)).toBe(expected);
});
