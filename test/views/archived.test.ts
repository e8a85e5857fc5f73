/** What has left the trace is found in this machine's archive, by the page's thread. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findArchived } from "../../src/archive/find-archived.ts";
import { readReport } from "../../src/archive/read-report.ts";
import { redisAt } from "../../src/queue/redis.ts";
import { networkOf } from "../../src/smtp/access.ts";
import { replyToAccepted } from "../../src/smtp/reply-to.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { EVERY_REPORT } from "../../src/views/filter.ts";
import { startViews } from "../../src/views/start-views.ts";
import type { Views } from "../../src/views/views.ts";
import { archiveFile, journalSegment, type Kept, queuedAs } from "../support/archived.ts";
import { reported } from "../support/notes.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";
import { VIEWS_THREAD } from "../support/service.ts";

const own = useRedis();
let dataDir: string;
let views: Views;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "mm4d-archive-"));
  const reply = (recognised: "report" | "unreadable" | "other-pdu") => {
    const { code, text } = replyToAccepted(recognised);
    return { code, text };
  };
  views = startViews({
    thread: VIEWS_THREAD,
    redis: redisAt(own.server.url),
    prefix: own.prefix,
    queues: ["events"],
    archive: {
      dataDir,
      host: "mx1",
      settings: { catalogueFile: "", domain: ["mms.example.net"], maxHeaderBytes: 65_536, maxHeaderFields: 1_000 },
      replies: { report: reply("report"), unreadable: reply("unreadable"), "other-pdu": reply("other-pdu") },
    },
    networkOf,
    onFault: (cause) => {
      throw cause;
    },
  });
});
afterEach(async () => {
  await views.close();
  rmSync(dataDir, { recursive: true });
});

function kept(n: number, replaced: Partial<Kept> = {}): Kept {
  const receivedAt = new Date(Date.parse("2025-12-01T03:00:00.000Z") + n * 60_000).toISOString();
  const record = saidRecord(
    `j${n}`,
    deliveryReport({ "X-Mms-Message-ID": `mm-${n}`, "X-Mms-Transaction-ID": `tx-${n}` }),
    {
      receivedAt,
    },
  );
  return { record, became: queuedAs(`r${n}`, receivedAt), ...replaced };
}

test("a report that the trace has forgotten is found by its ids, in the archive or a journal, and whose that is is said", async () => {
  archiveFile(dataDir, [kept(1), kept(2)]);
  journalSegment(dataDir, [kept(3), kept(5, { became: null })]);
  for (const [wanted, id] of [
    ["mm-1", "j1"],
    ["tx-2", "j2"],
    ["r2", "j2"],
    ["<mm-1>", "j1"],
    ["mm-3", "j3"],
  ] as const) {
    const { entries, more, archive } = await views.entries(wanted);
    expect([wanted, entries.map((entry) => "id" in entry && entry.id), more]).toEqual([wanted, [id], false]);
    expect(archive).toEqual({ host: "mx1", backTo: null });
  }
  // It waits, as far as cursor and fates tell.
  expect((await views.entries("mm-5")).entries).toEqual([]);
  expect(await views.entries("mm-4")).toEqual({ entries: [], more: false, archive: { host: "mx1", backTo: null } });
});

test("the list finds by an id what fits the other filters too, newest first", async () => {
  archiveFile(dataDir, [kept(1), kept(2), kept(3, { became: null })]);
  const found = async (filter: Partial<typeof EVERY_REPORT>) => {
    const { rows, archive, older } = await views.reports({ ...EVERY_REPORT, ...filter }, null);
    return [rows.map(({ id, fate }) => `${id} ${fate}`), archive, older];
  };
  const looked = { host: "mx1", backTo: null };
  expect(await found({ q: "+12025550100" })).toEqual([["j3 unknown", "j2 queued", "j1 queued"], looked, null]);
  expect(await found({ q: "+12025550100", since: "2025-12-01T03:02:00.000Z" })).toEqual([
    ["j3 unknown", "j2 queued"],
    looked,
    null,
  ]);
  expect(await found({ q: "mm-1", peer: "another" })).toEqual([[], looked, null]);
  expect(await found({})).toEqual([[], null, null]);
});

test("where the trace has it, the archive is not asked; where time before that is asked for, its older ones come behind", async () => {
  archiveFile(dataDir, [kept(1), kept(2)]);
  const trace = createTraceWriter({ place: own, hours: 72, maxBytes: 256 * 2 ** 20 });
  trace.write(reported({ "X-Mms-Message-ID": "mm-9" }, "j9"));
  await trace.flush();
  expect((await views.entries("mm-9")).archive).toBeNull();
  const q = "+12025550100";
  const now = await views.reports({ ...EVERY_REPORT, q }, null);
  expect([now.rows.map(({ id }) => id), now.archive]).toEqual([["j9"], null]);
  const all = await views.reports({ ...EVERY_REPORT, q, since: "2025-01-01T00:00:00.000Z" }, null);
  expect([all.rows.map(({ id }) => id), all.archive?.host]).toEqual([["j9", "j2", "j1"], "mx1"]);
});

test("a search that takes too long ends, and says how far it came", async () => {
  for (let segment = 1; segment <= 5; segment += 1)
    archiveFile(dataDir, [kept(segment * 10), kept(segment * 10 + 1)], { segment });
  const search = {
    mayBe: () => true,
    isWanted: () => true,
    read: (record: Kept["record"]) => ({ record, read: null, job: null }),
    sinceMs: null,
    most: 4,
    ms: 60_000,
  };
  const { reports, backToMs } = await findArchived(dataDir, search);
  expect(reports.map(({ record }) => record.id)).toEqual(["j50", "j51", "j40", "j41"]);
  expect(backToMs).toBe(Date.parse(readReport({ ...kept(31), at: "archive" }, search.read).receivedAt) + 1);
  expect(await findArchived(dataDir, { ...search, ms: -1 })).toMatchObject({
    reports: [],
    backToMs: expect.any(Number),
  });
});
