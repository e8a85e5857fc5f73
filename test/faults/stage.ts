/**
 * One fault, played: a real service and a real Redis on free ports, a relay that
 * keeps a ledger of what it was answered, a consumer, something that breaks, and
 * what ledger and queue say when it is over.
 *
 * `npm test` plays each with some hundred reports; `npm run faults` with as many
 * as wished, and prints a row for each.
 */
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import type { ConnectionOptions } from "bullmq";
import { Redis } from "ioredis";
import { expect } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { consume } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliverAll, type Ledger, type Message } from "../support/relay.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";

/** Reports in the long version; the short one goes on for as long as the fault lasts. */
const REPORTS = Number(process.env.FAULTS_REPORTS ?? 0);
export const LONG = REPORTS > 0;
const SHORT_REPORTS = 300;
const SHORT_PER_SECOND = 200;
/**
 * In the short version, after the first reports: while a fault lasts one report is as good as the next. What a
 * fault meets when it begins, and what waits in the journal when it ends, came at full speed.
 */
const SLOWER = { after: SHORT_REPORTS, perSecond: 50 };
export const CONNECTIONS = LONG ? 50 : 10;
export const QUEUE = "mm4-delivery-events";

export interface Scenario {
  readonly mode?: "journal" | "queue";
  /** Settings of the Redis, beside `appendonly yes` and `appendfsync everysec`. */
  readonly redis?: readonly string[];
  /** Redis is not there at first. */
  readonly redisLater?: boolean;
  /** In queue mode: Redis is there and not fit, so that nothing is accepted at first. */
  readonly redisNotReady?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly receivers?: number;
  /** Where the queue is, when it is not simply in the Redis that was started. */
  readonly connection?: ConnectionOptions;
  /** What receivers are told instead of the URL of the Redis that was started. */
  readonly place?: (redis: TestRedis) => Promise<Readonly<Record<string, string>>>;
  /** The fault, from its beginning to its end. What Redis lost by it, when it is one that loses. */
  readonly happen: (stage: Stage) => Promise<Loss | undefined>;
  /** Whether relays may be answered 4xx, and messages left unanswered, in journal mode too. */
  readonly relaysNotice?: boolean;
  /**
   * Jobs are removed as soon as they are consumed, so that only the window stands
   * against doubles, and each may be begun for the first time once. Not where Redis
   * loses something: it may forget that a job was begun.
   */
  readonly removedAtOnce?: boolean;
  /** Full speed to the end, where something has to become full, or is cut off or killed again and again. */
  readonly steady?: boolean;
  /** How often a receiver is started in all. */
  readonly starts?: number;
  readonly after?: (stage: Stage, result: Result) => Promise<void> | void;
}

export interface Stage {
  readonly redis: TestRedis;
  readonly services: readonly TestService[];
  readonly service: TestService;
  /** Message ids that were answered 250 so far. */
  readonly accepted: ReadonlySet<string>;
  /** Message ids that were sent so far, answered or not. */
  readonly tried: ReadonlySet<string>;
}

/** What a Redis that forgot something still had. The promise is for what it kept. */
export interface Loss {
  readonly kept: ReadonlySet<string>;
  /** Answered 250 before Redis was there again: in queue mode, what could be lost. */
  readonly accepted: ReadonlySet<string>;
  /** Sent before the loss, answered or not: what could have been in that Redis. */
  readonly tried: ReadonlySet<string>;
  /** A master that was replaced gave jobs to consumers still: its own, which the new one never had. */
  readonly replaced?: true;
}

