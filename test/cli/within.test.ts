/** Each command as a process of its own, and within the test's: it says the same, and ends by itself. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { COMMANDS } from "../../src/cli/commands.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { runCommand, type ServiceUnderTest, startServiceWithin } from "../support/service.ts";

/** Those that end by a signal or read `dist/` are asked for what they say before that. */
const ARGUMENTS: Readonly<Record<keyof typeof COMMANDS, readonly string[]>> = {
  serve: ["--nonsense"],
  send: ["--rcpt-to", "x@elsewhere.example", "--message-id", "mm-1"],
  mmsc: ["--implicit-tls"],
  tail: ["--outcome", "loud"],
  trace: ["never-seen"],
  quarantine: ["list"],
  replay: ["--since", "2h", "--dry-run"],
  forget: ["+12025550155", "--json"],
  failed: ["list"],
  acks: ["list"],
  journal: ["verify"],
  archive: ["export"],
  peers: ["list"],
  refusals: [],
  status: [],
  stats: ["--by", "peer"],
  doctor: [],
  "log-level": ["info"],
  codes: ["470"],
  explain: ["test/messages/status-in-x-mms-status.eml"],
  config: ["--json"],
  fixtures: [],
  schema: ["--help"],
};

let redis: TestRedis;
let service: ServiceUnderTest;
beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceWithin({
    REDIS_URL: redis.url,
    MM4D_PEERS: "carrier=127.0.0.0/8",
    MM4D_DOMAIN: "mms.example.net",
  });
  await service.metric("mm4d_redis_up", (up) => up === 1);
});
afterAll(async () => {
  await service.stop();
  await redis.stop();
});

/** Times, and what is counted meanwhile, are of the moment. */
const timeless = (text: string): string =>
  text.replace(/\s+/g, " ").replace(/\d+(?:\.\d+)?(?: (?:ms|s|min|[kM]B))?/g, "N");

test.each(Object.entries(ARGUMENTS))("%s", async (name, words) => {
  const alone = await runCommand([name, ...words], service.env);
  const within = await runCommandWithin([name, ...words], service.env);
  const told = [alone, within].map(({ code, stdout, stderr }) => [code, timeless(stdout), timeless(stderr)]);
  expect(told[1]).toEqual(told[0]);
});
