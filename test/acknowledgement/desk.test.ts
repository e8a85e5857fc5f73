/** A person's view of the acknowledgements, where there are many. */
import { Queue } from "bullmq";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Acknowledgements, openAcknowledgements } from "../../src/acknowledgement/desk.ts";
import { acknowledgementsOf, lookingThrough, owedCounts } from "../../src/admin/peer-acknowledgements.ts";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { ACKNOWLEDGEMENTS_QUEUE } from "../../src/settings/queue-names.ts";
import { useRedis } from "../support/redis-of-file.ts";

const own = useRedis();
const OPERATOR = { loggedIn: true, numbers: "masked" } as const;
const MOST = BOUNDS.acknowledgementsLookedAt.value;

const look = lookingThrough(async () => desk);
let queue: Queue;
let desk: Acknowledgements;
beforeEach(async () => {
  const place = { redis: own.redis, prefix: own.prefix };
  queue = new Queue(ACKNOWLEDGEMENTS_QUEUE, { connection: own.redis, prefix: own.prefix });
  desk = openAcknowledgements(place);
  await desk.ready();
});
afterEach(async () => {
  await desk.close();
  await queue.close();
});

const idOf = (index: number) => `a${index.toString(16).padStart(32, "0")}`;

/** So many that are owed, the oldest with the lowest number. */
async function owe(count: number, peer: string, from = 0): Promise<void> {
  const jobs = Array.from({ length: count }, (_, index) => ({
    name: "owed",
    data: {
      peer,
      eventId: `r${index}`,
      messageType: "MM4_delivery_report.RES",
      requestStatus: "Ok",
      messageId: `mm-${from + index}`,
      transactionId: `tx-${from + index}`,
      originator: null,
      to: "x@y.example",
      numbers: [],
    },
    opts: { jobId: idOf(from + index) },
  }));
  for (let at = 0; at < jobs.length; at += 500) await queue.addBulk(jobs.slice(at, at + 500));
}

async function idsIn(list: AsyncIterable<{ readonly id: string }>): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const { id } of list) ids.push(id);
  return ids;
}

test("they are listed from either end, and as many as were asked for", async () => {
  await owe(5, "first");
  expect(await idsIn(desk.list(["owed"]))).toEqual([0, 1, 2, 3, 4].map(idOf));
  expect(await idsIn(desk.list(["owed"], { newestFirst: true, most: 2 }))).toEqual([4, 3].map(idOf));
  expect(await idsIn(desk.list(["owed"], { most: 3 }))).toEqual([0, 1, 2].map(idOf));
});

test("one is found by its id; what is no id of ours is not looked for", async () => {
  await owe(1, "first");
  expect(await desk.find(idOf(0))).toMatchObject({ state: "owed", acknowledgement: { peer: "first" } });
  for (const id of [idOf(1), "meta", "wait", ""]) expect(await desk.find(id)).toBeUndefined();
});

test("of thousands a page looks at so many, and says so; those of another peer are not shown", async () => {
  await owe(MOST + 50, "first");
  await owe(3, "second", MOST + 50);
  expect(await owedCounts(look, 0)).toEqual({
    byPeer: new Map([["first", { owed: MOST, undelivered: 0 }]]),
    complete: false,
  });
  const shown = String(await acknowledgementsOf("first", "open", await look(0, "open"), OPERATOR));
  expect(shown.match(/<tr[ >]/g)?.length).toBe(1 + BOUNDS.listShown.value);
  expect(shown).toContain("There may be more");
  const second = String(await acknowledgementsOf("second", "open", await look(0, "open"), OPERATOR));
  expect(second).toContain("Owed: none.");
  expect(second).toContain("There may be more");
  expect(
    String(await acknowledgementsOf("second", "undelivered", await look(0, "undelivered"), OPERATOR)),
  ).not.toContain("There may be more");
});

test("they are looked through once for all who ask at the same time, and again for who asks then", async () => {
  let times = 0;
  const counted = lookingThrough(async () => {
    times += 1;
    return desk;
  });
  await owe(3, "first");
  const lists = await Promise.all(Array.from({ length: 100 }, () => counted(0, "open")));
  expect([times, new Set(lists.map(({ entries }) => entries.length))]).toEqual([1, new Set([3])]);
  await owe(1, "first", 3);
  expect([(await counted(0, "open")).entries.length, times]).toEqual([4, 2]);
});
