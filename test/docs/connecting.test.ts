/** docs/connecting.md: its commands run as they are written, and print what it says; its tables are the program's. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SETTINGS } from "../../src/settings/config.ts";
import { startMmsc } from "../../src/simulator/mmsc.ts";
import { REPLIES } from "../../src/smtp/replies.ts";
import { readDocument, timeless } from "../support/document.ts";
import { eventually, freePort, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport, eventOf } from "../support/report.ts";
import { cleanEnv, MAIN, startServiceProcess, type TestService } from "../support/service.ts";

const CONNECTING = readDocument("docs/connecting.md");
const directory = mkdtempSync(join(tmpdir(), "mm4d-connecting-"));
let redis: TestRedis;
let service: TestService;
let tail: ChildProcess;
let tailed = "";
/** Where the document's MMSC listens, in the place of 2526. */
let mmscPort: number;

beforeAll(async () => {
  mmscPort = await freePort();
  writeFileSync(join(directory, "peers.json"), here(CONNECTING.block("peers")));
  redis = await startRedis();
  await bash(CONNECTING.block("prepare"), cleanEnv({}));
  service = await startServiceProcess({
    REDIS_URL: redis.url,
    MM4D_DOMAIN: "mms.example.net",
    MM4D_HOSTNAME: "mm4.example.net",
    MM4D_PEERS_FILE: join(directory, "peers.json"),
    MM4D_TLS_CERT_FILE: join(directory, "cert.pem"),
    MM4D_TLS_KEY_FILE: join(directory, "key.pem"),
  });
  tail = spawn(process.execPath, [MAIN, "tail"], { env: service.env, stdio: ["ignore", "pipe", "pipe"] });
  let waiting = false;
  tail.stdout?.setEncoding("utf8").on("data", (text) => {
    tailed += text;
  });
  tail.stderr?.on("data", () => {
    waiting = true;
  });
  await eventually(
    () => waiting,
    (yes) => yes,
  );
});
afterAll(async () => {
  tail.kill();
  await service.stop();
  await redis.stop();
  rmSync(directory, { recursive: true });
});

/** The document's port is one, and tests that run at the same time need others. */
function here(text: string): string {
  return text.replaceAll("2526", String(mmscPort)).replaceAll("--expect-ack", `--expect-ack --ack-port ${mmscPort}`);
}

/** Runs lines of a shell where the document's files are; everything they print. */
function bash(lines: string, env: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const script = `npx() { shift; ${JSON.stringify(process.execPath)} ${JSON.stringify(MAIN)} "$@"; }\n${lines}`;
    const child = spawn("bash", ["-c", script], { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        printed += text;
      });
    }
    child.once("error", reject);
    child.once("close", () => resolve(printed));
  });
}

/** Runs each command of a step, and holds what it prints against what the document says. */
async function play(step: string, { meanwhile = async () => {} }: { meanwhile?: () => Promise<void> } = {}) {
  const commands = here(CONNECTING.block(`step ${step}`))
    .split(/^\$ /m)
    .slice(1);
  expect(commands.length).toBeGreaterThan(0);
  for (const command of commands) {
    const [line = "", ...expected] = command.split("\n");
    const said = measured(expected.join("\n"));
    const run = () => bash(`${CONNECTING.block("settings")}${line}`, service.env);
    if (line.startsWith("npx mm4d send ")) {
      const running = run();
      await meanwhile();
      expect([line, measured(await running)]).toEqual([line, said]);
    } else {
      // What only looks may be a moment too early.
      await eventually(run, (printed) => measured(printed) === said, 20_000);
    }
  }
}

/** Without what the machine's speed decides. */
function measured(text: string): string {
  return timeless(text)
    .replace(/(Sent \d+) in \S+ s \(\S+\/s\)/, "$1")
    .replace(/tried again [1-9]\d* times?/, "tried again")
    .replace(/\d+ × connect ECONNREFUSED \S+/, "connect ECONNREFUSED")
    .replace(/(p\d+) \S+ ms/g, "$1");
}

test("the rehearsal, in order", async () => {
  await play("entry");
  await play("refused");
  await play("reports");
  await eventually(
    () => tailed,
    (text) => text.includes("unchanged."),
  );
  expect(measured(tailed)).toBe(measured(CONNECTING.block("step tail")));
  await Promise.all(["duplicate", "group", "acknowledgements", "other", "unreadable"].map((step) => play(step)));
  const counted = (command: string) => bash(`${CONNECTING.block("settings")}${command}`, service.env);
  const [faults, traced] = await Promise.all([
    counted("npx mm4d doctor | grep -c ^fault"),
    eventually(
      () => counted('npx mm4d trace test-3 | grep -c "message test-3"'),
      (count) => count === "3\n",
    ),
    play("refusals"),
  ]);
  expect([faults, traced]).toEqual(["0\n", "3\n"]);
  expect(await service.metric("mm4d_duplicates_total")).toBe(1);
});

test("a relay that comes while the service is away, and the MMSC that is asked", async () => {
  service.signal("SIGINT");
  await service.exited();
  await play("away", { meanwhile: () => service.restart() });
  const mmsc = await startMmsc({ host: "127.0.0.1", port: mmscPort, onMessage() {} });
  await play("mmsc");
  await mmsc.stop();
});

test("what a receipt stands for is as the table says", () => {
  const rows = CONNECTING.table("receipts").map((row) => row.map((cell) => cell.replaceAll("`", "")));
  expect(rows.length).toBe(4);
  for (const [status, option = "", ...told] of rows) {
    const rules = option === "" ? {} : { [option]: true };
    const { data } = eventOf(deliveryReport({ "X-Mms-MM-Status-Code": status }), rules);
    const { outcome, final, stage, rank } = data;
    expect([status, option, ...told]).toEqual([status, option, outcome, final ? "yes" : "no", stage, String(rank)]);
  }
});

test("the mail tells the carrier the limits that are in force by default", () => {
  const mail = CONNECTING.block("mail").replace(/\s+/g, " ");
  const { maxClientsPerPeer, maxMessageBytes, maxRecipients, peerIdleSeconds, maxCommands } = SETTINGS;
  const { dataSeconds, sessionSeconds, dedupeHours, maxMessagesPerConnection, maxMessagesPerSecond } = SETTINGS;
  for (const said of [
    `Connections at a time: ${maxClientsPerPeer.fallback}.`,
    `Messages on a connection: ${maxMessagesPerConnection.fallback === "0" ? "no limit" : ""}.`,
    `Messages a second: ${maxMessagesPerSecond.fallback === "0" ? "no limit" : ""}.`,
    `Size of a message: ${maxMessageBytes.fallback} bytes.`,
    `Recipients of a message: ${maxRecipients.fallback}.`,
    `Idle time: ${peerIdleSeconds.fallback} seconds`,
    `Commands without a message: ${maxCommands.fallback}.`,
    `Time for a message: ${dataSeconds.fallback} seconds.`,
    `Age of a connection: ${sessionSeconds.fallback} seconds.`,
    `for at least ${dedupeHours.fallback} hours`,
    `for ${dedupeHours.fallback} hours. If you try`,
  ])
    expect(mail).toContain(said);
});

test("every refusal that a carrier can see is in the table, as it is said", () => {
  const told = CONNECTING.table("replies").flatMap(([reply = ""]) => (/^`/.test(reply) ? [reply.slice(1, -1)] : []));
  const said = Object.values(REPLIES).flatMap(({ code, text }) => (code >= 400 ? [`${code} ${text}`] : []));
  expect(told.toSorted()).toEqual(said.toSorted());
});
