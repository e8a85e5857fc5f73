/** The simulated carrier against the real service, by the command line: what it sends, what it says of it, and what it checks. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Certificates, createCertificates } from "../support/certificates.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer, type TestConsumer } from "../support/consumer.ts";
import { eventually, freePort, startRedis, type TestRedis } from "../support/redis.ts";
import { MAIN, rowsOf, runCommand, type ServiceUnderTest, startServiceWithin } from "../support/service.ts";

const directory = mkdtempSync(join(tmpdir(), "mm4d-simulator-"));
const peersFile = join(directory, "peers.json");
let certificates: Certificates;
let redis: TestRedis;
let settings: Readonly<Record<string, string>>;
let service: ServiceUnderTest;
let consumer: TestConsumer;
let ackPort: number;

beforeAll(async () => {
  certificates = createCertificates();
  const { certFile, keyFile } = certificates.make("mm4d.test");
  redis = await startRedis();
  ackPort = await freePort();
  const hash = await runCommand(["peers", "hash"], undefined, "s3cret\n");
  writeFileSync(join(directory, "hash"), hash.stdout);
  writeFileSync(join(directory, "password"), "s3cret\n");
  const acknowledge = { host: "127.0.0.1", port: ackPort };
  const peers = [
    { name: "plain", addresses: ["127.0.0.1"], acknowledge },
    { name: "user", addresses: ["192.0.2.7"], auth: { user: "relay", passwordFile: "hash" } },
    { name: "proxied", addresses: ["2001:db8::/32"], nanp: true },
  ];
  writeFileSync(peersFile, JSON.stringify({ peers }));
  settings = {
    REDIS_URL: redis.url,
    MM4D_PEERS_FILE: peersFile,
    MM4D_TLS_CERT_FILE: certFile,
    MM4D_TLS_KEY_FILE: keyFile,
    MM4D_SMTPS_PORT: "0",
    MM4D_ACK_RETRY_SECONDS: "1",
  };
  service = await startServiceWithin(settings);
  consumer = startConsumer(redis.url);
});
afterAll(async () => {
  await consumer.stop();
  await service.stop();
  await redis.stop();
  certificates.remove();
  rmSync(directory, { recursive: true });
});

type Sent = { readonly exit: number } & Readonly<Record<string, unknown>>;

/** What `mm4d send --json` says, and its exit code. */
async function send(...args: readonly string[]) {
  const { code, stdout, stderr } = await runCommandWithin(["send", "--json", ...args], service.env);
  if (stdout === "") throw new Error(stderr);
  return { exit: code, ...(JSON.parse(stdout) as Record<string, unknown>) } as Sent;
}

const expecting = () => ["--expect-ack", "--ack-port", String(ackPort), "--ack-wait", "20"];

const eventsOf = (messageId: string, atLeast = 1) =>
  eventually(
    () => consumer.events.filter(({ subject }) => subject === messageId).map(({ data }) => data),
    (found) => found.length >= atLeast,
  );

describe("every scenario is acknowledged as it must be", () => {
  // One behind the other: each opens the MMSC that the peer's entry names.
  test.each([
    ["delivered", 1, 1],
    ["failed", 6, 6],
    ["deferred-then-delivered", 2, 2],
    ["late", 2, 2],
    ["out-of-order", 2, 2],
    ["duplicate", 2, 2],
    ["conflict", 1, 1],
    ["malformed", 8, 8],
    ["other-pdus", 5, 2],
  ])("%s: %i sent, %i acknowledged", async (scenario, sent, acknowledged) => {
    expect(await send("--scenario", scenario, ...expecting())).toMatchObject({
      exit: 0,
      sent,
      accepted: sent,
      retries: 0,
      replies: { 250: sent },
      acknowledgements: { expected: acknowledged, right: acknowledged, wrong: [], missing: [], unexpected: 0 },
    });
  });

  test("a storm, over many connections, at a pace", async () => {
    const result = await send("--scenario", "storm", "--messages", "150", "--rate", "300", ...expecting());
    expect(result).toMatchObject({ exit: 0, sent: 150, acknowledgements: { expected: 150, right: 150 } });
    // 150 at 300 a second take half a second at least.
    expect(Number(result.seconds)).toBeGreaterThanOrEqual(0.49);
  });
});

