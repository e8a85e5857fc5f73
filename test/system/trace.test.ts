/** `mm4d trace`: all that is known of a report, from the SMTP session to the acknowledgement; and `mm4d tail`, masked as it is. */

import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { Queue } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { QUARANTINE_QUEUE } from "../../src/settings/queue-names.ts";
import { type Carrier, createCarriers } from "../support/carrier.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { MAIN, type ServiceWithin, startServiceWithin } from "../support/service.ts";

const carriers = createCarriers();
let redis: TestRedis;
let service: ServiceWithin;
let first: Carrier;

beforeAll(async () => {
  redis = await startRedis();
  first = await carriers.add("first");
  carriers.write();
  service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_PEERS_FILE: carriers.peersFile });
});
afterAll(async () => {
  await service.stop();
  await carriers.stop();
  await redis.stop();
});

const trace = (...args: readonly string[]) => runCommandWithin(["trace", ...args], service.env);
/** Wrapped to the terminal, so it is joined again. */
const joined = (text: string): string => text.replace(/\n {4}/g, " ");
const KIM = "+12025550155/TYPE=PLMN";

test("a report, its duplicate, its acknowledgements and what its consumer did, with times", async () => {
  const fields = { From: KIM, "X-Mms-Message-ID": '"kim-1"', "X-Internal-Status-Code": "470" };
  const rejected = { ...fields, "X-Mms-MM-Status-Code": "Rejected", "X-Mms-Ack-Request": "Yes" };
  const deferred = { ...fields, "X-Mms-MM-Status-Code": "Deferred", "X-Internal-Status-Code": undefined };
  await first.deliver(service.smtpPort, deliveryReport({ ...deferred, "X-Mms-Transaction-ID": "tx-1" }));
  for (let copy = 0; copy < 2; copy += 1) await first.report(service.smtpPort, "tx-2", rejected);
  await first.responses("tx-2", 2);
  const { code, stdout } = await eventually(
    () => trace("kim-1"),
    (said) => said.stdout.split("acknowledgement sent").length === 3,
  );
  expect(code).toBe(0);
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  const time = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z";
  const session = `${time}  received from first \\(127\\.0\\.1\\.1\\) in session \\S+, MAIL FROM:<system-user@first\\.example>, \\d+ bytes; answered "250 2\\.0\\.0 Report stored" after [\\d.]+ ms`;
  const [before = "", report = ""] = joined(stdout).split("\n\n");
  expect(before).toMatch(
    /^deferred \(pending, not final\)\n {2}message kim-1, recipient \+\*{7}0155, peer first\n {2}transaction tx-1, /,
  );
  const lines = report.trimEnd().split("\n");
  expect(lines[0]).toBe("rejected (failure, final)  470 rejected-spam-detected");
  expect(lines[4]).toMatch(/^ {2}transaction tx-2, event r[0-9a-f]{32}$/);
  expect(lines.slice(5).map((line) => line.replace(/^ {2}(\S+) .*/, "$1"))).toEqual(
    [...lines.slice(5, -1).map((line) => line.slice(2, 26))].sort().concat("now"),
  );
  expect(lines.filter((line) => new RegExp(`^  ${session}$`).test(line)).length).toBe(2);
  const job = /put on the queue as job (j[0-9a-f]{32})$/m.exec(report)?.[1];
  expect(report).toContain(`not queued again: it is a duplicate of job ${job}`);
  expect(report.match(/acknowledgement sent: 250 /g)?.length).toBe(2);
  expect(lines.at(-1)).toBe("  now  the job is waiting for a consumer");

  const consumer = startConsumer(redis.url);
  await eventually(
    () => trace("tx-2"),
    (said) => / {2}now {2}the job is completed after 1 attempt at \S+\n$/.test(said.stdout),
  );
  await consumer.stop();
  for (const name of ["tx-1", "+1 202-555-0155", /event (r\S+)/.exec(report)?.[1] ?? ""]) {
    expect([name, joined((await trace(name)).stdout).split("\n\n")[0]]).toEqual([
      name,
      expect.stringContaining("transaction tx-1"),
    ]);
  }
  expect(stdout).not.toContain("2025550");
  expect((await trace("kim-1", "--headers")).stdout).toMatch(/\n {4}From: \+\*{7}0155\/TYPE=PLMN\n/);
  expect((await trace("kim-1", "--headers", "--full-numbers")).stdout).toMatch(
    /\n {4}From: \+12025550155\/TYPE=PLMN\n/,
  );
  // As a carrier's log has the number.
  for (const written of [KIM, `${KIM}@mmsc.first.example`, "12025550155"])
    expect((await trace(written)).stdout).toContain("message kim-1");
  const whole = JSON.parse((await trace("kim-1", "--json")).stdout);
  expect(whole.reports.map((told: { event: { type: string } }) => told.event.type)).toEqual(
    Array(2).fill("mm4d.delivery-report.v1"),
  );
});

