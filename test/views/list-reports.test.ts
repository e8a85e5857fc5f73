import { expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { packBlock, unpackBlock } from "../../src/trace/blocks.ts";
import type { ReportEntry } from "../../src/trace/entry.ts";
import { findEntries } from "../../src/trace/find.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { EVERY_REPORT } from "../../src/views/filter.ts";
import { listReports } from "../../src/views/list-reports.ts";
import { createLiveLook } from "../../src/views/live-rows.ts";
import type { ReportFilter, ReportRow } from "../../src/views/report-row.ts";
import { KIM, later, queued, received, reported, writeAs10 } from "../support/notes.ts";
import { useRedis } from "../support/redis-of-file.ts";

const own = useRedis();

const writer = () => createTraceWriter({ place: own, hours: 72, maxBytes: 256 * 2 ** 20 });
/** However long it takes. */
const listWhole = (filter: Partial<ReportFilter> = {}, from: string | null = null) =>
  listReports(own, { ...EVERY_REPORT, ...filter }, from, () => false);

/** All pages of a list. */
async function all(
  filter: Partial<ReportFilter> = {},
  list: (filter: Partial<ReportFilter>, from: string | null) => ReturnType<typeof listReports> = listWhole,
): Promise<{ rows: ReportRow[]; pages: number; looked: number }> {
  const rows: ReportRow[] = [];
  let looked = 0;
  let from: string | null = null;
  for (let pages = 1; ; pages += 1) {
    const page = await list(filter, from);
    rows.push(...page.rows);
    looked += page.lookedThrough;
    from = page.older;
    if (from === null) return { rows, pages, looked };
  }
}

const SPAM = { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" };

test("nothing is listed where nothing was written", async () => {
  expect(await listWhole()).toEqual({ rows: [], older: null, lookedThrough: 0 });
  expect(await listWhole({ q: "mm-1" })).toEqual({ rows: [], older: null, lookedThrough: 0 });
});

test("a row says what its report said, and what became of it", async () => {
  const trace = writer();
  trace.write(reported({ ...KIM, ...SPAM }, "j1"));
  trace.write(reported({ ...KIM, ...SPAM }, "j2", { became: { duplicateOf: "j1" } }));
  const base = reported({}, "q1");
  const unread = { ...base.ids, eventId: null, numbers: [] };
  trace.write({ ...base, id: "q1", at: later(), fate: { kind: "quarantined", reason: "no-status" }, ids: unread });
  trace.write({
    ...base,
    id: "i1",
    at: later(),
    fate: { kind: "ignored", messageType: "MM4_forward.REQ" },
    ids: unread,
  });
  // What tells of a report that has its entry makes no row.
  trace.write({ kind: "unanswered", at: later(), id: "j1", ids: base.ids });
  trace.write({ kind: "acknowledgement", at: later(), id: "a1", result: "sent", detail: "250", ids: base.ids });
  await trace.flush();

  const { rows, older, lookedThrough } = await listWhole();
  expect([older, lookedThrough]).toEqual([null, 4]);
  expect(rows.map(({ id, fate, why }) => [id, fate, why])).toEqual([
    ["i1", "ignored", "MM4_forward.REQ"],
    ["q1", "quarantined", "no-status"],
    ["j2", "duplicate", null],
    ["j1", "queued", null],
  ]);
  expect(rows[3]).toEqual({
    id: "j1",
    at: expect.stringMatching(/^2026-01-02T/),
    peer: "carrier",
    fate: "queued",
    jobId: "j1",
    eventId: expect.stringMatching(/^r[0-9a-f]{32}$/),
    type: "mm4d.delivery-report.v1",
    outcome: "rejected",
    disposition: "failure",
    code: 470,
    conflict: false,
    warnings: [],
    why: null,
    messageId: "mm-1@mmsc.example.net",
    transactionId: "tx-1@mmsc.example.net",
    numbers: ["12025550155"],
  });
  expect(rows.map(({ jobId }) => jobId)).toEqual([null, null, "j1", "j1"]);
  expect(rows[1]).toMatchObject({ eventId: null, outcome: null, code: null, messageId: "mm-1@mmsc.example.net" });
});

test("pages go through every report once, newest first, over blocks and generations", async () => {
  // A generation each two blocks.
  const trace = createTraceWriter({ place: own, hours: 72, maxBytes: 16 * 6_000 });
  const ids: string[] = [];
  for (let block = 0; block < 7; block += 1) {
    for (let count = 0; count < 37; count += 1) {
      ids.push(`j${ids.length}`);
      trace.write(reported({ "X-Mms-Message-ID": `mm-${ids.length}` }, ids.at(-1) ?? ""));
    }
    await trace.flush();
  }
  const generations = Number(await own.redis.hget(`${own.prefix}:mm4d-trace3`, "generation"));
  expect(generations).toBeGreaterThan(2);
  const { rows, pages, looked } = await all();
  expect(rows.map(({ id }) => id)).toEqual(ids.reverse());
  expect([pages, looked]).toEqual([6, 259]);
  expect((await listWhole()).rows).toHaveLength(50);
});

/** One received at a time that is told in milliseconds, and written so long after that. */
function writtenAfter(id: string, receivedMs: number, tookMs = 5): ReportEntry {
  const entry = reported({}, id);
  const at = (ms: number) => new Date(Date.UTC(2026, 0, 3) + ms).toISOString();
  if (!("at" in entry.fate)) throw new Error("no time");
  return { ...entry, at: at(receivedMs), fate: { ...entry.fate, at: at(receivedMs + tookMs) } };
}

/** That each row is there once, and where the one before comes before it by the time of its report. */
function expectNewestFirst(rows: readonly ReportRow[], ids: readonly string[]): void {
  expect(rows.map(({ id }) => id).sort()).toEqual([...ids].sort());
  const times = rows.map(({ at }) => at);
  expect(times).toEqual([...times].sort().reverse());
}

test("of many reports of one millisecond the later written come first, on every page", async () => {
  const trace = writer();
  const ids = Array.from({ length: 430 }, (_, count) => `j${count}`);
  for (const [count, id] of ids.entries()) {
    trace.write(writtenAfter(id, 7));
    // Full blocks, and some that are not.
    if (count % 90 === 89) await trace.flush();
  }
  await trace.flush();
  const { rows, pages, looked } = await all();
  expect([rows.map(({ id }) => id), pages, looked]).toEqual([[...ids].reverse(), 9, 430]);
  const { rows: sought } = await all({ q: "mm-1@mmsc.example.net" });
  expect(sought.map(({ id }) => id)).toEqual([...ids].reverse());
});

test("pages of several processes' blocks are in one order, whichever was written first", async () => {
  const traces = [writer(), writer(), writer()];
  const ids: string[] = [];
  for (let count = 0; count < 600; count += 1) {
    const id = `j${count}`;
    ids.push(id);
    // Two are of one millisecond each, and are not written in the order in which they were received.
    const receivedMs = 10 * Math.floor((count ^ 1) / 2);
    traces[count % 3]?.write(writtenAfter(id, receivedMs));
    // Each process writes what it has got each second, one a while after the other.
    if (count % 33 === 32) await traces[((count / 33) % 3) | 0]?.flush();
  }
  for (const trace of traces) await trace.flush();
  const { rows, looked } = await all();
  expectNewestFirst(rows, ids);
  expect(looked).toBe(600);
  expectNewestFirst((await all({ q: "mm-1@mmsc.example.net" })).rows, ids);
});

test("what was written long after it came is on one page all the same, and keeps no page from its end", async () => {
  const trace = writer();
  const ids: string[] = [];
  for (let count = 0; count < 900; count += 1) {
    ids.push(`j${count}`);
    // Every tenth had waited for a day, as what is replayed does.
    const waitedMs = count % 10 === 0 ? 86_400_000 : 5;
    trace.write(writtenAfter(`j${count}`, 1_000 * count - waitedMs, waitedMs));
    if (count % 20 === 19) await trace.flush();
  }
  const { rows, looked } = await all();
  expect(rows.map(({ id }) => id).sort()).toEqual([...ids].sort());
  expect(looked).toBe(900);
  const fresh = rows.filter(({ id }) => !id.endsWith("0"));
  expectNewestFirst(
    fresh,
    ids.filter((id) => !id.endsWith("0")),
  );
});

/** As {@link listWhole}, where each page's time is over when so many blocks were looked into. */
const listFor = (blocksOf: (page: number) => number) => {
  let page = 0;
  return (filter: Partial<ReportFilter>, from: string | null) => {
    let left = blocksOf(page++);
    return listReports(own, { ...EVERY_REPORT, ...filter }, from, () => left-- <= 0);
  };
};

test("wherever a page ends because it takes too long, no report comes twice, and none is left out", async () => {
  const [one, other] = [writer(), writer()];
  const ids: string[] = [];
  for (let count = 0; count < 600; count += 1) {
    ids.push(`j${count}`);
    // Every tenth had waited for a day, and what the other process writes came after what stands behind it.
    if (count % 10 === 0) one.write(writtenAfter(`j${count}`, 1_000 * count - 86_400_000, 86_400_000));
    else if (count % 200 < 70) other.write(writtenAfter(`j${count}`, 1_000 * count + 500_000));
    else one.write(writtenAfter(`j${count}`, 1_000 * count));
    if (count % 15 === 14) await one.flush();
    if (count % 200 === 70) await other.flush();
  }
  for (const trace of [one, other]) await trace.flush();
  const sorted = [...ids].sort();
  for (const blocks of [0, 1, 3, 9, 29, 30, 31]) {
    // Each page, only the second one, and every other one.
    for (const isSlow of [() => true, (page: number) => page === 1, (page: number) => page % 2 === 0]) {
      const { rows, looked } = await all(
        {},
        listFor((page) => (isSlow(page) ? blocks : Number.POSITIVE_INFINITY)),
      );
      expect([blocks, rows.map(({ id }) => id).sort()]).toEqual([blocks, sorted]);
      expect(looked).toBe(ids.length);
    }
  }
});

test("what begins at a time leaves out nothing that another process wrote a moment before", async () => {
  const [one, other] = [writer(), writer()];
  other.write(writtenAfter("fits", 60_500));
  await other.flush();
  one.write(writtenAfter("before", 59_900));
  await one.flush();
  const since = new Date(Date.UTC(2026, 0, 3) + 60_000).toISOString();
  expect((await listWhole({ since })).rows.map(({ id }) => id)).toEqual(["fits"]);
});

test("a place that somebody wrote makes a page no longer than another", async () => {
  const trace = writer();
  for (let count = 0; count < 60; count += 1) {
    trace.write(writtenAfter(`j${count}`, 1_000 * count));
    await trace.flush();
  }
  const all = (blocks: number) => `0.1.60_${Array.from({ length: blocks }, () => 999_999).join("-")}`;
  const far = await listReports(own, EVERY_REPORT, all(30), () => true);
  expect([far.rows, far.lookedThrough, far.older]).toEqual([[], 0, "0.1.30"]);
  expect(await listWhole({}, all(31))).toEqual(await listWhole());
});

test("fifty rows and no more are one page, and fifty-one are two", async () => {
  const trace = writer();
  for (let count = 0; count < 50; count += 1) trace.write(reported({}, `j${count}`));
  await trace.flush();
  const one = await listWhole();
  expect([one.rows.length, one.older]).toEqual([50, null]);
  trace.write(reported({}, "j50"));
  await trace.flush();
  const first = await listWhole();
  expect(first.rows[0]?.id).toBe("j50");
  const second = await listWhole({}, first.older);
  expect([second.rows.map(({ id }) => id), second.older]).toEqual([["j0"], null]);
});

test("each filter keeps what fits", async () => {
  const trace = writer();
  const delivered = reported(KIM, "delivered");
  trace.write(delivered);
  trace.write(reported({ ...SPAM, "X-Mms-Message-ID": '"mm-spam"' }, "spam"));
  trace.write(reported({ "X-Mms-MM-Status-Code": "Retrieved", "X-Internal-Status-Code": "470" }, "conflict"));
  trace.write(reported({ "X-Mms-Message-ID": undefined }, "warned"));
  const quarantined = { ...reported({}, "kept"), fate: { kind: "quarantined", reason: "no-status" } as const };
  trace.write({
    ...quarantined,
    peer: { ...quarantined.peer, name: "other" },
    ids: { ...quarantined.ids, eventId: null },
  });
  await trace.flush();

  const found = async (filter: Partial<ReportFilter>) => (await listWhole(filter)).rows.map(({ id }) => id).reverse();
  expect(await found({})).toEqual(["delivered", "spam", "conflict", "warned", "kept"]);
  expect(await found({ peer: "other" })).toEqual(["kept"]);
  expect(await found({ outcome: "rejected" })).toContain("spam");
  expect(await found({ outcome: "rejected" })).not.toContain("delivered");
  expect(await found({ disposition: "success", conflict: false, code: null })).toContain("delivered");
  expect(await found({ code: 470 })).toEqual(["spam", "conflict"]);
  expect(await found({ code: 470, conflict: true })).toEqual(["conflict"]);
  expect(await found({ conflict: true })).toEqual(["conflict"]);
  expect(await found({ warnings: true })).toContain("warned");
  expect(await found({ warnings: true })).not.toContain("delivered");
  expect(await found({ type: "mm4d.delivery-report.v1" })).toEqual(["delivered", "spam", "conflict", "warned"]);
  expect(await found({ type: "mm4d.forward-response.v1" })).toEqual([]);
  expect(await found({ q: "mm-spam" })).toEqual(["spam"]);
  expect(await found({ q: "mm-spam", code: 471 })).toEqual([]);
  expect(await found({ q: "+1 202 555 0155" })).toEqual(["delivered"]);
  expect(await found({ q: delivered.ids.eventId })).toEqual(["delivered"]);
  expect(await found({ since: (await listWhole({ q: "mm-spam" })).rows[0]?.at ?? "" })).toEqual([
    "spam",
    "conflict",
    "warned",
    "kept",
  ]);
  await expect(listWhole({ since: "yesterday" })).rejects.toThrow();
});

test("what is sought by an id or a number goes on by pages too", async () => {
  const trace = writer();
  for (let count = 0; count < 130; count += 1) {
    trace.write(reported({ ...(count % 2 === 0 ? KIM : {}), "X-Mms-Message-ID": `mm-${count}` }, `j${count}`));
    if (count % 20 === 0) await trace.flush();
  }
  await trace.flush();
  const { rows, pages } = await all({ q: "+12025550155" });
  expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 65 }, (_, place) => `j${128 - 2 * place}`));
  expect(pages).toBe(2);
});

