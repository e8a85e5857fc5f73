/**
 * The other processes of a service, as the first one sees them: asked over the
 * socket that each has in its own directory, so that page, metrics and command
 * line tell of all of them.
 */
import { deserialize, serialize } from "node:v8";
import type { HealthFacts } from "../monitoring/health.ts";
import type { MetricsOfProcess } from "../monitoring/metrics.ts";
import type { Refusal } from "../monitoring/refusals.ts";
import type { StatusFacts } from "../monitoring/status.ts";
import type { Assignment } from "./cluster.ts";
import type { TraceState } from "./control.ts";
import { askControl } from "./control-client.ts";
import { processDirectory } from "./directories.ts";

/** How a process is. */
export interface ProcessState {
  readonly health: HealthFacts;
  readonly status: StatusFacts;
  readonly refusals: readonly Refusal[];
}

export interface Siblings {
  /** Of those that answer. */
  states(): Promise<readonly ProcessState[]>;
  metrics(): Promise<readonly MetricsOfProcess[]>;
  /** How many of those that take reports did not answer when they were asked last. */
  missing(): number;
  setLogLevel(level: string): Promise<void>;
  /** How the trace of each is, once what it remembers has been written. */
  flushTrace(): Promise<readonly TraceState[]>;
  /** Resolves when none answers any more. */
  gone(): Promise<void>;
}

type SiblingsOf = Pick<Assignment, "siblings" | "count">;

/** Whoever asks for the health of all must not wait long for the one that hangs: balancers wait for a second. */
const DEADLINE_MS = 400;
/** Longer than each gives itself, and less than whoever asks all waits. */
const FLUSH_DEADLINE_MS = 1_500;
const POLL_MS = 50;
/** Pages, balancers and Prometheus ask at about the same time. */
const REMEMBERED_MS = 500;

export function createSiblings(dataDir: string, { siblings: numbers, count }: SiblingsOf): Siblings {
  let missing = 0;
  let known: { readonly atMs: number; readonly states: Promise<readonly ProcessState[]> } | undefined;

  async function ask<Answer>(question: string, deadlineMs = DEADLINE_MS): Promise<readonly Answer[]> {
    const answers = await Promise.all(
      numbers.map((number) => askControl(processDirectory(dataDir, number), question, deadlineMs)),
    );
    // One that only empties the journal of an earlier process ends when it has.
    missing = numbers.filter((number, index) => number <= count && answers[index] === undefined).length;
    return answers.filter((answer): answer is unknown => answer !== undefined) as Answer[];
  }

  return {
    states() {
      if (known && performance.now() - known.atMs < REMEMBERED_MS) return known.states;
      const states = ask<string>("state").then((answers) => answers.map((packed) => unpack<ProcessState>(packed)));
      known = { atMs: performance.now(), states };
      return states;
    },
    metrics: async () => (await ask<string>("metrics")).map((packed) => unpack<MetricsOfProcess>(packed)),
    missing: () => missing,
    async setLogLevel(level) {
      await ask(`log-level ${level}`);
    },
    flushTrace: () => ask<TraceState>("flush-trace", FLUSH_DEADLINE_MS),
    async gone() {
      while ((await ask("facts")).length > 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    },
  };
}

/** With dates, maps, errors and numbers that are none, which JSON does not know. */
export function pack(told: ProcessState | MetricsOfProcess): string {
  return serialize(told).toString("base64");
}

function unpack<Told>(packed: string): Told {
  return deserialize(Buffer.from(packed, "base64"));
}
