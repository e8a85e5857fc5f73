/** `mm4d forget`: removes what is kept of one telephone number or address. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "commander";
import { BOUNDS } from "../bounds/bounds.ts";
import { forgetInStream, forgetJobs, type JobTexts, PLACES, rewriteFile } from "../queue/forget.ts";
import { type QueuePlace, withQueuePlace } from "../queue/queue-place.ts";
import { openReplays } from "../queue/replays-kept.ts";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "../settings/queue-names.ts";
import { maskAllNumbers } from "../text/masking.ts";
import { type PartySought, readPartySought } from "../text/party-sought.ts";
import { some } from "../text/quantities.ts";
import { forgetInTrace } from "../trace/forget.ts";
import { forgetOnDisk } from "./forget-on-disk.ts";
import { holds, isNamedIn } from "./party-in-message.ts";
import { findQueue, flushTrace, type QueueFound } from "./running-service.ts";
import { loadSettings } from "./settings.ts";
import { jsonOf, printLine, printWrapped } from "./terminal.ts";

export function addForgetCommand(program: Command): void {
  program
    .command("forget <number>")
    .description("remove what is kept of a telephone number or address: trace, archive, quarantine, finished jobs")
    .option("--dry-run", "only say what would be removed")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      `
The number is found in every spelling, as recipient and as sender, also within
ids and texts, and as it is written within its country: +12025550155 as
2025550155, +447700900123 as 07700900123. Where another country's number is
written with the same digits and without its "+", it is taken for this one.

Whatever holds it goes as a whole: notes of the trace with all others of the
same reports, messages in quarantine, completed and failed jobs on MM4D_QUEUE,
MM4D_QUEUES and the queues of replays, acknowledgements that were sent or given
up, records in the archive. In damaged/ it is blotted out. The ids of events
stay remembered: a report that comes again is a duplicate as before, and not a
second event.

What still has to be done is left and told: reports in the journal, events that
wait for a consumer, acknowledgements that are owed. Run it again after that.
What it cannot reach is told too. It asks nothing: look with --dry-run first.

  mm4d forget +12025550155 --dry-run
  mm4d forget '+1 (202) 555-0155'`,
    )
    .action(forget);
}

/** How much of what was found where. */
export interface Found {
  readonly where: string;
  readonly what: string;
  /** In words; null when there is only one state. */
  readonly state: string | null;
  readonly count: number;
}

/** What was done, and what was not. */
export interface Result {
  readonly removed: readonly Found[];
  /** Because it still has to be done. */
  readonly left: readonly Found[];
  readonly notReached: readonly string[];
}

async function forget(number: string, { dryRun = false, json }: { dryRun?: boolean; json?: true }): Promise<void> {
  const party = readPartySought(number);
  if (!party) {
    throw new Error(
      `Cannot forget "${number}": it must be a telephone number of 7 to 15 digits with its country code, or an address`,
    );
  }
  const queue = await findQueue(loadSettings("forget"));
  // Every service writes its trace to Redis once a second.
  if ((await flushTrace(queue.found)) === undefined || !dryRun) await wait(WRITTEN_AFTER_MS);
  const inRedis = await withQueuePlace(queue.address, (place) => forgetInRedis(place, queue, party, dryRun));
  const onDisk = await forgetOnDisk(queue, party, dryRun);
  const result: Result = {
    removed: [...inRedis.removed, ...onDisk.removed],
    left: [...inRedis.left, ...onDisk.left],
    notReached: [...inRedis.notReached, ...onDisk.notReached, ...NEVER_REACHED],
  };
  if (json) await printLine(jsonOf({ dryRun, ...result }));
  else printResult(party, result, dryRun);
}

const WRITTEN_AFTER_MS = 1_200;

const NEVER_REACHED = [
  "events that consumers have taken, and what they made of them",
  "queues that a replay has filled more than a week ago and that are none of MM4D_QUEUES: name them there and run it again",
  "backups, replicas that are away, and copies of Redis's files and of the data directory",
  "the log, which masks numbers but for their last four digits (MM4D_LOG_NUMBERS)",
  "journals, archives and damaged/ of services on other machines: run it there too",
  "what a peer sends, or an operator replays, from now on",
];

