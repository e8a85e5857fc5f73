/**
 * What each earlier version left behind is read by the one of now, from the disk
 * and from Redis: all that was answered 250 and not consumed is consumed once,
 * all that is owed is sent once, and a person finds what was there.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { type Once, redisOnce } from "../../src/consumer/index.ts";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { loadCursor } from "../../src/journal/cursor.ts";
import { SEVERAL } from "../../src/journal/retention.ts";
import { journalDirectory, processDirectory } from "../../src/process/directories.ts";
import { statesOfAcks } from "../support/acks.ts";
import { archivedIn, archiveFiles, placeOfArchive } from "../support/archive.ts";
import { type Carrier, createCarriers, fieldsOf } from "../support/carrier.ts";
import { consume } from "../support/consumer.ts";
import { faketime } from "../support/faketime.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { valid } from "../support/schema.ts";
import { cleanEnv, rowsOf, runCommand, startServiceProcess, type TestService } from "../support/service.ts";
import {
  CARRIERS,
  type CarrierName,
  type Debt,
  type Fate,
  FURTHER_QUEUE,
  type LeftBehind,
  putBack,
  type Sent,
  versionsLeftBehind,
} from "./left-behind.ts";
import { readKeys } from "./redis-content.ts";

const QUEUE = "mm4-delivery-events";
/** Of a service that was stopped in the middle: on the queue, or still to come there. */
const TO_COME: readonly Fate[] = ["to be tried again", "in hand", "waiting", "in the journal"];
const COUNTED: readonly Fate[] = ["consumed", "failed", "to be tried again", "in hand", "waiting"];

const OWED: readonly Debt[] = ["sending", "retrying", "in the journal"];

const stopping: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stopping.splice(0).reverse()) await stop();
});

