/** Why `mm4d trace` finds nothing: what can be found out, the true reason first. */
import type { TraceState } from "../admin/control.ts";
import { askControl } from "../control-client.ts";
import { bareId, idsOf, idsOfAcknowledgement, numbersSought, type ReportIds } from "../delivery/trace.ts";
import { inspectJournal, type RecordState } from "../journal/inspect.ts";
import { type JournalRecord, receivedAtOf } from "../journal/record.ts";
import { openMessage, readIds } from "../mm4/read-message.ts";
import { journalDirectory, processDirectory, processNumbers } from "../process-directories.ts";
import { openQuarantine } from "../queue/quarantine.ts";
import { withRedis } from "../queue/redis.ts";
import { loadReading } from "../reading.ts";
import type { Refusal } from "../smtp/refusals.ts";
import { describeNone, weightiest } from "./find-service.ts";
import type { QueueFound } from "./running-service.ts";

export interface Untraced {
  readonly wanted: string;
  readonly queue: QueueFound;
  /** What the running service said, if one was found that does. */
  readonly state: TraceState | undefined;
  /** Why Redis could not be asked; null when it was. */
  readonly redisFault: string | null;
}

/** How much of the journal is read for one question: some seconds at most. The newest is at its end. */
const JOURNAL_BYTES_READ = 128 * 1024 * 1024;
/** Of the newest messages in quarantine. */
const QUARANTINE_READ = 500;

/** A sentence for each, at least one. */
export async function whyNotTraced(untraced: Untraced): Promise<readonly string[]> {
  const { queue, state, redisFault } = untraced;
  const { settings, found } = queue;
  // The service's counts: it is the one that remembers.
  const told = found.kind === "running" ? found.facts.settings?.traceHours : undefined;
  const traceHours = told ?? settings.config.traceHours;
  const { looked, text: inJournal } = await lookInJournal(untraced);
  const inQuarantine = redisFault === null && inJournal === null ? await lookInQuarantine(untraced) : null;
  const away = redisFault ?? state?.redisAway ?? null;
  const reasons = [
    traceHours === 0 ? "MM4D_TRACE_HOURS is 0: nothing is remembered of reports" : null,
    inJournal,
    inQuarantine,
    away === null ? null : `Redis, where it would be remembered, cannot be asked: ${away}`,
  ].filter((reason) => reason !== null);
  if (inJournal !== null || inQuarantine !== null) return reasons;
  const nothing = `nothing is remembered under that id or number of the last ${traceHours} h (MM4D_TRACE_HOURS, MM4D_TRACE_MAX_BYTES), and it is not in ${looked ? "the journal or " : ""}the quarantine`;
  return [
    ...reasons,
    ...(reasons.length === 0 ? [nothing] : []),
    ...(looked ? [] : ["The journal could not be looked into from here"]),
    ...(await lookAtService(untraced)),
  ];
}

async function lookAtService({ queue: { found, settings }, state }: Untraced): Promise<readonly string[]> {
  if (found.kind === "none") return [`No service was asked for what came last: ${describeNone(found, settings)}`];
  const refusals = ((await askControl(found.dataDir, "refusals")) ?? []) as readonly Refusal[];
  const last = refusals.at(-1)?.lastAt;
  return [
    ...(state === undefined ? [] : [`The service has run since ${state.startedAt}`]),
    ...(state && !state.flushed && state.redisAway === null
      ? ["It has not written down yet what came last: try again in a second"]
      : []),
    ...(state && state.lost > 0 ? [`It could not write down ${state.lost} notes, because Redis was away`] : []),
    ...(last === undefined
      ? ["It has refused nobody since then"]
      : [`It has refused some since then, the last at ${last} ("mm4d refusals" says whom, and why)`]),
  ];
}

/** That a report is in the journal of the service; null when it is not, or that could not be looked into. */
async function lookInJournal({
  wanted,
  queue: { settings, found: service },
}: Untraced): Promise<{ readonly looked: boolean; readonly text: string | null }> {
  const { processes } = settings.config;
  const dataDir = service.kind === "running" ? service.dataDir : weightiest(service.looks).dataDir;
  let looked = false;
  let newest: { readonly record: JournalRecord; readonly state: RecordState } | null = null;
  try {
    for (const number of processNumbers(dataDir, processes)) {
      const journal = journalDirectory(processDirectory(dataDir, number));
      try {
        for await (const found of inspectJournal(journal).found(JOURNAL_BYTES_READ)) {
          if (found.kind === "record" && isNamed(wanted, found.record)) newest = found;
        }
        looked = true;
      } catch {} // There is none, or it is not for us.
    }
  } catch {} // There is no such directory, or it is not for us.
  return { looked, text: newest && tellRecord(newest.record, newest.state) };
}

function isNamed(wanted: string, record: JournalRecord): boolean {
  if (record.id === wanted) return true;
  switch (record.kind) {
    case "event":
      return isOneOf(wanted, idsOf(record.event));
    case "acknowledgement":
      return isOneOf(wanted, idsOfAcknowledgement(record.acknowledgement));
    case "quarantine":
      return record.acknowledgement !== undefined && isOneOf(wanted, idsOfAcknowledgement(record.acknowledgement));
    case "bounce":
      return false;
  }
}

function isOneOf(wanted: string, { eventId, messageId, transactionId, numbers }: ReportIds): boolean {
  const ids = [eventId, messageId, transactionId].flatMap((id) => (id === null ? [] : [bareId(id)]));
  return ids.includes(bareId(wanted)) || numbersSought(wanted).some((number) => numbers.includes(number));
}

function tellRecord(record: JournalRecord, state: RecordState): string {
  const came = `it came at ${receivedAtOf(record)}, and`;
  if (state === "waiting") return `${came} waits in the journal for Redis ("mm4d journal status")`;
  switch (record.kind) {
    case "event":
      return `${came} was put on the queue as job ${record.id}, but its trace is not in Redis`;
    case "quarantine":
      return `${came} was put in quarantine (mm4d quarantine show ${record.id})`;
    case "acknowledgement":
    case "bounce":
      return `${came} made no event`;
  }
}

/** That a message is in quarantine; null when it is not among the newest, or that cannot be told. */
async function lookInQuarantine({ wanted, queue: { place, settings } }: Untraced): Promise<string | null> {
  const reading = loadReading(settings.config);
  try {
    return await withRedis(place.redis, async (redis) => {
      const quarantine = openQuarantine(redis, place.queuePrefix);
      try {
        for (const { id, message } of await quarantine.newest(QUARANTINE_READ)) {
          const opened = openMessage(Buffer.from(message.raw, "base64"), reading);
          const ids = opened.ok ? readIds(opened.value) : { messageId: null, transactionId: null };
          if (id !== wanted && !isOneOf(wanted, { eventId: null, ...ids, numbers: [] })) continue;
          return `it came at ${message.receivedAt}, could not be read (${message.reason}), and is in quarantine (mm4d quarantine show ${id})`;
        }
        return null;
      } finally {
        await quarantine.close();
      }
    });
  } catch {
    return null;
  }
}
