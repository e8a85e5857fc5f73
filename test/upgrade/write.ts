/**
 * Plays a service of this version that is killed in the middle, and keeps what it
 * leaves behind: two processes, a consumer, the MMSCs of four carriers, a Redis
 * that goes away. Takes some minutes, because a record settles only when
 * Redis has kept it for one, and is archived then. Run by `npm run fixtures:upgrade`.
 */
import { cpSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Queue, UnrecoverableError, Worker } from "bullmq";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { once, redisOnce } from "../../src/consumer/index.ts";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { type Cursor, loadCursor } from "../../src/journal/cursor.ts";
import { journalDirectory, processDirectory } from "../../src/process/directories.ts";
import { VERSION } from "../../src/version.ts";
import { statesOfAcks } from "../support/acks.ts";
import { archivedIn, placeOfArchive } from "../support/archive.ts";
import { bounce } from "../support/bounce.ts";
import { type Carrier, createCarriers } from "../support/carrier.ts";
import { childrenOf } from "../support/children.ts";
import { eventually, startRedis } from "../support/redis.ts";
import { deliveryReport, type FieldsOf } from "../support/report.ts";
import { rowsOf, runCommand, startServiceProcess } from "../support/service.ts";
import {
  CARRIERS,
  type CarrierName,
  type Debt,
  type Expected,
  type Fate,
  FURTHER_QUEUE,
  type Sent,
  UPGRADES,
} from "./left-behind.ts";
import { saveKeys, writeKeys } from "./redis-content.ts";
import { surfaceOfNow } from "./surface.ts";

