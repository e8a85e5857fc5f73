/** `mm4d forget`: removes what is kept of one telephone number or address. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Command } from "commander";
import libmime from "libmime";
import { type PartySought, readPartySought } from "../delivery/party-sought.ts";
import { blotDamaged } from "../journal/damaged.ts";
import { inspectJournal } from "../journal/inspect.ts";
import { encodeRecord } from "../journal/record.ts";
import { journalDirectory, processDirectory, processNumbers } from "../process/directories.ts";
import { readSavedBody } from "../quarantine/saved-body.ts";
import { forgetInStream, forgetJobs, type JobTexts, PLACES, rewriteFile } from "../queue/forget.ts";
import { type RedisClient, withRedis } from "../queue/redis.ts";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "../settings/queue-names.ts";
import { maskAllNumbers } from "../text/masking.ts";
import { some } from "../text/quantities.ts";
import { forgetInTrace } from "../trace/forget.ts";
import { findQueue, flushTrace, type QueueFound } from "./running-service.ts";
import { loadSettings } from "./settings.ts";
import { jsonOf, printLine, printWrapped } from "./terminal.ts";

export function addForgetCommand(program: Command): void {
  program
    .command("forget <number>")
    .description("remove what is kept of a telephone number or address: trace, quarantine, finished jobs")
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
same reports, messages in quarantine, completed and failed jobs on MM4D_QUEUE
and MM4D_QUEUES, acknowledgements that were sent or given up. In damaged/ it is
blotted out. The ids of events stay remembered: a report that comes again is a
duplicate as before, and not a second event.

What still has to be done is left and told: reports in the journal, events that
wait for a consumer, acknowledgements that are owed. Run it again after that.
What it cannot reach is told too. It asks nothing: look with --dry-run first.

  mm4d forget +12025550155 --dry-run
  mm4d forget '+1 (202) 555-0155'`,
    )
    .action(forget);
}

/** What was found somewhere, and how much of it. */
interface Found {
  readonly where: string;
  readonly what: string;
  /** In words, where there are several. */
  readonly state: string | null;
  readonly count: number;
}

interface Result {
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
  // Every service writes down once a second what it remembers.
  if ((await flushTrace(queue.found)) === undefined || !dryRun) await wait(WRITTEN_AFTER_MS);
  const inRedis = await withRedis(queue.place.redis, (redis) => forgetInRedis(redis, queue, party, dryRun));
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
  "backups, replicas that are away, and copies of Redis's files and of the data directory",
  "the log, which masks numbers but for their last four digits (MM4D_LOG_NUMBERS)",
  "journals and damaged/ of services on other machines: run it there too",
  "what a peer sends, or an operator replays, from now on",
];

