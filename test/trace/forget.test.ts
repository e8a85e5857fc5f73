/** What `mm4d forget` does to the trace. */
import type { Redis } from "ioredis";
import { expect, test } from "vitest";
import { findTrace } from "../../src/trace/find.ts";
import { forgetInTrace } from "../../src/trace/forget.ts";
import { idsOf } from "../../src/trace/note.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport, eventOf, type FieldsOf } from "../support/report.ts";

const own = useRedis();
const concerns = (text: string): boolean => text.includes("12025550155");

test("the trace forgets the notes of a number, those of their events, and their names in the index", async () => {
  const { redis, prefix } = own;
  const writer = createTraceWriter({ place: own, hours: 72, maxBytes: 256 * 2 ** 20 });
  const at = new Date(0).toISOString();
  const queued = (fields: FieldsOf) => {
    const event = eventOf(deliveryReport(fields));
    return { kind: "queued", at, recordId: "j1", duplicateOf: null, ids: idsOf(event), event } as const;
  };
  const kim = queued({ From: "+12025550155/TYPE=PLMN", "X-Mms-Message-ID": "kim", "X-Mms-Transaction-ID": "tx-kim" });
  const other = queued({
    From: "+12025550156/TYPE=PLMN",
    "X-Mms-Message-ID": "kim",
    "X-Mms-Transaction-ID": "tx-other",
  });
  const ids = { eventId: kim.ids.eventId, messageId: "kim", transactionId: "tx-kim", numbers: [] };
  const sent = { kind: "acknowledgement", at, id: "a1", result: "sent", detail: "250 ok", ids } as const;
  for (const note of [kim, other]) writer.write(note);
  await writer.flush();
  // In a block of its own, without the number.
  writer.write(sent);
  await writer.flush();
  const find = async (wanted: string) => (await findTrace(own, "q", wanted)).reports.length;
  // Each finds what was said of the same message too.
  expect([await find("12025550155"), await find("kim"), await find("tx-kim")]).toEqual([2, 2, 2]);
  const indexOf = async () => {
    const keys = (await redis.keys(`${prefix}:mm4d-trace2:*:i*`)).sort();
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
  for (const key of await redis.keys(`${prefix}:mm4d-trace2:*`)) expect(await redis.ttl(key)).toBeGreaterThan(0);
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
