/** docs/life-of-a-report.md, played with the real service: what it shows is what happens. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { findPrecedence } from "../../src/delivery/precedence.ts";
import { findMmStatus } from "../../src/delivery/status.ts";
import { type Mmsc, type MmscMessage, startMmsc } from "../../src/simulator/mmsc.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { ROOT, readDocument, timeless } from "../support/document.ts";
import { eventually, freePort, startRedis, type TestRedis } from "../support/redis.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";
import { connectSmtp } from "../support/smtp-client.ts";

const LIFE = readDocument("docs/life-of-a-report.md");
/** As it is on the wire. */
const MESSAGE = LIFE.block("message").replaceAll("\n", "\r\n");
const EVENT = JSON.parse(LIFE.block("event"));
const directory = mkdtempSync(join(tmpdir(), "mm4d-life-"));
const received: MmscMessage[] = [];
let redis: TestRedis;
let mmsc: Mmsc;
let service: TestService;

beforeAll(async () => {
  redis = await startRedis();
  const port = await freePort();
  mmsc = await startMmsc({ host: "127.0.0.1", port, onMessage: (message) => received.push(message) });
  const peersFile = join(directory, "peers.json");
  const peers = LIFE.block("peers");
  expect(peers).toContain('"port": 2526');
  writeFileSync(peersFile, peers.replace("2526", String(port)));
  const [serve = ""] = LIFE.block("commands").split("\n");
  const settings = [...serve.matchAll(/(MM4D_\w+)=(\S+)/g)].map(([, name = "", value = ""]) => [name, value]);
  service = await startServiceProcess({
    ...Object.fromEntries(settings),
    REDIS_URL: redis.url,
    MM4D_PEERS_FILE: peersFile,
  });
});
afterAll(async () => {
  await service.stop();
  await mmsc.stop();
  await redis.stop();
  rmSync(directory, { recursive: true });
});

/** Says what the relay says, and gives the dialogue as it is written in the document. */
async function converse(): Promise<string> {
  const client = connectSmtp(service.smtpPort);
  const lines: string[] = [];
  const hear = async (): Promise<void> => {
    for (const line of (await client.reply()).split("\r\n")) lines.push(`S: ${line}`);
  };
  await hear();
  for (const line of LIFE.block("dialogue").split("\n")) {
    if (!line.startsWith("C: ")) continue;
    lines.push(line);
    client.write(line.startsWith("C: (the message") ? `${MESSAGE}.\r\n` : `${line.slice(3)}\r\n`);
    await hear();
  }
  client.end();
  return `${lines.join("\n")}\n`;
}

const logged = (event: string) =>
  eventually(
    () =>
      service
        .written()
        .split("\n")
        .find((line) => line.includes(`"event":"${event}"`)) ?? "",
    (line) => line !== "",
  );

/** The one record of the journal, once it is on the queue. */
async function exported(...options: readonly string[]) {
  const { stdout } = await eventually(
    () => runCommandWithin(["journal", "export", ...options], service.env),
    (printed) => printed.stdout.includes('"on-queue"'),
  );
  const records = stdout.trimEnd().split("\n");
  expect(records.length).toBe(1);
  return JSON.parse(records[0] ?? "");
}

