/** The sample of a Redis for mm4d: it starts, mm4d finds nothing amiss in it, and its users may do their work and no more. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { consume, GiveUp } from "../../src/consumer/consume.ts";
import { once, redisOnce } from "../../src/consumer/once.ts";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer } from "../support/consumer.ts";
import { eventually, freePort } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { replaceEach } from "../support/sample.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const SAMPLES = fileURLToPath(new URL("../../ops/redis/", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "mm4d-redis-sample-"));
let child: ChildProcess;
let service: TestService;
let urlOf: (user: string) => string;

beforeAll(async () => {
  const port = await freePort();
  const acl = join(directory, "users.acl");
  const users = readFileSync(join(SAMPLES, "users.acl"), "utf8");
  urlOf = (user) => {
    const [, password = ""] = new RegExp(`^user ${user} on >(\\S+)`, "m").exec(users) ?? [];
    return `redis://${user}:${password}@127.0.0.1:${port}`;
  };
  writeFileSync(acl, users);
  const file = join(directory, "redis.conf");
  writeFileSync(
    file,
    replaceEach(readFileSync(join(SAMPLES, "redis.conf"), "utf8"), [
      ["port 6379", `port ${port}`],
      ["/etc/redis/users.acl", acl],
      ["/var/lib/redis", directory],
    ]),
  );
  child = spawn("redis-server", [file], { stdio: "ignore" });
  service = await startServiceProcess({ REDIS_URL: urlOf("mm4d"), MM4D_DOMAIN: "mms.example.net" });
});
afterAll(async () => {
  await service?.stop();
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill();
  await ended;
  rmSync(directory, { recursive: true });
});

test("mm4d does all its work as its user, and a consumer as the other", async () => {
  await eventually(
    async () => (await service.get("/healthz")).status,
    (status) => status === 200,
  );
  const client = await openSession(service.smtpPort);
  const recipient = "mm4@mms.example.net";
  expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": "one" }), recipient)).toMatch(/^250 /);
  expect(await client.deliver(deliveryReport({ "X-Mms-MM-Status-Code": undefined }), recipient)).toMatch(/^250 /);
  client.end();
  const consumer = startConsumer(urlOf("consumer"));
  try {
    await eventually(
      () => consumer.events.map(({ subject }) => subject),
      (subjects) => subjects.includes("one"),
    );
  } finally {
    await consumer.stop();
  }
  await eventually(
    async () => (await runCommandWithin(["quarantine", "list"], service.env)).stdout,
    (stdout) => stdout.includes("no-status"),
  );
  expect((await runCommandWithin(["trace", "one"], service.env)).stdout).toContain("one");
  // The page asks over a connection of its own.
  const reports = await eventually(
    () => service.get("/reports"),
    ({ text }) => text.includes("one") && text.includes("no-status"),
  );
  expect([reports.status, reports.text]).toEqual([200, expect.stringMatching(/>done( \d+ ms)?</)]);
  const queue = await service.get("/queue?show=waiting");
  expect([queue.status, queue.text]).toEqual([200, expect.stringContaining("No event waits now.")]);
  expect((await runCommandWithin(["stats"], service.env)).stdout).toMatch(/^1 report/);
  // It may see whether a consumer is connected: of the acknowledgements that is mm4d itself, which has nowhere to send them.
  const status = await eventually(
    async () => (await runCommandWithin(["status"], service.env)).stdout,
    (told) => /^Queue: .*\b0 workers of BullMQ connected$/m.test(told.replace(/\n {2,}/g, " ")),
  );
  expect(status).not.toContain("cannot be told");
  const { stdout, code } = await runCommandWithin(["doctor"], service.env);
  expect([code, stdout.match(/^(?:fault.*Redis|warning.*consumers).*/gm)]).toEqual([0, null]);
  expect(service.log().filter(({ level }) => level === "error" || Number(level) >= 50)).toEqual([]);
});

