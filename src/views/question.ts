/** What the main thread and the thread of the views say to each other. */
import type { Recognised } from "../delivery/accepted.ts";
import type { Reply } from "../flow/observer.ts";
import type { RedisPlace } from "../queue/redis.ts";
import type { ReadingSettings } from "../settings/reading.ts";
import type { Period } from "./code-counts.ts";
import type { ReportFilter } from "./report-row.ts";
import type { ListedState, LiveRows, NewRows, Place, RetriedJobs } from "./views.ts";

/** What the thread is given when it starts. */
export interface ThreadData {
  readonly redis: RedisPlace;
  readonly prefix: string;
  /** The queues of events. */
  readonly queues: readonly string[];
  /** Null where there is none to look into. */
  readonly archive: ArchivePlace | null;
}

/** The archive of this machine, and what its records are read with. All of it can be handed to a thread. */
export interface ArchivePlace {
  readonly dataDir: string;
  readonly host: string;
  /** Settings by which messages are read. */
  readonly settings: ReadingSettings;
  /** Our 250 of a message, by what it was taken for. */
  readonly replies: Readonly<Record<Exclude<Recognised, "bounce">, Reply>>;
}

export type Question =
  | { readonly kind: "reports"; readonly filter: ReportFilter; readonly from: Place | null }
  | { readonly kind: "entries"; readonly wanted: string }
  | { readonly kind: "listed"; readonly queue: string; readonly state: ListedState }
  | { readonly kind: "troubles"; readonly queue: string }
  | { readonly kind: "codes"; readonly period: Period }
  | { readonly kind: "peer-weeks" }
  | { readonly kind: "retry"; readonly queue: string; readonly which: RetriedJobs };

/** To the thread: a question with its number, or what those ask for who follow now. */
export type Asked =
  | { readonly number: number; readonly question: Question }
  | { readonly followed: readonly ReportFilter[] };

/** What one look finds for all who follow. */
export interface LiveNews {
  /** In the order of the filters that were asked for, each with its own. */
  readonly found: readonly (NewRows & { readonly filter: ReportFilter })[];
  readonly jobs: LiveRows["jobs"];
}

/** From the thread: an answer, why there is none, how many jobs were given back until then, or rows that came. */
export type Told =
  | { readonly number: number; readonly answer: unknown }
  | { readonly number: number; readonly fault: string }
  | { readonly number: number; readonly given: number }
  | { readonly news: LiveNews };
