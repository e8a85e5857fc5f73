/** What a service of two processes was sent is what its archive exports: while it runs, when it is stopped, and packed. */
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packSegment } from "../../src/archive/pack.ts";
import { archiveDirectory, packingDirectory, packingName } from "../../src/archive/places.ts";
import { NO_REST } from "../../src/archive/rest.ts";
import { listSegments } from "../../src/journal/segments.ts";
import { journalDirectory, processDirectory } from "../../src/process/directories.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliverAll } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";

const REPORTS = 200;
let redis: TestRedis;
let service: TestService;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceProcess({ REDIS_URL: redis.url, MM4D_PROCESSES: "2" });
});
afterAll(async () => {
  await service.stop();
  await redis.stop();
});

const look = (...args: readonly string[]) => runCommandWithin(["archive", ...args], service.env);

/** What a program that is not ours finds in some text, sorted. */
async function pipeline(text: string, program: string): Promise<readonly string[]> {
  const file = join(service.dataDir, "text");
  writeFileSync(file, text);
  const { stdout } = await promisify(execFile)("sh", ["-c", `< "${file}" ${program} | LC_ALL=C sort`]);
  return stdout.split("\n").filter((line) => line !== "");
}

/** The messages, as they are sent; some come twice. */
function* messages(): Generator<[string, Uint8Array]> {
  for (let index = 0; index < REPORTS; index += 1) {
    const id = `mm-${index % (REPORTS - 10)}@mmsc.example.net`;
    yield [`${id} ${index}`, deliveryReport({ "X-Mms-Message-ID": `"${id}"`, "X-Mms-Transaction-ID": `tx-${index}` })];
  }
}

test("each report is there once, with the job that it became", async () => {
  await deliverAll({ port: service.smtpPort, connections: 8, messages: messages() });
  const sent = await pipeline(
    [...messages()].map(([, bytes]) => Buffer.from(bytes).toString()).join(""),
    "tr -d '\\r' | grep '^X-Mms-Transaction-ID:' | cut -d' ' -f2",
  );
  expect(sent).toHaveLength(REPORTS);
  const transactions = "tr -d '\\r' | tail -n +2 | awk -F, '{print $18}'";
  const fates = async (csv: string) => (await pipeline(csv, "awk -F, 'NR>1{print $3}'")).join(" ");
  const whole = `${"duplicate ".repeat(10)}${"queued ".repeat(REPORTS - 10)}`.trim();

  const running = await eventually(
    async () => (await look("export", "--full-numbers")).stdout,
    (csv) => !/,(waiting|unknown),/.test(csv) && csv.split("\n").length === REPORTS + 2,
  );
  expect(await pipeline(running, transactions)).toEqual(sent);
  expect(await fates(running)).toBe(whole);
  const at = running
    .split("\r\n")
    .slice(1, -1)
    .map((line) => line.slice(0, 24));
  expect(at).toEqual([...at].sort());

  const client = new Redis(redis.url);
  const jobs = (await client.keys("bull:mm4-delivery-events:j*")).map((key) => key.split(":")[2]).sort();
  const ids = (await client.keys("bull:mm4-delivery-events:de:*")).map((key) => key.split(":")[3]).sort();
  client.disconnect();
  const own = "tr -d '\\r' | awk -F, 'NR>1 && $3==\"queued\"";
  expect(await pipeline(running, `${own}{print $24}'`)).toEqual(jobs);
  expect(await pipeline(running, `${own}{print $19}'`)).toEqual(ids);

  service.signal("SIGTERM");
  await service.exited();
  const stopped = (await look("export", "--full-numbers")).stdout;
  const withoutPlace = (csv: string) => csv.replace(/,[a-z-]+\r\n/g, "\r\n");
  expect(withoutPlace(stopped)).toBe(withoutPlace(running));

  // As the service packs them, a minute after they have settled.
  const archive = archiveDirectory(service.dataDir);
  mkdirSync(packingDirectory(archive), { recursive: true });
  for (const process of [1, 2]) {
    const journal = journalDirectory(processDirectory(service.dataDir, process));
    for (const { segment } of listSegments(journal)) {
      for (const name of readdirSync(journal).filter((file) => file.startsWith(String(segment).padStart(10, "0")))) {
        const what = name.endsWith(".fates") ? "fates" : "journal";
        renameSync(join(journal, name), join(packingDirectory(archive), packingName(process, segment, what)));
      }
      const waiting = (await look("export", "--full-numbers")).stdout;
      expect(withoutPlace(waiting)).toBe(withoutPlace(running));
      expect(await packSegment({ archive, process, segment, journal, rest: NO_REST })).toMatchObject({ faults: [] });
    }
  }
  const packed = (await look("export", "--full-numbers")).stdout;
  expect(withoutPlace(packed)).toBe(withoutPlace(running));
  expect(packed.match(/,archive\r\n/g)).toHaveLength(REPORTS);
  expect(JSON.parse((await look("status", "--json")).stdout)).toMatchObject({
    records: REPORTS,
    damaged: { places: 0 },
  });
});

test("an archive that is turned off is said to be, and what is left is read", async () => {
  const { code, stdout, stderr } = await runCommandWithin(["archive", "export", "--peer", "nobody"], {
    ...service.env,
    MM4D_ARCHIVE_HOURS: "0",
  });
  expect([code, stdout.split("\r\n")]).toEqual([0, [expect.stringMatching(/^at,peer,/), ""]]);
  expect(stderr).toContain("MM4D_ARCHIVE_HOURS is 0, so nothing is archived: what is left from before is read\n");
  const status = await runCommandWithin(["archive", "status"], { ...service.env, MM4D_ACCEPT: "queue" });
  expect(status.stdout).toContain("\n          With MM4D_ACCEPT=queue nothing is archived\n");
});
