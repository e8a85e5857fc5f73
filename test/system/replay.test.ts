/**
 * `mm4d replay` on an archive of three days and four peers: killed, stopped, without Redis.
 * `REPORTS=20000` plays the long version, in which its rate is held from below too.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { connectRedis, redisAt } from "../../src/queue/redis.ts";
import { archiveFile, type Kept, queuedAs } from "../support/archived.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { startReplay } from "../support/replays.ts";
import { deliveryReport, eventOf } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";
import { cleanEnv, MAIN, rowsOf } from "../support/service.ts";

const REPORTS = Number(process.env.REPORTS ?? 1_200);
const IS_LONG = REPORTS >= 20_000;
const PEERS = ["north", "east", "south", "west"] as const;
const HOUR_MS = 3_600_000;
const BEGIN = Date.parse("2026-11-27T00:00:00.000Z");
/** In which three quarters of the reports came, so that replaying it takes a while. */
const MIDDLE = BEGIN + 36 * HOUR_MS;
const SINCE = new Date(MIDDLE).toISOString();
const UNTIL = new Date(MIDDLE + HOUR_MS).toISOString();

let server: TestRedis;
let redis: Redis;
let dataDir: string;
let env: Record<string, string>;

beforeAll(async () => {
  server = await startRedis();
  redis = connectRedis(redisAt(server.url));
  redis.on("error", () => {}); // It is taken away on purpose.
  dataDir = mkdtempSync(join(tmpdir(), "mm4d-replay-"));
  env = cleanEnv({ REDIS_URL: server.url, MM4D_DATA_DIR: dataDir, MM4D_TRACE_HOURS: "72" });
  writeArchive();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
  rmSync(dataDir, { recursive: true });
});
beforeEach(async () => {
  await redis.flushall();
});

/** A file an hour: a quarter of the reports over three days, and the others in the middle hour. */
function writeArchive(): void {
  const times = Array.from({ length: REPORTS }, (_, index) =>
    index % 4 === 0
      ? BEGIN + Math.floor((index / REPORTS) * 72 * HOUR_MS)
      : MIDDLE + Math.floor((index / REPORTS) * HOUR_MS),
  );
  const byHour = new Map<number, Kept[]>();
  for (const [index, ms] of times.entries()) {
    const hour = Math.floor(ms / HOUR_MS);
    byHour.set(hour, [...(byHour.get(hour) ?? []), keptReport(index, ms)]);
  }
  for (const [segment, kept] of [...byHour].sort(([a], [b]) => a - b)) archiveFile(dataDir, kept, { segment });
}

/** Every tenth came again, and is a duplicate of the one before it of its peer; every code is 470 or 902. */
function keptReport(index: number, ms: number): Kept {
  const name = PEERS[hashOf(index) % PEERS.length] ?? "";
  const again = index % 10 === 9;
  const message = again ? index - 1 : index;
  const peer = {
    name: again ? (PEERS[hashOf(index - 1) % PEERS.length] ?? "") : name,
    address: "192.0.2.1",
    helo: null,
    tls: null,
    user: null,
  };
  const bytes = deliveryReport({
    "X-Mms-Message-ID": `"mm-${message}@mmsc.example.net"`,
    "X-Mms-MM-Status-Code": "Rejected",
    "X-Internal-Status-Code": message % 2 === 0 ? "470" : "902",
  });
  const receivedAt = new Date(ms).toISOString();
  const event = eventOf(bytes, {}, peer);
  const became = queuedAs(event.id, receivedAt, {
    outcome: event.data.outcome,
    ...(again ? { kind: "duplicate", duplicateOf: `j${index - 1}` } : {}),
  });
  return { record: saidRecord(`j${index}`, bytes, { receivedAt, peer }), became };
}

function hashOf(index: number): number {
  return createHash("md5").update(String(index)).digest()[0] ?? 0;
}

const mm4d = (...args: readonly string[]) => runCommandWithin([...args], env);

/** A process of its own, which can be killed. */
const start = (...args: readonly string[]) => startReplay(env, ...args);

