/** One service in several processes (MM4D_PROCESSES), each with a journal: they count as one, and lose nothing when one of them ends. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { childrenOf } from "../support/children.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer, type TestConsumer } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliverAll } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { cleanEnv, runCommand, startServiceProcess, type TestService } from "../support/service.ts";
import { toldByAll } from "../support/told.ts";

const REPORTS = 600;
/** So many that each process takes some: they are shared out by chance, and not evenly. */
const CONNECTIONS = 48;

let redis: TestRedis | undefined;
let service: TestService;
let consumer: TestConsumer | undefined;

afterEach(async () => {
  await consumer?.stop();
  await service.stop();
  await redis?.stop();
  redis = undefined;
  consumer = undefined;
});

async function startProcesses(count: string, settings: Readonly<Record<string, string>> = {}): Promise<void> {
  service = await startServiceProcess({ MM4D_PROCESSES: count, ...settings });
  await allWell();
}

async function allWell(): Promise<void> {
  await eventually(
    async () => (await service.get("/healthz")).status,
    (status) => status === 200,
  );
}

function* reports(prefix = "mm"): Generator<[string, Uint8Array]> {
  for (let index = 0; index < REPORTS; index++) {
    const id = `${prefix}-${index}@mmsc.example.net`;
    yield [id, deliveryReport({ "X-Mms-Message-ID": id, "X-Internal-Status-Code": "470" })];
  }
}

function deliver(onAccepted?: (count: number) => void) {
  return deliverAll({
    port: service.smtpPort,
    connections: CONNECTIONS,
    messages: reports(),
    ...(onAccepted && { onAccepted }),
  });
}

/** Of the process of that number, which listens on the socket in its directory. */
async function pidOf(number: number): Promise<number> {
  // The system's list of sockets may leave one out while others come and go.
  return (await eventually(
    () => listenerOf(number),
    (pid) => pid !== undefined,
  )) as number;
}

function listenerOf(number: number): number | undefined {
  const path = join(service.dataDir, number === 1 ? "" : `processes/${number}`, "control.sock");
  return childrenOf(service.facts().pid).find((child) => {
    const line = readFileSync("/proc/net/unix", "utf8")
      .split("\n")
      .find((socket) => socket.endsWith(path));
    const inode = line?.split(/\s+/)[6];
    return readdirSync(`/proc/${child}/fd`).some((fd) => openedAs(child, fd) === `socket:[${inode}]`);
  });
}

/** Null for what was closed since it was listed. */
function openedAs(pid: number, fd: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw cause;
  }
}

async function expectEachOnce(accepted: ReadonlySet<string>): Promise<void> {
  const arrived = await eventually(
    () => consumer?.events ?? [],
    (events) => new Set(events.map(({ subject }) => subject)).size >= accepted.size,
  );
  expect(accepted.size).toBe(REPORTS);
  expect(arrived.length).toBe(REPORTS);
  expect(new Set(arrived.map(({ subject }) => subject))).toEqual(accepted);
}