test("what made no event is known too, and what is not known is not found", async () => {
  const kept = await first.report(service.smtpPort, "tx-kept", {
    "X-Mms-Message-ID": "kept-1",
    "X-Mms-MM-Status-Code": undefined,
  });
  expect(kept).toMatch(/^250 /);
  await first.deliver(
    service.smtpPort,
    deliveryReport({ "X-Mms-Message-Type": "MM4_forward.REQ", "X-Mms-Message-ID": "mm-in" }),
  );
  await first.responses("tx-kept");
  const { stdout } = await eventually(
    () => trace("kept-1"),
    (said) => said.stdout.includes("acknowledgement"),
  );
  expect(joined(stdout)).toMatch(
    /^No event\n {2}message kept-1, transaction tx-kept\n.*; kept in quarantine as j\w+ \(no-status\)\n.*acknowledgement sent: 250/,
  );
  expect(joined((await trace("mm-in")).stdout)).toContain("MM4_forward.REQ is accepted, and makes no event");
  const unknown = await trace("never-seen");
  expect([unknown.code, unknown.stdout]).toEqual([1, ""]);
  expect(unknown.stderr).toContain("nothing is remembered under that id or number of the last 72 h");
  expect(unknown.stderr).toContain("not in the journal or the quarantine");
});

test("what the peer's entry of now makes of a report is told beside what happened, and a fault of that file is no matter", async () => {
  const fields = { From: "2025550133", "X-Mms-Message-ID": "ten-digits", "X-Mms-Transaction-ID": "tx-ten" };
  await first.deliver(service.smtpPort, deliveryReport(fields));
  const before = await trace("ten-digits", "--json");
  const [told] = JSON.parse(before.stdout).reports;
  expect(told).toMatchObject({ today: null, said: { eventId: told.event.id, outcome: "delivered", code: null } });
  const { peers } = JSON.parse(readFileSync(carriers.peersFile, "utf8"));
  const changed = peers.map((peer: { name: string }) => (peer.name === "first" ? { ...peer, nanp: true } : peer));
  writeFileSync(carriers.peersFile, JSON.stringify({ peers: changed }));
  const { stdout } = await trace("ten-digits");
  expect(joined(stdout)).toMatch(
    new RegExp(
      `^ {2}would read today: event r[0-9a-f]{32} \\(was ${told.event.id}\\), warnings number-without-plus \\(was unreadable-recipient\\)$`,
      "m",
    ),
  );
  const [now] = JSON.parse((await trace("ten-digits", "--json")).stdout).reports;
  expect(now).toEqual({ ...told, today: { kind: "event", event: expect.objectContaining({ outcome: "delivered" }) } });
  expect(now.today.event.eventId).not.toBe(told.event.id);

  writeFileSync(carriers.peersFile, "{");
  const faulty = await trace("ten-digits");
  expect(faulty).toMatchObject({ code: 0, stdout: expect.not.stringContaining("would read today") });
  expect(faulty.stdout).toContain("message ten-digits");
  expect(joined(faulty.stderr)).toContain("reports are read by the rules that each peer had");
  carriers.write();
});