export interface Result {
  readonly ledger: Ledger;
  readonly lost: readonly string[];
  /** Message ids whose event was queued as more than one job. */
  readonly doubled: readonly string[];
  readonly events: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Plays a scenario, and holds the ledger against the queue. */
export async function play(name: string, scenario: Scenario): Promise<void> {
  const { mode = "journal", receivers = 1 } = scenario;
  const cleaners: (() => Promise<unknown>)[] = [];
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  try {
    const redis = await startRedis(["--appendfsync", "everysec", ...(scenario.redis ?? [])], {
      later: scenario.redisLater === true,
    });
    cleaners.push(() => redis.stop());
    const env = {
      ...((await scenario.place?.(redis)) ?? { REDIS_URL: redis.url }),
      MM4D_ACCEPT: mode,
      // As a carrier's relay is: greeted at once, each time that it connects anew.
      MM4D_PEERS: "carrier=127.0.0.0/8",
      MM4D_LOG_LEVEL: "warn",
      MM4D_COMPLETED_KEEP_SECONDS: "86400",
      MM4D_COMPLETED_KEEP_COUNT: scenario.removedAtOnce ? "0" : "10000000",
      ...scenario.env,
    };
    const services: TestService[] = [];
    for (let count = 0; count < receivers; count++) {
      const service = await startServiceProcess(env);
      services.push(service);
      cleaners.push(() => service.stop());
    }
    const [service] = services;
    if (!service) throw new Error("There is no receiver");
    const accepted = new Set<string>();
    const tried = new Set<string>();
    const stage: Stage = { redis, services, service, accepted, tried };
    if (!scenario.redisLater) await allConnected(services);

    const events = new Map<string, Set<string>>();
    const connection = scenario.connection ?? { url: redis.url };
    const begun = new Map<string, number>();
    const consumer = consume(connection, QUEUE, ({ id = "", data, attemptsStarted }) => {
      note(events, id, data as DeliveryEvent);
      if (attemptsStarted === 1) begun.set(id, (begun.get(id) ?? 0) + 1);
    });
    cleaners.push(() => consumer.stop());

    let peakBytes = 0;
    const sampling = setInterval(() => {
      peakBytes = Math.max(peakBytes, ...services.map((each) => peakMemory(each)));
    }, 200);
    cleaners.push(async () => clearInterval(sampling));

    let over = false;
    const delivering = deliverAll({
      port: services.map(({ smtpPort }) => smtpPort),
      connections: CONNECTIONS,
      ...(LONG ? {} : { perSecond: SHORT_PER_SECOND, ...(scenario.steady ? {} : { slower: SLOWER }) }),
      messages: reports(() => over, tried),
      repliesLost: 0.05,
      onAccepted: (_, id) => accepted.add(id),
    });
    // Whoever fails first is told; the other is not left behind unheard.
    delivering.catch(() => {});
    if (mode === "journal" || !(scenario.redisLater || scenario.redisNotReady)) {
      await eventually(
        () => accepted.size,
        (size) => size >= Math.max(REPORTS / 10, SHORT_REPORTS / 6),
      );
    }
    const loss = await scenario.happen(stage);
    over = true;
    const overMs = performance.now();
    const healthy = allHealthy(services).then(() => performance.now() - overMs);
    healthy.catch(() => {});
    const ledger = await delivering;
    const recoveryMs = await healthy;
    const sweep = async (): Promise<number> => {
      await sweepQueue(connection, events);
      return [...ledger.accepted].filter((id) => !events.has(id)).length;
    };
    // In queue mode what Redis lost is lost: it is known when nothing more comes.
    await eventually(sweep, (missing) => missing === 0 || (mode === "queue" && loss !== undefined));

    const lost = [...ledger.accepted].filter((id) => !events.has(id));
    const queuedTwice = (jobs: ReadonlySet<string>): boolean =>
      jobs.size > 1 || (scenario.removedAtOnce === true && [...jobs].some((id) => (begun.get(id) ?? 0) > 1));
    const doubled = [...events].filter(([, jobs]) => queuedTwice(jobs)).map(([id]) => id);
    const result: Result = { ledger, lost, doubled, events };
    const lines = services.flatMap((each) => each.log()).filter(({ event }) => event !== "service.note");
    writeRow(name, {
      sent: accepted.size,
      "answered 250": ledger.acceptances,
      "4xx": ledger.refusals,
      "in the queue": events.size,
      lost: lost.length,
      doubled: doubled.length,
      "slowest reply, ms": Math.round(ledger.slowestMs),
      "recovery, s": (recoveryMs / 1000).toFixed(1),
      "peak memory, MB": Math.round(peakBytes / 1e6),
      "log lines": lines.length,
    });

    const lostByRedis = (id: string, among: ReadonlySet<string> | undefined): boolean =>
      among?.has(id) === true && loss?.kept.has(id) === false;
    expect(lost.filter((id) => !(mode === "queue" && lostByRedis(id, loss?.accepted)))).toEqual([]);
    const excused = (id: string): boolean => (loss?.replaced ? loss.tried.has(id) : lostByRedis(id, loss?.tried));
    expect(doubled.filter((id) => !excused(id))).toEqual([]);
    // Whatever was lost on the way: in the Redis that there is in the end, nothing is there twice.
    const survived = new Map<string, Set<string>>();
    await sweepQueue(connection, survived);
    expect([...survived].filter(([, jobs]) => jobs.size > 1)).toEqual([]);
    // Five seconds, and for how long this very process was held up at worst.
    expect(ledger.slowestMs).toBeLessThan(5_000 + delay.max / 1e6);
    // One line about each thing that happened, however long it lasts and however often it comes back.
    expect(lines.map(({ event, reason }) => `${event} ${reason}`).slice(0, 8 * (scenario.starts ?? receivers))).toEqual(
      lines.map(({ event, reason }) => `${event} ${reason}`),
    );
    if (!scenario.relaysNotice && mode === "journal") expect(ledger.retries).toBe(0);
    expect(peakBytes).toBeLessThan(512e6);
    await scenario.after?.(stage, result);
  } finally {
    delay.disable();
    for (const clean of cleaners.reverse()) await clean();
  }
}

/** Reports with an id each, written anew at each attempt, until the fault is over and enough are sent. */
function* reports(isOver: () => boolean, tried: Set<string>): Generator<readonly [string, Message]> {
  for (let index = 0; !isOver() || index < Math.max(REPORTS, SHORT_REPORTS); index++) {
    const id = `mm-${index}@mmsc.example.net`;
    const message = (attempt: number): Uint8Array => {
      tried.add(id);
      return deliveryReport({
        "X-Mms-Message-ID": id,
        "X-Mms-Transaction-ID": `"tx-${index}-${attempt}"`,
        "X-Internal-Status-Code": index % 3 === 0 ? "470" : undefined,
        "X-Mms-MM-Status-Code": index % 3 === 0 ? "Rejected" : "Retrieved",
      });
    };
    yield [id, message];
  }
}

/** In the short version some seconds stand for more. */
export function spell(seconds: number, short = seconds): Promise<void> {
  return wait((LONG ? seconds : short) * 1000);
}

async function allHealthy(services: readonly TestService[]): Promise<void> {
  for (const service of services) {
    await eventually(
      () => service.get("/healthz").catch((cause: Error) => ({ status: 0, text: cause.message })),
      ({ status }) => status === 200,
      180_000,
    );
  }
}

async function allConnected(services: readonly TestService[]): Promise<void> {
  for (const service of services) {
    await eventually(
      async () => (await service.get("/metrics")).text,
      (text) => text.includes("mm4d_redis_up 1"),
    );
  }
}

function note(events: Map<string, Set<string>>, jobId: string | undefined, event: DeliveryEvent): void {
  const key = event.subject ?? event.id;
  const jobs = events.get(key);
  if (jobs) jobs.add(jobId ?? "");
  else events.set(key, new Set([jobId ?? ""]));
}

/** Notes every job that the queue holds, in whatever state. */
export async function sweepQueue(connection: ConnectionOptions, events: Map<string, Set<string>>): Promise<void> {
  const { url, ...rest } = connection as { url?: string };
  const redis = url === undefined ? new Redis(rest) : new Redis(url, rest);
  redis.on("error", () => {}); // The calls below fail.
  const key = (name: string): string => `bull:${QUEUE}:${name}`;
  try {
    const ids = [
      ...(await redis.lrange(key("wait"), 0, -1)),
      ...(await redis.lrange(key("active"), 0, -1)),
      ...(await redis.zrange(key("completed"), 0, -1)),
      ...(await redis.zrange(key("failed"), 0, -1)),
      ...(await redis.zrange(key("delayed"), 0, -1)),
    ];
    for (let from = 0; from < ids.length; from += 1_000) {
      const page = ids.slice(from, from + 1_000);
      const pipeline = redis.pipeline();
      for (const id of page) pipeline.hget(key(id), "data");
      for (const [index, [, data]] of ((await pipeline.exec()) ?? []).entries()) {
        if (typeof data === "string") note(events, page[index], JSON.parse(data) as DeliveryEvent);
      }
    }
  } finally {
    redis.disconnect();
  }
}

/** What a Redis that was killed still has on its disk, looked at through another server on a copy. */
export async function keptBy(dead: TestRedis, settings: readonly string[] = []): Promise<ReadonlySet<string>> {
  const copy = await startRedis(settings, { later: true });
  try {
    cpSync(dead.directory, copy.directory, { recursive: true });
    await copy.start();
    const events = new Map<string, Set<string>>();
    await sweepQueue({ url: copy.url }, events);
    return new Set(events.keys());
  } finally {
    await copy.stop();
  }
}

/** The most memory that a process ever had, in bytes. proc(5), VmHWM. */
function peakMemory(service: TestService): number {
  try {
    const status = readFileSync(`/proc/${service.facts().pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // Just killed.
  }
}

/** A directory of the test's own. */
export function scratch(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "mm4d-fault-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

const ROW = {
  sent: 0,
  "answered 250": 0,
  "4xx": 0,
  "in the queue": 0,
  lost: 0,
  doubled: 0,
  "slowest reply, ms": 0,
  "recovery, s": "-",
  "peak memory, MB": "-",
  "log lines": "-",
} as const;

/** One row of the table that `npm run faults` prints. */
export function writeRow(scenario: string, cells: { readonly [Name in keyof typeof ROW]?: string | number }): void {
  const file = process.env.FAULTS_TABLE;
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ scenario, ...ROW, ...cells })}\n`);
}