/** What waits on a queue, in its order, and when each was added. */
async function queued(queue: string): Promise<readonly { readonly event: DeliveryEvent; readonly atMs: number }[]> {
  const ids = (await redis.lrange(`bull:${queue}:wait`, 0, -1)).reverse();
  return Promise.all(
    ids.map(async (id) => {
      const [data, at] = await redis.hmget(`bull:${queue}:${id}`, "data", "timestamp");
      return { event: JSON.parse(data ?? "{}") as DeliveryEvent, atMs: Number(at) };
    }),
  );
}

const published = async (name: string): Promise<number> =>
  Number(await redis.hget(`bull:mm4d-replay:${name}`, "published"));

/** The ids that the export has, found without any of our own reading. */
async function exported(peer: string): Promise<readonly string[]> {
  const { stdout } = await mm4d("archive", "export", "--json", "--full-numbers");
  const ids = stdout.split("\n").flatMap((line) => {
    const [, at = ""] = /^\{"at":"([^"]+)"/.exec(line) ?? [];
    const isMeant = line.includes(`,"peer":"${peer}",`) && at >= SINCE && at < UNTIL;
    return isMeant ? [/"eventId":"(r[0-9a-f]{32})"/.exec(line)?.[1] ?? ""] : [];
  });
  return [...new Set(ids)];
}

const MIDDLE_OF_EAST = ["--since", SINCE, "--until", UNTIL, "--peer", "east", "--to", "billing-2"];

test("the middle hour of one peer, killed half way and gone on with by its name: each event once, in order, at its rate", async () => {
  const ids = await exported("east");
  expect(ids.length).toBeGreaterThan(REPORTS / 8);
  // Of few events so slowly that a machine which stands still for seconds kills it in time. replay-of-days.test.ts
  // kills it three times also without the long version.
  const [rate, parts, whole] = IS_LONG ? ["200", [0.25, 0.5, 0.75], 200] : ["20", [0.1], 400];
  for (const part of parts) {
    const run = start(...MIDDLE_OF_EAST, "--rate", rate, "--name", "bill");
    await eventually(
      () => published("bill"),
      (count) => count >= part * ids.length,
    );
    run.signal("SIGKILL");
    expect(await run.ended).toBe("SIGKILL");
    expect(await published("bill")).toBeLessThan(ids.length);
  }
  const last = start("--name", "bill", "--rate", String(whole));
  expect([await last.ended, last.said()]).toEqual([0, expect.stringContaining(`, ${ids.length} in all runs`)]);
  const there = await queued("billing-2");
  expect(there.map(({ event }) => event.id)).toEqual(ids);
  for (const { event } of there) expect([event.data.replayed, event.data.peer.name]).toEqual([true, "east"]);
  // Nowhere else, and counted nowhere.
  expect(await redis.keys("bull:mm4-delivery-events:*")).toEqual([]);
  expect(await redis.keys("bull:mm4d-statistics*")).toEqual([]);
  expect(await redis.keys("bull:mm4-acknowledgements:*")).toEqual([]);
  // Once more by its name: nothing is left to do.
  const again = await mm4d("replay", "--name", "bill");
  expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('0 events published to "billing-2"')]);

  const unhindered = await mm4d("replay", ...MIDDLE_OF_EAST.slice(0, -2), "--to", "billing-3", "--rate", String(whole));
  expect(unhindered.code).toBe(0);
  const times = (await queued("billing-3")).map(({ atMs }) => atMs);
  expect(times.length).toBe(ids.length);
  const perSecond = (times.length - 1) / (((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000);
  expect(perSecond).toBeLessThan(whole * 1.1);
  // A machine that stands still for a moment shows in a second, and not in a minute.
  if (IS_LONG) expect(perSecond).toBeGreaterThan(whole * 0.9);
});