test("a consumer with mm4d/consumer and once, and the operators' commands that change something, may too", async () => {
  const client = await openSession(service.smtpPort);
  for (const id of ["two", "three"])
    expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": id }), "mm4@mms.example.net")).toMatch(/^250 /);
  client.end();
  const handled: string[] = [];
  const connection = { url: urlOf("consumer"), maxRetriesPerRequest: null };
  const redis = new Redis(urlOf("consumer"));
  const handle = ({ data }: DeliveryEvent) => {
    if (data.messageId === "three") throw new GiveUp("Nobody wants it");
    handled.push(data.messageId ?? "");
  };
  const failed: string[] = [];
  const onFailed = (event: DeliveryEvent | undefined) => failed.push(event?.data.messageId ?? "");
  const consuming = await consume(once(handle, redisOnce(redis)), { connection, onFailed });
  try {
    await eventually(
      () => [handled.includes("two"), failed.includes("three")],
      (done) => done.every(Boolean),
    );
  } finally {
    await consuming.stop();
    redis.disconnect();
  }
  const commands = [
    ["failed", "retry", "--all"],
    ["quarantine", "replay", "--all"],
    ["acks", "list"],
    ["status"],
    ["forget", "+12025550155"],
  ];
  const ran = await Promise.all(
    commands.map(async (command) => [command, await runCommandWithin(command, service.env)]),
  );
  expect(ran).toEqual(commands.map((command) => [command, expect.objectContaining({ code: 0 })]));
});

test("a replay publishes where mm4d's user may, and is refused in words elsewhere", async () => {
  const replay = (...args: readonly string[]) => runCommandWithin(["replay", "--since", "1h", ...args], service.env);
  // That the events are on their queue is written down within some seconds.
  const told = await eventually(
    () => replay("--name", "once-more"),
    ({ stdout }) => !stdout.startsWith("0 events"),
  );
  expect([told.code, told.stdout]).toEqual([
    0,
    expect.stringMatching(/^\d events? published to "mm4-delivery-events"/),
  ]);
  const { code, stderr } = await replay("--to", "elsewhere");
  expect([code, stderr]).toEqual([1, expect.stringMatching(/Redis does not let this user do that .*users\.acl/)]);
});

/** As on a command line; a script in quotes. */
const FORBIDDEN = [
  "GET other",
  "SET other x",
  "FLUSHALL",
  "FLUSHDB",
  "SWAPDB 0 1",
  "CONFIG GET *",
  "CONFIG SET dir /tmp",
  "KEYS *",
  "SCAN 0",
  "RANDOMKEY",
  "SHUTDOWN",
  "SAVE",
  "BGREWRITEAOF",
  "DEBUG SLEEP 0",
  "MODULE LIST",
  "MODULE LOAD /tmp/x.so",
  "ACL LIST",
  "ACL SETUSER consumer +@all",
  "CLIENT KILL TYPE normal",
  "CLIENT PAUSE 1",
  "REPLICAOF NO ONE",
  "MONITOR",
  "SLOWLOG GET",
  "PUBLISH channel x",
  "SUBSCRIBE channel",
  "SCRIPT FLUSH",
  "SCRIPT KILL",
  "FUNCTION LIST",
  "FUNCTION STATS",
  "FUNCTION FLUSH",
  "FUNCTION DELETE planted",
  "FUNCTION DUMP",
  "FUNCTION LOAD '#!lua name=theirs\nredis.register_function(\"theirs\", function() return 1 end)'",
  "FCALL planted 0",
  "FCALL_RO planted 0",
  "EVAL 'return redis.call(\"get\", KEYS[1])' 1 other",
  'EVAL \'return redis.call("get", "other")\' 0',
  "EVAL 'return redis.call(\"flushall\")' 0",
  'EVAL \'return redis.call("config", "get", "*")\' 0',
];

test("neither may reach what is another's, look at or end the server, or leave a function in it", async () => {
  const operator = new Redis(urlOf("operator"));
  expect(await operator.call("CONFIG", "SET", "maxmemory", "2gb")).toBe("OK");
  await operator.set("other", "secret");
  const planted =
    '#!lua name=planted\nredis.register_function{function_name="planted", callback=function() return 1 end, flags={"no-writes"}}';
  await operator.call("FUNCTION", "LOAD", planted);
  expect(await operator.call("FCALL", "planted", "0")).toBe(1);
  for (const user of ["mm4d", "consumer"]) {
    const redis = new Redis(urlOf(user));
    for (const line of FORBIDDEN) {
      const [name = "", ...args] = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(
        ([, quoted, plain]) => quoted ?? plain ?? "",
      );
      const said = await redis.call(name, ...args).catch((cause: Error) => cause.message);
      expect([user, line, said]).toEqual([
        user,
        line,
        expect.stringMatching(/NOPERM|user executing the script can't|ACL failure in script|not allowed/),
      ]);
    }
    redis.disconnect();
  }
  expect(await operator.get("other")).toBe("secret");
  operator.disconnect();
});
