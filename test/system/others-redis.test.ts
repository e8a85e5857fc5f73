/** A Redis that is not ours alone, or not of the kind we need: users with few rights, a FLUSHALL, a node of a cluster. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliverAll } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { rowsOf, type ServiceUnderTest, startServiceProcess, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

interface Finding {
  readonly about: string;
  readonly verdict: string;
  readonly text: string;
}

const QUEUE = "mm4-delivery-events";
/** Keys and commands of our user, as the sample gives them. */
const [, SAMPLE = ""] = /^user mm4d on >\S+ (.*)$/m.exec(readFileSync("ops/redis/users.acl", "utf8")) ?? [];
const RIGHTS = SAMPLE.split(" ").filter((right) => right.startsWith("~"));
const COMMANDS = SAMPLE.split(" ").filter((right) => /^[+-]/.test(right));

let redis: TestRedis;
let service: ServiceUnderTest;

beforeAll(async () => {
  redis = await startRedis(["--maxmemory", "1gb", "--maxmemory-policy", "noeviction"]);
  await redis.call("ACL", "SETUSER", "mm4d", "on", ">secret", "resetkeys", ...RIGHTS, "resetchannels", ...COMMANDS);
  service = await startServiceWithin({
    REDIS_URL: redis.url.replace("redis://", "redis://mm4d:secret@"),
    MM4D_PEERS: "carrier=127.0.0.1",
    MM4D_QUEUES: "billing:*, fraud:*",
  });
});
afterAll(async () => {
  await service.stop();
  await redis.stop();
});

async function doctor(of: ServiceUnderTest, about?: string) {
  const { code, stdout } = await runCommandWithin(["doctor", "--json"], of.env);
  const findings = rowsOf<Finding>(stdout).filter((finding) => about === undefined || finding.about === about);
  const told = (verdict: string) => findings.filter((one) => one.verdict === verdict).map(({ text }) => text);
  return { code, oks: told("ok"), warnings: told("warning"), faults: told("fault") };
}

const deliver = (of: ServiceUnderTest, ...ids: readonly string[]) =>
  deliverAll({
    port: of.smtpPort,
    connections: 1,
    messages: ids.map((id) => [id, deliveryReport({ "X-Mms-Message-ID": id })] as const),
  });

const logged = (of: ServiceUnderTest, event: string) => of.log().filter((line) => line.event === event);
const healthz = (of: ServiceUnderTest, fits: (text: string, status: number) => boolean) =>
  eventually(
    () => of.get("/healthz"),
    ({ text, status }) => fits(text, status),
  );

const waitingIn =
  ({ call }: TestRedis) =>
  () =>
    call("LLEN", `bull:${QUEUE}:wait`);
const waiting = () => waitingIn(redis)();

test("a user who may not write one of the queues: that queue is named by log, page and doctor", async () => {
  await redis.call("ACL", "SETUSER", "mm4d", "~bull:billing:*");
  await deliver(service, "mm-1");
  const { text } = await healthz(service, (said) => said.includes('"fraud"'));
  expect(text).toMatch(
    /The queue "fraud" does not take it: Redis does not let this user do that \(NOPERM .*\): see ops\/redis\/users\.acl/,
  );
  expect(text).not.toContain('"billing"');
  const told = await eventually(
    () => logged(service, "drain.failed"),
    ({ length }) => length > 0,
  );
  expect(String(told[0]?.reason)).toContain('The queue "fraud" does not take it');
  expect((await runCommandWithin(["status"], service.env)).stdout).toContain('"fraud"');
  const rights = await doctor(service, "rights in Redis");
  expect(rights.faults).toEqual([expect.stringMatching(/^queue "fraud": .*NOPERM /)]);
  const diskless = await startServiceWithin({
    REDIS_URL: service.env.REDIS_URL ?? "",
    MM4D_PEERS: "carrier=127.0.0.1",
    MM4D_QUEUES: "fraud:*",
    MM4D_ACCEPT: "queue",
  });
  try {
    await healthz(diskless, (_, status) => status === 200);
    const client = await openSession(diskless.smtpPort);
    expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": "mm-1" }))).toMatch(/^451 /);
    client.end();
    await healthz(diskless, (said) => /The queue "fraud" does not take it.*: those reports get 451/.test(said));
  } finally {
    await diskless.stop();
  }

  await redis.call("ACL", "SETUSER", "mm4d", "~bull:fraud:*");
  await healthz(service, (_, status) => status === 200);
  const mended = await doctor(service, "rights in Redis");
  expect([mended.faults, mended.warnings, mended.oks.length]).toEqual([[], [], 1]);
});

