/**
 * What the page shows of much data. It is found in a thread of its own, because reports are taken in the main one.
 * `client` is the address of who asks: its network may have half of what may wait.
 */
import type { TraceEntry } from "../trace/entry.ts";
import type { CodeCounts, Period } from "./code-counts.ts";
import type { PeerWeek } from "./peer-weeks.ts";
import type { ReportFilter, ReportRow } from "./report-row.ts";

export interface Views {
  /**
   * Rows that fit, newest first. A page may have fewer than fifty, or none, and lead on all the same: where so much was
   * looked through that others would wait. What has come within the last second may be missing: `follow` brings it.
   * Rejects when Redis does not answer, when too many ask at once, and for a time that is none.
   */
  reports(filter: ReportFilter, from: Place | null, client?: string): Promise<ReportsPage>;
  /**
   * The entries of the trace with an id (also of a job that is still kept) or a number, as `findEntries` of trace/find.ts
   * gives them. Where it has none but of replays, those of this machine's archive besides.
   */
  entries(wanted: string, client?: string): Promise<EntriesFound>;
  /** The jobs of a queue of events that wait, or that consumers have in hand: those that have for longest. */
  listed(queue: string, state: ListedState, client?: string): Promise<ListedJobs>;
  /** Jobs of a queue of events, its name as in the settings, that failed, and that are to be tried again, by their errors. */
  troubles(queue: string, client?: string): Promise<Troubles>;
  /** How often each code came in a period. Statistics of days are read here too, because there may be 80,000 counts in a week. */
  codes(period: Period): Promise<CodeCounts>;
  /** What each peer has reported in the last seven days, by the peers' names. */
  peerWeeks(): Promise<ReadonlyMap<string, PeerWeek>>;
  /**
   * Gives failed jobs back to consumers: one, or all of an error, also those beyond the ones looked at. How many were;
   * ten thousand at most, and what is left is still among the troubles. Each who asks has a run of its own, one after
   * the other. Where it rejects, `onGiven` was told how many were given back until then, at least.
   */
  retry(queue: string, which: RetriedJobs, client?: string, onGiven?: OnGiven): Promise<number>;
  /**
   * Rows that fit, as they come, and what becomes of jobs, each second while somebody follows; one look for all. First
   * come the newest rows that there are, so that none is missed between a page and its stream; later they may come
   * again, when the thread was begun anew. So whoever shows them leaves out those whose ids it shows already. Gives what
   * ends it.
   */
  follow(filter: ReportFilter, onRows: (news: LiveRows) => void): () => void;
  close(): Promise<void>;
}

/** Is told how many jobs have been given back so far. */
export type OnGiven = (count: number) => void;

/** One job, or all whose errors are alike: see {@link JobGroup}. */
export type RetriedJobs = { readonly id: string } | { readonly error: string };

/** Where a list goes on: opaque, a short text that may stand in an address. */
export type Place = string;

export interface EntriesFound {
  readonly entries: readonly TraceEntry[];
  readonly more: boolean;
  /** How far the archive was looked through; null where the trace had some, and where there is no archive. */
  readonly archive: ArchiveLooked | null;
}

/** Whose archive was looked through, and how far. */
export interface ArchiveLooked {
  /** The name of the machine. */
  readonly host: string;
  /** What was received before this was not looked through: RFC 3339, UTC; null where all was. */
  readonly backTo: string | null;
}

export interface ReportsPage {
  readonly rows: readonly ReportRow[];
  /** Where older ones are; null when there are none. */
  readonly older: Place | null;
  /** How many reports were looked through for these rows. */
  readonly lookedThrough: number;
  /** The jobs of these rows on the first of the queues, by their ids. */
  readonly jobs: ReadonlyMap<string, JobSeen>;
  /** How far the archive was looked through for an id or a number; null where it was not. */
  readonly archive: ArchiveLooked | null;
}

/** What has become of an event's job by now. */
export interface JobSeen {
  /** `delayed`: it is taken later, mostly because an attempt has failed. `gone`: it is no longer kept. */
  readonly state: "waiting" | "active" | "delayed" | "done" | "failed" | "gone";
  /** Those that have ended. */
  readonly attempts: number;
  /** How long a consumer took for the last one, in milliseconds; null before it is done, and where that is not known. */
  readonly tookMs: number | null;
  /** When a delayed one is taken: RFC 3339, UTC. */
  readonly nextAt: string | null;
}

export interface LiveRows extends NewRows {
  /** Jobs that have changed, of these rows and of those that were told before, by their ids. */
  readonly jobs: ReadonlyMap<string, JobSeen>;
}

export interface NewRows {
  /** Newest first. */
  readonly rows: readonly ReportRow[];
  /** How many more came that fit, about: where so many come, most of them are counted and not read. */
  readonly skipped: number;
}

/** What of a queue can be listed. */
export type ListedState = "waiting" | "active";

export interface ListedJobs {
  /** How many there are. */
  readonly all: number;
  /** The first fifty, in the order in which consumers take or took them. */
  readonly jobs: readonly JobRow[];
}

export interface Troubles {
  readonly failed: JobGroups;
  readonly retrying: JobGroups;
}

export interface JobGroups {
  /** The one with most jobs first. */
  readonly groups: readonly JobGroup[];
  /** How many jobs are in that state, and how many of them were looked at (1,000 at most). */
  readonly jobs: number;
  readonly lookedAt: number;
}

/** Jobs whose errors differ only in an id, a number or a time. */
export interface JobGroup {
  /** Names the group in an address and for `retry`; stable while its errors stay alike. */
  readonly error: string;
  /** The first line of one of the errors; empty where the consumer gave none. */
  readonly example: string;
  readonly jobs: number;
  /** RFC 3339, UTC: when the first and the last of them failed; of those tried again, when their last attempts began. */
  readonly firstAt: string | null;
  readonly lastAt: string | null;
  /** When the next of them is tried again; null for those that are not. */
  readonly next: string | null;
  /** Of the newest, 20 at most. */
  readonly newest: readonly JobRow[];
}

export interface JobRow {
  readonly id: string;
  /** Of its event, by which its report is found. */
  readonly eventId: string | null;
  readonly messageId: string | null;
  /** Of its parties, in digits: to mask them in its ids. */
  readonly numbers: readonly string[];
  readonly attempts: number;
  /** As in its group; of one that waits, when it was queued, and of one in hand, when it was taken. */
  readonly at: string | null;
  /** The whole error, its first 2,000 characters. */
  readonly text: string;
}
