/** Why `mm4d trace` finds nothing: all reasons that can be found, the certain one first. */
import libmime from "libmime";
import { BOUNDS } from "../bounds/bounds.ts";
import type { Ready } from "../flow/ready.ts";
import { inspectJournal, type RecordState } from "../journal/inspect.ts";
import { receivedAtOf } from "../journal/record.ts";
import { readParty } from "../mm4/address.ts";
import { splitAddresses } from "../mm4/address-list.ts";
import { valuesIn } from "../mm4/fields.ts";
import { type MessageReading, openMessage, readIds } from "../mm4/read-message.ts";
import type { Refusal } from "../monitoring/refusals.ts";
import type { TraceState } from "../process/control.ts";
import { askControl } from "../process/control-client.ts";
import { journalDirectory, processDirectory, processNumbers } from "../process/directories.ts";
import { openQuarantine } from "../quarantine/quarantine.ts";
import { withQueuePlace } from "../queue/queue-place.ts";
import { megabytes } from "../text/quantities.ts";
import { bareId, idsOf, idsOfAcknowledgement, numberOf, numbersSought, type ReportIds } from "../trace/note.ts";
import { describeNone, weightiest } from "./find-service.ts";
import { createSearchReader } from "./record-reader.ts";
import type { QueueFound } from "./running-service.ts";
import type { Settings } from "./settings.ts";

export interface Untraced {
  readonly wanted: string;
  readonly queue: QueueFound;
  /** The answer of the running service, if there is one. */
  readonly state: TraceState | undefined;
  /** Why Redis could not be asked; null when it was. */
  readonly redisFault: string | null;
  /** How far the archive was looked through, in a sentence. */
  readonly inArchive: string;
}

/** How much of the journal's end is read for one question: some 50,000 reports, in some seconds at most. The newest are there. */
const JOURNAL_BYTES_READ = 32 * 1024 * 1024;
/** How many of the newest messages in quarantine are read. */
const QUARANTINE_READ = 500;

/** One sentence for each reason, at least one. */
export async function whyNotTraced(untraced: Untraced): Promise<readonly string[]> {
  const { queue, state, redisFault } = untraced;
  const { settings, found } = queue;
  // The service's setting counts, because the service writes the trace.
  const told = found.kind === "running" ? found.facts.settings?.traceHours : undefined;
  const traceHours = told ?? settings.config.traceHours;
  const journal = await lookInJournal(untraced);
  const inJournal = journal.text;
  const quarantine = redisFault === null && inJournal === null ? await lookInQuarantine(untraced) : NOT_ASKED;
  const inQuarantine = quarantine.text;
  const away = redisFault ?? state?.redisAway ?? null;
  const reasons = [
    traceHours === 0 ? "MM4D_TRACE_HOURS is 0: nothing is remembered of reports" : null,
    inJournal,
    inQuarantine,
    away === null ? null : `Redis, where it would be remembered, cannot be asked: ${away}`,
  ].filter((reason) => reason !== null);
  if (inJournal !== null || inQuarantine !== null) return reasons;
  const looked = [journal.looked, quarantine.looked].filter((where) => where !== null);
  const nothing = `nothing is remembered under that id or number of the last ${traceHours} h (MM4D_TRACE_HOURS, MM4D_TRACE_MAX_BYTES)${looked.length === 0 ? "" : `, and it is not in ${looked.join(" or ")}`}`;
  return [
    ...reasons,
    ...(reasons.length === 0 ? [nothing] : []),
    ...[journal.fault, quarantine.fault].filter((fault) => fault !== null),
    untraced.inArchive,
    ...(await lookAtService(untraced)),
  ];
}

