/** `mm4d forget`: what is kept of one number is gone afterwards, from the files of Redis too, and nothing else is. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Queue, Worker } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { connectRedis } from "../../src/queue/redis.ts";
import { findTrace } from "../../src/trace/find.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { readingBy } from "../support/notes.ts";
import { eventually } from "../support/redis.ts";
import { deliveryReport, type FieldsOf } from "../support/report.ts";
import { rowsOf, type ServiceUnderTest, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const KIM = "+12025550155";
const EVENTS = "mm4-delivery-events";
let service: ServiceUnderTest;
let relay: Server;
const scratch = mkdtempSync(join(tmpdir(), "mm4d-forget-"));
beforeAll(async () => {
  relay = createServer(answerNaming).listen(0, "127.0.0.1");
  await once(relay, "listening");
  const { port } = relay.address() as AddressInfo;
  const acknowledge = { host: "127.0.0.1", port, to: "system@carrier.example", tls: "off" };
  const peersFile = join(scratch, "peers.json");
  writeFileSync(peersFile, JSON.stringify({ peers: [{ name: "carrier", addresses: ["127.0.0.1"], acknowledge }] }));
  service = await startServiceWithin({ MM4D_QUEUES: "copy:*", MM4D_PEERS_FILE: peersFile });
});
afterAll(async () => {
  await service.stop();
  relay.close();
  rmSync(scratch, { recursive: true });
});

/** A relay that names the recipient in what it answers to a message. */
function answerNaming(socket: Socket): void {
  socket.on("error", () => {});
  socket.write("220 relay\r\n");
  let inMessage = false;
  createInterface({ input: socket }).on("line", (line) => {
    if (inMessage && line !== ".") return;
    const begins = /^DATA/i.test(line);
    const reply = begins ? "354 go on" : inMessage ? `250 queued for ${KIM}` : "250 ok";
    inMessage = begins;
    socket.write(`${/^QUIT/i.test(line) ? "221 bye" : reply}\r\n`);
  });
}

const connection = () => ({ url: service.facts().redis.redisUrl, maxRetriesPerRequest: null });
const mm4d = (...args: string[]) => runCommandWithin(args, service.env);

async function deliver(...reports: readonly Uint8Array[]): Promise<void> {
  const client = await openSession(service.smtpPort);
  for (const report of reports) expect(await client.deliver(report)).toMatch(/^250/);
  client.end();
}

const report = (id: string, fields: FieldsOf = {}) =>
  deliveryReport({ "X-Mms-Message-ID": id, "X-Mms-Transaction-ID": `tx-${id}`, ...fields });

/** Takes what waits: those whose id begins with "bad" fail, with the number in their error. */
async function consumeAll(queue: string): Promise<void> {
  const worker = new Worker(
    queue,
    async ({ data }) => {
      const event = data as DeliveryEvent;
      if (event.subject?.startsWith("bad")) throw new Error(`No such customer: ${event.data.recipient?.number}`);
      return { customer: event.data.recipient?.number };
    },
    { connection: connection() },
  );
  const counted = new Queue(queue, { connection: connection() });
  await eventually(
    () => counted.getJobCounts("wait", "active", "delayed", "completed"),
    ({ wait, active, completed }) => wait === 0 && active === 0 && (completed ?? 0) > 0,
  );
  await worker.close();
  await counted.close();
}

/** Files below a directory that hold the number in some spelling. */
function filesWith(directory: string): string {
  return execFileSync("sh", ["-c", `grep -rlE '202.?.?555.?0155' '${directory}' || true`], { encoding: "utf8" });
}