test("a list ends at what was written before the time that it begins at, and not at what was drained late", async () => {
  const trace = writer();
  const at = (time: string) => `2026-01-01T${time}.000Z`;
  const drained = (id: string, came: string, written: string) => {
    const entry = reported({}, id);
    if (!("at" in entry.fate)) throw new Error("no time");
    trace.write({ ...entry, at: at(came), fate: { ...entry.fate, at: at(written) } });
    return trace.flush();
  };
  await drained("old", "01:00:00", "01:00:01");
  await drained("before", "02:00:00", "02:00:01");
  await drained("live", "04:00:00", "04:00:01");
  await drained("late", "01:30:00", "04:00:02");
  // However that time is written.
  for (const since of [at("03:00:00"), "2026-01-01T03:00Z", "2026-01-01T05:00:00+02:00"]) {
    const { rows, older, lookedThrough } = await listWhole({ since });
    expect([since, rows.map(({ id }) => id), older, lookedThrough]).toEqual([since, ["live"], null, 3]);
  }
  expect((await listWhole()).rows.map(({ id }) => id)).toEqual(["live", "before", "late", "old"]);
});

test("what mm4d 1.0 wrote is listed behind what is written now", async () => {
  const first = received({ ...KIM, "X-Mms-Message-ID": "mm-10" });
  const copy = received({ ...KIM, "X-Mms-Message-ID": "mm-10" });
  const kept = { ...received({}), quarantineId: "q10", fate: "kept in quarantine as q10 (no-status)", event: null };
  const ignored = { ...received({}), fate: "MM4_forward.REQ is accepted, and makes no event", event: null };
  const refused = { ...received({}), reply: "451 4.3.0 Try again", fate: "it could not be stored", event: null };
  const alone = received({ "X-Mms-Message-ID": "alone" });
  await writeAs10(own, [
    first,
    { ...queued(first, "j10"), event: null },
    copy,
    { ...queued(copy, "j11", "j10"), event: null },
    kept,
    ignored,
    refused,
    queued(alone, "j12"),
  ]);
  const trace = writer();
  trace.write(reported({}, "now"));
  await trace.flush();
  const { rows, older } = await listWhole();
  expect(older).toBe(null);
  expect(rows.map(({ id, fate, why }) => [id, fate, why]).sort()).toEqual([
    ["j10", "queued", null],
    ["j11", "duplicate", null],
    ["j12", "queued", null],
    ["mm-1@mmsc.example.net", "ignored", "MM4_forward.REQ"],
    ["now", "queued", null],
    ["q10", "quarantined", "no-status"],
  ]);
  expect((await listWhole({ q: "mm-10" })).rows.map(({ id }) => id)).toEqual(["j11", "j10"]);
});

