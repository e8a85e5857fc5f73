/** The numbers agree with what happened: a known load, and what /metrics says of it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { VERSION } from "../../src/version.ts";
import { type Carrier, createCarriers } from "../support/carrier.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport, type FieldsOf } from "../support/report.ts";
import { type ServiceUnderTest, startServiceWithin } from "../support/service.ts";
import { connectSmtp } from "../support/smtp-client.ts";

const carriers = createCarriers();
let redis: TestRedis;
let service: ServiceUnderTest;
let first: Carrier;
let second: Carrier;

beforeAll(async () => {
  redis = await startRedis(["--maxmemory", "100mb", "--maxmemory-policy", "noeviction"]);
  first = await carriers.add("first");
  second = await carriers.add("second", { acknowledge: { host: null } });
  carriers.write();
  service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_PEERS_FILE: carriers.peersFile });
});
afterAll(async () => {
  await service.stop();
  await carriers.stop();
  await redis.stop();
});

/** Every series of ours, by name and labels, without buckets. */
async function series(): Promise<ReadonlyMap<string, number>> {
  const { text } = await service.get("/metrics");
  const lines = text
    .split("\n")
    .filter((line) => /^mm4d_/.test(line) && !/^mm4d_(?:process|nodejs)|_bucket\{/.test(line));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))] as const),
  );
}

/** Those of a metric that are not zero. */
async function all(name: string): Promise<Readonly<Record<string, number>>> {
  const found = [...(await series())].filter(([key, value]) => key.startsWith(`${name}{`) && value !== 0);
  return Object.fromEntries(found.map(([key, value]) => [key.slice(name.length), value]));
}

let made = 0;
const report = (fields: FieldsOf = {}) => {
  made += 1;
  return deliveryReport({ "X-Mms-Message-ID": `mm-${made}`, "X-Mms-Transaction-ID": `tx-${made}`, ...fields });
};