test("Ctrl-C ends it after a batch, says how to go on, and what was begun like that goes on with the same words", async () => {
  const args = ["--since", "900d", "--peer", "east", "--to", "billing-2", "--rate", "60", "--name", "slow"];
  const run = start(...args);
  await eventually(
    () => published("slow"),
    (count) => count > 0,
  );
  run.signal("SIGINT");
  expect(await run.ended).toBe(130);
  expect(run.said()).toMatch(/^Stopped\. To go on: mm4d replay --name slow$/m);
  expect(await redis.hget("bull:mm4d-replay:slow", "state")).toBe("stopped");
  const stoppedAt = await published("slow");
  expect((await queued("billing-2")).length).toBe(stoppedAt);
  const on = await mm4d("replay", ...args.slice(0, -4), "--rate", "5000", "--name", "slow", "--json");
  expect(on.code).toBe(0);
  const told = JSON.parse(on.stdout);
  expect(told).toMatchObject({ name: "slow", done: true, queue: "billing-2", counts: { before: expect.any(Number) } });
  const ids = (await queued("billing-2")).map(({ event }) => event.id);
  expect([ids.length, new Set(ids).size]).toEqual([told.published, told.published]);
  expect(told.published).toBe(told.counts.published + stoppedAt);
});

test("a name that was used for other reports or another queue is refused, with what it was used for", async () => {
  const first = await mm4d("replay", ...MIDDLE_OF_EAST, "--rate", "5000", "--name", "bill");
  expect(first.code).toBe(0);
  for (const other of [
    ["--since", SINCE, "--until", UNTIL, "--peer", "west", "--to", "billing-2"],
    ["--since", SINCE, "--peer", "east", "--to", "billing-2"],
    ["--since", SINCE, "--until", UNTIL, "--peer", "east", "--to", "billing-3"],
    ["--since", SINCE, "--until", UNTIL, "--peer", "east"],
  ]) {
    const { code, stderr } = await mm4d("replay", ...other, "--name", "bill");
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(
        `the name "bill" is used already, for reports from ${SINCE} until ${UNTIL}, peer east, into "billing-2"`,
      ),
    ]);
  }
  const unknown = await mm4d("replay", "--name", "never");
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('no replay is named "never" here')]);
  expect((await mm4d("replay", "--since", "1h", "--to", "mm4-quarantine")).code).toBe(2);
});

test("what says from no time on, or from one to come, is refused", async () => {
  for (const [args, why] of [
    [["--name", "unknown"], 'no replay is named "unknown" here'],
    [["--name", "unknown", "--dry-run"], "--since must be given with --dry-run"],
    [["--since", "2999-01-01", "--name", "early"], "--since is 2999-01-01T00:00:00.000Z, must be before now"],
  ] as const) {
    const { code, stderr } = await mm4d("replay", ...args);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`Cannot replay: ${why}`)]);
  }
  expect(await redis.keys("*")).toEqual([]);
});

test.skipIf(process.platform !== "linux")("on a terminal it says on one line, which fits, how far it is", async () => {
  const command = [process.execPath, MAIN, "replay", ...MIDDLE_OF_EAST, "--rate", "200"].join(" ");
  // A real terminal of that width. `script` hands on what stands on it.
  const { stdout } = await promisify(execFile)("script", ["-qec", `stty cols 30; exec ${command}`, "/dev/null"], {
    env,
  });
  const shown = stdout.replaceAll("\x1b[K", "<end>");
  const drawn = [...shown.matchAll(/\r([^\r\n]*) <end>/g)].map(([, line = ""]) => line);
  expect(drawn.length).toBeGreaterThan(0);
  for (const line of drawn) expect([line, line.length < 30]).toEqual([line, true]);
  expect(drawn.join("\n")).toMatch(/^(?:\d+ events? published, .*\n?)+$/);
  const counts = drawn.map((line) => Number.parseInt(line, 10));
  expect(counts).toEqual([...counts].sort((a, b) => a - b));
  // What is said at the end has lines of its own.
  expect(shown).toMatch(/<end>\r\n\d+ events published to/);
});

test("two at a time of one name are refused, and Redis may go away and come back meanwhile", async () => {
  const run = start("--since", "900d", "--peer", "north", "--to", "billing-2", "--rate", "20", "--name", "north");
  await eventually(
    () => published("north"),
    (count) => count > 0,
  );
  const second = await mm4d("replay", "--name", "north");
  expect([second.code, second.stderr]).toEqual([1, expect.stringContaining("already, which must end first")]);
  await server.kill();
  await eventually(run.said, (said) => said.includes("; waits for Redis: "));
  await server.start();
  const before = await published("north");
  await eventually(
    () => published("north"),
    (count) => count > before,
  );
  // It can be stopped while Redis is away, too.
  await server.kill();
  await eventually(run.said, (said) => said.split("; waits for Redis: ").length > 2);
  run.signal("SIGTERM");
  expect([await run.ended, run.said()]).toEqual([130, expect.stringContaining("mm4d replay --name north")]);
  await server.start();
  expect((await mm4d("replay", "--name", "north", "--rate", "1000")).code).toBe(0);
  const ids = (await queued("billing-2")).map(({ event }) => event.id);
  const all = rowsOf<{ peer: string; eventId: string }>((await mm4d("archive", "export", "--json")).stdout);
  expect(ids).toEqual([...new Set(all.filter(({ peer }) => peer === "north").map(({ eventId }) => eventId))]);
});