test("a place that no list has given begins anew, and one beyond the trace is not waited for", async () => {
  const trace = writer();
  for (let count = 0; count < 60; count += 1) trace.write(reported({}, `j${count}`));
  await trace.flush();
  const first = await listWhole();
  for (const place of ["", "x", "0.1", "2.1.1", "0.1.-1", "0.1e9.1", "0.1.1_0.1.1", "../../etc"]) {
    expect([place, await listWhole({}, place)]).toEqual([place, first]);
  }
  expect((await listWhole({}, "0.999999999.1")).rows).toHaveLength(50);
  expect(await listWhole({}, "1.1.1")).toEqual({ rows: [], older: null, lookedThrough: 0 });
  const far = await listWhole({}, "0.1.999999999");
  expect([far.rows, far.older]).toEqual([[], "0.1.999997999"]);
});

test("a page that looks for too long tells where it goes on", async () => {
  const trace = writer();
  for (let block = 0; block < 4; block += 1) {
    for (let count = 0; count < 30; count += 1) trace.write(reported({}, `b${block}-${count}`));
    await trace.flush();
  }
  const nothing = { ...EVERY_REPORT, code: 999 };
  const cut = await listReports(own, nothing, null, () => true);
  expect([cut.rows, cut.lookedThrough]).toEqual([[], 30]);
  expect(await listWhole({ code: 999 }, cut.older)).toEqual({ rows: [], older: null, lookedThrough: 90 });
});

