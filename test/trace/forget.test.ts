/** What `mm4d forget` does to the trace. */
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { findTrace } from "../../src/trace/find.ts";
import { forgetInTrace } from "../../src/trace/forget.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { queued, readingBy, received, reported, writeAs10 } from "../support/notes.ts";
import { useRedis } from "../support/redis-of-file.ts";

const own = useRedis();
const concerns = (text: string): boolean => text.includes("12025550155");

test("the trace forgets the notes of a number, those of their events, and their names in the index", async () => {
  const { redis, prefix } = own;
  const writer = createTraceWriter({ place: own, hours: 72, maxBytes: 256 * 2 ** 20 });
  const kim = reported(
    { From: "+12025550155/TYPE=PLMN", "X-Mms-Message-ID": "kim", "X-Mms-Transaction-ID": "tx-kim" },
    "j1",
  );
  const other = reported(
    { From: "+12025550156/TYPE=PLMN", "X-Mms-Message-ID": "kim", "X-Mms-Transaction-ID": "tx-other" },
    "j2",
  );
  const ids = { eventId: kim.ids.eventId, messageId: "kim", transactionId: "tx-kim", numbers: [] };
  const sent = { kind: "acknowledgement", at: kim.at, id: "a1", result: "sent", detail: "250 ok", ids } as const;
  for (const note of [kim, other]) writer.write(note);
  await writer.flush();
  // In a block of its own, without the number.
  writer.write(sent);
  await writer.flush();
  const find = async (wanted: string) => (await findTrace(own, "q", wanted, readingBy())).reports.length;
  // Each finds what was said of the same message too.
  expect([await find("12025550155"), await find("kim"), await find("tx-kim")]).toEqual([2, 2, 2]);
  const indexOf = async () => {
    const keys = (await redis.keys(`${prefix}:mm4d-trace3:*:i*`)).sort();
    return Promise.all(keys.map(async (key) => (await redis.getBuffer(key))?.toString("hex") ?? ""));
  };
  const before = await indexOf();

  expect(await forgetInTrace(own, concerns, new Set(), true)).toBe(2);
  expect(await indexOf()).toEqual(before);
  // Whenever it is stopped, another run does the rest. Of two blocks one goes, and the other is written anew.
  for (const command of ["eval", "unlink", "set"]) {
    const stopped = { redis: stoppedAt(redis, command), prefix };
    await expect(forgetInTrace(stopped, concerns, new Set(), false)).rejects.toThrow(`stopped at ${command}`);
  }
  expect(await find("12025550155")).toBe(0);
  expect(await forgetInTrace(own, concerns, new Set(), false)).toBe(1);
  expect(await forgetInTrace(own, concerns, new Set(), false)).toBe(0);
  expect([await find("12025550155"), await find("tx-kim")]).toEqual([0, 0]);
  expect([await find("12025550156"), await find("kim"), await find("tx-other")]).toEqual([1, 1, 1]);
  // Of the first block: the number, tx-kim and the event; of the second tx-kim, the event and kim. No length changes.
  const after = await indexOf();
  expect(after.map(({ length }) => length)).toEqual(before.map(({ length }) => length));
  expect(after.join("").split("0000000000").length - before.join("").split("0000000000").length).toBe(6);
  for (const key of await redis.keys(`${prefix}:mm4d-trace3:*`)) expect(await redis.ttl(key)).toBeGreaterThan(0);
});

test("what mm4d 1.0 wrote is forgotten too, and what either wrote of the other's events", async () => {
  const fields = { "X-Mms-Message-ID": "kim", "X-Mms-Transaction-ID": "tx-kim" };
  const kim = received({ ...fields, From: "+12025550155/TYPE=PLMN" });
  const own10 = { From: "+12025550157/TYPE=PLMN", "X-Mms-Message-ID": "m-10" };
  const kept10 = received({ From: "+12025550158/TYPE=PLMN", "X-Mms-Message-ID": "kept-10" });
  await writeAs10(own, [kim, queued(kim, "j1"), received(own10), kept10]);
  const writer = createTraceWriter({ place: own, hours: 72, maxBytes: 256 * 2 ** 20 });
  const { eventId } = kim.ids;
  const ids = { eventId, messageId: "kim", transactionId: "tx-kim", numbers: [] };
  writer.write({ kind: "unanswered", at: kim.at, id: "j1", ids });
  // Its number is known to this version alone: behind another name of the event.
  writer.write(reported({ ...own10, To: "+12025550155/TYPE=PLMN" }, "j3"));
  await writer.flush();
  expect(await forgetInTrace(own, concerns, new Set(), true)).toBe(5);
  expect(await forgetInTrace(own, concerns, new Set(), false)).toBe(5);
  const left = async (wanted: string) => (await findTrace(own, "q", wanted, readingBy())).reports.length;
  expect([await left("kim"), await left("tx-kim"), await left("m-10"), await left("kept-10")]).toEqual([0, 0, 0, 1]);
});

/** As one whose process ends before that command. */
function stoppedAt(redis: Redis, command: string): Redis {
  return new Proxy(redis, {
    get(target, name) {
      if (name === command) return () => Promise.reject(new Error(`stopped at ${command}`));
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
