/** What was said is on the disk at its 250, and is read behind it: whatever happens meanwhile. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue } from "bullmq";
import { afterEach, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { createCarriers } from "../support/carrier.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis, type TestRedis, type TestRedisOptions } from "../support/redis.ts";
import { deliveryReport, eventOf, type FieldsOf } from "../support/report.ts";
import { rowsOf, type ServiceWithin, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const STORED = "250 2.0.0 Report stored";
const NOT_STORED = "451 4.3.0 Cannot store the report now, try again later";
const AGES = 120_000;

const releasers: (() => unknown)[] = [];
afterEach(async () => {
  for (const release of releasers.splice(0).reverse()) await release();
});

async function redisOf(settings: readonly string[] = [], options: TestRedisOptions = {}): Promise<TestRedis> {
  const redis = await startRedis(settings, options);
  releasers.push(() => redis.stop());
  return redis;
}

async function serviceOf(settings: Readonly<Record<string, string>>): Promise<ServiceWithin> {
  const service = await startServiceWithin(settings);
  releasers.push(() => service.stop());
  return service;
}

async function deliver({ smtpPort }: ServiceWithin, bytes: Uint8Array, from = "127.0.0.1"): Promise<string> {
  const client = await openSession(smtpPort, { from });
  try {
    return await client.deliver(bytes);
  } finally {
    client.end();
  }
}

/** Every event that is on the queue, in whatever state. */
async function events(redis: TestRedis): Promise<readonly DeliveryEvent[]> {
  const queue = new Queue("mm4-delivery-events", { connection: { url: redis.url, maxRetriesPerRequest: null } });
  try {
    return (await queue.getWaiting()).map(({ data }) => data as DeliveryEvent);
  } finally {
    await queue.close();
  }
}

const idsOf = (some: readonly DeliveryEvent[]): readonly string[] => some.map(({ id }) => id).sort();

/** A file of one peer, which is written anew. */
function peersFileOf(rules: object): { readonly path: string; write(rules: object): void } {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-peers-"));
  releasers.push(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "peers.json");
  const write = (rules: object): void =>
    writeFileSync(path, JSON.stringify({ peers: [{ name: "carrier", addresses: ["127.0.0.1"], ...rules }] }));
  write(rules);
  return { path, write };
}

async function rulesAre(service: ServiceWithin, write: () => void): Promise<void> {
  const reloads = (): number => service.log().filter(({ event }) => event === "settings.reloaded").length;
  const before = reloads();
  write();
  service.reload();
  await eventually(reloads, (count) => count > before);
}

/** Its event has another id by each set of rules. */
const local = (messageId: string): Uint8Array =>
  deliveryReport({ From: "5551234567/TYPE=PLMN", To: "+15550001111/TYPE=PLMN", "X-Mms-Message-ID": messageId });

test("an event has the id of the rules at its 250, whatever they are when it is queued, and queued again", async () => {
  const redis = await redisOf([], { later: true });
  const peers = peersFileOf({ nanp: true });
  const service = await serviceOf({ REDIS_URL: redis.url, MM4D_PEERS_FILE: peers.path });
  expect(await deliver(service, local("first"))).toBe(STORED);
  await rulesAre(service, () => peers.write({ swapAddresses: true }));
  expect(await deliver(service, local("second"))).toBe(STORED);
  await service.restart(async () => peers.write({}));
  expect(await deliver(service, local("third"))).toBe(STORED);

  const wanted = [
    eventOf(local("first"), { nanp: true }).id,
    eventOf(local("second"), { swapAddresses: true }).id,
    eventOf(local("third")).id,
  ].sort();
  const byOneSet = [{}, { nanp: true }, { swapAddresses: true }].map((rules) => eventOf(local("first"), rules).id);
  expect(new Set(byOneSet).size).toBe(3);
  await redis.start();
  await eventually(
    () => events(redis),
    (found) => found.length >= 3,
  );
  expect(idsOf(await events(redis))).toEqual(wanted);
  const reports = await service.metric("mm4d_reports_total");
  expect(reports).toBe(3);

  // Another run of Redis, with all that was in it.
  await rulesAre(service, () => peers.write({ nanp: true, swapAddresses: true }));
  await redis.kill();
  await redis.start();
  await service.metric("mm4d_published_again_total", (count) => count >= 3);
  expect(idsOf(await events(redis))).toEqual(wanted);

  // It is emptied, and the service is started again with other rules before it looks.
  await service.restart(async () => {
    peers.write({ nanp: true });
    await redis.call("FLUSHALL");
  });
  await service.metric("mm4d_published_again_total", (count) => count >= 3);
  expect(idsOf(await events(redis))).toEqual(wanted);
  // What is published again says nothing a second time.
  expect(await service.metric("mm4d_reports_total")).toBe(0);
}, 180_000);