test("they share the port, and are one service to whoever looks", async () => {
  redis = await startRedis();
  await startProcesses("3", { REDIS_URL: redis.url });
  consumer = startConsumer(redis.url);
  const { accepted, retries } = await deliver();
  expect(retries).toBe(0);
  await expectEachOnce(accepted);

  expect(await service.metric("mm4d_reports_total", (sum) => sum === REPORTS)).toBe(REPORTS);
  // Connections are taken by whoever is free. A process that does not answer in time is left out of an answer.
  const took = (metrics: string, number: string) =>
    Number(new RegExp(`^mm4d_reports_total{.*process="${number}"} (\\d+)$`, "m").exec(metrics)?.[1] ?? 0);
  const { text } = await eventually(
    () => service.get("/metrics"),
    (answer) => ["1", "2", "3"].every((number) => took(answer.text, number) > 0),
  );
  expect(text.match(/^# TYPE mm4d_reports_total /gm)?.length).toBe(1);
  const status = await runCommandWithin(["status"], service.env);
  expect(status.stdout).toContain(`Reports: ${REPORTS} in the last minute`);
  const page = await service.get("/");
  expect(page.text).toContain(`${REPORTS} in the last minute`);
  await eventually(
    async () => (await runCommandWithin(["stats"], service.env)).stdout,
    (stdout) => stdout.startsWith(`${REPORTS} reports`),
  );
  const verified = await runCommandWithin(["journal", "verify"], service.env);
  expect(verified.code).toBe(0);
  expect(verified.stdout.match(/every record is whole/g)?.length).toBe(3);
  expect((await runCommandWithin(["journal", "export"], service.env)).stdout.trim().split("\n").length).toBe(REPORTS);

  // Each of its lines is whole, whichever process wrote it.
  const published = service.log().filter(({ event }) => event === "report.published");
  expect(published.length).toBe(REPORTS);
  expect(new Set(published.map((line) => line.process))).toEqual(new Set([1, 2, 3]));

  // What each of them has just answered is found at once.
  const From = "+12025550177/TYPE=PLMN";
  const together = Array.from({ length: 12 }, (_, index): [string, Uint8Array] => {
    const id = `at-once-${index}`;
    return [id, deliveryReport({ "X-Mms-Message-ID": id, From })];
  });
  await deliverAll({ port: service.smtpPort, connections: 12, messages: together });
  const traced = await runCommandWithin(["trace", "+12025550177", "--json"], service.env);
  expect(JSON.parse(traced.stdout).reports.length).toBe(together.length);

  const hung = await pidOf(2);
  process.kill(hung, "SIGSTOP");
  try {
    const { text: reasons } = await eventually(
      () => service.get("/healthz"),
      (answer) => answer.status === 503,
    );
    expect(reasons).toContain("1 of 3 processes do not answer");
    await toldByAll(service.env, ["processes-missing"]);
    expect(await service.metric('mm4d_processes_missing{process="1"}')).toBe(1);
    expect((await service.get("/")).status).toBe(200);
  } finally {
    process.kill(hung, "SIGCONT");
  }
  await allWell();

  const second = await runCommand(["serve"], service.env);
  expect(second.code).toBe(1);
  expect(second.stderr).toMatch(/^Cannot use the data directory: another mm4d is using it [^\n]*\n$/);

  service.signal("SIGHUP");
  const reloads = await eventually(
    () => service.log().filter(({ event }) => event === "settings.reloaded"),
    (lines) => lines.length >= 3,
  );
  expect(new Set(reloads.map((line) => line.process))).toEqual(new Set([1, 2, 3]));
  const workers = childrenOf(service.facts().pid);
  expect(workers.length).toBe(3);
  service.signal("SIGTERM");
  expect(await service.exited()).toBe(0);
  for (const pid of workers) expect(existsSync(`/proc/${pid}`)).toBe(false);
});

test("one that is killed is replaced, and what stood in its journal is queued; all stop while one is starting", async () => {
  redis = await startRedis();
  await startProcesses("3", { REDIS_URL: redis.url });
  consumer = startConsumer(redis.url);
  // What is answered 250 from here on stands in the journals only.
  redis.signal("SIGSTOP");
  // The first, which has the page, among them.
  const victims = [await pidOf(1), await pidOf(3)];
  const { accepted, retries } = await deliver((count) => {
    if (count === REPORTS / 2) for (const pid of victims) process.kill(pid, "SIGKILL");
  });
  redis.signal("SIGCONT");
  expect(retries).toBeGreaterThan(0);
  await expectEachOnce(accepted);
  await allWell();
  const ended = service.log().filter(({ event }) => event === "process.ended");
  expect(ended).toEqual([
    expect.objectContaining({ process: expect.any(Number), how: "SIGKILL" }),
    expect.objectContaining({ process: expect.any(Number), how: "SIGKILL" }),
  ]);
  expect(new Set(ended.map(({ pid }) => pid))).toEqual(new Set(victims));
  const { text } = await service.get("/metrics");
  expect(text).toContain('mm4d_processes_missing{process="1"} 0');

  // Told to stop while one of them is still starting.
  const victim = await pidOf(2);
  process.kill(victim, "SIGKILL");
  await eventually(
    () => childrenOf(service.facts().pid),
    (pids) => pids.length === 3 && !pids.includes(victim),
  );
  service.signal("SIGTERM");
  expect(await service.exited()).toBe(0);
});

test("with fewer processes than before, what the others left in their journals is queued", async () => {
  redis = await startRedis();
  await startProcesses("2", { REDIS_URL: redis.url });
  redis.signal("SIGSTOP");
  const { accepted } = await deliver();
  const workers = childrenOf(service.facts().pid);
  service.signal("SIGKILL");
  await service.exited();
  redis.signal("SIGCONT");
  // With the process above them they end by themselves.
  await eventually(
    () => workers.filter((pid) => existsSync(`/proc/${pid}`)),
    (left) => left.length === 0,
  );
  const before = service;
  service = await startServiceProcess({ ...before.env, MM4D_PROCESSES: "1" });
  consumer = startConsumer(redis.url);
  await expectEachOnce(accepted);
  // Those of the others are there until Redis has kept it all for a while, and are not replaced then.
  expect(childrenOf(service.facts().pid).length).toBe(2);
  await before.stop();
});

test("the first one's end leaves the embedded Redis, which its successor looks after; while it is down, that is what is said", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-first-"));
  const peersFile = join(directory, "peers.json");
  const peers = JSON.stringify({ peers: [{ name: "here", addresses: ["127.0.0.1"] }] });
  writeFileSync(peersFile, peers);
  await startProcesses("2", { MM4D_PEERS_FILE: peersFile });
  const redisPid = (): number =>
    (JSON.parse(readFileSync(join(service.dataDir, "redis/process.json"), "utf8")) as { pid: number }).pid;
  const before = redisPid();
  process.kill(await pidOf(1), "SIGKILL");
  await eventually(
    () => service.log().filter(({ event }) => event === "redis.embedded").length,
    (count) => count === 2,
  );
  expect(redisPid()).toBe(before);
  await allWell();
  process.kill(before, "SIGKILL");
  await eventually(redisPid, (pid) => pid !== before);
  await allWell();
  await deliverAll({ port: service.smtpPort, connections: 4, messages: [...reports()].slice(0, 100) });
  expect(await service.metric("mm4d_published_total", (sum) => sum === 100)).toBe(100);

  // It cannot start again until that is mended.
  writeFileSync(peersFile, "{");
  process.kill(await pidOf(1), "SIGKILL");
  const { MM4D_PEERS_FILE: _, ...env } = service.env;
  const firstDown = `the mm4d on the data directory ${service.dataDir} cannot be asked now: its first process`;
  const { code, stderr } = await eventually(
    () => runCommandWithin(["status"], env),
    (said) => said.stderr.includes(firstDown),
  );
  expect(code).toBe(1);
  expect(stderr).toContain("process.ended in the log");
  expect(stderr).not.toMatch(/no mm4d is running|Start it|--data-dir/);
  const looked = await eventually(
    () => runCommandWithin(["doctor"], env),
    ({ stdout }) => stdout.replace(/\n {4}/g, " ").includes(`fault    service: ${firstDown}`),
  );
  expect(looked.stdout).not.toMatch(/Free it|Start it/);
  const elsewhere = await runCommand(["status"], cleanEnv({ MM4D_SMTP_PORT: String(service.smtpPort) }), "", {
    cwd: directory,
  });
  expect(elsewhere.stderr).toContain(`ask that one with --data-dir ${service.dataDir}\n`);
  writeFileSync(peersFile, peers);
  await eventually(
    () => runCommandWithin(["status"], env),
    (said) => said.stderr === "",
  );
  await allWell();
  rmSync(directory, { recursive: true });
  const lastRedis = redisPid();
  service.signal("SIGTERM");
  expect(await service.exited()).toBe(0);
  // No child of those that end now: the system clears it away.
  await eventually(
    () => existsSync(`/proc/${lastRedis}`),
    (there) => !there,
  );
});