test("a known load is counted as what it was", async () => {
  const deliver = (carrier: Carrier, fields?: FieldsOf) => carrier.deliver(service.smtpPort, report(fields));
  const hourAgo = new Date(Date.now() - 3_600_000).toUTCString().replace("GMT", "+0000");
  for (let index = 0; index < 5; index += 1) await deliver(first, { Date: hourAgo });
  for (let index = 0; index < 3; index += 1)
    await deliver(second, { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" });
  await deliver(first, { "X-Internal-Status-Code": "470" });
  // A peer may send any number: they are one series.
  for (let code = 300; code < 330; code += 1) {
    await deliver(first, {
      "X-Mms-MM-Status-Code": "Rejected",
      "X-Internal-Status-Code": String(code),
      "X-Mms-Status-Code": "Rejected",
    });
  }
  for (let copy = 0; copy < 2; copy += 1) await deliver(first, { "X-Mms-Message-ID": "the same", Date: "yesterday" });
  await deliver(second, { "X-Mms-MM-Status-Code": undefined });
  await deliver(second, { "X-Mms-Message-Type": "MM4_forward.REQ" });
  await deliver(first, { "X-Mms-Ack-Request": "Yes" });
  await deliver(second, { "X-Mms-Ack-Request": "Yes" });
  const stranger = connectSmtp(service.smtpPort, { from: "127.0.0.77" });
  expect(await stranger.reply()).toMatch(/^554 /);
  stranger.end();
  await service.metric('mm4d_acknowledgements_total{peer="first",result="sent"}', (value) => value === 1);
  await service.metric("mm4d_published_total", (value) => value === 42);

  expect(await all("mm4d_accepted_total")).toEqual({
    '{peer="first",kind="report"}': 39,
    '{peer="second",kind="report"}': 4,
    '{peer="second",kind="unreadable"}': 1,
    '{peer="second",kind="other-pdu"}': 1,
  });
  const type = 'type="mm4d.delivery-report.v1"';
  expect(await all("mm4d_reports_total")).toEqual({
    [`{peer="first",${type},outcome="delivered",disposition="success"}`]: 8,
    [`{peer="first",${type},outcome="indeterminate",disposition="unknown"}`]: 1,
    [`{peer="first",${type},outcome="rejected",disposition="failure"}`]: 30,
    [`{peer="second",${type},outcome="rejected",disposition="failure"}`]: 3,
    [`{peer="second",${type},outcome="delivered",disposition="success"}`]: 1,
  });
  expect(await all("mm4d_duplicates_total")).toEqual({ [`{peer="first",${type}}`]: 1 });
  expect(await all("mm4d_conflicts_total")).toEqual({ '{peer="first"}': 1 });
  expect(await all("mm4d_quarantined_total")).toEqual({ '{peer="second",reason="no-status"}': 1 });
  expect(await all("mm4d_other_pdus_total")).toEqual({ '{peer="second",type="MM4_forward.REQ"}': 1 });
  expect(await all("mm4d_sessions_refused_total")).toEqual({ '{reason="unknown-peer"}': 1 });
  expect(await all("mm4d_acknowledgements_total")).toEqual({
    '{peer="first",result="owed"}': 1,
    '{peer="first",result="sent"}': 1,
    '{peer="second",result="undeliverable"}': 1,
  });
  const codes = await all("mm4d_codes_total");
  expect([codes['{peer="first",code="470"}'], codes['{peer="second",code="470"}']]).toEqual([1, 3]);
  const unknown = (await all("mm4d_unknown_codes_total"))['{peer="first"}'] ?? 0;
  expect(unknown).toBeGreaterThan(10);
  expect(codes['{peer="first",code="other"}']).toBe(unknown);
  expect(Object.values(codes).reduce((sum, count) => sum + count, 0)).toBe(34);
  // The two without a date that can be read have no age.
  expect(await all("mm4d_report_age_seconds_count")).toEqual({ '{peer="first"}': 37, '{peer="second"}': 4 });
  const hour = 'mm4d_report_age_seconds_bucket{le="3600",peer="first"}';
  const { text } = await service.get("/metrics");
  expect(
    Number(
      text
        .split("\n")
        .find((line) => line.startsWith(hour))
        ?.split(" ")
        .at(-1),
    ),
  ).toBe(0);
  expect((await all("mm4d_warnings_total"))['{peer="first",warning="unparsable-date"}']).toBe(2);
  expect((await series()).get("mm4d_journal_sync_seconds_count")).toBeGreaterThanOrEqual(40);
  expect((await series()).get("mm4d_data_to_reply_seconds_count")).toBe(45);
});

test("the queues, their oldest job, Redis and the build", async () => {
  const waiting = 'mm4d_queue_jobs{queue="mm4-delivery-events",state="waiting"}';
  const oldest = 'mm4d_queue_oldest_waiting_seconds{queue="mm4-delivery-events"}';
  const sent = 'mm4d_queue_jobs{queue="mm4-acknowledgements",state="completed"}';
  // As they were seen last: the acknowledgement may have been on its way then.
  const before = await eventually(
    series,
    (found) => found.get(waiting) === 42 && (found.get(oldest) ?? 0) > 1 && found.get(sent) === 1,
  );
  expect(before.get("mm4d_quarantine_messages")).toBe(1);
  expect(before.get("mm4d_redis_up")).toBe(1);
  expect(before.get("mm4d_redis_memory_ratio")).toBeGreaterThan(0.005);
  expect(before.get("mm4d_redis_memory_ratio")).toBeLessThan(1);
  expect(Date.now() / 1000 - (before.get("mm4d_redis_last_write_timestamp_seconds") ?? 0)).toBeLessThan(60);
  const build = [...before.keys()].filter((key) => key.startsWith("mm4d_build_info"));
  expect(build).toEqual([expect.stringContaining(`version="${VERSION}",node="${process.version}",catalogue="20`)]);
  expect(before.get("mm4d_healthy")).toBe(1);

  const consumer = startConsumer(redis.url);
  await eventually(series, (found) => found.get(waiting) === 0 && found.get(oldest) === 0);
  await consumer.stop();
});

test("the statistics outlive the process, and agree", async () => {
  const stats = async (by: string) =>
    (await runCommandWithin(["stats", "--since", "1h", "--by", by], service.env)).stdout;
  await eventually(
    () => stats("outcome"),
    (said) => said.startsWith("42 reports in "),
  );
  expect((await stats("outcome")).split("\n").slice(0, 5)).toEqual([
    expect.stringMatching(/^42 reports in 1 h, since \d{4}-\d\d-\d\dT\d\d:\d\dZ: 19 % successes, 79 % failures$/),
    "  outcome          reports   share",
    "  rejected              33    79 %",
    "  delivered              8    19 %",
    "  indeterminate          1     2 %",
  ]);
  expect(await stats("peer")).toMatch(/\n {2}first +38 +90 % +18 % +79 %\n {2}second +4 +10 % +25 % +75 %\n$/);
  expect(await stats("code")).toMatch(/\n {2}470 +4 +10 % +0 % +75 % {2}rejected-spam-detected\n/);
  const json = JSON.parse((await runCommandWithin(["stats", "--by", "peer", "--json"], service.env)).stdout);
  expect(json.rows).toEqual([
    { peer: "first", reports: 38, successes: 7, failures: 30 },
    { peer: "second", reports: 4, successes: 1, failures: 3 },
  ]);
  expect((await runCommandWithin(["stats", "--since", "1w"], service.env)).code).toBe(2);
});

test("the same in words, on one screen", async () => {
  const status = await runCommandWithin(["status"], service.env);
  expect(status.code).toBe(0);
  const [headline = "", ...lines] = status.stdout.trimEnd().split("\n");
  expect(headline.replace(VERSION, "1.0.0")).toMatch(
    /^mm4d 1.0.0, running for \d+ (?:s|min|h)(?: \d+ (?:s|min))?: all is well$/,
  );
  // Wrapped to the terminal, so it is joined again.
  const said = lines.join(" ").replace(/ +/g, " ");
  expect(said).toMatch(/^ ?Reports: \d+ in the last minute /);
  expect(said).toMatch(/first: 39 reports since the start, the last \d+ s ago; 21 % successes, 77 % failures/);
  expect(said).toMatch(/second: 4 reports since the start, the last \d+ s ago; 25 % successes, 75 % failures/);
  expect(said).toContain("Connections: none Journal: nothing waits; 0 MB of 1.1 GB");
  expect(said).toContain("Queue: 0 waiting, 0 active, 0 retrying");
  expect(said).toContain("Acknowledgements: 0 waiting, 0 active");
  expect(said).toContain("Quarantine: 1 message (mm4d quarantine list)");
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);

  // What is on a queue is as it is when status is asked. No consumer takes of a list that is paused.
  for (const waiting of [1, 2, 3]) {
    await redis.call("LPUSH", "bull:mm4-delivery-events:paused", `job-${waiting}`);
    const now = await runCommandWithin(["status", "--json"], service.env);
    const queue = (JSON.parse(now.stdout).lines as string[]).find((line) => line.startsWith("Queue: "));
    // A Redis that is slower than that is told of.
    expect(queue).toMatch(new RegExp(`^Queue: (?:${waiting} waiting|.*, as of \\d+ s ago$)`));
  }
  await redis.call("DEL", "bull:mm4-delivery-events:paused");

  await redis.kill();
  await first.deliver(service.smtpPort, report());
  const away = await runCommandWithin(["status", "--json"], service.env);
  expect(away.code).toBe(1);
  expect(JSON.parse(away.stdout)).toMatchObject({
    healthy: false,
    reasons: [expect.stringMatching(/^Redis has been away for /)],
    lines: expect.arrayContaining([
      expect.stringMatching(/^ {2}Redis has been away for [\w ]+ .*relays see no difference$/),
    ]),
  });
  // What was accepted is known all the same; what it says is not.
  const { facts } = JSON.parse(away.stdout);
  expect(facts[0]).toMatchObject({ about: "Reports", text: expect.stringMatching(/^[1-9]\d* in the last minute$/) });
  expect(facts[0].peers[0]).toMatchObject({
    name: "first",
    text: expect.stringMatching(/^40 reports since the start, the last \d s ago; 21 % successes, 77 % failures$/),
  });
  expect((await all("mm4d_accepted_total"))['{peer="first",kind="report"}']).toBe(40);
  expect(await service.metric('mm4d_reports_total{peer="first"}')).toBe(39);
  await redis.start();
  await service.metric('mm4d_reports_total{peer="first"}', (count) => count === 40);
});

test("a code that the catalogue does not list is told once, with an example; the log level can be changed meanwhile", async () => {
  const lines = (name: string) => service.log().filter(({ event }) => event === name);
  expect(lines("report.stored")).toEqual([]);
  const changed = await runCommandWithin(["log-level", "debug"], service.env);
  expect(changed).toMatchObject({ code: 0, stdout: "The log level is debug now; it was info.\n" });
  for (let copy = 0; copy < 3; copy += 1) {
    await second.deliver(
      service.smtpPort,
      report({ "X-Internal-Status-Code": "333", "X-Mms-MM-Status-Code": "Rejected" }),
    );
  }
  const told = await eventually(
    () => lines("code.unknown").filter(({ code, peer }) => code === 333 && peer === "second"),
    // What a report says is told behind its 250, with its event.
    () => lines("report.published").filter(({ code }) => code === 333).length >= 3,
  );
  expect(lines("report.stored").length).toBe(3);
  expect(told.length).toBe(1);
  expect(told[0]).toMatchObject({ level: "error", eventId: expect.stringMatching(/^r[0-9a-f]{32}$/) });
  expect(lines("log.level-changed")).toMatchObject([{ level: "warn", from: "info", to: "debug" }]);
});
