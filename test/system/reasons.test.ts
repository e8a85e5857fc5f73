/**
 * Each reason for not being well, or for needing attention, played on the real
 * thing; page, `status`, `doctor`, /healthz and metrics say the same of it. The
 * times after which something is a reason are shortened; test/monitoring/reasons.test.ts
 * has the real ones.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Queue, UnrecoverableError, Worker } from "bullmq";
import { afterAll, expect, test } from "vitest";
import type { ReasonTimes } from "../../src/monitoring/reason-times.ts";
import { REASONS } from "../../src/monitoring/reasons.ts";
import { createCarriers } from "../support/carrier.ts";
import { createCertificates } from "../support/certificates.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startProxy } from "../support/proxy.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { type ServiceUnderTest, startServiceProcess, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";
import { toldByAll } from "../support/told.ts";

const EVENTS = "mm4-delivery-events";
const NEVER_MS = Number.MAX_SAFE_INTEGER;
/** Five services and their commands share one machine with other tests. */
const SLOWLY = { timeout: 300_000 };
const played = new Set<string>();
const releasers: (() => unknown)[] = [];
afterAll(async () => {
  for (const release of releasers.reverse()) await release();
});

interface Running extends ServiceUnderTest {
  /** Waits until these are the reasons, and holds the five against each other. */
  tells(...names: readonly string[]): ReturnType<typeof toldByAll>;
}

async function start(settings: Readonly<Record<string, string>>, times: Partial<ReasonTimes> = {}): Promise<Running> {
  const own = { MM4D_SHUTDOWN_GRACE_MS: "0", MM4D_LOG_LEVEL: "info", ...settings };
  const service = await startServiceWithin(own, { times });
  releasers.push(() => service.stop());
  return { ...service, tells: (...names) => tells(service.env, names) };
}

async function tells(env: Readonly<Record<string, string>>, names: readonly string[]) {
  const told = await toldByAll(env, names);
  expect(told.names).toEqual(names);
  for (const name of names) played.add(name);
  return told;
}

/** Waits until /healthz says so. */
function saysBy(env: Readonly<Record<string, string>>, wanted: RegExp): Promise<string> {
  return eventually(
    async () => (await fetch(`http://127.0.0.1:${env.MM4D_ADMIN_PORT}/healthz`)).text(),
    (text) => wanted.test(text),
  );
}

async function redisOf(...settings: readonly string[]): Promise<TestRedis> {
  const redis = await startRedis(settings);
  releasers.push(() => redis.stop());
  return redis;
}

async function carriersOf(
  ...added: readonly (readonly [string, Parameters<ReturnType<typeof createCarriers>["add"]>[1]])[]
) {
  const carriers = createCarriers();
  releasers.push(() => carriers.stop());
  const all = [];
  for (const [name, options] of added) all.push(await carriers.add(name, options));
  carriers.write();
  return { peersFile: carriers.peersFile, all };
}

let made = 0;
function report(fields: Readonly<Record<string, string | undefined>> = {}): Uint8Array {
  made += 1;
  return deliveryReport({ "X-Mms-Message-ID": `mm-${made}`, "X-Mms-Transaction-ID": `tx-${made}`, ...fields });
}
const unreadable = (): Uint8Array => report({ "X-Mms-MM-Status-Code": undefined });

async function deliver(port: number, ...messages: readonly Uint8Array[]): Promise<readonly string[]> {
  const client = await openSession(port);
  const replies: string[] = [];
  for (const message of messages) replies.push(await client.deliver(message));
  client.end();
  return replies;
}

