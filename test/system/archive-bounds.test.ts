/**
 * The archive of a service: who adds to it, who bounds it, and how it is told. All at the same time, because a service
 * looks at its archive some seconds after its start, and waits before it tries again.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { saveCursor } from "../../src/journal/cursor.ts";
import { archivedIn, archiveFiles, openArchived, placeOfArchive, reportAt } from "../support/archive.ts";
import { journalSegment, queuedAs } from "../support/archived.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { type ServiceWithin, startServiceWithin } from "../support/service.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** What an earlier run has left: two files of these times, and a segment that waits. */
async function leave(dataDir: string, ...times: readonly string[]): Promise<void> {
  const at = placeOfArchive();
  const { journal, handle, settle } = await openArchived(at);
  for (const [index, time] of times.entries()) {
    await handle([reportAt(`j${index}`, time)]);
    await settle();
  }
  await journal.close();
  cpSync(at.archive, join(dataDir, "archive"), { recursive: true });
  at.remove();
}

async function restarted(settings: Readonly<Record<string, string>>, prefix: string): Promise<ServiceWithin> {
  return startServiceWithin({ REDIS_URL: redis.url, MM4D_QUEUE_PREFIX: prefix, ...settings });
}

const now = () => new Date().toISOString();
const anHourAgo = () => new Date(Date.now() - 3_700_000).toISOString();

test.concurrent("what waits, and what is left in the journal, is packed after the start, also with MM4D_ACCEPT=queue; what is too old is removed", async () => {
  const service = await restarted({ MM4D_ACCEPT: "queue", MM4D_ARCHIVE_HOURS: "1" }, "a");
  try {
    await service.restart(async () => {
      await leave(service.dataDir, now(), anHourAgo());
      const left = journalSegment(service.dataDir, [{ record: reportAt("j9", now()), became: queuedAs("r9", now()) }]);
      const end = { segment: 1, offset: statSync(left).size };
      await saveCursor(join(service.dataDir, "journal"), { drained: end, settled: end, redis: null });
    });
    const at = placeOfArchive(service.dataDir);
    await eventually(
      () => archiveFiles(at),
      (names) => names.length === 2 && names.every((name) => name.endsWith(".archive")),
    );
    expect(archivedIn(at).toSorted()).toEqual(["j0 queued", "j9 queued"]);
    const told = await eventually(
      async () => (await runCommandWithin(["status"], service.env)).stdout,
      (text) => text.includes("Archive: "),
    );
    expect(told).toMatch(/^Archive: \S+ \S+ of \S+ \S+, from 20\d\d-\d\d-\d\dT\d\d:\d\dZ on$/m);
    expect(service.log().filter(({ event }) => String(event).startsWith("archive."))).toEqual([]);
  } finally {
    await service.stop();
  }
});

test.concurrent("with no hours nothing is kept beside the journal, and what was there is removed", async () => {
  const service = await restarted({ MM4D_TRACE_HOURS: "0" }, "b");
  try {
    await service.restart(async () => {
      await leave(service.dataDir, now());
      writeFileSync(join(service.dataDir, "journal", "0000000009.fates"), "");
    });
    await eventually(
      () => archiveFiles(placeOfArchive(service.dataDir)),
      ({ length }) => length === 0,
    );
    expect(readdirSync(join(service.dataDir, "journal")).filter((name) => name.endsWith(".fates"))).toEqual([]);
  } finally {
    await service.stop();
  }
});

test.concurrent("one that cannot be written is told once, is a reason to look, and hinders nothing", async () => {
  const service = await restarted({ MM4D_ARCHIVE_HOURS: "1" }, "c");
  try {
    await service.restart(async () => {
      await leave(service.dataDir, now());
      const day = now().slice(0, 10);
      writeFileSync(join(service.dataDir, "archive", day), "a file where the day should be");
    });
    await eventually(
      async () => (await service.get("/healthz")).text,
      (text) => text.includes("What is done with cannot be packed for the archive"),
    );
    expect((await service.get("/healthz")).status).toBe(200);
    expect(service.log().filter(({ event }) => event === "archive.pack-failed")).toHaveLength(1);
    expect((await service.get("/metrics")).text).toMatch(/^mm4d_archive_faults_total\{kind="pack-failed"\} 1$/m);
    rmSync(join(service.dataDir, "archive", now().slice(0, 10)));
    await eventually(
      async () => (await service.get("/healthz")).text,
      (text) => !text.includes("archive"),
    );
    expect(archivedIn(placeOfArchive(service.dataDir))).toEqual(["j0 queued"]);
    const doctor = await runCommandWithin(["doctor"], service.env);
    expect(doctor.stdout).toMatch(/^(?:ok|warning) +archive: \S+ MB of \S+ GB, of the last 1 h/m);
  } finally {
    await service.stop();
  }
});

test.concurrent("mm4d forget reaches it, and says what it could not look into", async () => {
  const service = await restarted({ MM4D_ARCHIVE_HOURS: "1" }, "d");
  try {
    await service.restart(() => leave(service.dataDir, now()));
    const at = placeOfArchive(service.dataDir);
    await eventually(
      () => archiveFiles(at),
      (names) => names.length === 1 && names.every((name) => name.endsWith(".archive")),
    );
    mkdirSync(join(at.archive, "packing"), { recursive: true });
    const dry = await runCommandWithin(["forget", "+12025550100", "--dry-run"], service.env);
    expect(dry.stdout).toMatch(/archive: 1 record$/m);
    expect(archivedIn(at)).toEqual(["j0 queued"]);
    const done = await runCommandWithin(["forget", "+12025550100"], service.env);
    expect([done.code, done.stdout]).toEqual([0, expect.stringMatching(/archive: 1 record$/m)]);
    expect(existsSync(at.archive) && archiveFiles(at)).toEqual([]);
  } finally {
    await service.stop();
  }
});