async function forgetInRedis(
  redis: RedisClient,
  { place, settings }: QueueFound,
  party: PartySought,
  dryRun: boolean,
): Promise<Result> {
  const { queuePrefix: prefix, queue, queues } = place;
  const removed: Found[] = [];
  const left: Found[] = [];
  const eventIds = new Set<string>();
  const note = (into: Found[], where: string, counts: Readonly<Record<string, number>>, what: string): void => {
    for (const [state, count] of Object.entries(counts))
      into.push({ where, what, state: STATES[state] ?? state, count });
  };
  const forgetTold = async (name: string, where: string): Promise<void> => {
    const count = await forgetInStream(redis, prefix, name, party.mentions, dryRun);
    if (count > 0) removed.push({ where, what: "line", state: "of its stream of events", count });
  };

  for (const name of [queue, ...queues.map((further) => further.queue)]) {
    const concerns = ({ data, further }: JobTexts): boolean => {
      const isTheirs = party.mentions(data) || party.mentions(further);
      const id = isTheirs ? idIn(data, "id") : null;
      if (id !== null) eventIds.add(id);
      return isTheirs;
    };
    const jobs = await forgetJobs({ redis, prefix, queue: name, concerns, keepIds: true, done: DONE, dryRun });
    note(removed, `queue ${name}`, jobs.removed, "event");
    note(left, `queue ${name}`, jobs.left, "event");
    await forgetTold(name, `queue ${name}`);
  }

  const notes = await forgetInTrace(redis, prefix, party.mentions, eventIds, dryRun);
  if (notes > 0) removed.push({ where: "trace", what: "note", state: null, count: notes });

  const debts = await forgetJobs({
    redis,
    prefix,
    queue: ACKNOWLEDGEMENTS_QUEUE,
    concerns: ({ data, further }) =>
      party.mentions(data) || party.mentions(further) || eventIds.has(idIn(data, "eventId") ?? ""),
    keepIds: true,
    done: DONE,
    dryRun,
  });
  note(removed, "acknowledgements", debts.removed, "acknowledgement");
  note(left, "acknowledgements", debts.left, "acknowledgement");
  // What relays answered, with the recipient in it.
  await forgetTold(ACKNOWLEDGEMENTS_QUEUE, "acknowledgements");

  const messages = await forgetJobs({
    redis,
    prefix,
    queue: QUARANTINE_QUEUE,
    concerns: ({ data }) => holds(party, data),
    // One that comes again is told again.
    keepIds: false,
    done: PLACES,
    dryRun,
  });
  const kept = Object.values(messages.removed).reduce((sum, count) => sum + count, 0);
  if (kept > 0) removed.push({ where: "quarantine", what: "message", state: null, count: kept });

  const isOurs = isEmbedded(place.redis.redisUrl, settings.config.dataDir);
  const rewritten = isOurs && !dryRun && (await rewriteFile(redis));
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

/** Null also for a job that has gone meanwhile, or is none of ours. */
function idIn(json: string, field: "id" | "eventId"): string | null {
  try {
    const id: unknown = JSON.parse(json)?.[field];
    return typeof id === "string" ? id : null;
  } catch {
    return null;
  }
}

/** Whether the file of our own Redis names that one. */
function isEmbedded(redisUrl: string, dataDir: string): boolean {
  const file = join(dataDir, "redis", "url");
  return existsSync(file) && readFileSync(file, "utf8").trim() === redisUrl;
}

/** Journals are read, and drained by their services alone. */
async function forgetOnDisk({ settings, found }: QueueFound, party: PartySought, dryRun: boolean): Promise<Result> {
  const dataDir = found.kind === "running" ? found.dataDir : settings.config.dataDir;
  const left: Found[] = [];
  const removed: Found[] = [];
  const notReached: string[] = [];
  const look = async (directory: string): Promise<void> => {
    const counts = { [WAITING]: 0, [QUEUED]: 0 };
    for await (const one of inspectJournal(directory).found()) {
      if (one.kind !== "record" || !(await holds(party, encodeRecord(one.record).toString()))) continue;
      counts[one.state === "waiting" ? WAITING : QUEUED] += 1;
    }
    for (const [state, count] of Object.entries(counts)) {
      if (count > 0) left.push({ where: directory, what: "record", state, count });
    }
    for (const file of await blotDamaged(directory, (text) => blotted(party, text), dryRun)) {
      removed.push({ where: file, what: "file", state: "where it is blotted out", count: 1 });
    }
  };
  try {
    const numbers = processNumbers(dataDir, settings.config.processes);
    const there = numbers.map((number) => journalDirectory(processDirectory(dataDir, number))).filter(existsSync);
    for (const directory of there) await look(directory);
    if (there.length === 0)
      notReached.push(`a journal: there is none below ${dataDir} (--data-dir names another place)`);
  } catch (cause) {
    notReached.push(`the journal and damaged/ below ${dataDir}: ${(cause as Error).message}`);
  }
  return { removed, left, notReached };
}

const WAITING = "that waits for Redis";
const QUEUED = "that is on the queue, and leaves the disk within some minutes";

/** Of what holds a message that stands there as base64, its bytes too, and what is encoded in them once more. */
async function holds(party: PartySought, json: string): Promise<boolean> {
  if (party.mentions(json)) return true;
  for (const [, raw = ""] of json.matchAll(RAW)) if (await isHeldBy(Buffer.from(raw, "base64"), party)) return true;
  return false;
}

/** A field of our own JSON; see QuarantinedMessage and BouncedMessage. */
const RAW = /"raw":"([A-Za-z0-9+/]+={0,2})"/g;

async function isHeldBy(message: Buffer, party: PartySought): Promise<boolean> {
  const text = message.toString("latin1");
  if (party.mentions(text) || party.mentions(libmime.decodeWords(text))) return true;
  if (!/^content-transfer-encoding:/im.test(text)) return false;
  // What mailparser gives up on has been looked at as it stands.
  const body = await readSavedBody(message).catch(() => ({ text: "" }));
  return party.mentions(body.text);
}

/** A damaged record may have lost its end, or its beginning: each piece of base64 is looked into, from each place of four. */
async function blotted(party: PartySought, text: string): Promise<string> {
  let after = "";
  let at = 0;
  for (const { 0: piece, index } of text.matchAll(BASE64)) {
    if (!(await isHeldEncoded(piece, party))) continue;
    after += text.slice(at, index) + "*".repeat(piece.length);
    at = index + piece.length;
  }
  return party.without(after + text.slice(at));
}

async function isHeldEncoded(piece: string, party: PartySought): Promise<boolean> {
  for (const from of [0, 1, 2, 3]) if (await isHeldBy(Buffer.from(piece.slice(from), "base64"), party)) return true;
  return false;
}

/** Seven digits take ten characters. */
const BASE64 = /[A-Za-z0-9+/]{10,}/g;

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
