/**
 * One service in several processes: node:cluster, whose workers share the
 * ports. This is the process above them. It takes no report itself: it starts
 * them, starts those again that end, and hands on what it is told to do.
 *
 *   1st  all that a service alone has: page, metrics, embedded Redis
 *   2nd… SMTP, a journal of their own, and the drain of it
 */
import cluster, { type Worker } from "node:cluster";
import { setTimeout as wait } from "node:timers/promises";

/** What a process is told first. */
export interface Assignment {
  readonly number: number;
  /** The others of its service. */
  readonly siblings: readonly number[];
  /** The first so many take reports. A later one is there until the journal of that number is empty. */
  readonly count: number;
  /** The Redis that the first one started; null for that one, and when the settings name one. */
  readonly redisUrl: string | null;
}

/** What a process says once it listens. */
export interface Started {
  /** For the person who started the service. */
  readonly welcome: string;
  readonly redisUrl: string;
}

export interface ProcessesOptions {
  /** What their environment has besides this process's. */
  readonly env: Readonly<Record<string, string>>;
  /** See process-directories.ts. */
  readonly numbers: readonly number[];
  /** So many of them take reports. */
  readonly count: number;
  /** Whether the first one starts a Redis for all. */
  readonly embedded: boolean;
  /** A process ended that was not told to; it is started again after so long, in milliseconds. */
  readonly onEnded: (ended: {
    readonly process: number;
    readonly pid: number | undefined;
    /** Its exit code, or the signal that ended it; or that it hung, and was killed. */
    readonly how: number | string;
    readonly againInMs: number;
  }) => void;
  /** The processes end by themselves, each step of theirs with a deadline; one that has not after this is killed. */
  readonly stopDeadlineMs: number;
  /** One that has answered nothing for so long hangs, and is killed, in milliseconds; null for never. */
  readonly hangMs: number | null;
}

export interface Processes {
  /** For the person who started the service. */
  readonly welcome: string;
  reload(): void;
  /** False when one did not end in good order. */
  stop(): Promise<boolean>;
  /** Ends all of them where they stand. */
  kill(): void;
}

/** What a process says when it hears what it is told; what comes earlier, libraries of ours may have heard. */
export const LISTENING = "listening";
/** What it is asked while it is watched, and says as soon as it can. */
export const ALIVE = "alive";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** After so long its end has nothing to do with how it began. */
const STEADY_MS = 60_000;