const tooLarge = (name: string, more: FieldsOf = {}): Uint8Array =>
  // Only reading shows that it is more than an event may hold.
  deliveryReport({ "X-Mms-Message-ID": `${name} ${"m".repeat(5_000)}`, ...more });

const quarantine = ({ env }: ServiceWithin, ...args: readonly string[]) =>
  runCommandWithin(["quarantine", ...args], env);

const kept = async (service: ServiceWithin): Promise<readonly string[]> =>
  rowsOf<{ id: string }>((await quarantine(service, "list", "--json")).stdout).map(({ id }) => id);

test("what only reading shows to belong into a full quarantine waits, its peer hears 451 beyond its part of the journal, and nobody else does", async () => {
  const redis = await redisOf();
  const service = await serviceOf({
    REDIS_URL: redis.url,
    MM4D_PEERS: "bad=127.0.0.1;good=127.0.0.2",
    MM4D_JOURNAL_MAX_BYTES: "1048576",
    // Half of which one peer may have.
    MM4D_QUARANTINE_MAX_MESSAGES: "4",
  });
  const waiting = (fits: (count: number) => boolean) => service.metric("mm4d_journal_aside_records", fits);
  const filler = { "X-Filler": "f".repeat(15_000) };
  let taken = 0;
  for (let reply = STORED; reply === STORED; ) {
    reply = await deliver(service, tooLarge(`large-${taken}`, filler));
    if (reply === STORED) taken += 1;
    else expect(reply).toBe(NOT_STORED);
    // Each is read before the next one comes.
    await eventually(
      async () => (await kept(service)).length + (await waiting(() => true)),
      (there) => there === taken,
    );
  }
  // 65,536 bytes at some 21,000 each, behind the two in quarantine.
  expect([await waiting(() => true), (await kept(service)).length]).toEqual([4, 2]);
  expect(await deliver(service, deliveryReport({ "X-Mms-Message-ID": "of the bad one" }))).toBe(NOT_STORED);
  for (let report = 0; report < 20; report += 1) {
    expect(await deliver(service, deliveryReport({ "X-Mms-Message-ID": `good-${report}` }), "127.0.0.2")).toBe(STORED);
  }
  const queued = await eventually(
    () => events(redis),
    (found) => found.length >= 20,
  );
  expect(queued.map(({ subject }) => subject).sort()).toEqual(
    Array.from({ length: 20 }, (_, report) => `good-${report}`).sort(),
  );

  const told = (event: string) => service.log().filter((line) => line.event === event && line.peer === "bad");
  expect([told("quarantine.full").length, told("quarantine.waits-aside").length]).toEqual([1, 1]);
  const { status, text } = await service.get("/healthz");
  expect([status, text]).toEqual([503, expect.stringContaining("Of bad as much waits aside in the journal")]);
  expect((await runCommandWithin(["status"], service.env)).stdout).toMatch(/4 of them for room in\s+quarantine/);

  // What is in quarantine is not known at once after a start; no more of them goes there for that.
  await service.restart();
  await waiting((count) => count === 4);
  await eventually(
    () => deliver(service, deliveryReport({ "X-Mms-Message-ID": "of the bad one" })),
    (reply) => reply === NOT_STORED,
  );
  await service.metric("mm4d_quarantine_messages", (count) => count === 2);
  expect([(await kept(service)).length, await waiting(() => true)]).toEqual([2, 4]);

  const arrived = new Set(await kept(service));
  while (arrived.size < taken) {
    await quarantine(service, "drop", "--all");
    // Both for which there is room: one that came between this look and the next drop would never be seen.
    const next = await eventually(
      () => kept(service),
      (ids) => ids.filter((id) => !arrived.has(id)).length === Math.min(2, taken - arrived.size),
    );
    for (const id of next) arrived.add(id);
  }
  expect(arrived.size).toBe(taken);
  await waiting((count) => count === 0);
  await eventually(
    () => service.log().filter(({ event }) => event === "quarantine.waits-aside-over").length,
    (count) => count === 1,
  );
  expect(await deliver(service, deliveryReport({ "X-Mms-Message-ID": "of the bad one" }))).toBe(STORED);
  expect((await service.get("/healthz")).text).not.toContain("waits aside");
  expect(
    await eventually(
      async () => (await events(redis)).length,
      (count) => count >= 21,
    ),
  ).toBe(21);
}, 180_000);