test("--dry-run counts and --diff compares, and neither leaves anything in Redis", async () => {
  const { stdout: all } = await mm4d(
    "archive",
    "export",
    "--json",
    "--peer",
    "east",
    "--since",
    SINCE,
    "--until",
    UNTIL,
  );
  const fates = rowsOf<{ fate: string }>(all).map(({ fate }) => fate);
  const count = (fate: string): number => fates.filter((one) => one === fate).length;
  const dry = await mm4d("replay", ...MIDDLE_OF_EAST, "--rate", "200", "--dry-run");
  const seconds = Math.round(count("queued") / 200);
  expect([dry.code, dry.stdout]).toEqual([
    0,
    expect.stringContaining(
      `${count("queued")} events would be published to "billing-2", in ${seconds} s at 200 a second`,
    ),
  ]);
  expect(dry.stdout).toContain(`${count("duplicate")} reports came again`);
  const same = await mm4d("replay", "--since", "900d", "--diff");
  expect([same.code, same.stdout]).toEqual([0, `0 reports would be read otherwise today, ${REPORTS} as then\n`]);

  const catalogue = join(dataDir, "codes.json");
  writeFileSync(catalogue, JSON.stringify({ codes: [{ code: 902, class: "hard", outcome: "failed" }] }));
  const differing = await runCommandWithin(["replay", "--since", "900d", "--diff"], {
    ...env,
    MM4D_CATALOGUE_FILE: catalogue,
  });
  expect(differing.code).toBe(3);
  expect(differing.stdout).toMatch(
    new RegExp(`^${REPORTS * 0.5 - REPORTS / 10} reports: \\w+ then, failed today, code 902$`, "m"),
  );
  expect(differing.stdout).not.toContain("+12025550100");
  const json = await runCommandWithin(["replay", "--since", "900d", "--diff", "--json"], {
    ...env,
    MM4D_CATALOGUE_FILE: catalogue,
  });
  const [group] = JSON.parse(json.stdout).groups;
  expect([group.today, group.code, group.examples.length]).toEqual(["failed", 902, 3]);
  expect(await redis.keys("*")).toEqual([]);
});

test("a window that is still to come is refused, and an id that was named is shown masked", async () => {
  const future = await mm4d("replay", "--since", "2999-01-01", "--dry-run");
  expect([future.code, future.stderr]).toEqual([
    1,
    expect.stringContaining("--since is 2999-01-01T00:00:00.000Z, must be before now"),
  ]);
  const named = await mm4d("replay", "--since", "900d", "--message-id", "m+12025550155", "--dry-run", "--json");
  expect(JSON.parse(named.stdout).filter).toEqual({ "message-id": "m+*******0155" });
});

test("what a replay has put on a queue of its own is forgotten with its number, once it is consumed", async () => {
  const run = await mm4d("replay", ...MIDDLE_OF_EAST, "--rate", "5000", "--message-id", "mm-614@mmsc.example.net");
  const consumer = startConsumer(server.url, "billing-2");
  try {
    await eventually(
      () => consumer.events.length,
      (count) => count === 1,
    );
  } finally {
    await consumer.stop();
  }
  expect([run.code, run.stdout]).toEqual([0, expect.stringContaining("1 event published")]);
  const { stdout } = await mm4d("forget", "+12025550100", "--json");
  const { removed } = JSON.parse(stdout);
  expect(removed).toContainEqual({ where: "queue billing-2", what: "event", state: "completed", count: 1 });
  expect(removed).toContainEqual({ where: "trace", what: "note", state: null, count: 1 });
});
