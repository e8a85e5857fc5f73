import { expect, test } from "vitest";
import { createTurns } from "../../src/flow/turns.ts";

/** A loop whose clock goes on by the work only, and whose turns are taken by hand. */
function createLoop() {
  const loop = { ms: 0, turns: [] as (() => void)[], nowMs: () => loop.ms, nextTurn };
  function nextTurn(then: () => void): void {
    loop.turns.push(then);
  }
  return loop;
}

function begun(turnMs = 10) {
  const loop = createLoop();
  const turns = createTurns(turnMs, loop);
  const order: string[] = [];
  return {
    order,
    send: (peer: string, name: string, ms: number) =>
      turns.run(peer, async () => {
        loop.ms += ms;
        order.push(name);
        return name;
      }),
    /** What begins in the next turn; undefined when none is awaited. */
    turn(): readonly string[] | undefined {
      const awaited = loop.turns.shift();
      expect(loop.turns).toEqual([]);
      const before = order.length;
      awaited?.();
      return awaited && order.slice(before);
    },
  };
}

test("work begins at once while the turn has time for it, and the next turn has as much again", async () => {
  const { order, send, turn } = begun();
  const sent = ["1", "2", "3"].map((name) => send("a", name, 3));
  expect(order).toEqual(["1", "2", "3"]);
  expect(await Promise.all(sent)).toEqual(["1", "2", "3"]);
  expect(turn()).toEqual([]);
  expect(turn()).toBe(undefined);
  void send("a", "4", 3);
  expect(order.at(-1)).toBe("4");
});

test("what one peer ends in the same moment takes as many turns as it has work for, and others come in between", async () => {
  const { order, send, turn } = begun();
  const all = Array.from({ length: 6 }, (_, index) => send("a", `a${index}`, 5));
  expect(order).toEqual(["a0", "a1"]);
  all.push(send("b", "b0", 5), send("b", "b1", 5));
  expect(turn()).toEqual(["a2", "b0"]);
  all.push(send("c", "c0", 5));
  expect(turn()).toEqual(["a3", "b1"]);
  expect(turn()).toEqual(["c0", "a4"]);
  expect(turn()).toEqual(["a5"]);
  expect(turn()).toEqual([]);
  expect(turn()).toBe(undefined);
  expect(await Promise.all(all)).toHaveLength(9);
});

test("work longer than a turn has a turn to itself, and what fails fails alone", async () => {
  const { order, send, turn } = begun();
  const turns = createTurns(10);
  await expect(turns.run("a", () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await turns.run("a", async () => "whole")).toBe("whole");
  for (const name of ["1", "2", "3"]) void send("a", name, 100);
  expect(order).toEqual(["1"]);
  expect([turn(), turn(), turn(), turn()]).toEqual([["2"], ["3"], [], undefined]);
});

test("on the event loop, timers run between the turns of a volley", async () => {
  const turns = createTurns(0.001);
  let done = 0;
  const seen: number[] = [];
  const volley = Array.from({ length: 500 }, () =>
    turns.run("a", async () => {
      for (const until = performance.now() + 0.1; performance.now() < until; );
      done += 1;
    }),
  );
  const timer = setInterval(() => seen.push(done), 1);
  await Promise.all(volley);
  clearInterval(timer);
  expect(seen.some((count) => count > 0 && count < 500)).toBe(true);
});