test(
  "what a journal was left with aside costs its peer nothing in queue mode, where no report comes to wait there",
  async () => {
    const redis = await redisOf();
    const directory = mkdtempSync(join(tmpdir(), "mm4d-left-"));
    releasers.push(() => rmSync(directory, { recursive: true }));
    const settings = {
      REDIS_URL: redis.url,
      MM4D_DATA_DIR: directory,
      MM4D_JOURNAL_MAX_BYTES: "1048576",
      MM4D_QUARANTINE_MAX_MESSAGES: "1",
    };
    const before = await startServiceWithin(settings);
    await before.metric("mm4d_redis_up", (up) => up === 1);
    const filler = { "X-Filler": "f".repeat(15_000) };
    let taken = 0;
    while ((await deliver(before, tooLarge(`large-${taken}`, filler))) === STORED) {
      taken += 1;
      await before.metric("mm4d_journal_aside_records", (count) => count === taken - 1);
    }
    await before.stop();

    const service = await serviceOf({ ...settings, MM4D_ACCEPT: "queue" });
    await service.metric("mm4d_quarantine_messages", (count) => count === 1);
    await service.metric("mm4d_journal_aside_records", (count) => count === taken - 1);
    expect(await deliver(service, deliveryReport())).toBe(STORED);
    expect(await deliver(service, tooLarge("another"))).toBe(NOT_STORED);
    expect((await service.get("/healthz")).text).not.toContain("as much waits aside");
    await quarantine(service, "drop", "--all");
    await service.metric("mm4d_journal_aside_records", (count) => count === taken - 2);
  },
  AGES,
);

test(
  "of an MM nothing but its header is ever on our disk, and that only where it is to be acknowledged",
  async () => {
    const carriers = createCarriers();
    releasers.push(() => carriers.stop());
    const asks = await carriers.add("asks");
    const never = await carriers.add("never", { acknowledge: { mode: "off" } });
    carriers.write();
    const redis = await redisOf([], { later: true });
    const service = await serviceOf({ REDIS_URL: redis.url, MM4D_PEERS_FILE: carriers.peersFile });
    const mm = (messageId: string, ask?: string): Uint8Array => {
      const fields = { "X-Mms-Message-Type": "MM4_forward.REQ", "X-Mms-MM-Status-Code": undefined };
      const asked = { "X-Mms-Ack-Request": ask, "X-Mms-Transaction-ID": messageId, "X-Mms-Message-ID": messageId };
      const header = deliveryReport({ ...fields, ...asked, Sender: "sender@asks.example" });
      return Buffer.concat([header, Buffer.from("PICTURE-OF-A-CAT\r\n".repeat(5_000))]);
    };
    const ACCEPTED = "250 2.0.0 Message accepted, not queued";
    expect(await asks.deliver(service.smtpPort, mm("tx-asks", "Yes"))).toBe(ACCEPTED);
    expect(await asks.deliver(service.smtpPort, mm("tx-silent"))).toBe(ACCEPTED);
    expect(await never.deliver(service.smtpPort, mm("tx-never", "Yes"))).toBe(ACCEPTED);

    const onDisk = filesIn(service.dataDir);
    expect(onDisk).toContain("tx-asks");
    for (const absent of ["PICTURE-OF-A-CAT", "tx-silent", "tx-never"]) expect(onDisk).not.toContain(absent);
    await redis.start();
    const [response] = await asks.responses("tx-asks");
    expect(response?.get("x-mms-message-type")).toBe("MM4_forward.RES");
    await service.metric("mm4d_other_pdus_total", (count) => count === 3);
    expect(await events(redis)).toEqual([]);
    expect(filesIn(service.dataDir)).not.toContain("PICTURE-OF-A-CAT");
  },
  AGES,
);

function filesIn(directory: string): string {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "latin1")).join("\n");
}
