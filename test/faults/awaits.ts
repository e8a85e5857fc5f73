/**
 * Every wait between "bytes arrived" and "250 sent", and what happens when it
 * fails: the disk by system calls that are made to fail or to hang, the client
 * by leaving. (Redis's waits are in redis.ts.)
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";
import { openData, openSession } from "../support/smtp-client.ts";
import { tamper } from "../support/strace.ts";
import { scratch, sweepQueue } from "./stage.ts";

const STORED = "250 2.0.0 Report stored";
const NOT_STORED = "451 4.3.0 Cannot store the report now, try again later";
const MAY_TAMPER = process.getuid?.() === 0 && process.platform === "linux";

interface Await {
  readonly name: string;
  /** Whether a segment is open already, or is to be begun. */
  readonly begun: boolean;
  readonly calls: string;
  readonly file: string;
  readonly effect: string;
  readonly reason: RegExp;
}

const AWAITS: readonly Await[] = [
  {
    name: "the segment cannot be created",
    begun: false,
    calls: "openat",
    file: "0000000001.journal",
    effect: "error=EIO",
    reason: /EIO/,
  },
  {
    name: "too many files are open",
    begun: false,
    calls: "openat",
    file: "0000000001.journal",
    effect: "error=EMFILE",
    reason: /EMFILE/,
  },
  {
    name: "creating the segment hangs",
    begun: false,
    calls: "openat",
    file: "0000000001.journal",
    effect: "delay_enter=20000000",
    reason: /did not answer|has not answered/,
  },
  {
    name: "the directory cannot be synced",
    begun: false,
    calls: "fsync",
    file: "",
    effect: "error=EIO",
    reason: /EIO/,
  },
  {
    name: "syncing the directory hangs",
    begun: false,
    calls: "fsync",
    file: "",
    effect: "delay_enter=20000000",
    reason: /has not answered/,
  },
  {
    name: "the synced write fails",
    begun: true,
    calls: "write",
    file: "0000000001.journal",
    effect: "error=EIO",
    reason: /EIO/,
  },
  {
    name: "the disk has no room",
    begun: true,
    calls: "write",
    file: "0000000001.journal",
    effect: "error=ENOSPC",
    reason: /ENOSPC/,
  },
  {
    name: "the quota is used up",
    begun: true,
    calls: "write",
    file: "0000000001.journal",
    effect: "error=EDQUOT",
    reason: /EDQUOT/,
  },
  {
    name: "the synced write hangs",
    begun: true,
    calls: "write",
    file: "0000000001.journal",
    effect: "delay_enter=20000000",
    reason: /has not answered/,
  },
];

describe.concurrent("every wait before the 250 fails", { skip: !MAY_TAMPER }, () => {
  for (const { name, begun, calls, file, effect, reason } of AWAITS) {
    test(`${name} (${calls}: ${effect}): 451 in time, never a 250 for that data, and all is well afterwards`, async () => {
      await withService(async ({ service, redis, deliver }) => {
        const journal = join(service.dataDir, "journal");
        const during = ["during-1", "during-2", "during-3"];
        if (begun) expect(await deliver("before")).toBe(STORED);
        const tampering = await tamper(service.facts().pid, calls, join(journal, file), effect);
        const hangs = effect.startsWith("delay");
        const startedMs = performance.now();
        const replies = await Promise.all(during.slice(0, hangs ? 3 : 1).map(deliver));
        for (const reply of replies) expect(reply).toBe(NOT_STORED);
        // Long before what hangs goes on.
        if (hangs) expect(performance.now() - startedMs).toBeLessThan(15_000);
        // Others are served meanwhile: the process itself waits for nothing.
        expect((await service.get("/livez")).status).toBe(200);
        await tampering.stop();
        await eventually(
          async () => (await service.get("/healthz")).status,
          (status) => status === 200,
        );
        for (const id of [...during, "after"]) {
          await eventually(
            () => deliver(id),
            (reply) => reply === STORED,
          );
        }
        const wanted = [...(begun ? ["before"] : []), "after", ...during];
        expect(await queued(redis, wanted.length)).toEqual(wanted.sort().map((id) => [id, 1]));
        const told = service.log().filter(({ event }) => event === "journal.append-failed");
        const reasons = told.map((line) => String(line.reason));
        expect(reasons.filter((text) => reason.test(text)).length).toBe(1);
      });
    });
  }
});

