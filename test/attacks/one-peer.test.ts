/**
 * What one listed peer sends, whatever it is, is not felt by another one: its ordinary
 * reports are answered within 0.5 s and queued within 2.5 s, its unreadable message is
 * stored, and `/livez` is never silent for 0.5 s. One service, one row an attack.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { consume } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";
import { announce, openSession } from "../support/smtp-client.ts";

const [ATTACKER, GOOD] = ["127.0.0.2", "127.0.0.4"];
const REPORT_EVERY_MS = 150;
const LIVEZ_EVERY_MS = 50;
/** What is promised, in milliseconds. */
const PROMISED = { answerMs: 500, queuedMs: 2_500, silentMs: 500 };
/** A machine on which nothing happens at once is slow, not attacked. */
const OF_FLOOR = 5;

interface Attack {
  readonly name: string;
  /** Resolves when the last of it was answered. */
  readonly attack: () => Promise<void>;
}

/** So many messages over ten connections of the attacker's, each answered in some way before the next on its connection. */
function flood(count: number, message: (index: number) => Uint8Array, mailFrom = "a@mmsc.example.net") {
  return async (): Promise<void> => {
    let next = 0;
    const connection = async (): Promise<void> => {
      const client = await openSession(service.smtpPort, { from: ATTACKER });
      while (next < count) {
        const text = Buffer.from(message(next++)).toString("latin1");
        expect(await announce(client, undefined, mailFrom)).toBe(undefined);
        sentBytes += text.length;
        client.write(`${text.endsWith("\r\n") ? text : `${text}\r\n`}.\r\n`);
        expect(await client.reply()).toMatch(/^(?:250|451) /);
      }
      client.end();
    };
    await Promise.all(Array.from({ length: 10 }, connection));
  };
}

/** So many messages, each on a connection of its own, that all end in the same moment. */
function volley(count: number, message: (index: number) => Uint8Array) {
  return async (): Promise<void> => {
    const clients = [];
    for (let index = 0; index < count; index += 1) {
      const client = await openSession(service.smtpPort, { from: ATTACKER });
      expect(await announce(client)).toBe(undefined);
      const text = Buffer.from(message(index)).toString("latin1");
      sentBytes += text.length;
      client.write(text.endsWith("\r\n") ? text : `${text}\r\n`);
      clients.push(client);
    }
    for (const client of clients) client.write(".\r\n");
    for (const client of clients) expect(await client.reply()).toMatch(/^(?:250|451) /);
    for (const client of clients) client.end();
  };
}

const reports = (fields: (index: number) => Record<string, string | undefined>) => (index: number) =>
  deliveryReport({ "X-Mms-Message-ID": `attack-${attacks++}`, ...fields(index) });
const response = (recipients: string) => () => ({
  "X-Mms-Message-Type": "MM4_forward.RES",
  "X-Mms-Request-Status-Code": "Ok",
  "X-Mms-Request-Recipients": recipients,
});
/** They are one address, because no comma stands between them. */
const numbers = (count: number) => Array.from({ length: count }, (_, index) => `${1_000_000 + index}`).join(";");
/** A bounce of so many parts with nothing in them. RFC 3464 §2. */
const bounceOf = (parts: number) => () =>
  Buffer.from(
    `Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n${"--b\r\n\r\n".repeat(parts)}--b--\r\n`,
  );

const ATTACKS: readonly Attack[] = [
  {
    name: "ids of 63 KB of >",
    attack: flood(
      60,
      reports((i) => ({ "X-Mms-Message-ID": `${">".repeat(63_000)}x${i}` })),
    ),
  },
  {
    name: "ids as long as they may be, of >",
    attack: flood(
      200,
      reports((i) => ({ "X-Mms-Message-ID": `${">".repeat(990)}x${i}` })),
    ),
  },
  {
    name: "3,600 numbers in From",
    attack: flood(
      100,
      reports(() => ({ From: numbers(3_600) })),
    ),
  },
  {
    name: "as many numbers in From as it may hold",
    attack: flood(
      100,
      reports(() => ({ From: numbers(125) })),
    ),
  },
  { name: "thirty thousand recipients", attack: flood(200, reports(response("a,".repeat(30_000)))) },
  { name: "as many recipients as there may be", attack: flood(200, reports(response("a,".repeat(500)))) },
  { name: "bounces of 880 empty parts", attack: flood(300, bounceOf(880), "") },
  {
    name: "encoded words that end at once",
    attack: volley(
      200,
      reports(() => ({ From: "=?iso-2022-jp?b?GyRC?=,".repeat(2_600) })),
    ),
  },
  {
    name: "more and shorter words that end at once",
    attack: volley(
      200,
      reports(() => ({ From: "=?utf-8?q?a?=,".repeat(4_400) })),
    ),
  },
  {
    name: "messages nobody can read",
    attack: flood(
      300,
      reports(() => ({ "X-Mms-MM-Status-Code": undefined })),
    ),
  },
];