test("a dialect", async () => {
  const id = "mm-dialect";
  await send("--dialect", "korean", "--status", "Expired", "--message-id", id, "--transaction-id", id);
  expect((await eventsOf(id))[0]?.warnings).toContain("status-in-x-mms-status-code");
});

test("every type is one that is read, also where no status is named", async () => {
  for (const [type, outcome, ...further] of [
    ["read-report", "read"],
    ["read-report", "deleted-unread", "--status", "Deleted without being read"],
    ["forward-response", "forwarded"],
    ["forward-response", "rejected", "--code", "470"],
  ] as const) {
    const id = `usual-${type}-${further.length}-${outcome}`;
    const { stdout } = await runCommandWithin(["send", "--type", type, "--message-id", id, ...further], service.env);
    expect(stdout).toContain("250 2.0.0 Report stored");
    expect([id, (await eventsOf(id))[0]?.outcome]).toEqual([id, outcome]);
  }
});

test("ranges and groups: one report for each recipient, on the message's id", async () => {
  const numbers = [
    "--recipient",
    "+12025550160..+12025550162",
    "--originator",
    "+12025550198..+12025550199/TYPE=PLMN@mms.example.net",
  ];
  expect(await send("--status", "Retrieved", ...numbers, "--group", "3", "--messages", "2")).toMatchObject({ sent: 6 });
  const found = await eventually(
    () => consumer.events.filter(({ data }) => data.recipient?.number?.startsWith("+1202555016")),
    (events) => events.length >= 6,
  );
  const byMessage = new Map<string | undefined, (string | null | undefined)[]>();
  for (const { subject, data } of found) {
    byMessage.set(subject, [...(byMessage.get(subject) ?? []), data.recipient?.number]);
  }
  expect([...byMessage.values()].map((numbers) => numbers.sort())).toEqual(
    Array.from({ length: 2 }, () => ["+12025550160", "+12025550161", "+12025550162"]),
  );
  expect(new Set(found.map(({ data }) => data.originator?.number))).toEqual(new Set(["+12025550198", "+12025550199"]));
});

test("TLS, a user, a PROXY header; and what is wrong with one is told", async () => {
  const login = ["--user", "relay", "--password-file", join(directory, "password")];
  const proxied = await startServiceWithin({ ...settings, MM4D_PROXIES: "127.0.0.1" });
  const port = ["--port", String(proxied.smtpPort)];
  const sent = async (id: string, ...args: readonly string[]) => {
    return (await send("--status", "Retrieved", "--message-id", id, ...args)).exit;
  };
  expect(await sent("mm-starttls", "--tls", "starttls")).toBe(0);
  expect((await eventsOf("mm-starttls"))[0]?.peer).toMatchObject({ name: "plain", tls: { protocol: "TLSv1.3" } });
  expect(await sent("mm-implicit", "--tls", "implicit", "--port", String(service.facts().smtps?.port))).toBe(0);
  expect((await eventsOf("mm-implicit"))[0]?.peer).toMatchObject({ tls: { protocol: "TLSv1.3" } });
  expect(await sent("mm-user", ...port, "--proxy", "192.0.2.7", "--tls", "starttls", ...login)).toBe(0);
  expect((await eventsOf("mm-user"))[0]?.peer).toMatchObject({ name: "user", user: "relay", address: "192.0.2.7" });
  expect(await sent("mm-v6", ...port, "--proxy", "2001:db8::1")).toBe(0);
  expect((await eventsOf("mm-v6"))[0]?.peer).toMatchObject({ name: "proxied", address: "2001:db8::1" });
  expect(await sent("mm-no-user", ...port, "--proxy", "192.0.2.7")).toBe(1);
  expect(await sent("mm-stranger", ...port, "--proxy", "192.0.2.8")).toBe(1);
  await proxied.stop();
});

