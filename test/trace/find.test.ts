import { expect, test } from "vitest";
import { findTrace } from "../../src/trace/find.ts";
import { headerOf, tellReport } from "../../src/trace/told.ts";
import { createTraceWriter } from "../../src/trace/writer.ts";
import { KIM, later, queued, readingBy, received, reported, writeAs10 } from "../support/notes.ts";
import { useRedis } from "../support/redis-of-file.ts";
import { deliveryReport } from "../support/report.ts";

const own = useRedis();

const writer = () => createTraceWriter({ place: own, hours: 72, maxBytes: 256 * 2 ** 20 });
const find = (wanted: string) => findTrace(own, "queue", wanted, readingBy());

test("a report is found by each of its ids and its number, however they are written, with what came before and after", async () => {
  const trace = writer();
  trace.write(reported({ ...KIM, "X-Mms-Message-ID": '"kim-1"', "X-Mms-MM-Status-Code": "Deferred" }, "j1"));
  trace.write(reported({ "X-Mms-Message-ID": "other", "X-Mms-Transaction-ID": "tx-other" }, "j0"));
  await trace.flush();
  const fields = { ...KIM, "X-Mms-Message-ID": "kim-1", "X-Mms-Transaction-ID": "tx-second" };
  const second = reported(fields, "j2");
  trace.write(second);
  trace.write(reported(fields, "j3", { became: { duplicateOf: "j2" } }));
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

test("as JSON, an ordinary report has the fields that it had, and what it said beside them", async () => {
  const trace = writer();
  const entry = reported({}, "j1");
  trace.write(entry);
  await trace.flush();
  const { reports, more } = await find("mm-1@mmsc.example.net");
  expect(more).toBe(false);
  const ids = {
    eventId: "rb2b868a5c8842dd225f8873fe9aba12a",
    messageId: "mm-1@mmsc.example.net",
    transactionId: "tx-1@mmsc.example.net",
    numbers: ["12025550100"],
  };
  const peer = { name: "carrier", address: "192.0.2.1", helo: "mmsc.example.net", tls: null, user: null };
  const partyOf = (number: string) => ({ kind: "e164", number, raw: `${number}/TYPE=PLMN`, domain: null });
  const event = {
    specversion: "1.0",
    id: ids.eventId,
    source: "/mm4d/local",
    type: "mm4d.delivery-report.v1",
    subject: "mm-1@mmsc.example.net",
    time: entry.at,
    datacontenttype: "application/json",
    dataschema: "urn:mm4d:schema:delivery-event:v1",
    data: {
      messageId: "mm-1@mmsc.example.net",
      transactionId: "tx-1@mmsc.example.net",
      recipient: partyOf("+12025550100"),
      originator: partyOf("+12025550199"),
      requestRecipients: [],
      outcome: "delivered",
      disposition: "success",
      final: true,
      rank: 70,
      stage: "handset",
      rejectedBy: null,
      conflict: false,
      reason: null,
      handledAt: "2026-01-02T03:04:00.000Z",
      receivedAt: entry.at,
      peer,
      raw: {
        mmStatusCode: "Retrieved",
        statusExtension: null,
        internalStatusCode: null,
        statusText: null,
        requestStatusCode: null,
        readStatus: null,
        date: "Fri, 02 Jan 2026 03:04:00 +0000",
        version: "6.10.0",
        messageType: "MM4_delivery_report.REQ",
        from: "+12025550100/TYPE=PLMN",
        to: "+12025550199/TYPE=PLMN",
        messageId: '"mm-1@mmsc.example.net"',
        transactionId: '"tx-1@mmsc.example.net"',
      },
      warnings: [],
    },
  };
  const received = {
    kind: "received",
    at: entry.at,
    quarantineId: null,
    sessionId: "s1",
    peer,
    mailFrom: "system-user@mmsc.example.net",
    bytes: 299,
    tookMs: 1.5,
    reply: "250 2.0.0 Report stored",
    fate: null,
    header: entry.header,
    ids,
    event,
  };
  const onlyEvent = { eventId: ids.eventId, messageId: null, transactionId: null, numbers: [] };
  const { at } = entry.fate as { at: string };
  expect(JSON.parse(JSON.stringify(reports))).toEqual([
    {
      event,
      ids,
      notes: [received, { kind: "queued", at, recordId: "j1", duplicateOf: null, ids: onlyEvent, event: null }],
      job: { state: "gone", attempts: 0, error: null, finishedAt: null },
      said: {
        eventId: ids.eventId,
        type: "mm4d.delivery-report.v1",
        outcome: "delivered",
        disposition: "success",
        final: true,
        code: null,
        conflict: false,
        warnings: [],
      },
      today: null,
    },
  ]);
});

test("what mm4d 1.0 wrote is found beside it, and both are one report", async () => {
  const fields = { ...KIM, "X-Mms-Message-ID": "both", "X-Mms-Transaction-ID": "tx-both" };
  const first = received(fields);
  await writeAs10(own, [first, queued(first, "j1"), received({ "X-Mms-Message-ID": "old-alone" })]);
  expect((await find("both")).reports).toMatchObject([{ event: first.event, said: null, today: null }]);
  const trace = writer();
  trace.write(reported(fields, "j2", { became: { duplicateOf: "j1" } }));
  await trace.flush();
  for (const name of ["both", "tx-both", "12025550155"]) {
    const { reports } = await find(name);
    expect(reports.map(({ notes }) => notes.map(({ kind }) => kind))).toEqual([
      ["received", "queued", "received", "queued"],
    ]);
    expect(reports[0]).toMatchObject({ event: first.event, said: { outcome: "delivered" }, today: null });
  }
  expect((await find("old-alone")).reports.length).toBe(1);
});

test("what hundreds of recipients make of one event costs no more than another, and one question is answered soon", async () => {
  const trace = writer();
  const numbers = Array.from({ length: 500 }, (_, index) => `+1202${String(index).padStart(7, "0")}`).join(", ");
  const large = reported(
    {
      "X-Mms-Message-Type": "MM4_forward.RES",
      "X-Mms-Request-Status-Code": "Ok",
      "X-Mms-Request-Recipients": numbers,
      "X-Mms-Note": "x".repeat(5_000),
    },
    "j1",
  );
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
    trace.write(reported({ ...KIM, "X-Mms-Message-ID": `many-${index}`, "X-Mms-Transaction-ID": `tm-${index}` }, "j1"));
    if (index % 20 === 19) await trace.flush();
  }
  const { reports, more } = await find("12025550155");
  expect([reports.length, more]).toEqual([50, true]);
  // One with a report in each of very many blocks: that some are forgotten is told too.
  const rare = writer();
  for (let index = 0; index < 120; index++) {
    rare.write(reported({ From: "+12025550166", "X-Mms-Message-ID": `rare-${index}` }, "j1"));
    await rare.flush();
  }
  expect(await find("12025550166")).toMatchObject({ more: true });
  expect(reports.at(-1)?.ids.messageId).toBe("many-2999");
});

test("a report takes two hundred bytes of Redis at most, with what finds it", async () => {
  const trace = writer();
  const hex = (length: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(length))).toString("hex");
  const digits = () => String(2_000_000_000 + (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0)).slice(0, 10);
  for (let index = 0; index < 1_000; index++) {
    const bytes = deliveryReport({
      Received: `from mmsc.example.net ([192.0.2.1]) by mms.example.com with ESMTP id ${hex(6)}; ${later()}`,
      "X-Mms-Transaction-ID": `"${hex(8)}@mmsc.example.net"`,
      "X-Mms-Message-ID": `"${hex(8)}@mms.example.com"`,
      "Message-ID": `<${hex(8)}@mmsc.example.net>`,
      From: `+1${digits()}/TYPE=PLMN@mmsc.example.net`,
      To: `+1${digits()}/TYPE=PLMN@mms.example.com`,
      Sender: "system-user@mmsc.example.net",
      "X-Mms-Originator-System": "system-user@mmsc.example.net",
      "X-Mms-Status-Text": "The message was retrieved by the handset of its recipient",
      "X-Mms-Forward-Route": "mmsc.example.net",
      "MIME-Version": "1.0",
      "Content-Type": "text/plain; charset=us-ascii",
      "Content-Transfer-Encoding": "7bit",
    });
    expect(Math.abs(bytes.length - 800)).toBeLessThan(60);
    trace.write(reported(bytes, `j${hex(16)}`));
    if (index % 200 === 199) await trace.flush();
  }
  // As the bound of memory counts them: twice what the index has, because Redis keeps room behind a value that grows.
  const { bytes } = await own.redis.hgetall(`${own.prefix}:mm4d-trace3`);
  expect(Number(bytes) / 1_000).toBeLessThan(200);
});