describe.concurrent("the client leaves", () => {
  test("in the middle of DATA, at every tenth byte: nothing is stored, and the next report is", async () => {
    await withService(async ({ service, redis, deliver }) => {
      const message = Buffer.from(deliveryReport({ "X-Mms-Message-ID": "broken-off" }));
      for (let length = 0; length < message.byteLength; length += 10) {
        const client = await openData(service.smtpPort);
        client.write(message.subarray(0, length));
        if (length % 20 === 0) client.socket.resetAndDestroy();
        else client.end();
      }
      expect(await deliver("whole")).toBe(STORED);
      expect(await queued(redis, 1)).toEqual([["whole", 1]]);
    });
  });

  test("after its DATA and before the reply: the report is stored, and once, also when it comes again", async () => {
    await withService(async ({ service, redis, deliver }) => {
      for (let index = 0; index < 20; index++) {
        const client = await openData(service.smtpPort);
        client.write(`${Buffer.from(deliveryReport({ "X-Mms-Message-ID": `left-${index}` }))}.\r\n`);
        if (index % 2 === 0) await wait(1);
        client.socket.destroySoon();
      }
      const ids = Array.from({ length: 20 }, (_, index) => `left-${index}`);
      for (const id of ids) expect(await deliver(id)).toBe(STORED);
      expect(await queued(redis, ids.length)).toEqual(ids.sort().map((id) => [id, 1]));
    });
  });
});

describe.concurrent("what a 250 stands on", { skip: !MAY_TAMPER }, () => {
  test("the names of directories and segment are synced, the segment is written through, and only then 250 is said", async () => {
    const trace = scratch();
    const file = join(trace.path, "calls");
    const redis = await startRedis();
    // Two directories that are not there yet: the names of both must be safe.
    const dataDir = join(trace.path, "new", "data");
    const service = await startServiceProcess({ REDIS_URL: redis.url, MM4D_DATA_DIR: dataDir }, [
      "strace",
      "-f",
      "--seccomp-bpf",
      "-y",
      "-o",
      file,
      "-e",
      "trace=mkdir,openat,fsync,fdatasync,write,writev",
    ]);
    try {
      const client = await openSession(service.smtpPort);
      expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": "traced" }))).toBe(STORED);
      client.end();
      const calls = readFileSync(file, "utf8").split("\n");
      const segment = join(dataDir, "journal", "0000000001.journal");
      const steps = [
        new RegExp(`mkdir\\("${join(trace.path, "new")}`),
        new RegExp(`fsync\\(\\d+<${join(trace.path, "new")}>`),
        new RegExp(`fsync\\(\\d+<${trace.path}>`),
        new RegExp(`mkdir\\("${dataDir}/journal"`),
        new RegExp(`fsync\\(\\d+<${dataDir}>`),
        new RegExp(`openat\\(.*"${segment}", .*O_DSYNC`),
        new RegExp(`fsync\\(\\d+<${dataDir}/journal>`),
        new RegExp(`write\\(\\d+<${segment}>`),
      ];
      // Each behind the one before: the journal's directory is synced at other times too.
      let place = 0;
      for (const step of steps) {
        const next = calls.findIndex((call, index) => index >= place && step.test(call));
        expect(next, String(step)).not.toBe(-1);
        place = next;
      }
      expect(calls.findIndex((call) => /writev?\(\d+<.*250 2\.0\.0 Report stored/.test(call))).toBeGreaterThan(place);
    } finally {
      // strace keeps the signal to itself.
      process.kill(service.facts().pid, "SIGTERM");
      await service.stop();
      await redis.stop();
      trace.remove();
    }
  });
});

interface Parts {
  readonly service: TestService;
  readonly redis: TestRedis;
  readonly deliver: (id: string) => Promise<string>;
}

async function withService(use: (parts: Parts) => Promise<void>): Promise<void> {
  const redis = await startRedis();
  const service = await startServiceProcess({ REDIS_URL: redis.url, MM4D_LOG_LEVEL: "warn" });
  const deliver = async (id: string): Promise<string> => {
    const client = await openSession(service.smtpPort);
    try {
      return await client.deliver(deliveryReport({ "X-Mms-Message-ID": id }));
    } finally {
      client.end();
    }
  };
  try {
    await eventually(
      async () => (await service.get("/healthz")).status,
      (status) => status === 200,
    );
    await use({ service, redis, deliver });
  } finally {
    await service.stop();
    await redis.stop();
  }
}

/** Message ids on the queue, with how many jobs each has. */
async function queued(redis: TestRedis, atLeast: number): Promise<[string, number][]> {
  const events = new Map<string, Set<string>>();
  await eventually(
    () => sweepQueue({ url: redis.url }, events),
    () => events.size >= atLeast,
  );
  return [...events].map(([id, jobs]): [string, number] => [id, jobs.size]).sort(([a], [b]) => (a < b ? -1 : 1));
}
