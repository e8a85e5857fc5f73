/**
 * The other processes of a service, as the first one sees them. It asks each over
 * the socket in that process's directory, so that page, metrics and command line
 * cover all of them.
 */
import { deserialize, serialize } from "node:v8";
import type { HealthFacts } from "../monitoring/health.ts";
import type { MetricsOfProcess } from "../monitoring/metrics-text.ts";
import type { Refusal } from "../monitoring/refusals.ts";
import type { StatusFacts } from "../monitoring/status.ts";
import { inRounds } from "../rounds.ts";
import type { Assignment } from "./cluster.ts";
import type { TraceState } from "./control.ts";
import { askControl } from "./control-client.ts";
import { processDirectory } from "./directories.ts";

/** What a process tells about itself. */
export interface ProcessState {
  readonly health: HealthFacts;
  readonly status: StatusFacts;
  readonly refusals: readonly Refusal[];
}

export interface Siblings {
  /** The states of the processes that answer, as they are when this is asked. */
  states(): Promise<readonly ProcessState[]>;
  metrics(): Promise<readonly MetricsOfProcess[]>;
  /** How many of the processes that take reports did not answer the last question. */
  missing(): number;
  setLogLevel(level: string): Promise<void>;
  /** Has each process write its trace, and gives the outcome of each. */
  flushTrace(): Promise<readonly TraceState[]>;
  /** Has each process write down whom it has refused. */
  keepRefusals(): Promise<void>;
  /** Resolves when no process answers any more. */
  gone(): Promise<void>;
}

type SiblingsOf = Pick<Assignment, "siblings" | "count">;

/** A process that hangs must not hold up the health of all for long, because balancers wait for a second. */
const DEADLINE_MS = 400;
/** Longer than a process takes to write something down, and shorter than the client of the first process waits. */
const FLUSH_DEADLINE_MS = 1_500;
const POLL_MS = 50;
/** Each round is work for every process, which takes reports too. */
const ROUNDS_EVERY_MS = 50;

/** `patienceMs`: how long a process has for most answers. */
export function createSiblings(
  dataDir: string,
  { siblings: numbers, count }: SiblingsOf,
  patienceMs = DEADLINE_MS,
): Siblings {
  let missing = 0;

  async function ask<Answer>(question: string, deadlineMs = patienceMs): Promise<readonly Answer[]> {
    const answers = await Promise.all(
      numbers.map((number) => askControl(processDirectory(dataDir, number), question, deadlineMs)),
    );
    // Processes with higher numbers do not count, because they end once their journals are empty.
    missing = numbers.filter((number, index) => number <= count && answers[index] === undefined).length;
    return answers.filter((answer): answer is unknown => answer !== undefined) as Answer[];
  }

  async function askStates(): Promise<readonly ProcessState[]> {
    return (await ask<string>("state")).map((packed) => unpack<ProcessState>(packed));
  }

  return {
    // Pages, balancers and Prometheus ask at about the same time. A process alone has nothing to ask.
    states: numbers.length === 0 ? async () => [] : inRounds(askStates, ROUNDS_EVERY_MS),
    metrics: async () => (await ask<string>("metrics")).map((packed) => unpack<MetricsOfProcess>(packed)),
    missing: () => missing,
    async setLogLevel(level) {
      await ask(`log-level ${level}`);
    },
    async keepRefusals() {
      await ask("keep-refusals", FLUSH_DEADLINE_MS);
    },
    flushTrace: () => ask<TraceState>("flush-trace", FLUSH_DEADLINE_MS),
    async gone() {
      while ((await ask("facts")).length > 0) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    },
  };
}

/** Keeps dates, maps, errors and NaN, which JSON cannot write. */
export function pack(told: ProcessState | MetricsOfProcess): string {
  return serialize(told).toString("base64");
}

function unpack<Told>(packed: string): Told {
  return deserialize(Buffer.from(packed, "base64"));
}