test.concurrent("what needs attention, and nothing of it once it is mended", SLOWLY, async () => {
  const redis = await redisOf("--appendonly", "no");
  const { peersFile, all } = await carriersOf(["carrier", { away: true }], ["quiet", {}]);
  const [carrier, quiet] = all as [(typeof all)[number], (typeof all)[number]];
  const service = await start(
    {
      REDIS_URL: redis.url,
      MM4D_REDIS_CHECKS: "warn",
      MM4D_PEERS_FILE: peersFile,
      MM4D_QUEUES: "billing:*,audit:*",
      MM4D_QUARANTINE_MAX_MESSAGES: "20",
      MM4D_JOB_BACKOFF_MS: "3600000",
      MM4D_ACK_RETRY_SECONDS: "1",
    },
    { notTakenMs: 1, abandonedMs: NEVER_MS, silentFromStartMs: 1 },
  );
  const connection = { url: redis.url, maxRetriesPerRequest: null };
  let mended = false;
  const startConsumer = (queue: string): void => {
    const worker = new Worker(
      queue,
      async ({ data }) => {
        if (mended || queue !== EVENTS) return;
        if (data.subject === "lost") throw new UnrecoverableError("no message mm-1 in \u001b[31mtable");
        throw new Error(`connect ECONNREFUSED 10.0.0.5:5432 for +1 202 555 0100, ${data.subject}`);
      },
      { connection },
    );
    worker.on("error", () => {}); // Redis ends before it does.
    releasers.push(() => worker.close(true));
  };
  const queueOf = (name: string): Queue => {
    const queue = new Queue(name, { connection: { url: redis.url } });
    queue.on("error", () => {});
    releasers.push(() => queue.close());
    return queue;
  };
  startConsumer(EVENTS);
  await queueOf("audit").pause();
  await carrier.deliver(service.smtpPort, report({ "X-Mms-Message-ID": "lost" }));
  for (let index = 0; index < 11; index += 1) await carrier.deliver(service.smtpPort, report());
  for (let index = 0; index < 9; index += 1) await carrier.deliver(service.smtpPort, unreadable());
  await carrier.report(service.smtpPort, "asks");

  const { state, sentences } = await service.tells(
    "redis-accepted",
    "quarantine-nearly-full",
    "queue-paused",
    "events-not-taken",
    "events-retrying",
    "events-failed",
    "mmsc-unreachable",
    "peer-silent",
  );
  expect(state).toBe("needs-attention");
  const expected = [
    /^Redis forgets .*managed Redis.*MM4D_REDIS_CHECKS=warn accepts that$/,
    /^What carrier may have of the quarantine is nearly used up \(in all 9 of 20 messages/,
    /^The queue audit is paused: 13 events wait/,
    /^13 events wait on the queue billing, and none was taken for .*: no worker of BullMQ is connected$/,
    /^12 events of the queue mm4-delivery-events .*; of 12 looked at, 11 failed alike: "connect ECONNREFUSED 10\.0\.0\.5:5432 for \+\* \*{3} \*{3} 0100, /,
    /^Consumers gave up on 1 event .* "no message mm-1 in \\x1b\[31mtable" \(mm4d failed list\)$/,
    /^The MMSC of carrier has taken no acknowledgement for .*ECONNREFUSED/,
    /^No report has come from quiet since mm4d was started/,
  ];
  expect(sentences.length).toBe(expected.length);
  for (const [index, pattern] of expected.entries()) expect(sentences[index]).toMatch(pattern);
  // The plain text, as a person sees it.
  const plain = await runCommandWithin(["status"], service.env);
  expect([plain.code, plain.stdout.replace(/\s+/g, " ")]).toEqual([
    0,
    expect.stringContaining("is paused: 13 events wait"),
  ]);

  mended = true;
  startConsumer("billing");
  await queueOf("audit").resume();
  startConsumer("audit");
  await carrier.open();
  expect((await runCommandWithin(["failed", "retry", "--all"], service.env)).code).toBe(0);
  await queueOf(EVENTS).promoteJobs();
  await queueOf("mm4-quarantine").drain();
  await quiet.deliver(service.smtpPort, report());
  await redis.call("CONFIG", "SET", "appendonly", "yes");
  expect((await service.tells()).state).toBe("well");
  // The log has told of each that has no other line, when it began; that it is over, a while later.
  const told = (event: string) =>
    service
      .log()
      .filter((line) => line.event === event)
      .map((line) => line.reason);
  const names = ["quarantine-nearly-full", "queue-paused", "events-not-taken", "events-retrying", "events-failed"];
  for (const name of names) expect(told("reason.begun").filter((one) => one === name)).toEqual([name]);
  await eventually(
    () => told("reason.over"),
    (over) => [...names, "peer-silent"].every((name) => over.includes(name)),
  );
});

test.concurrent(
  "what is not well: settings, certificate, quarantine, nobody who takes events; and Redis that must not be trusted",
  SLOWLY,
  async () => {
    const certificates = createCertificates();
    releasers.push(() => certificates.remove());
    const { certFile, keyFile } = certificates.make("old.test", { days: 0 });
    const redis = await redisOf();
    const { peersFile, all } = await carriersOf(["carrier", { acknowledge: { host: null } }]);
    const [carrier] = all as [(typeof all)[number]];
    const service = await start(
      {
        REDIS_URL: redis.url,
        MM4D_PEERS_FILE: peersFile,
        MM4D_TLS_CERT_FILE: certFile,
        MM4D_TLS_KEY_FILE: keyFile,
        MM4D_QUARANTINE_MAX_MESSAGES: "1",
      },
      { notTakenMs: 1, abandonedMs: 1, quarantineFullMs: 1 },
    );
    const queue = new Queue("mm4-acknowledgements", { connection: { url: redis.url } });
    queue.on("error", () => {}); // Redis ends before it does.
    releasers.push(() => queue.close());
    // Owed since its peer had an MMSC.
    await queue.add("MM4_delivery_report.RES", {});
    await carrier.deliver(service.smtpPort, report());
    await carrier.deliver(service.smtpPort, unreadable());
    expect(await carrier.deliver(service.smtpPort, unreadable())).toMatch(/^451 /);
    writeFileSync(peersFile, readFileSync(peersFile, "utf8").replace("127.0.1.1", "nowhere"));
    const always = ["settings-not-reloaded", "certificate-expired", "quarantine-full"];
    const { state, sentences } = await service.tells(...always, "events-abandoned", "acknowledgements-not-taken");
    expect(state).toBe("not-well");
    expect(sentences[2]).toMatch(
      /no room for messages of carrier for .* \(in all 1 of 1 message, .*: those that cannot be read get 451, or wait aside in the journal$/,
    );
    expect(sentences[3]).toMatch(/^1 event waits on the queue .*: no worker of BullMQ is connected$/);

    await redis.call("CONFIG", "SET", "maxmemory", "1");
    const refuses = await service.tells("redis-refuses-writes", ...always);
    expect(refuses.sentences[0]).toMatch(/^Redis refuses writes \(OOM/);
    await redis.call("CONFIG", "SET", "maxmemory", "0");
    await redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    await saysBy(service.env, /^Redis may remove jobs/m);
    await carrier.deliver(service.smtpPort, report());
    const unfit = await service.tells(
      "redis-unsuitable",
      "events-not-queued",
      ...always,
      "events-abandoned",
      "acknowledgements-not-taken",
    );
    expect(unfit.sentences[1]).toMatch(/^Events cannot be put on the queue \(.*\): 1 report waits in the journal/);
  },
);

test.concurrent(
  "a disk that refuses, a slow queue, no Redis, a full journal: the cause first, and nothing that another sentence denies",
  SLOWLY,
  async () => {
    const redis = await redisOf();
    let answerAfterMs = 0;
    const proxy = await startProxy(redis.port, async (text) => {
      if (answerAfterMs > 0) await wait(answerAfterMs);
      return text;
    });
    const service = await start(
      { REDIS_URL: `redis://127.0.0.1:${proxy.port}`, MM4D_JOURNAL_MAX_BYTES: "1048576" },
      { lagMs: 300, notTakenMs: NEVER_MS, abandonedMs: NEVER_MS },
    );
    await saysBy(service.env, /^ok$/m);

    const journal = join(service.dataDir, "journal");
    rmSync(journal, { recursive: true });
    writeFileSync(journal, "in the way");
    expect((await deliver(service.smtpPort, report()))[0]).toMatch(/^451 /);
    expect((await service.tells("journal-not-written")).sentences[0]).toMatch(
      /: reports get 451 until the data directory/,
    );
    rmSync(journal);

    answerAfterMs = 1_000;
    let slow = true;
    const sending = (async () => {
      for (; slow; await wait(100)) await deliver(service.smtpPort, report());
    })();
    const { sentences } = await service.tells("queue-slow");
    expect(sentences[0]).toMatch(/^The queue does not keep up: \d+ reports? waits? in the journal .*, the oldest for /);
    slow = false;
    await sending;
    await proxy.stop();

    expect((await service.tells("redis-away")).sentences[0]).toMatch(
      /: \d+ reports? waits? .*; relays see no difference$/,
    );

    const large = (): Uint8Array => report({ "X-Mms-Status-Text": "x".repeat(8_000) });
    for (const make of [large, report]) {
      for (let reply = ""; !reply.startsWith("451 "); ) [reply = ""] = await deliver(service.smtpPort, make());
    }
    const full = await service.tells("redis-away", "journal-full");
    expect(full.sentences).toEqual([
      expect.stringMatching(/^Redis has been away for .* in the journal \(1 MB of 1 MB\)$/),
      expect.stringMatching(/^The journal is full .*: reports get 451 until Redis is back and has caught up$/),
    ]);
  },
);

test.concurrent("a peer that fills up its share of the journal gets 451, and nobody else does", SLOWLY, async () => {
  const redis = await redisOf();
  const service = await start({
    REDIS_URL: redis.url,
    MM4D_JOURNAL_MAX_BYTES: "1048576",
    MM4D_PEERS: "greedy=127.0.0.2;good=127.0.0.3",
  });
  await saysBy(service.env, /^ok$/m);
  const large = (): Uint8Array => report({ "X-Mms-Status-Text": "x".repeat(7_000) });
  const fillUp = async (from: string) => {
    const client = await openSession(service.smtpPort, { from });
    for (const make of [large, report]) {
      for (let reply = ""; !reply.startsWith("451 "); ) reply = await client.deliver(make());
    }
    client.end();
  };
  await fillUp("127.0.0.2");
  const shared = await service.tells("journal-share-full");
  expect(shared.sentences).toEqual([
    expect.stringMatching(
      /^What greedy may have of the journal is used up .*: its reports get 451 until what it sent has been on the queue for a minute$/,
    ),
  ]);
  const good = await openSession(service.smtpPort, { from: "127.0.0.3" });
  expect(await good.deliver(report())).toBe("250 2.0.0 Report stored");
  good.end();

  // Each has its own share of the rest; when nobody has room, the journal is full, though nothing waits for Redis.
  await fillUp("127.0.0.3");
  const full = await service.tells("journal-full");
  expect(full.sentences).toEqual([
    expect.stringMatching(
      /^The journal is full .* of what was queued within the last minute, \d+ % of it from greedy: reports get 451 until that has been on the queue for a minute$/,
    ),
  ]);
  // The last of it may still be on its way there.
  await eventually(
    async () => (await runCommandWithin(["status"], service.env)).stdout,
    (stdout) => /^Journal: nothing waits; 1 MB of 1 MB, 1 MB of them on the queue already$/m.test(stdout),
  );
});

test.concurrent(
  "in queue mode, a Redis on which nothing is put; and a service that is being stopped",
  SLOWLY,
  async () => {
    const redis = await redisOf("--maxmemory-policy", "allkeys-lru");
    // Its end is waited for by nobody: the second signal ends it.
    const service = await startServiceProcess({
      REDIS_URL: redis.url,
      MM4D_ACCEPT: "queue",
      MM4D_SHUTDOWN_DELAY_MS: "60000",
    });
    releasers.push(() => service.stop());
    await saysBy(service.env, /: reports get 451 until that is corrected$/m);
    service.signal("SIGTERM");
    const { sentences } = await tells(service.env, ["stopping", "redis-unsuitable", "queue-refused"]);
    expect(sentences[0]).toBe("The service is being stopped");
    service.signal("SIGTERM");
    await service.exited();
  },
);

test.concurrent("of two processes, one without room in its journal", SLOWLY, async () => {
  const redis = await redisOf();
  const service = await startServiceProcess({
    REDIS_URL: redis.url,
    MM4D_PROCESSES: "2",
    MM4D_JOURNAL_MAX_BYTES: "2097152",
  });
  releasers.push(() => service.stop());
  await saysBy(service.env, /^ok$/m);
  await redis.kill();
  const client = await openSession(service.smtpPort);
  // Not more than an event may hold, because that might wait aside, and be refused before the journal is full.
  const large = (): Uint8Array => report({ "X-Mms-Status-Text": "x".repeat(8_000) });
  for (const make of [large, report]) {
    for (let reply = ""; !reply.startsWith("451 "); ) reply = await client.deliver(make());
  }
  client.end();
  const { sentences } = await tells(service.env, ["redis-away", "journals-full"]);
  expect(sentences.join("\n")).toMatch(/in the journal \([^;]*\)\nThe journals of 1 of 2 processes are full/);
});

test.concurrent("an archive that cannot be written, told at the start, and not when it is mended", SLOWLY, async () => {
  const redis = await redisOf();
  const dataDir = mkdtempSync(join(tmpdir(), "mm4d-reasons-"));
  releasers.push(() => rmSync(dataDir, { recursive: true }));
  writeFileSync(join(dataDir, "archive"), "somebody's file");
  const service = await start({ REDIS_URL: redis.url, MM4D_DATA_DIR: dataDir });
  const { sentences } = await service.tells("archive-failing");
  expect(sentences).toEqual(["What is done with cannot be put into the archive, and is not kept; reports go on"]);
  expect(service.log().filter(({ event }) => event === "archive.take-failed")).toMatchObject([{ level: "error" }]);
  expect(await deliver(service.smtpPort, report())).toEqual([expect.stringMatching(/^250 /)]);
  rmSync(join(dataDir, "archive"));
  await service.tells();
});

test("every reason was played", () => {
  // One that does not answer is test/system/processes.test.ts's, the others of Redis test/system/others-redis.test.ts's.
  expect([...played, "processes-missing", "redis-cluster", "redis-emptied"].sort()).toEqual(
    REASONS.map(({ name }) => name).sort(),
  );
});