async function forgetInRedis(
  place: QueuePlace,
  { address, settings }: QueueFound,
  party: PartySought,
  dryRun: boolean,
): Promise<Result> {
  const { queue, queues } = address;
  const removed: Found[] = [];
  const left: Found[] = [];
  const eventIds = new Set<string>();
  const add = (into: Found[], where: string, counts: Readonly<Record<string, number>>, what: string): void => {
    for (const [state, count] of Object.entries(counts))
      into.push({ where, what, state: STATES[state] ?? state, count });
  };
  const forgetTold = async (name: string, where: string): Promise<void> => {
    const count = await forgetInStream(place, name, party.mentions, dryRun);
    if (count > 0) removed.push({ where, what: "line", state: "of its stream of events", count });
  };

  const replays = await openReplays(place).newest(BOUNDS.replaysListed.value);
  const replayed = replays.map(({ wanted }) => wanted.queue);
  for (const name of new Set([queue, ...queues.map((further) => further.queue), ...replayed])) {
    const concerns = ({ data, further }: JobTexts): boolean => {
      const isTheirs = party.mentions(data) || party.mentions(further);
      const id = isTheirs ? idIn(data, "id") : null;
      if (id !== null) eventIds.add(id);
      return isTheirs;
    };
    const jobs = await forgetJobs({ place, queue: name, concerns, keepIds: true, done: DONE, dryRun });
    add(removed, `queue ${name}`, jobs.removed, "event");
    add(left, `queue ${name}`, jobs.left, "event");
    await forgetTold(name, `queue ${name}`);
  }

  const notes = await forgetInTrace(place, (line) => isNamedIn(party, line), eventIds, dryRun);
  if (notes > 0) removed.push({ where: "trace", what: "note", state: null, count: notes });

  const acknowledgements = await forgetJobs({
    place,
    queue: ACKNOWLEDGEMENTS_QUEUE,
    concerns: ({ data, further }) =>
      party.mentions(data) || party.mentions(further) || eventIds.has(idIn(data, "eventId") ?? ""),
    keepIds: true,
    done: DONE,
    dryRun,
  });
  add(removed, "acknowledgements", acknowledgements.removed, "acknowledgement");
  add(left, "acknowledgements", acknowledgements.left, "acknowledgement");
  // The stream holds the replies of relays, which name the recipient.
  await forgetTold(ACKNOWLEDGEMENTS_QUEUE, "acknowledgements");

  const messages = await forgetJobs({
    place,
    queue: QUARANTINE_QUEUE,
    concerns: ({ data }) => holds(party, data),
    // A message that comes again is told again, so its id need not be kept.
    keepIds: false,
    done: PLACES,
    dryRun,
  });
  const kept = Object.values(messages.removed).reduce((sum, count) => sum + count, 0);
  if (kept > 0) removed.push({ where: "quarantine", what: "message", state: null, count: kept });

  const isOurs = isEmbedded(address.redis.redisUrl, settings.config.dataDir);
  const rewritten = isOurs && !dryRun && (await rewriteFile(place.redis));
  const file = isOurs
    ? "the files of the embedded Redis, until it writes them anew"
    : "Redis's own files, until it writes them anew (BGREWRITEAOF, BGSAVE)";
  return { removed, left, notReached: rewritten ? [] : [file] };
}

const DONE = ["completed", "failed"] as const;

const STATES: Readonly<Record<string, string>> = {
  wait: "waiting",
  paused: "waiting",
  prioritized: "waiting",
  "waiting-children": "waiting",
  active: "active",
  delayed: "retried",
  completed: "completed",
  failed: "failed",
};

/** Null also for a job that has gone meanwhile or that mm4d did not make. */
function idIn(json: string, field: "id" | "eventId"): string | null {
  try {
    const id: unknown = JSON.parse(json)?.[field];
    return typeof id === "string" ? id : null;
  } catch {
    return null;
  }
}

/** Whether it is our embedded Redis: that writes its address into a file. */
function isEmbedded(redisUrl: string, dataDir: string): boolean {
  const file = join(dataDir, "redis", "url");
  return existsSync(file) && readFileSync(file, "utf8").trim() === redisUrl;
}

function printResult(party: PartySought, { removed, left, notReached }: Result, dryRun: boolean): void {
  const lineOf = ({ where, what, state, count }: Found): string =>
    `  ${where}: ${some(count, what)}${state === null ? "" : `, ${state}`}`;
  const shown = maskAllNumbers(party.shown);
  const title = dryRun ? "Would be removed of" : "Removed of";
  printWrapped([
    removed.length === 0 ? `Nothing of ${shown} was found that can be removed` : `${title} ${shown}:`,
    ...removed.map(lineOf),
    ...(left.length === 0
      ? []
      : ["Left, because it still has to be done; run it again afterwards:", ...left.map(lineOf)]),
    "Not reached:",
    ...notReached.map((what) => `  ${what}`),
  ]);
}
