/** What is drained beside the rest: in order within its lane, and in nobody else's way. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startDrain } from "../../src/journal/drain.ts";
import { type Journal, openJournal } from "../../src/journal/journal.ts";
import { createLanes } from "../../src/journal/lanes.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { recordOf, takeUpTo } from "../support/journal.ts";
import { eventually } from "../support/redis.ts";

/** Every callback that waits has been called when this resolves. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("lanes", () => {
  test("each does one thing at a time, in order, and none waits for another", async () => {
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const lanes = createLanes<string>({
      room: 100,
      work: (item) => {
        begun.push(item);
        return new Promise<void>((resolve) => ends.set(item, resolve));
      },
    });
    await Promise.all(["a1", "a2", "b1", "a3", "b2"].map((item) => lanes.hand(item.slice(0, 1), item, 1)));
    expect(begun).toEqual(["a1", "b1"]);
    ends.get("b1")?.();
    await settled();
    expect(begun).toEqual(["a1", "b1", "b2"]);
    ends.get("a1")?.();
    await settled();
    expect(begun).toEqual(["a1", "b1", "b2", "a2"]);
    for (const item of ["a2", "b2", "a3"]) {
      ends.get(item)?.();
      await settled();
    }
    await lanes.idle();
    expect(begun.length).toBe(5);
  });

  test("one that is full makes its own wait, and takes all of them in the end", async () => {
    const done: number[] = [];
    let held = 0;
    let most = 0;
    const lanes = createLanes<number>({
      room: 10,
      work: async (item) => {
        await settled();
        held -= 4;
        done.push(item);
      },
    });
    const handed: number[] = [];
    for (let item = 0; item < 20; item += 1) {
      void lanes.hand("a", item, 4).then(() => {
        handed.push(item);
        held += 4;
        most = Math.max(most, held);
      });
    }
    await settled();
    expect(handed.length).toBeLessThan(20);
    await lanes.hand("b", 100, 4);
    await eventually(
      () => done.length,
      (length) => length === 21,
    );
    expect(most).toBeLessThanOrEqual(12);
    // What is larger than a lane is taken by an empty one.
    await lanes.hand("a", 21, 1_000);
    await lanes.idle();
    expect(done.at(-1)).toBe(21);
  });
});

describe("bounces of one peer, behind one that is not done with", () => {
  let directory: string;
  let journal: Journal;

  const open = () => openJournal({ directory: join(directory, "journal"), maxBytes: 100_000_000, onFault: () => {} });
  const bounce = (peer: string, id: number): JournalRecord => {
    const record = recordOf(`j${peer}${id}`, { kind: "bounce", text: "x" });
    if (record.kind !== "bounce") throw new Error("It should be a bounce");
    return { ...record, message: { ...record.message, peer: { ...record.message.peer, name: peer } } };
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "mm4d-lanes-"));
  });
  afterEach(async () => {
    await journal.close();
    rmSync(directory, { recursive: true });
  });

  test("hold up no report and no other peer's bounces, and are all there after a stop, in order", async () => {
    journal = await open();
    const published: string[] = [];
    const drain = startDrain({
      journal,
      publish: async ({ id }) => {
        if (id === "jflood0") throw new Error("It takes for ever");
        return id;
      },
      onPublished: ({ id }) => void published.push(id),
      laneOf: (record) => (record.kind === "bounce" ? record.message.peer.name : undefined),
      onTrouble: () => {},
      onRecovered: () => {},
    });
    // Three times as many as are drained at a time.
    const flood = Array.from({ length: 200 }, (_, id) => bounce("flood", id));
    await Promise.all(flood.map((record) => journal.append(record)));
    const others = [1, 2, 3].map((id) => bounce("other", id));
    const report = recordOf("jreport", { kind: "event", text: "x" });
    for (const record of [...others, report]) await journal.append(record);
    await eventually(
      () => published.length,
      (length) => length === 4,
    );
    expect(published.filter((id) => id !== "jreport")).toEqual(others.map(({ id }) => id));
    expect(published).toContain("jreport");
    expect(journal.status().records).toBe(flood.length);
    await drain.stop(50);
    await journal.close();

    journal = await open();
    const left = (await takeUpTo(journal)).map(({ record }) => record.id);
    for (const { id } of flood) expect(left).toContain(id);
    expect(left.filter((id) => id.startsWith("jflood"))).toEqual(flood.map(({ id }) => id));
  });
});
