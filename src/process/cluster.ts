/**
 * Runs one service in several processes with node:cluster, whose workers share
 * the ports. The process above them takes no report itself. It starts the others,
 * starts those again that end, and passes reload and stop on to them.
 *
 *   1st  all that a service of one process has: page, metrics, embedded Redis
 *   2nd… SMTP, a journal of their own, and its drain
 */
import cluster, { type Worker } from "node:cluster";
import { setTimeout as wait } from "node:timers/promises";

/** The first message to a process. */
export interface Assignment {
  readonly number: number;
  /** The numbers of the other processes of the service. */
  readonly siblings: readonly number[];
  /** How many processes take reports, those with the lowest numbers. The others end once their journals are empty. */
  readonly count: number;
  /** The Redis that the first process started; null for that process itself, and when the settings name a Redis. */
  readonly redisUrl: string | null;
}

/** The message of a process that listens. */
export interface Started {
  /** For the person who started the service. */
  readonly welcome: string;
  readonly redisUrl: string;
}

export interface ProcessesOptions {
  /** Variables that the processes get besides this process's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** See directories.ts. */
  readonly numbers: readonly number[];
  /** How many of them take reports. */
  readonly count: number;
  /** Whether the first process starts a Redis for all. */
  readonly embedded: boolean;
  /** A process ended without being told to. It is started again after `againInMs`. */
  readonly onEnded: (ended: {
    readonly process: number;
    readonly pid: number | undefined;
    /** Its exit code, or the signal that ended it, or "hung" when it hung and was killed. */
    readonly how: number | string;
    readonly againInMs: number;
  }) => void;
  /**
   * Each process ends by itself, and each step of that has a deadline. One that has not ended after so many
   * milliseconds is killed.
   */
  readonly stopDeadlineMs: number;
  /** A process that has not answered for so many milliseconds hangs, and is killed; null for never. */
  readonly hangMs: number | null;
}

export interface Processes {
  /** For the person who started the service. */
  readonly welcome: string;
  reload(): void;
  /** Resolves with false when a process did not end in good order. */
  stop(): Promise<boolean>;
  /** Kills all processes at once. */
  kill(): void;
}

/** A process says this when it reads messages. What is sent earlier, a library may have taken. */
export const LISTENING = "listening";
/** A watched process is asked this, and says the same as soon as it can. */
export const ALIVE = "alive";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A process that ran for so long did not end because of its start. */
const STEADY_MS = 60_000;

/** Starts all processes. When one cannot start, stops the others and rejects; the process itself has said why. */
export async function startProcesses(options: ProcessesOptions): Promise<Processes> {
  const { env, numbers, count, embedded, onEnded, stopDeadlineMs, hangMs } = options;
  const workers = new Map<number, Worker>();
  /** When each started process last sent a message. */
  const heardAtMs = new Map<Worker, number>();
  const hung = new WeakSet<Worker>();
  const kept: Promise<End>[] = [];
  const stopping = new AbortController();
  let redisUrl: string | null = null;
  // Each process takes connections itself. If this process handed them out, a connection on its way to a process that
  // is killed would hang for ever, never greeted (Node.js 20 to 24), and a burst would be shared less evenly.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  // The processes read their settings from the environment. They get no options that name files, because Node.js
  // would read those too.
  cluster.setupPrimary({ args: ["serve"] });

  /** Resolves when the process listens. Rejects when it ends before that. */
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
          // The first process starts the Redis, or finds the one that its predecessor left.
          else tell(worker, { number, siblings, count, redisUrl: number === 1 ? null : redisUrl });
        });
      }),
      ended: new Promise((resolve) => {
        worker.once("exit", (code, signal) => {
          heardAtMs.delete(worker);
          resolve(hung.has(worker) ? "hung" : (signal ?? code));
        });
        // The system could not start the process.
        worker.once("error", (cause: Error) => resolve(cause.message));
      }),
    };
  }

  /** Remembers where the first process's Redis is. Kills those that look for it elsewhere, so that they start again. */
  function useRedis(url: string): void {
    const moved = redisUrl !== null && redisUrl !== url;
    redisUrl = url;
    if (moved) for (const [number, worker] of workers) if (number !== 1) worker.process.kill("SIGKILL");
  }

  /** Launches a process again each time it ends, until all are told to stop. */
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
      await wait(pauseMs, undefined, { signal: stopping.signal }).catch(() => {}); // Aborted by a stop: the next line sees it.
      if (stopping.signal.aborted) return how;
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  /** Kills a process that no longer answers. */
  function killHung(limitMs: number): NodeJS.Timeout {
    const everyMs = limitMs / 4;
    let lookedAtMs = performance.now();
    return setInterval(() => {
      const nowMs = performance.now();
      // This process itself was stopped for a while, so it has not read yet what the others said meanwhile.
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
    // The others need its Redis when the settings name none.
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

/** Ignores a failure, because a process that has just ended need not hear it. */
function tell(worker: Worker, what: Assignment | typeof ALIVE | "reload" | "stop"): void {
  worker.send(what, () => {});
}
