/** What is drained beside the rest: in order within its lane, and in nobody else's way. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startDrain } from "../../src/flow/drain.ts";
import { createLanes } from "../../src/flow/lanes.ts";
import { type Journal, openJournal } from "../../src/journal/journal.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { partsOf, UNHEARD } from "../support/drain.ts";
import { recordOf, takeUpTo } from "../support/journal.ts";
import { eachBy } from "../support/publishing.ts";
import { eventually } from "../support/redis.ts";

/** Every callback that waits has been called when this resolves. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("lanes", () => {
  test("each does one thing at a time, in order, and none waits for another", async () => {
    const begun: string[] = [];
    const ends = new Map<string, () => void>();
    const lanes = createLanes<string>({
      room: 100,
      putAside: (item) => async () => item,
      work: (item) => {
        begun.push(item);
        return new Promise<void>((resolve) => ends.set(item, resolve));
      },
    });
    for (const item of ["a1", "a2", "b1", "a3", "b2"]) lanes.hand(item.slice(0, 1), item, 1);
    await settled();
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

  test("one that is full puts aside what comes, without a wait, and does it in its turn; what has gone meanwhile holds nothing up", async () => {
    const done: number[] = [];
    const aside: number[] = [];
    const lanes = createLanes<number>({
      room: 10,
      putAside: (item) => {
        aside.push(item);
        return async () => (item === 7 ? undefined : item);
      },
      work: async (item) => {
        await settled();
        done.push(item);
      },
    });
    for (let item = 0; item < 20; item += 1) lanes.hand("a", item, 4);
    // Two are held, of which one is under way.
    expect(aside).toEqual(Array.from({ length: 18 }, (_, index) => index + 2));
    lanes.hand("b", 100, 4);
    await lanes.idle();
    expect(done.filter((item) => item < 100)).toEqual(
      Array.from({ length: 20 }, (_, item) => item).filter((item) => item !== 7),
    );
    expect(done.indexOf(100)).toBeLessThan(5);
    // What is larger than a lane is taken by an empty one.
    lanes.hand("a", 21, 1_000);
    await lanes.idle();
    expect([done.at(-1), aside.length]).toEqual([21, 18]);
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
      ...partsOf(journal),
      ...UNHEARD,
      publish: eachBy(async ({ id }) => {
        if (id === "jflood0") throw new Error("It takes for ever");
        return id;
      }),
      onPublished: (done) => void published.push(...done.map(({ record }) => record.id)),
      laneOf: (record) => (record.kind === "bounce" ? record.message.peer.name : undefined),
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

  test("those that earlier runs left, more than a lane holds, hold up nobody's report; each is drained in its turn", async () => {
    journal = await open();
    const flood = Array.from({ length: 300 }, (_, id) => bounce("flood", id));
    await Promise.all(flood.map((record) => journal.append(record)));
    await journal.append(recordOf("jreport", { kind: "event", text: "x" }));
    await journal.close();

    const recovered: string[] = [];
    journal = await openJournal({
      directory: join(directory, "journal"),
      maxBytes: 100_000_000,
      onFault: () => {},
      onRecovered: ({ id }) => void recovered.push(id),
    });
    expect(recovered).toEqual([...flood.map(({ id }) => id), "jreport"]);
    const published: string[] = [];
    let goOn = (): void => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const drain = startDrain({
      journal,
      ...partsOf(journal),
      ...UNHEARD,
      publish: eachBy(async ({ id }) => {
        if (id === "jflood0") await held;
        return id;
      }),
      onPublished: (done) => void published.push(...done.map(({ record }) => record.id)),
      laneOf: (record) => (record.kind === "bounce" ? record.message.peer.name : undefined),
      laneBytes: 2_000,
    });
    await eventually(
      () => published.length,
      (length) => length === 1,
    );
    expect(published).toEqual(["jreport"]);
    goOn();
    await eventually(
      () => journal.status().records,
      (records) => records === 0,
    );
    expect(published.slice(1)).toEqual(flood.map(({ id }) => id));
    await drain.stop(50);
  });
});