/** Starts all of them. Rejects when one cannot start, with none left running; it has said itself why. */
export async function startProcesses(options: ProcessesOptions): Promise<Processes> {
  const { env, numbers, count, embedded, onEnded, stopDeadlineMs, hangMs } = options;
  const workers = new Map<number, Worker>();
  /** When each that has started was heard of last. */
  const heardAtMs = new Map<Worker, number>();
  const hung = new WeakSet<Worker>();
  const kept: Promise<End>[] = [];
  const stopping = new AbortController();
  let redisUrl: string | null = null;
  // Each takes connections itself. Handed out by this process, one that is on its way to a process that is killed
  // hangs for ever, never greeted (Node.js 20 to 24); and a burst is shared out less evenly.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  // They have their settings from their environment: without the options that name files, which Node.js would read too.
  cluster.setupPrimary({ args: ["serve"] });

  /** Resolves when it listens. Rejects when it ended before that. */
  async function start(number: number): Promise<Started> {
    const first = launch(number);
    const how = await Promise.race([first.started, first.ended]);
    kept.push(keep(number, first.ended));
    if (typeof how === "object") return how;
    throw new Error(`Cannot start: process ${number} ended (${how}) before it listened`);
  }

  function launch(number: number): { started: Promise<Started>; ended: Promise<End> } {
    let worker: Worker;
    try {
      worker = cluster.fork(env);
    } catch (cause) {
      return { started: new Promise(() => {}), ended: Promise.resolve((cause as Error).message) };
    }
    workers.set(number, worker);
    const siblings = numbers.filter((other) => other !== number);
    return {
      started: new Promise((resolve) => {
        worker.on("message", (said: typeof LISTENING | typeof ALIVE | Started) => {
          if (said !== LISTENING) heardAtMs.set(worker, performance.now());
          if (said === ALIVE) return;
          if (said !== LISTENING) {
            if (number === 1 && embedded) useRedis(said.redisUrl);
            resolve(said);
          } else if (stopping.signal.aborted) tell(worker, "stop");
          // The first one starts the Redis, or finds the one that its forerunner left.
          else tell(worker, { number, siblings, count, redisUrl: number === 1 ? null : redisUrl });
        });
      }),
      ended: new Promise((resolve) => {
        worker.once("exit", (code, signal) => {
          heardAtMs.delete(worker);
          resolve(hung.has(worker) ? "hung" : (signal ?? code));
        });
        // One that the system could not start.
        worker.once("error", (cause: Error) => resolve(cause.message));
      }),
    };
  }

  /** Where the first one's Redis is. Those that look for it elsewhere are started again. */
  function useRedis(url: string): void {
    const moved = redisUrl !== null && redisUrl !== url;
    redisUrl = url;
    if (moved) for (const [number, worker] of workers) if (number !== 1) worker.process.kill("SIGKILL");
  }

  /** Launches it again whenever it ends, until it is to end. */
  async function keep(number: number, first: Promise<End>): Promise<End> {
    let pauseMs = FIRST_PAUSE_MS;
    for (let ended = first; ; ended = launch(number).ended) {
      const sinceMs = performance.now();
      const how = await ended;
      const pid = workers.get(number)?.process.pid;
      workers.delete(number);
      if (stopping.signal.aborted || (number > count && how === 0)) return how;
      if (performance.now() - sinceMs > STEADY_MS) pauseMs = FIRST_PAUSE_MS;
      onEnded({ process: number, pid, how, againInMs: pauseMs });
      await wait(pauseMs, undefined, { signal: stopping.signal }).catch(() => {}); // It is to stop: seen below.
      if (stopping.signal.aborted) return how;
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  /** Kills whoever does not answer any more. */
  function killHung(limitMs: number): NodeJS.Timeout {
    const everyMs = limitMs / 4;
    let lookedAtMs = performance.now();
    return setInterval(() => {
      const nowMs = performance.now();
      // This process stood still itself: what they said meanwhile has not been read yet.
      const stoodStill = nowMs - lookedAtMs > 2 * everyMs;
      lookedAtMs = nowMs;
      for (const [worker, atMs] of heardAtMs) {
        if (stoodStill || nowMs - atMs < limitMs) tell(worker, ALIVE);
        else {
          hung.add(worker);
          worker.process.kill("SIGKILL");
        }
      }
    }, everyMs);
  }

  function tellAll(what: "reload" | "stop"): void {
    for (const worker of workers.values()) tell(worker, what);
  }

  function kill(): void {
    for (const worker of workers.values()) worker.process.kill("SIGKILL");
  }

  async function stop(): Promise<boolean> {
    clearInterval(watching);
    stopping.abort();
    tellAll("stop");
    const late = setTimeout(kill, stopDeadlineMs);
    const ends = await Promise.all(kept);
    clearTimeout(late);
    return ends.every((how) => how === 0);
  }

  const watching = hangMs === null ? undefined : killHung(hangMs);
  try {
    // The others need its Redis, where none is given.
    const first = await start(1);
    await Promise.all(numbers.slice(1).map(start));
    return { welcome: first.welcome, reload: () => tellAll("reload"), stop, kill };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** An exit code, or the signal that ended it. */
type End = number | string;

/** One that has just ended need not hear it. */
function tell(worker: Worker, what: Assignment | typeof ALIVE | "reload" | "stop"): void {
  worker.send(what, () => {});
}
