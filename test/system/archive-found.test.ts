/** A report that has left Redis is found in the archive of the machine: by `mm4d trace`, and by the page. */
import { hostname } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { archiveFile, queuedAs } from "../support/archived.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { deliverReports } from "../support/deliver.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";
import { type ServiceWithin, startServiceWithin } from "../support/service.ts";

let redis: TestRedis;
let service: ServiceWithin;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceWithin({ REDIS_URL: redis.url });
});
afterAll(async () => {
  await service.stop();
  await redis.stop();
});

const trace = (...args: readonly string[]) => runCommandWithin(["trace", ...args], service.env);
const page = async (path: string) => {
  const response = await fetch(`http://127.0.0.1:${service.adminPort}${path}`);
  return { status: response.status, url: response.url, text: await response.text() };
};
/** As if its time had passed. */
async function forgetTrace(): Promise<void> {
  const client = new Redis(redis.url);
  const keys = await client.keys("bull:mm4d-trace3*");
  expect(keys.length).toBeGreaterThan(0);
  await client.del(...keys);
  client.disconnect();
}

/** Not as long as MM4D_ARCHIVE_HOURS: the service removes what is older some seconds after its start. */
const DAYS_AGO_MS = 2 * 86_400_000;

test("what was received days ago, and is in the archive only, is told with its steps, and where it was found is said", async () => {
  const receivedAt = new Date(Date.now() - DAYS_AGO_MS).toISOString();
  const eventId = `r${"a".repeat(32)}`;
  const bytes = deliveryReport({ "X-Mms-Message-ID": "mm-old", "X-Mms-Transaction-ID": "tx-old" });
  archiveFile(service.dataDir, [
    {
      record: saidRecord("jold", bytes, { receivedAt }),
      became: queuedAs(eventId, receivedAt, { outcome: "delivered" }),
    },
  ]);
  const { code, stdout, stderr } = await trace("mm-old");
  expect([code, stderr]).toEqual([
    0,
    `Redis's trace does not have it: it was found in ${join(service.dataDir, "archive")} of ${hostname()}\n`,
  ]);
  expect(stdout).toMatch(/^delivered \(success, final\)\n {2}message mm-old, recipient \+\*{7}0100, peer carrier\n/);
  expect(stdout).toContain(`event ${eventId}\n`);
  expect(stdout).toMatch(new RegExp(`\n  ${receivedAt}  received from carrier`));
  expect(stdout).toContain("put on the queue as job jold");
  expect(stdout).toContain("the job is no longer kept");

  const said = `The trace in Redis does not have this: it was found in the archive of ${hostname()}.`;
  const found = await page("/trace?q=tx-old");
  expect([found.status, found.url.endsWith(`/reports/${eventId}`)]).toEqual([200, true]);
  expect(found.text).toContain(said.replace("'", "&#39;"));
  const listed = await page("/reports?q=mm-old");
  expect(listed.text).toContain(`href="/reports/${eventId}"`);
  expect(listed.text).toContain(`looked for in the archive of ${hostname()}`);
});

test("what was just queued is found too, while its record is in the journal", async () => {
  await deliverReports(service.smtpPort, { "X-Mms-Message-ID": "mm-new" });
  await eventually(
    () => trace("mm-new"),
    ({ stdout }) => stdout.includes("put on the queue"),
  );
  await forgetTrace();
  const { stdout } = await eventually(
    () => trace("mm-new"),
    ({ code }) => code === 0,
  );
  expect(stdout).toMatch(/\n {2}message mm-new, recipient /);
  expect(stdout).toMatch(/ {2}received from /);
  expect((await page("/reports?q=mm-new")).text).toContain("mm-new");
});

test("what was replayed since is told with that, and with how it came, which the archive alone has", async () => {
  const run = await runCommandWithin(
    ["replay", "--since", "4d", "--message-id", "mm-old", "--name", "again"],
    service.env,
  );
  expect([run.code, run.stdout]).toEqual([0, expect.stringContaining("1 event published")]);
  const { code, stdout, stderr } = await trace("mm-old");
  expect([code, stderr]).toEqual([0, expect.stringContaining("it was found in ")]);
  expect(stdout).toMatch(
    / {2}received from carrier[\s\S]*put on the queue as job jold[\s\S]*published again as delivered/,
  );
  expect(stdout.match(/received from/g)).toHaveLength(1);
  const { text } = await page(`/reports/r${"a".repeat(32)}`);
  expect(text).toMatch(/received from carrier[\s\S]*published again as delivered/);
  expect(text).toContain(`it was found in the archive of ${hostname()}.`);
});

test("while Redis is away it is found all the same, and that is said", async () => {
  const env = { ...service.env, REDIS_URL: "redis://127.0.0.1:1" };
  const { code, stdout, stderr } = await runCommandWithin(["trace", "mm-old"], env);
  expect([code, stdout.split("\n")[1]]).toEqual([0, expect.stringContaining("message mm-old,")]);
  expect(stderr).toMatch(/Redis cannot be asked \(.*\): it was found in /);
});

test("where neither has it, both are named", async () => {
  const { code, stderr } = await trace("never-seen");
  expect(code).toBe(1);
  expect(stderr).toContain(`t is not in ${join(service.dataDir, "archive")} of ${hostname()}`);
  expect((await page("/reports/never-seen")).text).toContain(`It is not in the archive of ${hostname()} either.`);
  expect((await page("/reports?q=never-seen")).text).toContain(`It is not in the archive of ${hostname()} either.`);
});