test("a command that adding a job takes, and keys of our own, are tried by doctor too", async () => {
  await redis.call(
    "ACL",
    "SETUSER",
    "mm4d",
    "-xadd",
    "resetkeys",
    ...RIGHTS.filter((right) => right !== "~bull:mm4d-*"),
    "~bull:fraud:*",
    "~bull:billing:*",
  );
  const rights = await doctor(service, "rights in Redis");
  expect(rights.faults.length).toBe(5);
  for (const text of rights.faults)
    expect(text).toMatch(/^queue ".*Redis does not let this user do that .*(?:xadd|can't run this command)/);
  expect(rights.warnings.map((text) => text.split(":")[0])).toEqual([
    "trace",
    "statistics",
    "list of replays",
    "replays",
    "mark by which a FLUSHALL is noticed",
  ]);
  await redis.call("ACL", "SETUSER", "mm4d", "+xadd", "~bull:mm4d-*");
});

test("without DBSIZE and TIME those lines alone say that they cannot be told; without INFO that it is needed", async () => {
  await redis.call("ACL", "SETUSER", "mm4d", "-dbsize", "-time", "-ping");
  await healthz(service, (_, status) => status === 200);
  const { code, faults, warnings } = await doctor(service);
  expect([code, faults]).toEqual([0, []]);
  expect(warnings.filter((text) => text.includes("NOPERM"))).toEqual([
    expect.stringMatching(/^24 h; how many ids are remembered cannot be told: .*dbsize/),
    expect.stringMatching(/^how far it is from Redis's cannot be told: .*time/),
  ]);
  await redis.call("ACL", "SETUSER", "mm4d", "-info");
  const blind = await doctor(service, "Redis");
  expect(blind.faults).toEqual([
    expect.stringMatching(/what it is cannot be told: .*info.*puts nothing on a queue without it/),
  ]);
  await redis.call("ACL", "SETUSER", "mm4d", "+dbsize", "+time", "+ping", "+info");
  await healthz(service, (_, status) => status === 200);
});

test("a FLUSHALL by somebody is noticed and told, and what the journal still holds is queued again", async () => {
  await deliver(service, "mm-2", "mm-3");
  await eventually(waiting, (count) => count === 3);
  expect(logged(service, "redis.emptied")).toEqual([]);
  for (const command of ["FLUSHALL", "FLUSHDB"]) {
    const before = logged(service, "redis.emptied").length;
    await redis.call(command);
    await eventually(waiting, (count) => count === 3);
    expect(logged(service, "redis.emptied").length).toBe(before + 1);
  }
  expect(logged(service, "redis.changed")).toEqual([]);
  expect(String(logged(service, "redis.emptied")[0]?.effect)).toContain("queued again from the journal");
  expect((await runCommandWithin(["status"], service.env)).stdout.replace(/\s+/g, " ")).toContain(
    "Redis was found emptied",
  );
  expect((await service.get("/healthz")).text).toMatch(/^ok, but needs attention\n(?:.*\n)*Redis was found emptied/);
  // Nothing of it is new to what is there now: once more, and nothing is doubled.
  await deliver(service, "mm-2");
  await service.metric("mm4d_duplicates_total", (count) => count >= 1);
  expect(await waiting()).toBe(3);
});

test("one that was emptied while no mm4d ran, and one that has lost all by a restart, are told as emptied", async () => {
  const forgetful = await startRedis(["--appendonly", "no"]);
  const settings = { REDIS_URL: forgetful.url, MM4D_PEERS: "carrier=127.0.0.1", MM4D_REDIS_CHECKS: "warn" };
  const one = await startServiceProcess(settings);
  const news = () => [logged(one, "redis.emptied").length, logged(one, "redis.changed").length];
  try {
    await deliver(one, "mm-1");
    await eventually(waitingIn(forgetful), (count) => count === 1);
    one.signal("SIGKILL");
    await one.exited();
    await forgetful.call("FLUSHALL");
    await one.restart();
    await eventually(waitingIn(forgetful), (count) => count === 1);
    await eventually(news, ([emptied]) => emptied === 1);
    await forgetful.kill();
    await forgetful.start();
    await eventually(waitingIn(forgetful), (count) => count === 1);
    await eventually(news, ([emptied]) => emptied === 2);
    expect(news()).toEqual([2, 0]);
    expect((await runCommandWithin(["status"], one.env)).stdout.replace(/\s+/g, " ")).toContain(
      "Redis was found emptied",
    );
  } finally {
    await one.stop();
    await forgetful.stop();
  }
});

test("what MM4D_REDIS_CHECKS=warn accepts is a warning of doctor's, and the remedy knows managed servers", async () => {
  await redis.call("CONFIG", "SET", "maxmemory-policy", "volatile-lru");
  const enforced = await runCommandWithin(["doctor", "--json"], service.env);
  const accepted = await runCommandWithin(["doctor", "--json"], { ...service.env, MM4D_REDIS_CHECKS: "warn" });
  const policy = ({ stdout }: { stdout: string }) =>
    rowsOf<Finding>(stdout).filter(
      ({ text }) => text.includes("volatile-lru") && text.includes("console or parameter group"),
    );
  expect(policy(enforced).find(({ about }) => about === "Redis")?.verdict).toBe("fault");
  expect(policy(accepted).find(({ about }) => about === "Redis")).toMatchObject({
    verdict: "warning",
    text: expect.stringContaining("MM4D_REDIS_CHECKS=warn accepts that"),
  });
  await redis.call("CONFIG", "SET", "maxmemory-policy", "noeviction");
});

test("a node of a Redis Cluster: reports wait in the journal, or get 451 without one, and all say what it is", async () => {
  const node = await startRedis(["--cluster-enabled", "yes"]);
  await node.call("CLUSTER", "ADDSLOTSRANGE", "0", "16383");
  const settings = { REDIS_URL: node.url, MM4D_PEERS: "carrier=127.0.0.1" };
  const what = /(?:it|Redis) is a node of a Redis Cluster, which cannot be used/;
  const one = await startServiceWithin(settings);
  try {
    await deliver(one, "mm-1");
    const { text } = await healthz(one, (said, status) => status === 503 && what.test(said));
    expect(text).toContain("1 report waits in the journal");
    expect(text).not.toContain("has been away");
    expect(logged(one, "redis.unreachable").map(({ reason }) => reason)).toEqual([expect.stringMatching(what)]);
    expect((await runCommandWithin(["status"], one.env)).stdout.replace(/\s+/g, " ")).toMatch(what);
    const { code, faults } = await doctor(one, "Redis");
    expect([code, faults]).toEqual([1, [expect.stringMatching(what)]]);
    expect(await node.call("KEYS", "*")).toEqual([]);
  } finally {
    await one.stop();
  }
  const other = await startServiceWithin({ ...settings, MM4D_ACCEPT: "queue" });
  try {
    await healthz(other, (said, status) => status === 503 && what.test(said) && said.includes("get 451"));
    const client = await openSession(other.smtpPort);
    expect(await client.deliver(deliveryReport())).toMatch(/^451 /);
    client.end();
  } finally {
    await other.stop();
    await node.stop();
  }
});
