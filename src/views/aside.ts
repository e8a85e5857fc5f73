/** The thread of the views, seen from the main one: it is begun when it is needed, and anew when it has ended. */
import { Worker } from "node:worker_threads";
import { BOUNDS } from "../bounds/bounds.ts";
import type { Asked, LiveNews, Question, ThreadData, Told } from "./question.ts";
import type { ReportFilter } from "./report-row.ts";
import type { OnGiven } from "./views.ts";

/** What the thread is begun with, and who hears of it. */
export interface AsideOptions {
  /** The program of the thread. */
  readonly thread: URL;
  readonly data: ThreadData;
  readonly onNews: (news: LiveNews) => void;
  /** It has ended by itself, or was ended because it took too long. */
  readonly onFault: (cause: Error) => void;
}

/** The thread, whether it lives or not. */
export interface Aside {
  /**
   * Rejects when Redis does not answer, when it takes too long, and when the thread ends, also because of another
   * question. `onGiven` is told until then how many jobs have been given back.
   */
  ask<T>(question: Question, onGiven?: OnGiven): Promise<T>;
  /** Which rows are to be told as they come: those that fit one of these. */
  follow(filters: readonly ReportFilter[]): void;
  close(): Promise<void>;
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (cause: Error) => void;
  readonly onGiven: OnGiven | undefined;
}

const IDLE_MS = 60_000;
const AGAIN_MS = 1_000;

/** Begins nothing: the first question does, or the first who follows. */
export function createAside({ thread, data, onNews, onFault }: AsideOptions): Aside {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let asked = 0;
  let followed: readonly ReportFilter[] = [];
  let closed = false;
  let idle: NodeJS.Timeout | undefined;

  function opened(): Worker {
    clearTimeout(idle);
    if (worker) return worker;
    const made = new Worker(thread, {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: BOUNDS.viewsBytes.value / 2 ** 20 },
    });
    made.on("message", hear);
    made.on("error", (cause) => ended(made, cause));
    made.on("exit", () => ended(made, new Error("The thread that finds pages has ended")));
    worker = made;
    if (followed.length > 0) made.postMessage({ followed } satisfies Asked);
    return made;
  }

  function hear(told: Told): void {
    if ("news" in told) {
      if (followed.length > 0) onNews(told.news);
      return;
    }
    const { resolve, reject, onGiven } = waiting.get(told.number) ?? {};
    if ("given" in told) onGiven?.(told.given);
    else if ("fault" in told) reject?.(new Error(told.fault));
    else resolve?.(told.answer);
  }

  /** It ended by itself, or was ended because it took too long. */
  function ended(which: Worker, cause: Error): void {
    if (which !== worker) return;
    worker = undefined;
    for (const { reject } of waiting.values()) reject(cause);
    onFault(cause);
    if (followed.length > 0) setTimeout(goOn, AGAIN_MS).unref();
  }

  /** Where the system has no thread to give, whoever follows waits, and the service goes on. */
  function goOn(): void {
    if (followed.length === 0 || closed) return;
    try {
      opened();
    } catch (cause) {
      onFault(cause as Error);
      setTimeout(goOn, AGAIN_MS).unref();
    }
  }

  async function end(): Promise<void> {
    const ending = worker;
    worker = undefined;
    await ending?.terminate();
  }

  function endWhenIdle(): void {
    clearTimeout(idle);
    if (waiting.size === 0 && followed.length === 0) idle = setTimeout(end, IDLE_MS).unref();
  }

  return {
    async ask<T>(question: Question, onGiven?: OnGiven) {
      if (closed) throw new Error("mm4d is stopping");
      const number = ++asked;
      const asking = opened();
      const tooLong = setTimeout(() => {
        ended(asking, new Error(`It takes longer than ${BOUNDS.viewsMs.value / 1000} s`));
        void asking.terminate();
      }, BOUNDS.viewsMs.value);
      try {
        return await new Promise<T>((resolve, reject) => {
          waiting.set(number, { resolve: (answer) => resolve(answer as T), reject, onGiven });
          asking.postMessage({ number, question } satisfies Asked);
        });
      } finally {
        clearTimeout(tooLong);
        waiting.delete(number);
        endWhenIdle();
      }
    },
    follow(filters) {
      if (closed) return;
      followed = filters;
      if (worker) worker.postMessage({ followed } satisfies Asked);
      else goOn();
      endWhenIdle();
    },
    async close() {
      closed = true;
      followed = [];
      clearTimeout(idle);
      for (const { reject } of waiting.values()) reject(new Error("mm4d is stopping"));
      await end();
    },
  };
}