test("a damaged block, or line, is passed over, and hides no other", async () => {
  const trace = writer();
  for (let count = 1; count <= 6; count += 1) {
    trace.write(reported({ "X-Mms-Message-ID": "mm-same" }, `j${count}`));
    await trace.flush();
  }
  const key = (number: number): string => `${own.prefix}:mm4d-trace3:1:b${number}`;
  const second = await unpackBlock((await own.redis.getBuffer(key(2))) ?? Buffer.alloc(0));
  await own.redis.set(key(2), await packBlock(`no JSON\nnull\n${second}`));
  await own.redis.set(key(3), "");
  await own.redis.set(key(4), Buffer.of(0x06, 1, 2, 3));
  await own.redis.set(key(5), await packBlock("\n".repeat(BOUNDS.blockInflated.value + 1)));
  for (const q of [null, "mm-same"]) {
    const { rows } = await listWhole({ q });
    expect([q, rows.map(({ id }) => id)]).toEqual([q, ["j6", "j2", "j1"]]);
  }
  const { entries, more } = await findEntries(own, "mm-same");
  expect([entries.length, more]).toEqual([3, true]);
  const live = createLiveLook(own, "events");
  const look = async () => (await live([EVERY_REPORT])).found.flatMap(({ rows }) => rows.map(({ id }) => id));
  expect((await look())[0]).toBe("j6");
  trace.write(reported({}, "j7"));
  trace.write(reported({}, "j8"));
  await trace.flush();
  await own.redis.set(key(7), "");
  expect(await look()).toEqual([]);
  trace.write(reported({}, "j9"));
  await trace.flush();
  expect(await look()).toEqual(["j9"]);
});

