import fc from "fast-check";
import { expect, test } from "vitest";
import { createCrowd } from "../../src/smtp/crowd.ts";

test("a crowd holds the same as a Set, whoever leaves, and however often", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant("in" as const), fc.nat())), (steps) => {
      const crowd = createCrowd<object>();
      const set = new Set<object>();
      const ways: { readonly one: object; readonly leave: () => void }[] = [];
      for (const step of steps) {
        if (step === "in") {
          const one = {};
          set.add(one);
          ways.push({ one, leave: crowd.enter(one) });
        } else {
          const way = ways[step % ways.length];
          way?.leave();
          if (way) set.delete(way.one);
        }
        expect(crowd.size).toBe(set.size);
        expect([...crowd].every((one) => set.has(one))).toBe(true);
        expect([...crowd]).toHaveLength(set.size);
      }
    }),
  );
});