test("where nothing is remembered, a message that could not be read is known by its numbers, and only what was looked at is told", async () => {
  const unread = { From: "+12025550144/TYPE=PLMN", "X-Mms-MM-Status-Code": undefined };
  await first.deliver(service.smtpPort, deliveryReport({ "X-Mms-Message-ID": "nameless", ...unread }));
  const known = await eventually(
    () => trace("+1 202 555 0144"),
    ({ stderr }) => stderr.includes("mm4d quarantine show j"),
  );
  expect(known.code).toBe(1);
  expect(known.stderr).not.toContain("not in the journal");

  // Without the journal, by what is in Redis alone.
  const alone = async (id: string, prefix = "bull") =>
    (
      await runCommandWithin(["trace", id], {
        ...service.env,
        MM4D_DATA_DIR: `${service.dataDir}/none`,
        MM4D_QUEUE_PREFIX: prefix,
      })
    ).stderr;
  expect(
    await eventually(
      () => alone("+12025550144"),
      (said) => said.includes("(no-status)"),
    ),
  ).toContain("could not be read (no-status), and is in quarantine (mm4d quarantine show j");
  const nothing = await alone("+12025550143");
  expect(nothing).toContain("and it is not in the quarantine. The journal could not be looked into from here");
  expect(nothing).not.toContain("the journal or");

  const many = new Queue(QUARANTINE_QUEUE, { connection: { url: redis.url }, prefix: "many" });
  const raw = Buffer.from(deliveryReport()).toString("base64");
  const peer = { name: "first", address: "127.0.0.1", helo: null, tls: null, user: null };
  const data = { reason: "no-status", detail: null, peer, receivedAt: new Date().toISOString(), raw };
  await many.addBulk(Array.from({ length: 501 }, () => ({ name: "no-status", data })));
  await many.close();
  expect(await alone("never-seen", "many")).toContain("it is not in the newest 500 messages of the quarantine");
  await redis.call("SET", `broken:${QUARANTINE_QUEUE}:wait`, "no list");
  const broken = await alone("never-seen", "broken");
  expect(broken).toContain("The quarantine could not be looked into: WRONGTYPE");
  expect(broken).not.toContain("not in the");
});

test("with MM4D_TRACE_HOURS=0 that is the reason, and where the report is by now", async () => {
  const forgetful = await startServiceWithin({ REDIS_URL: redis.url, MM4D_QUEUE_PREFIX: "f", MM4D_TRACE_HOURS: "0" });
  const sent = ["send", "--status", "Retrieved", "--message-id", "forgotten"];
  expect((await runCommandWithin(sent, forgetful.env)).code).toBe(0);
  const { MM4D_TRACE_HOURS: _, ...env } = forgetful.env;
  const { code, stderr } = await runCommandWithin(["trace", "forgotten"], env);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^Cannot find "forgotten": MM4D_TRACE_HOURS is 0: /)]);
  expect(stderr).toMatch(/It came at \S+Z, and (was put on the queue as job j|waits in the journal)/);
  await forgetful.stop();
});

test("it is known after the process has ended, and after Redis was away", async () => {
  await redis.kill();
  await first.deliver(service.smtpPort, deliveryReport({ "X-Mms-Message-ID": "while-away" }));
  for (const name of ["while-away", "+12025550100"]) {
    const away = await trace(name);
    expect([name, away.code, away.stderr]).toEqual([
      name,
      1,
      expect.stringMatching(/: it came at \S+Z, and waits in the journal for Redis .*Redis, where .*cannot be asked/),
    ]);
  }
  await redis.start();
  const told = await eventually(
    () => trace("while-away"),
    (said) => said.stdout.includes("put on the queue"),
  );
  expect(told.stdout).toContain("in session");
  await first.deliver(service.smtpPort, deliveryReport({ "X-Mms-Message-ID": "last-words" }));
  await service.restart(async () => {
    expect((await trace("last-words")).stdout).toContain("put on the queue");
  });
});

test("tail masks numbers wherever they stand, unless it is asked not to", async () => {
  const tails = [[], ["--json"], ["--full-numbers"]].map((options) => {
    const child = spawn(process.execPath, [MAIN, "tail", ...options], { env: service.env, stdio: "pipe" });
    let said = "";
    let waits = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
    child.stderr.on("data", (text) => {
      waits += text;
    });
    return { child, said: () => said, waits: () => waits };
  });
  await eventually(
    () => tails.map(({ waits }) => waits()),
    ([plain = "", , full = ""]) => plain.includes("Waiting") && full.includes("Waiting"),
  );
  const said = () => tails.map((tail) => tail.said());
  const number = "12025550188";
  let sent = 0;
  await eventually(
    async () => {
      // The one that prints JSON does not say when it follows.
      await first.deliver(
        service.smtpPort,
        deliveryReport({
          From: `+${number}/TYPE=PLMN`,
          "X-Mms-Message-ID": `mm-${number}-${sent++}`,
          "X-Mms-Note": `sent to ${number}`,
        }),
      );
      return said();
    },
    (all) => all.every((text) => text.includes("0188")),
  );
  const [masked = "", json = "", full = ""] = said();
  expect(`${masked}${json}`).not.toContain("2025550");
  expect(masked).toContain("+*******0188");
  expect(JSON.parse(json.split("\n")[0] ?? "").data.recipient).toMatchObject({ kind: "e164", number: "+*******0188" });
  expect(full).toContain(`+${number}`);
  for (const { child } of tails) {
    child.kill("SIGINT");
    await new Promise((resolve) => child.once("exit", resolve));
  }
});