async function lookAtService({ queue: { found, settings }, state }: Untraced): Promise<readonly string[]> {
  if (found.kind === "apart") {
    return [
      `No service was asked for what came last: the mm4d at ${found.dataDir} is on another Redis, ${found.redis}`,
    ];
  }
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

/** The result of looking in one place. */
interface Looked {
  /** The sentence that says where the report is. */
  readonly text: string | null;
  /** What was searched; null when nothing was. */
  readonly looked: string | null;
  /** Why not everything could be searched. */
  readonly fault: string | null;
}

const NOT_ASKED: Looked = { text: null, looked: null, fault: null };

/** Whether a report is in the journal of the service. */
async function lookInJournal({ wanted, queue }: Untraced): Promise<Looked> {
  const { settings } = queue;
  const dataDir = directoryOf(queue);
  const reading = readingOf(settings);
  const read = createSearchReader(settings.config);
  let looked: string | null = null;
  let isWhole = true;
  let newest: { readonly ready: Ready; readonly state: RecordState } | null = null;
  try {
    for (const number of processNumbers(dataDir, settings.config.processes)) {
      try {
        const journal = inspectJournal(journalDirectory(processDirectory(dataDir, number)));
        for await (const found of journal.found(JOURNAL_BYTES_READ)) {
          if (found.kind === "unreadable") isWhole = false;
          if (found.kind !== "record") continue;
          const ready = read(found.record);
          if (isNamed(wanted, ready, reading)) newest = { ready, state: found.state };
        }
        const bytes = journal.segments.reduce((sum, segment) => sum + segment.bytes, 0);
        if (bytes > JOURNAL_BYTES_READ) looked = `the newest ${megabytes(JOURNAL_BYTES_READ)} of the journal`;
        looked ??= "the journal";
      } catch (cause) {
        // A further process has no journal until it has run.
        if (number === 1 || (cause as NodeJS.ErrnoException).code !== "ENOENT") isWhole = false;
      }
    }
  } catch {
    isWhole = false; // The directory does not exist, or we may not read it.
  }
  return {
    text: newest && tellRecord(newest.ready, newest.state),
    looked,
    fault: isWhole
      ? null
      : `The journal could not be looked into from here${looked === null ? "" : ", or not all of it"}`,
  };
}

/** The data directory of the service; without a service, the likeliest one. */
export function directoryOf({ found, settings }: QueueFound): string {
  if (found.kind === "running") return found.dataDir;
  return found.kind === "none" ? weightiest(found.looks).dataDir : settings.config.dataDir;
}

function isNamed(wanted: string, { record, read, job }: Ready, reading: MessageReading): boolean {
  if (record.id === wanted) return true;
  switch (job?.kind) {
    case "event":
      return isOneOf(wanted, idsOf(job.event));
    case "acknowledgement":
      return isOneOf(wanted, idsOfAcknowledgement(job.acknowledgement));
    case "quarantine":
      return isOneOf(wanted, idsIn(Buffer.from(job.message.raw, "base64"), reading));
    case undefined:
      return read !== null && isOneOf(wanted, idsIn(Buffer.from(read.said.said, "latin1"), reading));
    case "bounce":
      return false;
  }
}

function isOneOf(wanted: string, { eventId, messageId, transactionId, numbers }: ReportIds): boolean {
  const ids = [eventId, messageId, transactionId].flatMap((id) => (id === null ? [] : [bareId(id)]));
  return ids.includes(bareId(wanted)) || numbersSought(wanted).some((number) => numbers.includes(number));
}

function tellRecord({ record, job }: Ready, state: RecordState): string {
  const came = `it came at ${receivedAtOf(record)}, and`;
  if (state === "waiting") return `${came} waits in the journal for Redis ("mm4d journal status")`;
  switch (job?.kind) {
    case "event":
      return `${came} was put on the queue as job ${record.id}, but its trace is not in Redis`;
    case "quarantine":
      return `${came} was put in quarantine (mm4d quarantine show ${record.id})`;
    case "acknowledgement":
    case "bounce":
    case undefined:
      return `${came} made no event`;
  }
}

/** Whether a message is in quarantine, among the newest. */
async function lookInQuarantine({ wanted, queue: { address, settings } }: Untraced): Promise<Looked> {
  const reading = readingOf(settings);
  try {
    return await withQueuePlace(address, async (place) => {
      const quarantine = openQuarantine(place);
      try {
        const newest = await quarantine.newest(QUARANTINE_READ + 1);
        for (const { id, message } of newest.slice(0, QUARANTINE_READ)) {
          if (id !== wanted && !isOneOf(wanted, idsIn(Buffer.from(message.raw, "base64"), reading))) continue;
          const text = `it came at ${message.receivedAt}, could not be read (${message.reason}), and is in quarantine (mm4d quarantine show ${id})`;
          return { text, looked: null, fault: null };
        }
        const isAll = newest.length <= QUARANTINE_READ;
        const looked = isAll ? "the quarantine" : `the newest ${QUARANTINE_READ} messages of the quarantine`;
        return { text: null, looked, fault: null };
      } finally {
        await quarantine.close();
      }
    });
  } catch (cause) {
    return { ...NOT_ASKED, fault: `The quarantine could not be looked into: ${(cause as Error).message}` };
  }
}

/** The names of a message that made no event: its ids, and the numbers of its sender and recipient. */
function idsIn(message: Uint8Array, reading: MessageReading): ReportIds {
  const opened = openMessage(message, reading);
  if (!opened.ok) return { eventId: null, messageId: null, transactionId: null, numbers: [] };
  const { fields } = opened.value;
  const numbers = (["from", "to", "requestRecipients"] as const)
    .flatMap((field) => valuesIn(fields.of(field)))
    .flatMap((list) => splitAddresses(list, BOUNDS.recipients.value).addresses)
    .map((address) => readParty(address).party)
    .map(({ number, raw: written }) => numberOf(number ?? written));
  return { eventId: null, ...readIds(opened.value), numbers };
}

/** Without the catalogue, because the names of a message do not depend on it. */
function readingOf({ config: { maxHeaderBytes, maxHeaderFields } }: Settings): MessageReading {
  return {
    headerLimits: { bytes: maxHeaderBytes, fields: maxHeaderFields },
    decodeWords: (text) => libmime.decodeWords(text),
  };
}