let redis: TestRedis;
let service: TestService;
let consumer: ReturnType<typeof consume>;
let attacks = 0;
/** By the attacker, of messages. */
let sentBytes = 0;
let keptBefore: number;
let good = 0;
/** When each event of the good peer's reports came out of the queue. */
const queuedAt = new Map<string, number>();
let floor: Felt;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceProcess({
    REDIS_URL: redis.url,
    MM4D_PEERS: `attacker=${ATTACKER};good=${GOOD}`,
    MM4D_QUARANTINE_MAX_MESSAGES: "100",
  });
  consumer = consume({ url: redis.url }, "mm4-delivery-events", ({ data }) => {
    if (data.data.peer.name === "good") queuedAt.set(data.subject, performance.now());
  });
  keptBefore = await keptBytes();
  // What as many ordinary reports cost others on this machine, today.
  floor = await felt(
    flood(
      500,
      reports(() => ({})),
    ),
  );
});
afterAll(async () => {
  await consumer.stop();
  await service.stop();
  await redis.stop();
});

test.each(ATTACKS)("another peer feels nothing of $name", async ({ attack }) => {
  let beyond = beyondPromised(await felt(attack));
  // What holds others up does so each time; what only this machine did, does not.
  for (let again = 0; again < 2 && beyond.length > 0; again++) beyond = beyondPromised(await felt(attack));
  expect(beyond).toEqual([]);
});

function beyondPromised(during: Felt): readonly string[] {
  return (Object.keys(PROMISED) as (keyof typeof PROMISED)[]).flatMap((what) => {
    const limitMs = Math.max(PROMISED[what], OF_FLOOR * floor[what]) + during.oursMs;
    return during[what] <= limitMs ? [] : [`${what} ${Math.round(during[what])}, at most ${Math.round(limitMs)}`];
  });
}

test("what the attacker could not have kept was turned away, and nobody else's", async () => {
  expect(await service.metric('mm4d_quarantine_full_total{peer="attacker"}')).toBeGreaterThan(0);
  expect(await service.metric('mm4d_quarantine_full_total{peer="good"}')).toBe(0);
});

test("what all of these leave on the disk and in Redis is no more than a few times what was sent", async () => {
  expect((await keptBytes()) - keptBefore).toBeLessThan(3 * sentBytes);
});

async function keptBytes(): Promise<number> {
  const used = /used_memory:(\d+)/.exec(String(await redis.call("INFO", "memory")))?.[1];
  return Number(used) + (await service.metric("mm4d_journal_bytes"));
}

/** The longest that the good peer, and who looks after the service, had to wait for each. */
interface Felt {
  answerMs: number;
  queuedMs: number;
  silentMs: number;
  /** For how long this process itself was held up. */
  oursMs: number;
}

async function felt(whatHappens: () => Promise<unknown>): Promise<Felt> {
  const longest: Felt = { answerMs: 0, queuedMs: 0, silentMs: 0, oursMs: 0 };
  const ours = monitorEventLoopDelay({ resolution: 10 });
  ours.enable();
  const over = new AbortController();
  const others = [sendReports(longest, over.signal), askLivez(longest, over.signal)];
  await whatHappens().finally(() => over.abort());
  await Promise.all(others);
  ours.disable();
  longest.oursMs = ours.max / 1e6;
  return longest;
}

async function sendReports(longest: Felt, over: AbortSignal): Promise<void> {
  const client = await openSession(service.smtpPort, { from: GOOD });
  const sentAt = new Map<string, number>();
  const send = async (fields: Record<string, string | undefined>, reply: string): Promise<void> => {
    const id = `good-${good++}`;
    const beganMs = performance.now();
    expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": id, ...fields }))).toBe(reply);
    longest.answerMs = Math.max(longest.answerMs, performance.now() - beganMs);
    if (Object.keys(fields).length === 0) sentAt.set(id, beganMs);
  };
  do {
    await send({}, "250 2.0.0 Report stored");
    await wait(REPORT_EVERY_MS);
  } while (!over.aborted);
  // Whoever has filled up the quarantine has filled up its own share.
  await send({ "X-Mms-MM-Status-Code": undefined }, "250 2.0.0 Message stored for inspection");
  await send({}, "250 2.0.0 Report stored");
  client.end();
  await eventually(
    () => [...sentAt.keys()].filter((id) => !queuedAt.has(id)),
    (missing) => missing.length === 0,
  );
  for (const [id, beganMs] of sentAt)
    longest.queuedMs = Math.max(longest.queuedMs, (queuedAt.get(id) ?? Number.POSITIVE_INFINITY) - beganMs);
}

async function askLivez(longest: Felt, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const beganMs = performance.now();
    expect((await service.get("/livez")).status).toBe(200);
    longest.silentMs = Math.max(longest.silentMs, performance.now() - beganMs);
    await wait(LIVEZ_EVERY_MS);
  }
}
