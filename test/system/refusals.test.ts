/** `mm4d refusals`: of the last 24 hours, through restarts and of all processes; without Redis, what the service knows. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { startServiceProcess, startServiceWithin } from "../support/service.ts";
import { connectSmtp } from "../support/smtp-client.ts";
import { toldByAll } from "../support/told.ts";

let redis: TestRedis;
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(() => redis.stop());

/** A stranger connects, and is told so. */
async function knock(port: number, from: string): Promise<void> {
  const client = connectSmtp(port, { from });
  expect(await client.reply()).toMatch(/^554 /);
  client.end();
}

interface Told {
  readonly address: string;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
}

async function refusals(env: Readonly<Record<string, string>>): Promise<readonly Told[]> {
  const { stdout } = await runCommandWithin(["refusals", "--json"], env);
  return stdout.trim() === ""
    ? []
    : stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Told);
}

const countsOf = (told: readonly Told[]) => told.map(({ address, count }) => [address, count] as const);

test("after a restart it tells the same, and counts on; it says since when", async () => {
  const service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_PEERS: "carrier=127.0.0.2" });
  try {
    await service.metric("mm4d_redis_up", (up) => up === 1);
    expect((await runCommandWithin(["refusals"], service.env)).stderr).toMatch(
      /^No client was refused in the last 24 hours, since \d{4}-/,
    );
    await knock(service.smtpPort, "127.0.0.9");
    await knock(service.smtpPort, "127.0.0.9");
    await knock(service.smtpPort, "127.0.0.8");
    const before = await refusals(service.env);
    // They may be of one millisecond, and then stand in the order of their addresses.
    expect(new Map(countsOf(before))).toEqual(
      new Map([
        ["127.0.0.9", 2],
        ["127.0.0.8", 1],
      ]),
    );
    // Nobody asks between this one and the end.
    await knock(service.smtpPort, "127.0.0.7");
    await service.restart();
    // Before Redis has answered, only what came since the start is known, which the command says.
    await service.metric("mm4d_redis_up", (up) => up === 1);
    const after = await refusals(service.env);
    expect(after.slice(0, 2)).toEqual(before);
    expect(countsOf(after.slice(2))).toEqual([["127.0.0.7", 1]]);
    await knock(service.smtpPort, "127.0.0.9");
    const [last] = (await refusals(service.env)).slice(-1);
    const known = before.find(({ address }) => address === "127.0.0.9");
    expect(last).toMatchObject({ address: "127.0.0.9", count: 3, firstAt: known?.firstAt });
    const { stderr } = await runCommandWithin(["refusals"], service.env);
    expect(Date.now() - Date.parse(/since (\S+Z)/.exec(stderr)?.[1] ?? "") - 86_400_000).toBeLessThan(60_000);
  } finally {
    await service.stop();
  }
});

test("while Redis is away it tells what came since the start, and says so", async () => {
  // doctor connects from 127.0.0.1, and is no stranger.
  const service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_PEERS: "carrier=127.0.0.1" });
  try {
    await knock(service.smtpPort, "127.0.0.9");
    await refusals(service.env);
    await service.restart();
    await redis.kill();
    await toldByAll(service.env, ["redis-away"]);
    await knock(service.smtpPort, "127.0.0.8");
    const { stdout, stderr } = await runCommandWithin(["refusals"], service.env);
    expect(stdout).toMatch(/^127\.0\.0\.8 {2}no peer\n.*\n {2}once, [^\n]*\n$/);
    expect(stderr.replace(/\s+/g, " ")).toMatch(
      /^Redis has been away for .*\. Those refused since the start of mm4d, \d{4}-.*; earlier ones are in Redis\. $/,
    );
    await redis.start();
    await eventually(
      async () => countsOf(await refusals(service.env)),
      (told) => told.length === 2,
    );
  } finally {
    await service.stop();
  }
});

test("of several processes it tells at once what each has refused", async () => {
  const service = await startServiceProcess({
    REDIS_URL: redis.url,
    MM4D_PEERS: "carrier=127.0.0.2",
    MM4D_PROCESSES: "2",
  });
  try {
    for (let count = 1; count <= 12; count += 1) {
      await knock(service.smtpPort, "127.0.0.9");
      // On a slow machine a process may not answer in time.
      if (count % 4 !== 0) continue;
      await eventually(
        async () => countsOf(await refusals(service.env)),
        (told) => told[0]?.[1] === count,
      );
    }
    expect(countsOf(await refusals(service.env))).toEqual([["127.0.0.9", 12]]);
  } finally {
    await service.stop();
  }
});
