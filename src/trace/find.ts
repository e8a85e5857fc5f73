/** Finds reports in the trace by their ids and their recipients' numbers. */
import type { QueuePlace } from "../queue/queue-place.ts";
import { nameOfId, nameOfNumber, namesOf, unpackBlock } from "./blocks.ts";
import { entryOrNull, type TraceEntry } from "./entry.ts";
import { expanded } from "./expand.ts";
import { byReport, type JobState, numbersSought, type Trace, type TraceNote } from "./note.ts";
import { blocksNamed, keyOfBlock, tracesOf, type WrittenTrace } from "./places.ts";
import type { TraceReading } from "./reading.ts";

const MAX_BLOCKS_READ = 60;
/** The most that is read of inflated blocks for one question: some tens of milliseconds. */
const MAX_LENGTH_READ = 8 * 1024 * 1024;
const MAX_REPORTS = 50;
const MAX_NAMES_ASKED = 4 * MAX_REPORTS;

/**
 * Everything that is remembered about an id or a number, and about later reports
 * on the same messages. Rejects when Redis does not answer.
 */
export async function findTrace(
  place: QueuePlace,
  queue: string,
  wanted: string,
  reading: TraceReading,
): Promise<Trace> {
  return traceOf(place, queue, await findEntries(place, wanted), reading);
}

/** What is shown of entries that were found: their reports, and where the jobs of these are, as far as Redis can be asked. */
export async function traceOf(
  place: QueuePlace | null,
  queue: string,
  { entries, more }: FoundEntries,
  reading: TraceReading,
): Promise<Trace> {
  const unanswered = new Set(entries.flatMap((entry) => (entry.kind === "unanswered" ? [entry.id] : [])));
  const reports = byReport(entries.filter((entry) => entry.kind !== "unanswered"));
  const newest: Trace["reports"][number][] = [];
  for (const about of reports.slice(-MAX_REPORTS)) {
    const report = await expanded(about, unanswered, reading);
    newest.push({ ...report, job: place && (await jobStateOf(place, queue, report.notes)) });
  }
  return { reports: newest, more: more || reports.length > newest.length };
}

export interface FoundEntries {
  readonly entries: readonly TraceEntry[];
  /** Whether there may be others. */
  readonly more: boolean;
}

/** The entries of an id or a number, and of later reports on the same messages. Rejects when Redis does not answer. */
export async function findEntries(place: QueuePlace, wanted: string): Promise<FoundEntries> {
  const traces = await tracesOf(place);
  const entries = new Map<string, TraceEntry>();
  const asked = new Set<string>();
  let more = false;
  let names = namesSought(wanted);
  // The entries that are found name further events of the same messages, and those have entries of their own.
  while (names.length > 0 && asked.size <= MAX_NAMES_ASKED) {
    for (const name of names) asked.add(name);
    for (const trace of traces.keys()) {
      const found = await entriesWith(place, traces, trace, names);
      for (const [line, entry] of found.entries) entries.set(line, entry);
      more ||= found.more;
    }
    const named = [...entries.values()].flatMap(({ ids }) => [ids.eventId, ids.messageId]).filter((id) => id !== null);
    names = [...new Set(named.map(nameOfId))].filter((name) => !asked.has(name)).slice(-MAX_REPORTS);
  }
  return { entries: [...entries.values()], more };
}

/** The names under which an entry may stand that a person looks for. */
export function namesSought(wanted: string): readonly string[] {
  // 1.0.0 noted a recipient that is no number by the last of these.
  return [nameOfId(wanted), ...numbersSought(wanted).map(nameOfNumber), nameOfNumber(wanted.trim().toLowerCase())];
}

/** The entries with one of these names, from the newest blocks, by their lines. */
async function entriesWith(
  { redis }: QueuePlace,
  traces: readonly (WrittenTrace | null)[],
  trace: number,
  names: readonly string[],
): Promise<{ entries: ReadonlyMap<string, TraceEntry>; more: boolean }> {
  const wanted = new Set(names);
  const entries = new Map<string, TraceEntry>();
  let read = 0;
  let damaged = false;
  let length = 0;
  for (const block of await blocksNamed(traces, trace, names)) {
    if (read === MAX_BLOCKS_READ || length > MAX_LENGTH_READ) return { entries, more: true };
    const bytes = await redis.getBuffer(keyOfBlock(traces, block));
    read += 1;
    if (!bytes) continue;
    const lines = await unpackBlock(bytes).catch(() => "");
    length += lines.length;
    for (const line of lines.split("\n")) {
      const entry = entryOrNull(line);
      damaged ||= entry === null;
      if (entry !== null && namesOf(entry.ids).some((name) => wanted.has(name))) entries.set(line, entry);
    }
  }
  return { entries, more: damaged };
}

/** The state of a report's job; null when no note says that it was put on the queue. */
async function jobStateOf(
  { redis, prefix }: QueuePlace,
  queue: string,
  notes: readonly TraceNote[],
): Promise<JobState | null> {
  const queued = notes.find((note) => note.kind === "queued" && note.duplicateOf === null);
  if (queued?.kind !== "queued") return null;
  const job = `${prefix}:${queue}:${queued.recordId}`;
  const [made, attempts, started, error, finishedOn] = await redis.hmget(job, ...JOB_FIELDS);
  if (!made) return { state: "gone", attempts: 0, error: null, finishedAt: null };
  const [failed, delayed] = await Promise.all(
    ["failed", "delayed"].map((set) => redis.zscore(`${prefix}:${queue}:${set}`, queued.recordId)),
  );
  const inHand = Number(started ?? 0) > Number(attempts ?? 0);
  const state = failed
    ? "failed"
    : delayed
      ? "to be tried again"
      : finishedOn
        ? "completed"
        : inHand
          ? "in a consumer's hands"
          : "waiting for a consumer";
  return {
    state,
    attempts: Number(attempts ?? 0),
    error: error || null,
    finishedAt: finishedOn ? new Date(Number(finishedOn)).toISOString() : null,
  };
}

/** BullMQ's names for: made, attempts made, attempts started, last error, finished. */
const JOB_FIELDS = ["timestamp", "atm", "ats", "failedReason", "finishedOn"] as const;