const QUEUE = "mm4-delivery-events";
const PROCESSES = [1, 2];
const SETTINGS = {
  MM4D_DOMAIN: "mms.example.net",
  MM4D_HOSTNAME: "mm4d.example.net",
  MM4D_QUEUES: `${FURTHER_QUEUE}:tag=spam`,
  // When the next version reads it, the minute is over.
  MM4D_JOB_BACKOFF_MS: "60000",
  MM4D_ACK_TIMEOUT_SECONDS: "300",
};
/** A report asks for an acknowledgement unless it says otherwise. */
const NOT_ASKED = { "X-Mms-Ack-Request": undefined };
const SPAM = { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" };
const NO_STATUS = { "X-Mms-MM-Status-Code": undefined };
const MM = { "X-Mms-Message-Type": "MM4_forward.REQ" };

test(`what ${VERSION} leaves behind`, async () => {
  const redis = await startRedis();
  const carriers = createCarriers();
  const carrier = {
    taking: await carriers.add("taking"),
    refusing: await carriers.add("refusing", { fault: { kind: "5xx", at: "message", times: 9, delayMs: 0 } }),
    away: await carriers.add("away", { away: true }),
    hanging: await carriers.add("hanging", {
      fault: { kind: "delay", at: "helo", times: 9, delayMs: 600_000 },
    }),
  } satisfies Record<CarrierName, Carrier>;
  expect(Object.keys(carrier)).toEqual(CARRIERS);
  carriers.write();
  const service = await startServiceProcess({
    ...SETTINGS,
    MM4D_PROCESSES: String(PROCESSES.length),
    REDIS_URL: redis.url,
    MM4D_PEERS_FILE: carriers.peersFile,
    MM4D_LOG_LEVEL: "debug",
    NODE_OPTIONS: `--import ${fileURLToPath(new URL("bug.mjs", import.meta.url))}`,
  });
  const states = () => statesOfAcks(service.env);
  const sent: Sent[] = [];

  try {
    // What becomes of the first jobs with a consumer.
    const connection = { url: redis.url, maxRetriesPerRequest: null };
    const queue = new Queue(QUEUE, { connection });
    const keeper = new Redis(redis.url);
    const handle = once(({ subject }) => consume(subject ?? ""), redisOnce(keeper));
    const consumer = new Worker(QUEUE, async ({ data }) => handle(data), { connection, lockDuration: 2_000 });
    consumer.on("error", () => {}); // It is ended with a job in hand.
    await send("up-consumed", "consumed", "sent");
    await send("up-consumed-spam", "consumed", null, { ...SPAM, ...NOT_ASKED });
    await send("up-failed", "failed", null, NOT_ASKED);
    await send("up-again", "to be tried again", null, NOT_ASKED);
    await send("up-in-hand", "in hand", null, NOT_ASKED);
    await eventually(
      () => queue.getJobCounts("completed", "failed", "delayed", "active", "waiting"),
      ({ completed, failed, delayed, active }) => completed === 2 && failed === 1 && delayed === 1 && active === 1,
    );
    await consumer.close(true);

    // What waits for a consumer, what is in quarantine, and acknowledgements in every state.
    await send("up-waiting", "waiting", "sent");
    await send("up-waiting-spam", "waiting", null, { ...SPAM, ...NOT_ASKED });
    await send("up-waiting", "duplicate", null, { ...NOT_ASKED, "X-Mms-Transaction-ID": "tx-up-duplicate" });
    await send("up-read", "waiting", "sent", {
      ...NO_STATUS,
      "X-Mms-Message-Type": "MM4_read_reply_report.REQ",
      "X-Mms-Read-Status": "Read",
    });
    await send("up-response", "waiting", null, {
      ...NO_STATUS,
      ...NOT_ASKED,
      "X-Mms-Message-Type": "MM4_forward.RES",
      "X-Mms-Request-Status-Code": "Ok",
    });
    await send("up-bounced", "waiting", "bounced");
    await send("up-refused", "waiting", "undelivered", {}, "refusing");
    await send("up-away", "waiting", "retrying", {}, "away");
    for (const number of PROCESSES) await send(`up-sending-${number}`, "waiting", "sending", {}, "hanging");
    await eventually(states, (now) => PROCESSES.every((number) => now.get(`tx-up-sending-${number}`) === "sending"));
    await send("up-unreadable", "in quarantine", "sent", NO_STATUS);
    await send("up-bug", "in quarantine", null, { ...NOT_ASKED, "X-Mms-Status-Text": "=?utf-8?Q?a_bug_of_old?=" });
    await send("up-message", "none", "sent", MM);
    const [bounced] = await carrier.taking.responses("tx-up-bounced");

    // All that is archived when the segment has ended, which it does at the first write after a minute.
    const archived = await exportedNow();
    await wait(61_000);
    // The beginning of each process's journal is settled, the rest is not.
    await sendToEach("up-early", "waiting", null, NOT_ASKED);
    await wait(45_000);
    await sendToEach("up-late", "waiting", "sent");
    await eventually(cursors, (now) =>
      now.every(
        ({ settled, drained }) =>
          settled.segment === drained.segment && settled.offset > 0 && settled.offset < drained.offset,
      ),
    );
    await eventually(
      () => archivedIn(placeOfArchive(service.dataDir)),
      ({ length }) => length > 0,
    );
    await wait(1_500); // The trace is written once a second.
    const reached = await states();
    for (const { id, debt } of sent) {
      if (debt) expect([id, reached.get(`tx-${id}`)]).toEqual([id, debt === "bounced" ? "sent" : debt]);
    }

    await queue.close();
    keeper.disconnect();
    // As BullMQ knows jobs whose worker has died: they are given out again at once.
    await eventually(
      async () => Number(await redis.call("SCARD", "bull:mm4-acknowledgements:stalled")),
      (count) => count === PROCESSES.length,
    );

    // Redis is away: all this is in the journals only.
    await redis.kill();
    await sendToEach("up-journal", "in the journal", "in the journal");
    await send("up-journal-spam", "in the journal", null, { ...SPAM, ...NOT_ASKED });
    await send("up-waiting", "duplicate, in the journal", null, NOT_ASKED);
    await send("up-journal-unreadable", "quarantine's, in the journal", "in the journal", NO_STATUS);
    await send("up-journal-message", "none", "in the journal", MM);
    await send("up-bounce", "none", null, {}, "taking", bounceOf(bounced?.get("message-id") ?? ""));

    const stoppedAt = new Date().toISOString();
    const pids = childrenOf(service.facts().pid);
    service.signal("SIGKILL");
    await service.exited();
    // They end by themselves, without the process above them.
    await eventually(
      () => pids.filter((pid) => existsSync(`/proc/${pid}`)),
      (left) => left.length === 0,
    );
    expect(service.log().filter(({ event }) => String(event).startsWith("journal."))).toEqual([]);
    await redis.start();
    // An upgrade takes longer than BullMQ's locks last.
    await eventually(
      async () => (await redis.call("KEYS", "*:stalled-check")) as readonly string[],
      (keys) => keys.length === 0,
    );

    const directory = join(UPGRADES, VERSION);
    mkdirSync(directory);
    const expected: Expected = { version: VERSION, stoppedAt, settings: SETTINGS, sent: await readBack(archived) };
    writeFileSync(join(directory, "expected.json"), `${JSON.stringify(expected, null, 1)}\n`);
    writeFileSync(join(directory, "surface.json"), `${JSON.stringify(await surfaceOfNow(), null, 1)}\n`);
    cpSync(service.dataDir, join(directory, "disk"), {
      recursive: true,
      filter: (path) => statSync(path).isDirectory() || statSync(path).isFile(),
    });
    const reader = new Redis(redis.url);
    writeFileSync(join(directory, "redis.jsonl"), writeKeys(await saveKeys(reader)));
    reader.disconnect();
  } finally {
    await service.stop();
    await carriers.stop();
    await redis.stop();
  }

  async function send(
    id: string,
    fate: Fate,
    debt: Debt | null,
    fields: FieldsOf = {},
    from: CarrierName = "taking",
    bytes = reportOf(id, from, fields),
  ): Promise<void> {
    // RFC 5321 §4.5.5: a bounce has no sender.
    const mailFrom = id === "up-bounce" ? "" : `system-user@${from}.example`;
    const reply = await carrier[from].deliver(service.smtpPort, bytes, mailFrom);
    expect([id, reply]).toEqual([id, expect.stringMatching(/^250 /)]);
    const message = Buffer.from(bytes).toString("latin1");
    sent.push({ id, carrier: from, message, reply, fate, debt, eventId: null, process: null });
  }

  /** With the event and the process of each report: a reply is given before it is read. */
  async function readBack(archived: readonly Exported[]): Promise<readonly Sent[]> {
    const exported = [...archived, ...(await exportedNow())];
    const processes = new Map(stored().map(({ id, process }) => [String(id), Number(process)]));
    return sent.map((one) => {
      if (one.fate === "in quarantine" || !one.reply.includes("Report stored")) return one;
      const row = exported.find(({ event }) => event?.subject === one.id);
      if (!row?.event) throw new Error(`The journals do not have ${one.id}`);
      return { ...one, eventId: row.event.id, process: processes.get(row.id) ?? null };
    });
  }

  /** What is in the journals. */
  async function exportedNow(): Promise<readonly Exported[]> {
    return rowsOf<Exported>((await runCommand(["journal", "export"], service.env)).stdout);
  }

  function stored(): readonly Readonly<Record<string, unknown>>[] {
    return service.log().filter(({ event }) => event === "report.stored");
  }

  /** Over connections that are open at the same time, until each process has taken one. */
  async function sendToEach(prefix: string, fate: Fate, debt: Debt | null, fields: FieldsOf = {}): Promise<void> {
    const before = stored().length;
    for (let round = 1; round <= 10; round++) {
      // As many as one process does not take before the other wakes up.
      const numbers = Array.from({ length: CONNECTIONS }, (_, number) => number);
      await Promise.all(numbers.map((number) => send(`${prefix}-${round}-${number}`, fate, debt, fields)));
      const lines = await eventually(
        () => stored().slice(before),
        ({ length }) => length === round * CONNECTIONS,
      );
      const took = lines.map((line) => line.process);
      if (PROCESSES.every((number) => took.includes(number))) return;
    }
    throw new Error(`Not every process took one of ${prefix}: run it again`);
  }

  function cursors(): readonly Cursor[] {
    const nowhere = { segment: 0, offset: 0 };
    return PROCESSES.map((number) => {
      const cursor = loadCursor(journalDirectory(processDirectory(service.dataDir, number)));
      return cursor ?? { drained: nowhere, settled: nowhere, redis: null };
    });
  }
});

const CONNECTIONS = 12;

interface Exported {
  readonly id: string;
  readonly event?: DeliveryEvent;
}

async function consume(subject: string): Promise<void> {
  if (subject === "up-failed") throw withoutStack(new UnrecoverableError("No such customer"));
  if (subject === "up-again") throw withoutStack(new Error("The database is away"));
  if (subject === "up-in-hand") await new Promise(() => {});
}

/** Paths on this machine are nobody's business. */
function withoutStack(error: Error): Error {
  return Object.assign(error, { stack: String(error) });
}

function reportOf(id: string, from: CarrierName, fields: FieldsOf): Uint8Array {
  return deliveryReport({
    "X-Mms-Transaction-ID": `tx-${id}`,
    "X-Mms-Message-ID": id,
    "X-Mms-Ack-Request": "Yes",
    Sender: `sender@${from}.example`,
    ...fields,
  });
}

/** What comes back for the acknowledgement of this Message-ID. */
function bounceOf(messageId: string): Uint8Array {
  return bounce({
    recipient: ["Action: failed", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 No such user"],
    returned: [`Message-ID: ${messageId}`],
  });
}
