import { expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { findTrace } from "../../src/trace/find.ts";
import { headerOf, tellReport } from "../../src/trace/told.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { KIM, later, queued, received } from "../support/notes.ts";
import { useRedis } from "../support/redis-of-file.ts";

const own = useRedis();

const writer = () => createTraceWriter({ place: own, hours: 72, maxBytes: 256 * 2 ** 20 });
const find = (wanted: string) => findTrace(own, "queue", wanted);

test("a report is found by each of its ids and its number, however they are written, with what came before and after", async () => {
  const trace = writer();
  const first = received({ ...KIM, "X-Mms-Message-ID": '"kim-1"', "X-Mms-MM-Status-Code": "Deferred" });
  const second = received({ ...KIM, "X-Mms-Message-ID": "kim-1", "X-Mms-Transaction-ID": "tx-second" });
  const other = received({ "X-Mms-Message-ID": "other", "X-Mms-Transaction-ID": "tx-other" });
  trace.write(first);
  trace.write(queued(first, "j1"));
  trace.write(other);
  await trace.flush();
  trace.write(second);
  trace.write(queued(second, "j2"));
  trace.write({ ...second, at: later() });
  trace.write(queued(second, "j3", "j2"));
  const owed = { eventId: second.ids.eventId, messageId: '"kim-1"', transactionId: '"tx-second"', numbers: [] };
  trace.write({ kind: "acknowledgement", at: later(), id: "a1", result: "sent", detail: "250 ok", ids: owed });
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
  for (let index = 0; index < 400; index++) trace.write({ ...large, at: later() });
  await trace.flush();
  expect(trace.lost()).toBe(0);
  const { reports } = await find("12020000001");
  expect(JSON.stringify(reports).length).toBeLessThan(10_000_000);
  expect(reports[0]?.event?.data.requestRecipients.length).toBe(20);
});

test("one number with very many reports is told of the newest", async () => {
  const trace = writer();
  for (let index = 0; index < 3_000; index++) {
    trace.write(received({ ...KIM, "X-Mms-Message-ID": `many-${index}`, "X-Mms-Transaction-ID": `tm-${index}` }));
    if (index % 20 === 19) await trace.flush();
  }
  const { reports, more } = await find("12025550155");
  expect([reports.length, more]).toEqual([50, true]);
  // One with a report in each of very many blocks: that some are forgotten is told too.
  const rare = writer();
  for (let index = 0; index < 120; index++) {
    rare.write(received({ From: "+12025550166", "X-Mms-Message-ID": `rare-${index}` }));
    await rare.flush();
  }
  expect(await find("12025550166")).toMatchObject({ more: true });
  expect(reports.at(-1)?.ids.messageId).toBe("many-2999");
});