describe.each(versionsLeftBehind())("what $version left behind", (left) => {
  const byFate = (...fates: readonly Fate[]) => left.sent.filter(({ fate }) => fates.includes(fate));

  test("the command line finds it, before any service is started on it", async () => {
    const { env } = await setUp(left);
    const verified = await runCommand(["journal", "verify"], env);
    expect([verified.code, verified.stdout.match(/every record is whole/g)?.length]).toEqual([0, 2]);
    const journals = documents((await runCommand(["journal", "status", "--json"], env)).stdout);
    const waiting = left.sent.filter(
      ({ fate, debt, id }) => fate.endsWith("in the journal") || debt === "in the journal" || id === "up-bounce",
    );
    expect(journals.reduce((sum, journal) => sum + Number(journal.waiting), 0)).toBe(waiting.length);
    for (const { onQueue, settled } of journals)
      expect([Number(onQueue) > 0, Number(settled) > 0]).toEqual([true, true]);
    const exported = rowsOf((await runCommand(["journal", "export", "--waiting"], env)).stdout);
    expect(exported.flatMap(({ event }) => (event ? [(event as DeliveryEvent).subject] : [])).sort()).toEqual(
      byFate("in the journal", "duplicate, in the journal")
        .map(({ id }) => id)
        .sort(),
    );

    const counted = JSON.parse((await runCommand(["stats", "--since", "2h", "--by", "peer", "--json"], env)).stdout);
    const reports = counted.rows.map((row: { peer: CarrierName; reports: number }) => [row.peer, row.reports]);
    const expected = CARRIERS.map((name) => [
      name,
      byFate(...COUNTED).filter(({ carrier }) => carrier === name).length,
    ]);
    expect(reports.sort()).toEqual(expected.sort());

    expect(rowsOf((await runCommand(["failed", "list", "--json"], env)).stdout)).toMatchObject([
      { error: "No such customer", event: { subject: "up-failed" } },
    ]);
    expect(await statesOfAcks(env)).toEqual(
      new Map(
        left.sent
          .filter(({ debt }) => debt !== null && debt !== "in the journal")
          // What comes back for it is in the journal.
          .map(({ id, debt }) => [`tx-${id}`, debt === "bounced" ? "sent" : debt]),
      ),
    );
    const traced = (await runCommand(["trace", "up-consumed"], env)).stdout;
    expect(traced).toContain('answered "250 2.0.0 Report stored"');
    expect(traced).toContain("acknowledgement sent");
    expect(traced).toContain("now  the job is completed after 1 attempt");
  });

  test.each(["2", "1"])("it is consumed and paid once, with %s processes now", async (processes) => {
    const stage = await setUp(left);
    const service = await startServiceProcess({ ...stage.env, MM4D_PROCESSES: processes });
    stopping.push(service.stop);
    const [events, spam] = [consumed(stage, QUEUE), consumed(stage, FURTHER_QUEUE)];
    const toCome = byFate(...TO_COME);
    await eventually(
      () => events,
      ({ length }) => length >= toCome.length,
    );
    // Each with the id it had, in the words of the contract of now.
    for (const event of events) valid(event);
    expect(namesOf(events)).toEqual(namesOfSent(toCome));
    const owed = left.sent.filter(({ debt }) => debt !== null && OWED.includes(debt));
    await eventually(
      () => paidIn(stage),
      ({ length }) => length >= owed.length,
    );
    expect(paidIn(stage)).toEqual(owed.map(({ id }) => `tx-${id}`).sort());

    for (const { eventId } of byFate("consumed")) {
      expect(await stage.handledOnce(eventId ?? "", () => Promise.reject(new Error("It is handled again")))).toBe(
        false,
      );
    }

    if (processes === "2") await operate(stage, events);
    const before = { events: namesOf(events), paid: paidIn(stage) };
    // What was queued comes again: it is known, whoever queued it.
    for (const { id, carrier, message, reply } of left.sent.filter(({ eventId }) => eventId !== null)) {
      const again = message.replace(/X-Mms-Ack-Request: .*\r\n/, "").replace(`tx-${id}`, `tx-${id}-again`);
      expect([id, await deliver(stage, service, carrier, again)]).toEqual([id, reply]);
    }
    await stage.carrier.taking.report(service.smtpPort, "tx-last");
    await stage.carrier.taking.responses("tx-last");
    await settledDown(service, left);
    await eventually(
      () => events.at(-1)?.subject,
      (subject) => subject === "mm of tx-last",
    );
    expect(namesOf(events.slice(0, -1))).toEqual(before.events);
    expect(paidIn(stage)).toEqual([...before.paid, "tx-last"].sort());
    expect(namesOf(spam)).toEqual(namesOfSent(byFate("consumed", ...TO_COME).filter(isSpam)));

    if (existsSync(join(left.directory, "disk", "archive"))) await archived(service, left);
    const verified = await runCommand(["journal", "verify"], service.env);
    expect([verified.code, verified.stdout.match(/every record is whole/g)?.length]).toEqual([0, 2]);
    expect(service.log().filter(({ event }) => /^journal\./.test(String(event)))).toEqual([]);
  });

  /** What a person does with what the old one left, while the new one runs. */
  async function operate({ env, carrier }: Stage, events: readonly DeliveryEvent[]): Promise<void> {
    expect((await runCommand(["failed", "retry", "--all"], env)).stderr).toBe("1 job given back to consumers.\n");
    // What waited in the journal gets there as what is queued does, each for itself.
    const listed = await eventually(
      async () => rowsOf((await runCommand(["quarantine", "list", "--json"], env)).stdout),
      ({ length }) => length >= 3,
    );
    expect(listed.map(({ reason }) => reason).sort()).toEqual(["internal-error", "no-status", "no-status"]);
    const id = String(listed.find(({ reason }) => reason === "internal-error")?.id);
    const shown = (await runCommand(["quarantine", "show", id], env)).stdout;
    expect(shown).toContain("A bug of this version");
    expect(shown).toContain("X-Mms-Message-ID: up-bug");
    const replayed = await runCommand(["quarantine", "replay", id], env);
    expect(replayed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^j\w+ {2}queued as r\w+\n$/) });
    await eventually(
      () => events.map(({ subject }) => subject),
      (subjects) => subjects.includes("up-failed") && subjects.includes("up-bug"),
    );
    expect(rowsOf((await runCommand(["quarantine", "list", "--json"], env)).stdout).length).toBe(2);

    const acks = await eventually(
      () => statesOfAcks(env),
      (now) => now.get("tx-up-bounced") === "bounced",
    );
    expect([acks.get("tx-up-bounced"), acks.get("tx-up-refused")]).toEqual(["bounced", "undelivered"]);
    await runCommand(["acks", "retry", "--all"], env);
    expect((await carrier.refusing.responses("tx-up-refused")).length).toBe(1);
    expect((await runCommand(["trace", "up-bounced"], env)).stdout.replace(/\n {4}/g, " ")).toMatch(
      /acknowledgement sent: .*\n.*acknowledgement came back: failed smtp; 550 No such user\n/,
    );
  }
});

test.each(versionsLeftBehind())("every format of $version is told in docs/upgrading.md", ({ directory, version }) => {
  expect(basename(directory)).toBe(version);
  const told = readFileSync(new URL("../../docs/upgrading.md", import.meta.url), "utf8");
  const [, ...rowsOfTable] = /## Formats\n([\s\S]*?)\n## /.exec(told)?.[1]?.split("\n|") ?? [];
  const places = rowsOfTable.map((row) => row.split("|")[1] ?? "").join(" ");
  const names = new Set(
    readKeys(readFileSync(join(directory, "redis.jsonl"), "utf8")).map(({ key }) =>
      key.split(":", key.startsWith("bull:") ? 2 : 1).join(":"),
    ),
  );
  names.delete(`bull:${FURTHER_QUEUE}`); // The settings name it.
  expect([...names].filter((name) => !places.includes(`\`${name}\``))).toEqual([]);
  const files = readdirSync(join(directory, "disk"), { recursive: true, encoding: "utf8" }).filter((name) =>
    statSync(join(directory, "disk", name)).isFile(),
  );
  const known = [
    /^(processes\/\d+\/)?journal\/(\d+\.(journal|fates)|cursor|in-hand)$/,
    /^archive\/\d{4}-\d\d-\d\d\/[\w-]+\.archive$/,
    /^archive\/packing\/\d+-\d+\.(journal|fates)$/,
  ];
  expect(files.filter((name) => !known.some((form) => form.test(name)))).toEqual([]);
});

