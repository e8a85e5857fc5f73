import { expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { headerOf, idsOf, MAX_HEADER_LENGTH, type TraceNote, tellReport } from "../../src/trace/note.ts";
import { createTraceWriter, findTrace } from "../../src/trace/writer.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport, eventOf, type FieldsOf } from "../support/report.ts";

const own = useRedis();

const writer = (maxBytes = 256 * 2 ** 20) =>
  createTraceWriter({ redis: own.redis, prefix: own.prefix, hours: 72, maxBytes });
const find = (wanted: string) => findTrace(own.redis, own.prefix, "queue", wanted);

let seconds = 0;
const later = (): string => new Date(Date.UTC(2026, 0, 2) + 1000 * seconds++).toISOString();

function received(fields: FieldsOf): Extract<TraceNote, { kind: "received" }> {
  const bytes = deliveryReport(fields);
  const event = eventOf(bytes);
  return {
    kind: "received",
    at: later(),
    quarantineId: null,
    sessionId: "s1",
    peer: event.data.peer,
    mailFrom: "system-user@mmsc.example.net",
    bytes: bytes.length,
    tookMs: 1.5,
    reply: "250 2.0.0 Report stored",
    fate: null,
    header: Buffer.from(bytes).toString("latin1").slice(0, MAX_HEADER_LENGTH),
    ids: idsOf(event),
    event,
  };
}
const queued = (
  { ids, event }: TraceNote & { kind: "received" },
  recordId: string,
  duplicateOf: string | null = null,
) => ({ kind: "queued", at: later(), recordId, duplicateOf, ids, event }) as const;

const KIM = { From: "+12025550155/TYPE=PLMN" };

test("a report is found by each of its ids and its number, however they are written, with what came before and after", async () => {
  const trace = writer();
  const first = received({ ...KIM, "X-Mms-Message-ID": '"kim-1"', "X-Mms-MM-Status-Code": "Deferred" });
  const second = received({ ...KIM, "X-Mms-Message-ID": "kim-1", "X-Mms-Transaction-ID": "tx-second" });
  const other = received({ "X-Mms-Message-ID": "other", "X-Mms-Transaction-ID": "tx-other" });
  trace.note(first);
  trace.note(queued(first, "j1"));
  trace.note(other);
  await trace.flush();
  trace.note(second);
  trace.note(queued(second, "j2"));
  trace.note({ ...second, at: later() });
  trace.note(queued(second, "j3", "j2"));
  const owed = { eventId: second.ids.eventId, messageId: '"kim-1"', transactionId: '"tx-second"', numbers: [] };
  trace.note({ kind: "acknowledgement", at: later(), id: "a1", result: "sent", detail: "250 ok", ids: owed });
  await trace.flush();

  const all = await find("kim-1");
  expect(all.reports.map(({ event }) => event?.data.outcome)).toEqual(["deferred", "delivered"]);
  expect(all.reports[1]?.notes.map(({ kind }) => kind)).toEqual([
    "received",
    "queued",
    "received",
    "queued",
    "acknowledgement",
  ]);
  const names = ['"kim-1"', " kim-1 ", "tx-second", second.ids.eventId ?? "", "+1 (202) 555-0155", "12025550155"];
  for (const name of names) expect([name, await find(name)]).toEqual([name, all]);
  for (const name of ["kim", "KIM-1", "2025550155", "5550155", "", "*", "j1"]) {
    expect([name, (await find(name)).reports]).toEqual([name, []]);
  }

  const [, report] = all.reports;
  if (!report) throw new Error("no report");
  const masked = JSON.stringify(tellReport(report, "masked"));
  expect(masked).toContain("recipient +*******0155, peer carrier");
  expect(masked).toContain("not queued again: it is a duplicate of job j2");
  expect(masked).toContain("acknowledgement sent: 250 ok");
  expect(masked).toContain("the job is no longer kept");
  expect(`${masked} ${headerOf(report, "masked")}`).not.toMatch(/2025550/);
  expect(headerOf(report, "masked")).toContain("X-Mms-Message-ID: kim-1");
  expect(JSON.stringify(tellReport(report, "full"))).toContain("+12025550155");
  expect(headerOf(report, "full")).toContain("From: +12025550155/TYPE=PLMN");
});

test("no number stands in the name of a key or a field", async () => {
  const trace = writer();
  trace.note(received({ ...KIM, "X-Mms-Message-ID": "kim-2" }));
  await trace.flush();
  const keys = await own.redis.keys(`${own.prefix}:*`);
  const indexes = keys.filter((key) => /:i..$/.test(key));
  expect(indexes.length).toBeGreaterThan(0);
  const entries = await Promise.all(indexes.map((key) => own.redis.get(key)));
  expect(JSON.stringify([keys, entries])).not.toMatch(/202|0155|kim/);
});

test("it takes no more than it may; the oldest is forgotten first", async () => {
  const mebibyte = 2 ** 20;
  const trace = writer(mebibyte);
  const used = async () => Number(/used_memory:(\d+)/.exec(await own.redis.info("memory"))?.[1]);
  const before = await used();
  for (let index = 0; index < 10_000; index++) {
    trace.note(received({ "X-Mms-Message-ID": `mm-${index}`, "X-Mms-Transaction-ID": `tx-${index}` }));
    if (index % 50 === 49) await trace.flush();
  }
  expect(trace.lost()).toBe(0);
  expect((await used()) - before).toBeLessThan(1.5 * mebibyte);
  expect((await find("mm-0")).reports).toEqual([]);
  expect((await find("mm-9999")).reports.length).toBe(1);
  const { generation, oldest } = await own.redis.hgetall(`${own.prefix}:mm4d-trace2`);
  expect(Number(generation) - Number(oldest)).toBeLessThan(16);
  const generations = new Set(
    (await own.redis.keys(`${own.prefix}:mm4d-trace2:*`)).map((key) => Number(key.split(":")[2])),
  );
  expect(Math.min(...generations)).toBe(Number(oldest));
  for (const key of await own.redis.keys(`${own.prefix}:mm4d-trace2:*`))
    expect(await own.redis.ttl(key)).toBeGreaterThan(72 * 3600);
});

test("what thousands of recipients make of one event costs no more than another, and one question is answered soon", async () => {
  const trace = writer();
  const numbers = Array.from({ length: 500 }, (_, index) => `+1202${String(index).padStart(7, "0")}`).join(", ");
  const whole = received({
    "X-Mms-Message-Type": "MM4_forward.RES",
    "X-Mms-Request-Status-Code": "Ok",
    "X-Mms-Request-Recipients": numbers,
    "X-Mms-Note": "x".repeat(5_000),
  });
  // As mm4d 1.0.0 made them, and its journal may still hold: today an event has five hundred at most.
  const { event } = whole as { event: DeliveryEvent };
  const requestRecipients = Array.from({ length: 7 }, () => event.data.requestRecipients).flat();
  const large = { ...whole, event: { ...event, data: { ...event.data, requestRecipients } } };
  expect(JSON.stringify(large.event).length).toBeGreaterThan(300_000);
  for (let index = 0; index < 400; index++) trace.note({ ...large, at: later() });
  await trace.flush();
  expect(trace.lost()).toBe(0);
  const { reports } = await find("12020000001");
  expect(JSON.stringify(reports).length).toBeLessThan(10_000_000);
  expect(reports[0]?.event?.data.requestRecipients.length).toBe(20);
});

test("one number with very many reports is told of the newest", async () => {
  const trace = writer();
  for (let index = 0; index < 3_000; index++) {
    trace.note(received({ ...KIM, "X-Mms-Message-ID": `many-${index}`, "X-Mms-Transaction-ID": `tm-${index}` }));
    if (index % 20 === 19) await trace.flush();
  }
  const { reports, more } = await find("12025550155");
  expect([reports.length, more]).toEqual([50, true]);
  // One with a report in each of very many blocks: that some are forgotten is told too.
  const rare = writer();
  for (let index = 0; index < 120; index++) {
    rare.note(received({ From: "+12025550166", "X-Mms-Message-ID": `rare-${index}` }));
    await rare.flush();
  }
  expect(await find("12025550166")).toMatchObject({ more: true });
  expect(reports.at(-1)?.ids.messageId).toBe("many-2999");
});

test("what Redis does not take is counted as lost, and later notes are kept", async () => {
  const trace = writer();
  await own.redis.ping();
  await own.server.kill();
  const any = received({});
  for (let index = 0; index < 12_000; index++) {
    const messageId = `away-${index}`;
    trace.note({ ...any, at: later(), ids: { ...any.ids, eventId: `r${index}`, messageId } });
  }
  await expect(trace.flush()).rejects.toThrow();
  const lost = trace.lost();
  expect(lost).toBeGreaterThan(1_000);
  expect(lost).toBeLessThan(11_000);
  await own.server.start();
  await own.redis.ping().catch(() => {});
  await expect.poll(() => own.redis.status).toBe("ready");
  await trace.flush();
  trace.note(received({ "X-Mms-Message-ID": "back" }));
  await trace.flush();
  for (const name of ["back", "away-11999", `away-${lost}`]) expect((await find(name)).reports.length).toBe(1);
  expect((await find(`away-${lost - 1}`)).reports).toEqual([]);
});

test("nothing is written when nothing is noted, or nothing is to be", async () => {
  await writer().flush();
  const off = createTraceWriter({ redis: own.redis, prefix: own.prefix, hours: 0, maxBytes: 2 ** 20 });
  off.note(received({}));
  await off.flush();
  expect(await own.redis.keys(`${own.prefix}:*`)).toEqual([]);
});
