/** How many works run at a time, and in which order. */
import { expect, test } from "vitest";
import { createTurns } from "../../src/acknowledgement/turns.ts";

/** Lets everything that is due in this turn of the event loop happen. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("no more than so many run at a time, and those that wait begin in the order of coming", async () => {
  const inTurn = createTurns(2);
  const begun: string[] = [];
  const end = new Map<string, () => void>();
  const work = (name: string) =>
    inTurn(() => {
      begun.push(name);
      return new Promise<string>((resolve) => end.set(name, () => resolve(name)));
    });
  const works = ["first", "second", "third", "fourth"].map(work);
  await settle();
  expect(begun).toEqual(["first", "second"]);
  end.get("second")?.();
  await settle();
  expect(begun).toEqual(["first", "second", "third"]);
  end.get("first")?.();
  await settle();
  end.get("third")?.();
  end.get("fourth")?.();
  expect(await Promise.all(works)).toEqual(["first", "second", "third", "fourth"]);
});

test("a work that fails gives its place on, and a newcomer does not take it from one that waits", async () => {
  const inTurn = createTurns(1);
  const begun: string[] = [];
  let fail = (): void => {};
  const first = inTurn(() => new Promise<never>((_, reject) => (fail = () => reject(new Error("broken")))));
  const waits = inTurn(async () => void begun.push("waits"));
  await settle();
  fail();
  await expect(first).rejects.toThrow("broken");
  await Promise.all([waits, inTurn(async () => void begun.push("newcomer"))]);
  expect(begun).toEqual(["waits", "newcomer"]);
});
