/** `mm4d archive`: what was received is found and exported whole, wherever it stands, and looking changes nothing. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { archiveFile, journalSegment, type Kept, queuedAs } from "../support/archived.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { deliveryReport, message } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";
import { cleanEnv, MAIN } from "../support/service.ts";

const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function newData(): string {
  const data = mkdtempSync(join(tmpdir(), "mm4d-archive-"));
  directories.push(data);
  mkdirSync(join(data, "journal"));
  return data;
}

const START = Date.parse("2026-01-02T03:00:00.000Z");
const MINUTE_MS = 60_000;
const PEER = { address: "192.0.2.1", helo: null, tls: null, user: null };

/** A report of minute `n`: each third was rejected, and each other one is of another peer. */
function report(n: number): Kept {
  const receivedAt = new Date(START + n * MINUTE_MS).toISOString();
  const rejected = n % 3 === 0;
  const bytes = deliveryReport({
    "X-Mms-Message-ID": `"mm-${n}@mms.example.net"`,
    "X-Mms-Transaction-ID": `"tx-${n}"`,
    From: `+1202555${String(n).padStart(4, "0")}/TYPE=PLMN`,
    "X-Mms-MM-Status-Code": rejected ? "Rejected" : "Retrieved",
    "X-Internal-Status-Code": rejected ? "470" : undefined,
  });
  const peer = { ...PEER, name: n % 2 === 0 ? "carrier-a" : "carrier-b" };
  const record = saidRecord(`j${n}`, bytes, { receivedAt, peer });
  return { record, became: queuedAs(`r${n}`, receivedAt, { outcome: rejected ? "rejected" : "delivered" }) };
}

/** 300 reports of five hours, of two processes; the last of them still in a journal. */
function fiveHours(): string {
  const data = newData();
  for (let segment = 1; segment <= 5; segment += 1) {
    const from = (segment - 1) * 60;
    const hour = Array.from({ length: 60 }, (_, minute) => report(from + minute));
    const of = (process: number) => hour.filter((_, minute) => minute % 4 < 2 === (process === 1));
    for (const process of [1, 2])
      (segment === 5 ? journalSegment : archiveFile)(data, of(process), { process, segment });
  }
  return data;
}

const look = (data: string, ...args: string[]) =>
  runCommandWithin(["archive", ...args], cleanEnv({ MM4D_DATA_DIR: data }));
const linesOf = (text: string) => text.split(/\r?\n/).filter((line) => line !== "");
const rowsOf = (text: string) => linesOf(text).map((line) => JSON.parse(line) as Record<string, unknown>);
const messageIds = (numbers: readonly number[]) => numbers.map((n) => `mm-${n}@mms.example.net`);
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

/** What a program that is not ours finds in a file. */
async function awk(program: string, file: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)("awk", ["-F,", program, file]);
  return linesOf(stdout);
}