type Env = Readonly<Record<string, string>>;

/** Subjects with ids: what is consumed, and what is to be. */
function namesOf(events: readonly DeliveryEvent[]): readonly string[] {
  return events.map(({ id, subject }) => `${subject} ${id}`).sort();
}

function namesOfSent(sent: readonly Sent[]): readonly string[] {
  return sent.map(({ id, eventId }) => `${id} ${eventId}`).sort();
}

function isSpam({ message }: Sent): boolean {
  return message.includes("X-Internal-Status-Code: 470");
}

interface Stage {
  readonly redis: TestRedis;
  /** By which a consumer of `mm4d/consumer` knows what it has handled. */
  readonly handledOnce: Once;
  /** Their MMSCs take everything. */
  readonly carrier: Readonly<Record<CarrierName, Carrier>>;
  /** With which the command line finds what was left behind, and a service is started on it. */
  readonly env: Env;
}

/** What was left behind, put where it stood. */
async function setUp(left: LeftBehind): Promise<Stage> {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-upgrade-"));
  stopping.push(() => rmSync(directory, { recursive: true }));
  const redis = await startRedis();
  stopping.push(redis.stop);
  const carriers = createCarriers();
  stopping.push(carriers.stop);
  const carrier: Partial<Record<CarrierName, Carrier>> = {};
  for (const name of CARRIERS) carrier[name] = await carriers.add(name);
  carriers.write();
  const dataDir = join(directory, "data");
  await putBack(left, dataDir, redis.url);
  const client = new Redis(redis.url);
  stopping.push(() => client.disconnect());
  const places = { REDIS_URL: redis.url, MM4D_DATA_DIR: dataDir, MM4D_PEERS_FILE: carriers.peersFile };
  const handledOnce = redisOnce(client);
  const env = cleanEnv({ ...left.settings, ...places, ...anHourAfter(left.stoppedAt) });
  return { redis, handledOnce, carrier: carrier as Stage["carrier"], env };
}

/** The clock of mm4d: by that of today it would forget what was counted and sent so long ago. Redis keeps its own. */
function anHourAfter(stoppedAt: string): Env {
  const at = new Date(Date.parse(stoppedAt) + 3_600_000).toISOString();
  return {
    LD_PRELOAD: faketime(),
    FAKETIME: `@${at.slice(0, 19).replace("T", " ")}`,
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    TZ: "UTC",
  };
}

/** What is given to a consumer from now on, one a job and attempt. */
function consumed({ redis }: Stage, queue: string): readonly DeliveryEvent[] {
  const events: DeliveryEvent[] = [];
  const consumer = consume({ url: redis.url }, queue, ({ data }) => events.push(data as DeliveryEvent));
  stopping.push(consumer.stop);
  return events;
}

/** Of every acknowledgement that an MMSC has taken. */
function paidIn({ carrier }: Stage): readonly string[] {
  return CARRIERS.flatMap((name) =>
    carrier[name].received.map(({ bytes }) => fieldsOf(bytes).get("x-mms-transaction-id") ?? ""),
  ).sort();
}

function deliver({ carrier }: Stage, { smtpPort }: TestService, from: CarrierName, message: string): Promise<string> {
  return carrier[from].deliver(smtpPort, Buffer.from(message, "latin1"));
}

/** Until what each journal holds is known to be in the Redis of now, which is another one than it was. */
async function settledDown({ dataDir }: TestService, { directory }: LeftBehind): Promise<void> {
  const redisOf = (data: string, number: number) => loadCursor(journalDirectory(processDirectory(data, number)))?.redis;
  for (const number of [1, 2]) {
    const before = redisOf(join(directory, "disk"), number);
    await eventually(
      () => redisOf(dataDir, number),
      (now) => now !== SEVERAL && now !== before,
    );
  }
}

/** What it had archived is there, each report with what became of it, and what it had not packed is packed now. */
async function archived({ dataDir }: TestService, { directory }: LeftBehind): Promise<void> {
  const before = archivedIn(placeOfArchive(join(directory, "disk")));
  expect(before.length).toBeGreaterThan(10);
  expect(before.filter((line) => / (queued|duplicate|quarantined|ignored)$/.test(line))).toEqual(before);
  const now = placeOfArchive(dataDir);
  const after = await eventually(
    () => archiveFiles(now),
    (names) => names.every((name) => name.endsWith(".archive")),
  );
  expect(after.length).toBeGreaterThan(0);
  expect(archivedIn(now)).toEqual(expect.arrayContaining([...before]));
}

/** One behind the other, each over several lines. */
function documents(text: string): readonly Readonly<Record<string, unknown>>[] {
  return text
    .split(/(?<=^\})\n/m)
    .filter((document) => document !== "")
    .map((document) => JSON.parse(document));
}