test("trace, quarantine, finished jobs, damaged pieces and the files of Redis hold nothing of it any more", async () => {
  const encoded = `X-Mms-Message-Type: MM4_delivery_report.REQ\r\nX-Mms-Message-ID: q-encoded\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/plain\r\n\r\n${Buffer.from(`to ${KIM}`).toString("base64")}\r\n`;
  await deliver(
    report("to-kim", { From: `${KIM}/TYPE=PLMN` }),
    report("from-kim", { To: "+1 202 555 0155/TYPE=PLMN@mms.example.net" }),
    report("bad-kim", { From: `${KIM}/TYPE=PLMN` }),
    report("in-id", { "X-Mms-Transaction-ID": "tx-12025550155-1", "X-Mms-Ack-Request": "Yes" }),
    report("other", { From: "+12025550156/TYPE=PLMN" }),
    report("q-kim", { From: `${KIM}/TYPE=PLMN`, "X-Mms-MM-Status-Code": undefined }),
    Buffer.from(encoded),
    report("q-other", { "X-Mms-MM-Status-Code": undefined }),
  );
  await service.metric("mm4d_published_total", (count) => count === 5);
  await eventually(
    async () => rowsOf((await mm4d("quarantine", "list", "--json")).stdout).length,
    (count) => count === 3,
  );
  for (const queue of [EVENTS, "copy"]) await consumeAll(queue);
  const redis = connectRedis(service.facts().redis);
  await eventually(
    async () => JSON.stringify(await redis.xrange("bull:mm4-acknowledgements:events", "-", "+")),
    (lines) => lines.includes(`250 queued for ${KIM}`),
  );
  // As the last attempt of many leaves it.
  const events = new Queue(EVENTS, { connection: connection() });
  const [bad] = await events.getJobs(["delayed"]);
  expect(bad?.data.subject).toBe("bad-kim");
  await deliver(report("waits", { From: `${KIM}/TYPE=PLMN` }));
  await service.metric("mm4d_published_total", (count) => count === 6);
  const damaged = join(service.dataDir, "journal/damaged");
  mkdirSync(damaged);
  const recordOf = (message: string) =>
    JSON.stringify({ id: "j1", kind: "quarantine", message: { raw: Buffer.from(message).toString("base64") } });
  writeFileSync(join(damaged, "1-0-00000000.bin"), `xx ${KIM} and +12025550156 ${recordOf(`From: ${KIM}`)}`);
  const long = recordOf(`From: ${KIM}/TYPE=PLMN\r\n\r\n${"x".repeat(400)}`);
  const pieces = {
    "without-end": long.slice(0, 301),
    "without-beginning": recordOf(`${"x".repeat(400)}\r\n${KIM}`).slice(90),
    encoded: recordOf(encoded),
  };
  for (const [name, piece] of Object.entries(pieces)) writeFileSync(join(damaged, name), piece);
  writeFileSync(join(damaged, "other"), recordOf("From: +12025550156"));

  const dry = JSON.parse((await mm4d("forget", "1 (202) 555-0155", "--dry-run", "--json")).stdout);
  const { code, stdout } = await mm4d("forget", "1 (202) 555-0155", "--json");
  const said = JSON.parse(stdout) as { dryRun: boolean; removed: object[]; left: object[]; notReached: string[] };
  expect([code, said.dryRun]).toEqual([0, false]);
  expect(said.removed).toEqual(dry.removed);
  expect(said.removed).toEqual(
    expect.arrayContaining([
      { where: `queue ${EVENTS}`, what: "event", state: "completed", count: 3 },
      { where: "queue copy", what: "event", state: "completed", count: 3 },
      { where: `queue ${EVENTS}`, what: "line", state: "of its stream of events", count: expect.any(Number) },
      { where: "trace", what: "note", state: null, count: expect.any(Number) },
      { where: "quarantine", what: "message", state: null, count: 2 },
      { where: "acknowledgements", what: "acknowledgement", state: "completed", count: 1 },
      { where: "acknowledgements", what: "line", state: "of its stream of events", count: 1 },
      ...["1-0-00000000.bin", ...Object.keys(pieces)].map((name) => ({
        ...{ where: join(damaged, name), what: "file", state: "where it is blotted out", count: 1 },
      })),
    ]),
  );
  expect(said.left).toEqual(
    expect.arrayContaining([
      { where: `queue ${EVENTS}`, what: "event", state: "waiting", count: 1 },
      { where: `queue ${EVENTS}`, what: "event", state: "retried", count: 1 },
      {
        where: join(service.dataDir, "journal"),
        what: "record",
        state: expect.stringContaining("on the queue"),
        count: 7,
      },
    ]),
  );
  expect(said.notReached.join("\n")).toMatch(/consumers have taken[\s\S]*backups/);
  expect(said.notReached.join("\n")).not.toContain("embedded Redis");

  // Nobody finds it, and whatever is of others is found as before.
  const found = async (id: string) =>
    (await findTrace({ redis, prefix: "bull" }, EVENTS, id, readingBy())).reports.length;
  for (const id of [KIM, "to-kim", "from-kim", "bad-kim", "in-id", "q-kim", "tx-to-kim", "waits"]) {
    expect([id, await found(id)]).toEqual([id, 0]);
  }
  for (const id of ["other", "+12025550156"]) expect([id, await found(id)]).toEqual([id, 1]);
  redis.disconnect();
  const quarantined = rowsOf((await mm4d("quarantine", "list", "--json")).stdout);
  expect(quarantined.length).toBe(1);
  expect((await events.getJobs(["completed"])).map(({ data }) => data.subject)).toEqual(["other"]);

  // What comes again is a duplicate as before.
  await deliver(report("to-kim", { From: `${KIM}/TYPE=PLMN` }));
  await service.metric("mm4d_duplicates_total", (count) => count === 1);

  // Once nothing of it is to be done any more, nothing of it is left in Redis, nor in its files.
  for (const name of [EVENTS, "copy"]) {
    await consumeAll(name);
    const queue = new Queue(name, { connection: connection() });
    await queue.clean(0, 0, "delayed");
    await queue.close();
  }
  const again = await mm4d("forget", KIM);
  expect(again.stdout).toContain("Removed of *******0155:\n");
  for (const line of again.stdout.split("\n"))
    expect([line, line.length <= 80 || line.includes("/")]).toEqual([line, true]);
  expect(filesWith(join(service.dataDir, "redis"))).toBe("");
  expect(filesWith(damaged)).toBe("");
  const keptOf = (name: string) => readFileSync(join(damaged, name), "latin1");
  expect(keptOf("1-0-00000000.bin")).toContain("and +12025550156 ");
  expect(keptOf("other")).toBe(recordOf("From: +12025550156"));
  for (const [name, piece] of Object.entries(pieces)) {
    expect([name, keptOf(name).length, /[A-Za-z0-9+/]{20}/.test(keptOf(name))]).toEqual([name, piece.length, false]);
    expect(keptOf(name)).toContain("*".repeat(100));
  }
  expect((await mm4d("forget", KIM)).stdout).toContain("Nothing of *******0155 was found");
  await events.close();
});

test("who is nobody is refused, and removes nothing", async () => {
  expect(await mm4d("forget", "470")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Cannot forget "470"'),
  });
  expect(await mm4d("forget", "kim*")).toMatchObject({ code: 1 });
});

test("a data directory that cannot be looked into is told, and Redis is gone through all the same", async () => {
  const file = join(service.dataDir, "..", "file");
  writeFileSync(file, "");
  const env = { ...service.env, REDIS_URL: service.facts().redis.redisUrl, MM4D_DATA_DIR: file };
  const { code, stdout } = await runCommandWithin(["forget", KIM, "--json"], env);
  const { notReached } = JSON.parse(stdout) as { notReached: string[] };
  expect([code, notReached]).toEqual([0, expect.arrayContaining([expect.stringContaining(`below ${file}: ENOTDIR`)])]);
  expect(notReached).toContain("Redis's own files, until it writes them anew (BGREWRITEAOF, BGSAVE)");
});