describe("300 reports of two peers, two processes and five hours", () => {
  const data = fiveHours();

  test("the CSV has each once, in the order of receipt, as awk reads it", async () => {
    const { code, stdout, stderr } = await look(data, "export", "--full-numbers");
    expect([code, stderr]).toEqual([0, `Reading the archive and the journals of ${hostname()}, below ${data}\n`]);
    expect(stdout.match(/[^\r]\n/g)).toBeNull();
    const file = join(data, "export.csv");
    writeFileSync(file, stdout);
    const column = (name: string) => awk(`NR==1{for(i=1;i<=NF;i++)if($i=="${name}")c=i;next}{print $c}`, file);
    expect(await column("messageId")).toEqual(messageIds(upTo(300)));
    expect(await column("at")).toEqual(upTo(300).map((n) => new Date(START + n * MINUTE_MS).toISOString()));
    expect(await column("recipient")).toEqual(upTo(300).map((n) => `+1202555${String(n).padStart(4, "0")}`));
    expect(await column("code")).toEqual(upTo(300).flatMap((n) => (n % 3 === 0 ? ["470"] : [])));
    expect(await awk('NR>1{count[$2" "$6]++}END{for(k in count)print k, count[k]}', file)).toEqual(
      expect.arrayContaining(["carrier-a rejected 50", "carrier-b delivered 100"]),
    );
    rmSync(file);
  });

  test("the columns have these names, in this order", async () => {
    const { stdout } = await look(data, "export", "--until", "2026-01-02T03:01Z");
    expect(linesOf(stdout)).toEqual([
      "at,peer,fate,fateAt,type,outcome,disposition,final,code,codeName,status,conflict,warnings,handledAt,recipient,originator,messageId,transactionId,eventId,outcomeThen,why,acknowledged,id,jobId,stands",
      "2026-01-02T03:00:00.000Z,carrier-a,queued,2026-01-02T03:00:01.000Z,mm4d.delivery-report.v1,rejected,failure,true,470,rejected-spam-detected,Rejected,false,,2026-01-02T03:04:00.000Z,+*******0000,+*******0199,mm-0@mms.example.net,tx-0,r0,rejected,,false,j0,j0,archive",
    ]);
  });

  test.each<[string[], (n: number) => boolean]>([
    [["--peer", "carrier-b"], (n) => n % 2 === 1],
    [["--outcome", "rejected"], (n) => n % 3 === 0],
    [["--disposition", "success"], (n) => n % 3 !== 0],
    [["--code", "470"], (n) => n % 3 === 0],
    [["--code", "4470"], (n) => n % 3 === 0],
    [["--code", "none"], (n) => n % 3 !== 0],
    [["--type", "delivery-report"], () => true],
    [["--type", "read-report"], () => false],
    [["--message-id", "<mm-7@mms.example.net>"], (n) => n === 7],
    [["--since", "2026-01-02T04:00Z", "--until", "2026-01-02T05:00Z"], (n) => n >= 60 && n < 120],
    [["--since", "2026-01-02T07:00", "--peer", "carrier-a", "--code", "470"], (n) => n >= 240 && n % 6 === 0],
    [["--until", "2026-01-02"], () => false],
  ])("with %s it has those only", async (filter, isWanted) => {
    const { code, stdout } = await look(data, "export", "--json", ...filter);
    expect([code, rowsOf(stdout).map(({ messageId }) => messageId)]).toEqual([
      0,
      messageIds(upTo(300).filter(isWanted)),
    ]);
  });

  test("a line of JSON has the row and today's event, numbers masked unless they are asked for", async () => {
    const filter = ["--json", "--message-id", "mm-9@mms.example.net"];
    const [masked] = rowsOf((await look(data, "export", ...filter)).stdout);
    expect(masked).toMatchObject({ recipient: ["+*******0009"], eventId: "r9", jobId: "j9", fate: "queued" });
    expect(masked).toMatchObject({ event: { type: "mm4d.delivery-report.v1", data: { reason: { code: 470 } } } });
    expect(JSON.stringify(masked)).not.toContain("2025550");
    const [full] = rowsOf((await look(data, "export", ...filter, "--full-numbers")).stdout);
    expect(full).toMatchObject({
      recipient: ["+12025550009"],
      event: { data: { recipient: { number: "+12025550009" } } },
    });
  });

  test("list tells people the same, two lines each that fit a terminal", async () => {
    const { code, stdout, stderr } = await look(data, "list", "--since", "2026-01-02T07:59", "--peer", "carrier-b");
    expect([code, stdout]).toEqual([
      0,
      "2026-01-02T07:59:00.000Z  delivered (success)  carrier-b  queued\n  message mm-299@mms.example.net, recipient +*******0299, event r299\n",
    ]);
    expect(stderr).toContain("\n1 report.\n");
    const all = linesOf((await look(data, "list", "--until", "today")).stdout);
    expect(all.filter((line) => !line.startsWith("    "))).toHaveLength(600);
    expect(Math.max(...all.map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  test("without a time it lists the last hour, and says so", async () => {
    const { code, stdout, stderr } = await look(data, "list");
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toContain("0 reports in the last hour (--since names another time).");
  });

  test("status tells how much there is, and since when", async () => {
    const { code, stdout } = await look(data, "status", "--json");
    const files = readdirSync(join(data, "archive", "2026-01-02"));
    const bytes = files.reduce((sum, name) => sum + statSync(join(data, "archive", "2026-01-02", name)).size, 0);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      directory: join(data, "archive"),
      host: hostname(),
      files: 8,
      bytes,
      days: ["2026-01-02"],
      records: 240,
      oldestAt: "2026-01-02T03:00:00.000Z",
      newestAt: "2026-01-02T06:59:00.000Z",
      bytesOfReport: Math.round(bytes / 240),
      damaged: { places: 0, bytes: 0 },
      waiting: { segments: 0, bytes: 0 },
      off: null,
      isRunning: false,
    });
    const told = (await look(data, "status")).stdout;
    expect(told).toContain(`Reports   240, ${Math.round(bytes / 240)} bytes each\n`);
    expect(told).toContain("Newest    received at 2026-01-02T06:59:00.000Z\n");
    expect(told).toContain("Damaged   nothing\n");
  });

  test("looking changes nothing there", async () => {
    const content = () =>
      readdirSync(data, { recursive: true, encoding: "utf8" })
        .sort()
        .map((name) => [name, statSync(join(data, name)).mtimeMs, statSync(join(data, name)).ctimeMs]);
    const before = content();
    for (const args of [["status"], ["list"], ["export"]]) await look(data, ...args);
    expect(content()).toEqual(before);
  });
});

test("a reader that has enough ends it quietly, and Ctrl-C ends it behind a whole line", async () => {
  const data = newData();
  for (let segment = 0; segment < 20; segment += 1) {
    archiveFile(
      data,
      Array.from({ length: 200 }, (_, n) => report(segment * 200 + n)),
      { segment: segment + 1 },
    );
  }
  const env = cleanEnv({ MM4D_DATA_DIR: data });
  const piped = await promisify(execFile)("sh", ["-c", `"${process.execPath}" "${MAIN}" archive export | head -n 2`], {
    env,
  });
  expect(linesOf(piped.stdout)).toHaveLength(2);
  expect(linesOf(piped.stderr)).toEqual([expect.stringMatching(/^Reading the archive/)]);

  const child = spawn(process.execPath, [MAIN, "archive", "export"], { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  let told = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    told += text;
  });
  // It waits for whoever reads, and so is far from its end.
  await once(child.stdout, "readable");
  child.kill("SIGINT");
  child.stdout.setEncoding("utf8").on("data", (text) => {
    said += text;
  });
  const [code] = await once(child, "close");
  expect(code).toBe(130);
  expect(said.endsWith("\r\n")).toBe(true);
  expect(told).toMatch(/\nStopped after \d+ reports, the last received at 2026-01-0\d\S+Z\n$/);
  expect(Number(/after (\d+)/.exec(told)?.[1])).toBe(linesOf(said).length - 1);
});

test("what a peer writes is run by no spreadsheet and breaks no line", async () => {
  const data = newData();
  const receivedAt = "2026-01-02T03:04:05.678Z";
  const bytes = deliveryReport({
    "X-Mms-Message-ID": '=HYPERLINK("http://evil.example","a,b")',
    "X-Mms-Transaction-ID": "@x",
  });
  archiveFile(data, [{ record: saidRecord("j1", bytes, { receivedAt }), became: null }]);
  const { stdout } = await look(data, "export");
  const [, line = ""] = stdout.split("\r\n");
  expect(line).toContain(`,"'=HYPERLINK(""http://evil.example"",""a,b"")",'@x,`);
  expect(line).toContain("carrier,unknown,,");
});

test("what made no event is there with why, and is left out by a filter of events", async () => {
  const data = newData();
  const at = (n: number) => ({ receivedAt: `2026-01-02T03:04:0${n}.000Z` });
  const unreadable = deliveryReport({ "X-Mms-MM-Status-Code": undefined });
  const other = message({
    "X-Mms-Message-Type": "MM4_forward.REQ",
    "X-Mms-Message-ID": "mm-5",
    To: "+12025550177/TYPE=PLMN",
  });
  const nothing = { eventId: null };
  archiveFile(data, [
    {
      record: saidRecord("j1", unreadable, { ...at(1), recognised: "unreadable" }),
      became: queuedAs(null, at(1).receivedAt, { ...nothing, kind: "quarantined", reason: "no-status" }),
    },
    {
      record: saidRecord("j2", other, { ...at(2), recognised: "other-pdu" }),
      became: queuedAs(null, at(2).receivedAt, { ...nothing, kind: "ignored" }),
    },
    {
      record: saidRecord("j3", deliveryReport(), at(3)),
      became: queuedAs("r1", at(3).receivedAt, { kind: "duplicate", duplicateOf: "j0" }),
    },
  ]);
  journalSegment(data, [{ record: saidRecord("j4", deliveryReport(), at(4)), became: null }]);
  const rows = rowsOf((await look(data, "list", "--json", "--since", "2026-01-01")).stdout);
  expect(rows.map(({ id, fate, why, jobId }) => [id, fate, why, jobId])).toEqual([
    ["j1", "quarantined", "no-status", null],
    ["j2", "ignored", "MM4_forward.REQ", null],
    ["j3", "duplicate", null, "j0"],
    ["j4", "waiting", null, null],
  ]);
  const told = (await look(data, "list", "--since", "2026-01-01")).stdout;
  expect(told).toContain("quarantined (no-status)");
  expect(told).toContain("duplicate of j0");
  expect(told).toContain("waits in the journal");
  const events = rowsOf((await look(data, "list", "--json", "--since", "2026-01-01", "--outcome", "delivered")).stdout);
  expect(events.map(({ id }) => id)).toEqual(["j3", "j4"]);
});

test("damage is told with what is lost, all else is given, and the exit code is 1", async () => {
  const data = newData();
  const path = archiveFile(
    data,
    Array.from({ length: 1_000 }, (_, n) => report(n)),
  );
  const bytes = readFileSync(path);
  bytes[300] = (bytes[300] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const { code, stdout, stderr } = await look(data, "export");
  const [, lost, from, to] = /: (\d+) records received from (\S+) to (\S+) lost here\n/.exec(stderr) ?? [];
  expect(code).toBe(1);
  expect(stderr).toContain(`${path}, byte 0: `);
  expect(linesOf(stdout).length - 1).toBe(1_000 - Number(lost));
  expect([from, to]).toEqual([0, Number(lost) - 1].map((n) => new Date(START + n * MINUTE_MS).toISOString()));
  const status = await look(data, "status");
  expect([status.code, status.stdout]).toEqual([1, expect.stringContaining("Damaged   1 place, ")]);
});

test("where there is nothing to read it says what is missing, and which setting keeps it so", async () => {
  const data = mkdtempSync(join(tmpdir(), "mm4d-archive-"));
  directories.push(data);
  const missing = await look(data, "list");
  expect([missing.code, missing.stderr]).toEqual([
    1,
    `Cannot read the archive: ${join(data, "archive")} does not exist, must be in the data directory of a service (--data-dir, MM4D_DATA_DIR)\n`,
  ]);
  const queue = await runCommandWithin(["archive", "export"], cleanEnv({ MM4D_DATA_DIR: data, MM4D_ACCEPT: "queue" }));
  expect([queue.code, queue.stderr]).toEqual([
    1,
    `Cannot read the archive: With MM4D_ACCEPT=queue nothing is archived, and ${data} has none\n`,
  ]);
});

test("an archive that is a file, and directories that may not be looked into, are said to be, and nothing is given in part", async () => {
  const data = mkdtempSync(join(tmpdir(), "mm4d-archive-"));
  directories.push(data);
  writeFileSync(join(data, "archive"), "");
  for (const command of ["status", "list", "export"]) {
    const file = await look(data, command);
    expect([file.code, file.stdout, file.stderr]).toEqual([
      1,
      "",
      `Cannot read the archive: ${join(data, "archive")} is a file, must be a directory; move it away\n`,
    ]);
  }
  rmSync(join(data, "archive"));
  // As a directory that only its owner may list is to others.
  mkdirSync(join(data, "archive"));
  symlinkSync(join(data, "processes"), join(data, "processes"));
  const unlisted = await look(data, "export");
  expect([unlisted.code, unlisted.stderr]).toEqual([1, expect.stringContaining("Cannot read the archive: ELOOP")]);
});

test("a window that ends before it begins is refused, and so is a time that is none", async () => {
  const data = fiveHours();
  const turned = await look(data, "export", "--since", "2026-01-03", "--until", "2026-01-02");
  expect([turned.code, turned.stderr]).toEqual([
    1,
    "Cannot read the archive: --until is 2026-01-02T00:00:00.000Z, must be later than --since, which is 2026-01-03T00:00:00.000Z\n",
  ]);
  const none = await look(data, "export", "--since", "tomorrow");
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('It must be such as "30m", "2h"')]);
});
