/** `mm4d journal`: what a person on call is told of the journal, and that looking changes nothing. */
import { exec } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspectJournal } from "../../src/journal/inspect.ts";
import { encodeRecord } from "../../src/journal/record.ts";
import { segmentPath } from "../../src/journal/segments.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport, eventOf } from "../support/report.ts";
import { cleanEnv, MAIN, startServiceProcess, type TestService } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const directories: string[] = [];
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A data directory with an empty journal. */
function newData(): { data: string; journal: string } {
  const data = mkdtempSync(join(tmpdir(), "mm4d-look-"));
  directories.push(data);
  mkdirSync(join(data, "journal"));
  return { data, journal: join(data, "journal") };
}

/** Looks into the journal under a data directory, and holds that nothing in it changed. */
async function look(data: string, ...args: string[]) {
  const before = contentOf(data);
  const result = await runCommandWithin(["journal", ...args], cleanEnv({ MM4D_DATA_DIR: data }));
  expect(contentOf(data)).toEqual(before);
  return result;
}

/** Every file's bytes and times, by name. */
function contentOf(directory: string): Record<string, unknown> {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const { mtimeMs, ctimeMs, mode } = statSync(join(directory, name));
      const isFile = statSync(join(directory, name)).isFile();
      return [name, { mtimeMs, ctimeMs, mode, bytes: isFile ? readFileSync(join(directory, name), "base64") : null }];
    }),
  );
}

const EVENT = eventOf(deliveryReport());
const line = (id: string) => encodeRecord({ id: `j${id}`, kind: "event", event: EVENT });
const linesOf = (text: string) => text.split("\n").filter((row) => row !== "");
const rowsOf = (text: string) => linesOf(text).map((row) => JSON.parse(row) as Record<string, unknown>);
const fits = (text: string) => {
  for (const row of linesOf(text)) expect([row, row.length <= 80 || row.includes(tmpdir())]).toEqual([row, true]);
};

