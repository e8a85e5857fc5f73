/** The small parts of the drain, each by itself: pauses, one outage, publishing again. */
import { expect, test } from "vitest";
import { createAgain } from "../../src/flow/again.ts";
import { createPauses } from "../../src/flow/pauses.ts";
import { createTrouble } from "../../src/flow/trouble.ts";

const soon = () => new Promise((resolve) => setTimeout(resolve, 1));

test("a pause ends by itself, and a stop ends all of them", async () => {
  const { pause, endAll } = createPauses();
  await pause(1);
  const long = Promise.all([pause(1_000_000), pause(1_000_000)]);
  endAll();
  await long;
});

test("however many fail, one outage begins once and ends once, with the newest cause between", () => {
  const told: string[] = [];
  const trouble = createTrouble({
    onTrouble: ({ message }) => told.push(message),
    onRecovered: () => told.push("recovered"),
  });
  trouble.begin(new Error("first"));
  trouble.begin(new Error("second"));
  trouble.goOn(new Error("third"));
  expect(trouble.cause()?.message).toBe("third");
  trouble.end();
  expect(trouble.cause()?.message).toBe("third");
  trouble.end();
  expect(trouble.cause()).toBeNull();
  trouble.begin(new Error("fourth"));
  trouble.stop();
  trouble.end();
  expect(told).toEqual(["first", "recovered", "fourth"]);
});

function republishing(count: number) {
  const published: number[] = [];
  const state = { done: 0, underWay: 0, most: 0 };
  const again = createAgain<number>({
    async *unsettled() {
      for (let one = 0; one < count; one += 1) yield one;
    },
    async publish(one) {
      state.underWay += 1;
      state.most = Math.max(state.most, state.underWay);
      await soon();
      state.underWay -= 1;
      published.push(one);
    },
    onDone() {
      state.done += 1;
    },
  });
  return { again, published, state };
}

test("all that has not settled is published again, four at a time", async () => {
  const { again, published, state } = republishing(10);
  await again.publish();
  expect(published.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect([state.most, state.done]).toEqual([4, 1]);
});

test("a second change of Redis begins anew, and only the last one is done", async () => {
  const { again, published, state } = republishing(10);
  await Promise.all([again.publish(), again.publish()]);
  expect(new Set(published).size).toBe(10);
  expect(published.length).toBeLessThan(20);
  expect(state.done).toBe(1);
});

test("a stop leaves the rest, and says that nothing is done", async () => {
  const { again, published, state } = republishing(10);
  const ended = again.publish();
  await soon();
  again.stop();
  await ended;
  expect(published.length).toBeLessThan(10);
  expect(state.done).toBe(0);
});