test("a correct relay: it comes again after 4xx and broken connections, and not after 5xx", async () => {
  const port = await freePort();
  const mmsc = async (fault: readonly string[], times: string) => {
    const child = spawn(process.execPath, [MAIN, "mmsc", "--port", String(port), "--json", ...fault, "--times", times]);
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
    await once(child.stderr, "data");
    return {
      messages: () => rowsOf<{ answer: string }>(said),
      async stop() {
        child.kill("SIGINT");
        const [code] = await once(child, "exit");
        expect(code).toBe(0);
      },
    };
  };
  const run = (...args: readonly string[]) => send("--status", "Retrieved", "--port", String(port), ...args);

  const later = await mmsc(["--fault", "4xx"], "2");
  expect(await run("--messages", "3", "--connections", "1")).toMatchObject({
    exit: 0,
    accepted: 3,
    retries: 2,
    replies: { 250: 3, 451: 2 },
  });
  expect(
    later
      .messages()
      .map(({ answer }) => answer)
      .sort(),
  ).toEqual(["refused", "refused", "taken", "taken", "taken"]);
  // Nobody acknowledges here.
  const unanswered = await run("--messages", "2", "--expect-ack", "--ack-port", String(ackPort), "--ack-wait", "1");
  expect(unanswered).toMatchObject({ exit: 1, accepted: 2, acknowledgements: { expected: 2, right: 0 } });
  await later.stop();

  const dropped = await mmsc(["--fault", "drop", "--at", "rcpt"], "1");
  expect(await run("--messages", "2")).toMatchObject({ exit: 0, accepted: 2, retries: 1 });
  await dropped.stop();

  const never = await mmsc(["--fault", "5xx", "--at", "mail"], "1");
  expect(await run("--messages", "2")).toMatchObject({ exit: 1, accepted: 1, retries: 0, replies: { 250: 1, 554: 1 } });
  await never.stop();
  // Nobody is there: it gives up in time, and altogether.
  expect(await run("--messages", "50", "--retry-for", "1")).toMatchObject({
    exit: 1,
    sent: 1,
    accepted: 0,
    gaveUp: true,
  });
});

test("a saved message, many times; a summary that fits 80 columns", async () => {
  const file = join(directory, "report.eml");
  writeFileSync(
    file,
    "X-Mms-Message-Type: MM4_delivery_report.REQ\nX-Mms-Message-ID: saved\nX-Mms-MM-Status-Code: Expired\n\n",
  );
  const { code, stdout } = await runCommandWithin(
    ["send", "--file", file, "--messages", "20", "--connections", "4"],
    service.env,
  );
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Sent 20 in [\d.]+ s \(\d+\/s\), accepted 20, tried again 0 times\n {2}replies: 20 × 250\n/);
  expect(stdout).toContain("p99");
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  await eventsOf("saved");
  await wait(200);
  expect((await eventsOf("saved")).length).toBe(1);
});

test("what cannot be is told", async () => {
  const wrong = async (...args: readonly string[]) => {
    const { code, stderr } = await runCommandWithin(["send", ...args], service.env);
    return [code, stderr.split("\n")[0]];
  };
  expect(await wrong("--scenario", "storm", "--type", "read-report")).toEqual([
    1,
    expect.stringContaining("--scenario"),
  ]);
  expect(await wrong("--recipient", "+1..x")).toEqual([2, expect.stringContaining("range")]);
  expect(await wrong("--user", "x")).toEqual([1, expect.stringContaining("--password-file")]);
  expect(await wrong("--expect-ack", "--ack-port", String(service.smtpPort))).toEqual([
    1,
    expect.stringContaining("Cannot listen"),
  ]);
  expect(await wrong("--user", "x", "--password-file", "/nowhere")).toEqual([2, expect.stringContaining("ENOENT")]);
  expect(await wrong("--user", "x", "--password-file", "/dev/zero")).toEqual([
    2,
    expect.stringContaining("larger than"),
  ]);
  expect(await wrong("--proxy", "foo")).toEqual([2, expect.stringContaining("IP address")]);
  expect(await wrong("--group", "3", "--recipient", "+12025550100")).toEqual([1, expect.stringContaining("--group")]);
  expect(await wrong("--scenario", "failed", "--status", "Retrieved")).toEqual([
    2,
    expect.stringContaining("--status"),
  ]);
  expect(await wrong("--messages", "2", "--message-id", "x")).toEqual([1, expect.stringContaining("--message-id")]);
  expect((await runCommand(["mmsc", "--implicit-tls"], service.env)).code).toBe(1);
});