describe("the journal of a service", () => {
  let redis: TestRedis;
  let service: TestService;
  const status = async () =>
    JSON.parse((await runCommandWithin(["journal", "status", "--json"], service.env)).stdout) as Record<
      string,
      unknown
    >;
  async function deliver(...ids: string[]): Promise<void> {
    const client = await openSession(service.smtpPort);
    for (const id of ids) expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": id }))).toMatch(/^250/);
    client.end();
  }

  beforeAll(async () => {
    redis = await startRedis();
    service = await startServiceProcess({ REDIS_URL: redis.url, MM4D_JOURNAL_MAX_BYTES: "104857600" });
  });
  afterAll(async () => {
    await service.stop();
    await redis.stop();
  });

  test("what is on the queue and what waits is told while it runs, and when it is stopped", async () => {
    await deliver("first", "second");
    await eventually(status, ({ onQueue }) => onQueue === 2);
    await redis.kill();
    await deliver("third", "fourth", "fifth");
    const running = await eventually(status, ({ waiting }) => waiting === 3);
    const journal = join(service.dataDir, "journal");
    expect(running).toMatchObject({ directory: journal, pid: service.facts().pid, segments: 1, maxBytes: 104857600 });
    expect(running).toMatchObject({ waiting: 3, onQueue: 2, settled: 0, damagedPlaces: 0 });
    expect(Math.abs(Date.now() - Date.parse(String(running.oldestWaitingAt)))).toBeLessThan(60_000);

    const told = await runCommandWithin(["journal", "status"], service.env);
    expect(told).toMatchObject({ code: 0, stderr: "" });
    fits(told.stdout);
    expect(told.stdout).toContain(`Journal   ${journal}\nService   running, process ${service.facts().pid}\n`);
    expect(told.stdout).toContain(`Size      ${running.bytes} of 104857600 bytes (0 %), in 1 segment\n`);
    expect(told.stdout).toMatch(/\nWaiting {3}3 records for the queue\n {10}the oldest for \d+ s, since 20\d\d-.*Z\n/);
    expect(told.stdout).toContain("\nOn queue  2 records, ");
    expect(told.stdout).toMatch(/\nRedis .*:\n {10}[0-9a-f]{40}\n {10}[0-9a-f]{40}\n/);
    expect(told.stdout).toContain("\nDamaged   nothing\n");

    service.signal("SIGTERM");
    await service.exited();
    expect(await status()).toEqual({ ...running, pid: null });
    expect((await look(service.dataDir, "status")).stdout).toContain("\nService   none answers: stopped");
  });

  test("every record is exported with how far it has come", async () => {
    const all = rowsOf((await look(service.dataDir, "export")).stdout);
    expect(all.map(({ state, event }) => [state, (event as typeof EVENT).subject])).toEqual([
      ["on-queue", "first"],
      ["on-queue", "second"],
      ["waiting", "third"],
      ["waiting", "fourth"],
      ["waiting", "fifth"],
    ]);
    expect(Object.keys(all[0] ?? {})).toEqual(["segment", "offset", "state", "id", "kind", "event", "said"]);
    expect(JSON.stringify(all[0])).toContain("+12025550100");
    expect(rowsOf((await look(service.dataDir, "export", "--waiting")).stdout)).toEqual(all.slice(2));
  });

  test("of a whole journal, one line says so", async () => {
    const { code, stdout } = await look(service.dataDir, "verify");
    const { bytes } = await status();
    expect([code, stdout]).toEqual([0, `1 segment, 5 records, ${bytes} bytes: every record is whole\n`]);
  });

  test("damage is told with what had become of the reports, in a journal and in its export", async () => {
    const { data } = newData();
    cpSync(service.dataDir, data, { recursive: true, filter: (source) => !source.endsWith(".sock") });
    const [segment = ""] = readdirSync(join(data, "journal")).filter((name) => name.endsWith(".journal"));
    const path = join(data, "journal", segment);
    const offsets = rowsOf((await look(data, "export")).stdout).map(({ offset }) => Number(offset));
    const [first = 0, second = 0, , fourth = 0, fifth = 0] = offsets;
    const bytes = readFileSync(path);
    for (const offset of [first, fourth]) bytes[offset + 100] = (bytes[offset + 100] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    appendFileSync(path, line("torn").subarray(0, 40));

    const { code, stdout } = await look(data, "verify");
    expect(code).toBe(1);
    fits(stdout);
    expect(linesOf(stdout).slice(0, 3)).toEqual([
      `${segment}, byte 0: ${second} bytes damaged, on the queue already`,
      `${segment}, byte ${fourth}: ${fifth - fourth} bytes damaged, not on the queue yet`,
      `${segment}, byte ${bytes.byteLength}: 40 bytes never written whole`,
    ]);
    expect(stdout.replace(/\n +/g, " ")).toContain(
      "\nDamaged and not on the queue yet: these reports were answered 250",
    );
    expect(stdout).toContain("\nDamaged and on the queue: no report is lost, as long as Redis keeps it.\n");
    expect(stdout.endsWith(`1 segment, 3 records, ${bytes.byteLength + 40} bytes: damaged in 3 places\n`)).toBe(true);

    const json = JSON.parse((await look(data, "verify", "--json")).stdout) as Record<string, unknown>;
    expect(json).toMatchObject({ whole: false, records: 3, cursorDamaged: false, foreign: [] });
    expect(json.places).toMatchObject([
      { kind: "damaged", file: segment, offset: 0, bytes: second, state: "on-queue", damage: true },
      { kind: "damaged", file: segment, offset: fourth, state: "waiting", damage: true },
      { kind: "torn", file: segment, offset: bytes.byteLength, bytes: 40, damage: true },
    ]);
    const exported = await look(data, "export");
    expect(exported).toMatchObject({ code: 1, stderr: `${linesOf(stdout).slice(0, 3).join("\n")}\n` });
    expect(rowsOf(exported.stdout).length).toBe(3);
    expect((await look(data, "status")).stdout).toContain("\nDamaged   3 places: ");
  });

  test("the end of the newest segment is no damage while a service writes there", async () => {
    await redis.start();
    await service.restart();
    await deliver("sixth");
    const newest = readdirSync(join(service.dataDir, "journal"))
      .filter((name) => name.endsWith(".journal"))
      .sort()
      .at(-1);
    const path = join(service.dataDir, "journal", newest ?? "");
    const { size } = statSync(path);
    appendFileSync(path, line("half").subarray(0, 40));
    const { code, stdout } = await runCommandWithin(["journal", "verify"], service.env);
    expect([code, linesOf(stdout)[0]]).toEqual([0, `${newest}, byte ${size}: 40 bytes just being written: no damage`]);
    expect(stdout).toMatch(/: every record is whole\n$/);
    expect(await runCommandWithin(["journal", "export"], service.env)).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("what else may be in the directory", () => {
  let data: string;
  let journal: string;

  test("padding, our own files, and files that are none of ours, are no damage", async () => {
    ({ data, journal } = newData());
    writeFileSync(segmentPath(journal, 1), Buffer.concat([line("1"), Buffer.from("\n\n\n"), line("2")]));
    for (const name of ["probe", "cursor.new", "notes\u001b.txt"]) writeFileSync(join(journal, name), "x");
    mkdirSync(join(journal, "damaged"));
    writeFileSync(join(journal, "damaged", "1-0.bin"), "xyz");
    const { code, stdout } = await look(data, "verify");
    expect(code).toBe(0);
    expect(linesOf(stdout)[0]).toBe("notes\\x1b.txt: no file of mm4d, which leaves it alone");
    expect(linesOf(stdout)[1]).toMatch(/^1 segment, 2 records, \d+ bytes: every record is whole$/);
    const { stdout: told } = await look(data, "status");
    expect(told).toContain("\n          set aside in damaged/: 1 file, 3 bytes\n");
    expect(told).toContain("\nRedis     none was seen yet\n");
    expect(told).toContain("\nWaiting   2 records for the queue\n          the oldest for ");
  });

  test("a whole record that is none of ours is damage, a cursor that cannot be read is told and is none", async () => {
    ({ data, journal } = newData());
    const foreign = encodeRecord({ id: "j1", kind: "letter" } as never);
    writeFileSync(segmentPath(journal, 1), Buffer.concat([line("1"), foreign]));
    const one = line("1").byteLength;
    const { code, stdout } = await look(data, "verify");
    expect([code, linesOf(stdout)[0]]).toEqual([
      1,
      `0000000001.journal, byte ${one}: ${foreign.byteLength} bytes whole, of a kind that only a newer mm4d`,
    ]);
    writeFileSync(segmentPath(journal, 1), line("1"));
    writeFileSync(join(journal, "cursor"), "123\n{}\n");
    const again = await look(data, "verify");
    expect([again.code, linesOf(again.stdout)[0]]).toEqual([
      0,
      expect.stringMatching(/^cursor: cannot be read\. The next start puts everything here on the queue again/),
    ]);
  });

  test("a directory with the name of a segment is told to be none of ours, and the others are read", async () => {
    ({ data, journal } = newData());
    mkdirSync(segmentPath(journal, 1));
    writeFileSync(segmentPath(journal, 2), line("2"));
    const { code, stdout } = await look(data, "verify");
    expect([code, linesOf(stdout)[0]]).toEqual([0, "0000000001.journal: no file of mm4d, which leaves it alone"]);
    expect(rowsOf((await look(data, "export")).stdout).map(({ id }) => id)).toEqual(["j2"]);
  });

  test("a segment that is removed while it is read is left out", async () => {
    ({ data, journal } = newData());
    for (const segment of [1, 2, 3]) writeFileSync(segmentPath(journal, segment), line(`${segment}`));
    const inspection = inspectJournal(journal);
    const ids: string[] = [];
    for await (const found of inspection.found()) {
      if (found.kind === "record") ids.push(found.record.id);
      rmSync(segmentPath(journal, 2), { force: true });
    }
    expect(ids).toEqual(["j1", "j3"]);
  });

  test("an empty journal is fine, and one that is not there is an error", async () => {
    ({ data, journal } = newData());
    expect(await look(data, "verify")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^0 segments, 0 records/),
    });
    expect(await look(data, "export")).toMatchObject({ code: 0, stdout: "" });
    expect((await look(data, "status")).stdout).toContain("\nWaiting   0 records for the queue\nOn queue  0 records");
    for (const command of ["status", "verify", "export"]) {
      const { code, stderr } = await runCommandWithin(["journal", command], cleanEnv({ MM4D_DATA_DIR: "/nowhere" }));
      expect([code, stderr]).toEqual([
        1,
        "Cannot read the journal: /nowhere/journal does not exist, must be in the data directory of a service (--data-dir, MM4D_DATA_DIR)\n",
      ]);
    }
    expect((await runCommandWithin(["journal"])).code).toBe(2);
  });

  test("whoever stops reading the export is no error, and a slow one gets all of it", async () => {
    ({ data, journal } = newData());
    for (const segment of [1, 2]) {
      const lines = Array.from({ length: 10_000 }, (_, index) => line(`${segment}-${index}`));
      writeFileSync(segmentPath(journal, segment), Buffer.concat(lines));
    }
    const env = cleanEnv({ MM4D_DATA_DIR: data });
    const command = `${process.execPath} ${MAIN} journal export`;
    const { stdout, stderr } = await promisify(exec)(`${command} | head -2`, { env });
    expect([rowsOf(stdout).map(({ id }) => id), stderr]).toEqual([["j1-0", "j1-1"], ""]);
    const { stdout: counted } = await promisify(exec)(`${command} | (sleep 1; wc -l)`, { env });
    expect(counted.trim()).toBe("20000");
  });
});