test("a report from the first word to the acknowledgement, and once more", async () => {
  expect(await converse()).toBe(LIFE.block("dialogue"));
  const [response] = await eventually(
    () => received,
    (messages) => messages.length === 1,
  );
  expect(timeless(Buffer.from(response?.bytes ?? "").toString("latin1"))).toBe(timeless(LIFE.block("response")));

  const stored = await exported("--unread");
  const { text, ...said } = stored.said;
  expect(text).toBe(MESSAGE);
  expect(timeless(JSON.stringify({ ...stored, said }))).toBe(
    timeless(JSON.stringify(JSON.parse(LIFE.block("record")))),
  );
  const { event, acknowledgement, ...record } = await exported();
  const { time } = event;
  expect(event).toEqual({ ...EVENT, time, data: { ...EVENT.data, receivedAt: time } });
  expect(Object.keys(event.data)).toEqual(Object.keys(EVENT.data));
  expect(timeless(JSON.stringify(acknowledgement))).toBe(timeless(JSON.stringify(JSON.parse(LIFE.block("owed")))));
  expect(timeless(await logged("report.published"))).toBe(timeless(LIFE.block("log")));

  // The keys that the document names: the job, and the id that is remembered.
  const named = [...LIFE.text.matchAll(/`(bull:\S+)`/g)].map(([, key = ""]) =>
    key.replace(/\bj[0-9a-f]{32}/, record.id),
  );
  expect(named.length).toBe(2);
  for (const key of named) expect([key, await redis.call("EXISTS", key)]).toEqual([key, 1]);
  expect(JSON.parse(String(await redis.call("HGET", `bull:mm4-delivery-events:${record.id}`, "data")))).toEqual(event);

  const [, sample = ""] = /```js\n([\s\S]*?)```/.exec(readFileSync(`${ROOT}README.md`, "utf8")) ?? [];
  const consumer = spawn(process.execPath, ["--input-type=module", "-e", sample], {
    cwd: ROOT,
    env: { ...service.env, REDIS_URL: redis.url },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  consumer.stdout.setEncoding("utf8").on("data", (text) => {
    printed += text;
  });
  try {
    await eventually(
      () => printed,
      (text) => text.includes("\n"),
    );
    expect(await converse()).toBe(LIFE.block("dialogue"));
    await eventually(
      () => received,
      (messages) => messages.length === 2,
    );
    const { stdout } = await eventually(
      () => runCommandWithin(["trace", "mm-7f3a@mms.example.net"], service.env),
      (said) => said.stdout.split("acknowledgement sent").length === 3 && said.stdout.includes("completed"),
    );
    expect(timeless(stdout)).toBe(timeless(LIFE.block("trace")));
  } finally {
    consumer.kill();
  }
  expect(printed).toBe(LIFE.block("consumer"));
  expect(timeless(await logged("report.duplicate"))).toBe(timeless(LIFE.block("duplicate")));
  for (const [metric, count] of [
    ["mm4d_accepted_total", 2],
    ["mm4d_reports_total", 2],
    ["mm4d_published_total", 1],
    ["mm4d_duplicates_total", 1],
  ] as const)
    expect([metric, await service.metric(metric)]).toEqual([metric, count]);
});

test("what is read is what the table says, and stands in the message so", () => {
  for (const [written = "", field = "", value = ""] of LIFE.table("fields")) {
    const [path, expected] = [field, value].map((cell) => cell.replaceAll("`", ""));
    expect(LIFE.block("message")).toContain(`\n${written.slice(1, -1)}\n`);
    let found: unknown = EVENT;
    for (const name of path?.split(".") ?? []) found = (found as Record<string, unknown>)[name];
    expect([path, String(found)]).toEqual([path, expected]);
  }
});

test("explain gives the same id without a service, and codes what is quoted", async () => {
  const [, command = ""] = /`npx mm4d (explain .*?)`/.exec(LIFE.text.replaceAll("\n", " ")) ?? [];
  const saved = join(directory, "saved.eml");
  writeFileSync(saved, LIFE.block("message"));
  const explained = await runCommandWithin(command.replace("saved.eml", saved).split(" "), service.env);
  expect([explained.code, explained.stdout]).toEqual([0, expect.stringContaining(`event ${EVENT.id} (`)]);
  expect((await runCommandWithin(["codes", "902"], service.env)).stdout).toBe(LIFE.block("codes"));
});

test("the precedence row that it names decides, with its why", () => {
  const { family } = findMmStatus("Expired") ?? {};
  const { class: codeClass } = createCatalogue().findCode(902);
  if (family === undefined || codeClass === "out-of-range" || codeClass === "not-judged")
    throw new Error("The document's report has changed");
  const { row, winner, conflict, why } = findPrecedence(family, codeClass);
  if (typeof winner === "string") throw new Error(`Row ${row} leaves it to ${winner}`);
  const { outcome, disposition, final } = winner;
  expect(LIFE.table("precedence").map(([, said]) => said)).toEqual([
    `\`${family}\``,
    `\`${codeClass}\``,
    `\`${row}\``,
    `outcome \`${outcome}\`, disposition \`${disposition}\`, ${final ? "final" : "not final"}, ${conflict ? "" : "no "}conflict`,
    why,
  ]);
});