test("live, of very many no more is read than is shown, and those that fit a filter are found among all of them", async () => {
  const trace = writer();
  const codes: ReportFilter = { ...EVERY_REPORT, code: 470 };
  const live = createLiveLook(own, "events");
  expect(await live([EVERY_REPORT, codes])).toEqual({ found: [], jobs: new Map() });
  for (let count = 0; count < 1_000; count += 1) {
    trace.write(reported(count % 100 === 0 ? { ...KIM, ...SPAM } : KIM, `j${count}`));
  }
  await trace.flush();
  await own.redis.config("RESETSTAT");
  const { found } = await live([EVERY_REPORT]);
  expect(found.map(({ rows, skipped }) => [rows.length, rows[0]?.id, skipped])).toEqual([[50, "j999", 950]]);
  // How many blocks there are, and the newest of the five.
  expect(await own.redis.info("commandstats")).toContain("cmdstat_get:calls=2,");

  expect((await live([EVERY_REPORT, codes])).found).toMatchObject([{ filter: codes }]);
  for (let count = 1_000; count < 2_000; count += 1) {
    trace.write(reported(count % 100 === 0 ? { ...KIM, ...SPAM } : KIM, `j${count}`));
  }
  await trace.flush();
  const both = (await live([EVERY_REPORT, codes])).found;
  expect(both.map(({ rows, skipped }) => [rows.length, rows.at(-1)?.id, skipped])).toEqual([
    [50, "j1950", 950],
    [10, "j1000", 0],
  ]);
});
