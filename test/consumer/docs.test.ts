/** The consumers that docs/consumers.md shows, extracted and run. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sqlite from "node-sqlite3-wasm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT, readDocument } from "../support/document.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { type ServiceUnderTest, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const { block: sample } = readDocument("docs/consumers.md");
let redis: TestRedis;
let service: ServiceUnderTest;
let directory: string;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_QUEUES: "python:*" });
  directory = mkdtempSync(join(tmpdir(), "mm4d-docs-"));
});
afterAll(async () => {
  await service.stop();
  await redis.stop();
  rmSync(directory, { recursive: true });
});

async function deliver(reports: readonly Readonly<Record<string, string | undefined>>[]): Promise<void> {
  const client = await openSession(service.smtpPort);
  for (const fields of reports) expect(await client.deliver(deliveryReport(fields))).toMatch(/^250 /);
  client.end();
}

function run(program: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child: ChildProcess = spawn(program, args, {
    cwd: directory,
    env: { ...process.env, ...env, REDIS_URL: redis.url },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout?.setEncoding("utf8").on("data", (text) => {
    printed += text;
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  return { child, ended, printed: () => printed };
}

test("packed, the module has the types and the exports that users see; the sample keeps a table of messages by it", async () => {
  const packed = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", directory], {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }),
  );
  const tarball = join(directory, packed[0].filename);
  const bin = (name: string) => join(ROOT, "node_modules/.bin", name);
  // Also as `moduleResolution: node10` finds it, of which TypeScript 5 is the last and attw has one.
  const found = execFileSync(
    bin("attw"),
    [tarball, "--ignore-rules", "cjs-resolves-to-esm", "--entrypoints", "./consumer", "--no-color", "--no-emoji"],
    { encoding: "utf8" },
  );
  expect(found).toMatch(/node10 +│ OK/);
  expect(found).toMatch(/node16 \(from ESM\) │ OK \(ESM\)/);
  expect(found).toMatch(/bundler +│ OK/);
  const linted = execFileSync(bin("publint"), [tarball], { encoding: "utf8" });
  expect(linted).toContain("All good!");

  // As npm would install it, with our own node_modules for what it depends on.
  const modules = join(directory, "node_modules");
  mkdirSync(join(modules, "mm4d"), { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", join(modules, "mm4d"), "--strip-components=1"]);
  for (const name of ["bullmq", "node-sqlite3-wasm", "ioredis"])
    symlinkSync(join(ROOT, "node_modules", name), join(modules, name));
  writeFileSync(join(directory, "sample.mjs"), sample("sqlite"));
  // The types, as a user's compiler reads them; a wrong field is a fault.
  writeFileSync(
    join(directory, "typed.mts"),
    'import { consume, type DeliveryEvent } from "mm4d/consumer";\nexport const stop = (await consume((event: DeliveryEvent) => void event.data.reason?.remedy.length, { finalOnly: true, outcomes: ["failed"] })).stop;\n// @ts-expect-error\nawait consume((event) => event.data.nothing, { outcomes: ["lost"] });\n',
  );
  execFileSync(
    bin("tsc"),
    [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "--module",
      "nodenext",
      "--target",
      "es2023",
      "--types",
      "node",
      "--typeRoots",
      join(ROOT, "node_modules/@types"),
      join(directory, "typed.mts"),
    ],
    { cwd: directory, stdio: "inherit" },
  );
  expect(createRequire(join(directory, "x.js")).resolve("mm4d/delivery-event.schema.json")).toContain("mm4d");

  const file = join(directory, "messages.db");
  const consumer = run(process.execPath, ["sample.mjs"], { MESSAGES_DB: file });
  await deliver([
    { "X-Mms-Message-ID": "one", "X-Mms-MM-Status-Code": "Retrieved" },
    { "X-Mms-Message-ID": "one", "X-Mms-MM-Status-Code": "Deferred" },
    { "X-Mms-Message-ID": "two", "X-Mms-MM-Status-Code": "Deferred" },
    { "X-Mms-Message-ID": "two", "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" },
  ]);
  await service.metric('mm4d_queue_jobs{queue="mm4-delivery-events",state="completed"}', (count) => count === 4);
  consumer.child.kill("SIGTERM");
  expect(await consumer.ended).toBe(0);
  const db = new sqlite.Database(file);
  const rows = db.all("SELECT message_id, recipient, outcome, final FROM messages ORDER BY message_id");
  db.close();
  expect(rows).toEqual([
    { message_id: "one", recipient: "+12025550100", outcome: "delivered", final: 1 },
    { message_id: "two", recipient: "+12025550100", outcome: "rejected", final: 1 },
  ]);
});

test("the Python consumer takes each event once, and after a crash begins with what was in hand", async () => {
  writeFileSync(join(directory, "consumer.py"), sample("python"));
  await deliver([{ "X-Mms-Message-ID": "first" }, { "X-Mms-Message-ID": "second" }]);
  const first = run("/usr/bin/python3", ["consumer.py"], { QUEUE: "python" });
  await eventually(first.printed, (printed) => / second delivered True\n$/.test(printed));
  first.child.kill("SIGKILL");
  await first.ended;
  await deliver([{ "X-Mms-Message-ID": "three" }, { "X-Mms-Message-ID": "four" }]);
  await eventually(
    async () => Number(await redis.call("LLEN", "bull:python:wait")),
    (length) => length >= 1,
  );
  // As if it had died with this one in hand.
  await redis.call("LMOVE", "bull:python:wait", "bull:python:active", "RIGHT", "LEFT");
  const second = run("/usr/bin/python3", ["consumer.py"], { QUEUE: "python" });
  const lines = await eventually(
    () => second.printed().trimEnd().split("\n"),
    (found) => found.length === 2,
  );
  expect(lines.map((line) => line.split(" ").slice(1).join(" "))).toEqual([
    "three delivered True",
    "four delivered True",
  ]);
  second.child.kill("SIGKILL");
  await second.ended;
  expect(await redis.call("KEYS", "bull:python:j*")).toEqual([]);
  expect(await redis.call("LLEN", "bull:python:active")).toBe(0);
});
