/** What the page needs from the service: numbers to show, and actions. */

import type { AcknowledgementEntry, AcknowledgementState } from "../acknowledgement/desk.ts";
import type { CatalogueOf } from "../catalogue/by-peers.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { Tally } from "../delivery/tally.ts";
import type { Latency } from "../monitoring/latency.ts";
import type { QueueUse } from "../monitoring/observed.ts";
import type { Status, StatusFacts } from "../monitoring/status.ts";
import type { QuarantineEntry } from "../quarantine/quarantine.ts";
import type { QueueRates } from "../queue/queue-rates.ts";
import type { Replay } from "../queue/replays-kept.ts";
import type { Resolution } from "../queue/statistics.ts";
import type { WorkerSeen } from "../queue/workers.ts";
import type { Trace } from "../trace/note.ts";
import type { EntriesFound, Views } from "../views/views.ts";
import type { PeerNow } from "./peer-now.ts";

/** Functions that need Redis reject while it is away. */
export interface Operations {
  readonly status: () => Promise<Status>;
  /** What the status is made of, of all processes. */
  readonly facts: () => Promise<StatusFacts>;
  /** Names of the peers in force, in the order of the settings. */
  readonly peerNames: () => Promise<readonly string[]>;
  /** How long replies and the way to the queue take. */
  readonly latency: () => Promise<Latency>;
  /** Clients refused in the last 24 hours, the most recent last; while Redis is away, since the start. */
  readonly refusals: () => Promise<readonly RefusedClient[]>;
  /** Every peer in force, in the order of the settings, and those that have sent since the start. */
  readonly peers: () => Promise<readonly PeerNow[]>;
  /** Connects to the MMSC of a peer and sends nothing. What came of it, a line each. Rejects with a sentence when it cannot be reached. */
  readonly testMmsc: (peer: string) => Promise<readonly string[]>;
  /** Why data in Redis cannot be shown now; null when it can. */
  readonly redisAway: () => string | null;
  /** The table that explains a peer's codes. Of a peer that is in force no more, the vendor's where another one uses that; else none. */
  readonly catalogueOf: CatalogueOf;
  /** Counts of the last `agoMs` milliseconds. */
  readonly tallies: (agoMs: number, resolution: Resolution) => Promise<readonly Tally[]>;
  /** What is found of much data, in a thread of its own. */
  readonly views: Views;
  /** The queues of events, the main one first. */
  readonly eventQueues: () => readonly EventQueue[];
  readonly queueRates: (queue: string) => Promise<QueueRates>;
  /** Replays, those that were last heard of first. */
  readonly replays: () => Promise<readonly ReplaySeen[]>;
  /** Whether reports are not remembered (MM4D_TRACE_HOURS is 0), so that none is listed and found. */
  readonly traceOff: boolean;
  /** `client`: the address of who asks, as of `views`. */
  readonly trace: (wanted: string, client: string) => Promise<TraceFound>;
  readonly quarantine: () => Promise<QuarantineDesk>;
  /** How much is in quarantine, and how much there may be. */
  readonly quarantineFill: () => Promise<Fill>;
  readonly acknowledgements: () => Promise<AcknowledgementDesk>;
}

/** A replay, and whether its process was killed. */
export interface ReplaySeen extends Replay {
  readonly brokenOff: boolean;
}

/** What is known of an id: of the trace, or of the archive where `archive` is not null and says how far that was looked through. */
export type TraceFound = Trace & Pick<EntriesFound, "archive">;

/** Logs what an operator did. */
export type OnAction = (action: string, fields: Readonly<Record<string, unknown>>) => void;

/** A queue of events. */
export interface EventQueue {
  readonly name: string;
  /** What is on it; undefined before it was looked at, and while Redis is away. */
  readonly use: QueueUse | undefined;
  /** The first of its consumers, as far as Redis tells. */
  readonly workers: readonly WorkerSeen[];
}

export interface RefusedClient {
  readonly address: string;
  readonly peer: string | null;
  readonly helo: string | null;
  readonly reason: string;
  /** What was refused, where the reason does not say it: a domain. */
  readonly detail: string | null;
  /** The SMTP reply, or why there was none. */
  readonly reply: string;
  readonly count: number;
  readonly lastAt: string;
}

export interface Fill {
  readonly messages: number;
  readonly bytes: number;
  readonly maxMessages: number;
  readonly maxBytes: number;
  /** Peers whose share is used up. */
  readonly refused: readonly { readonly peer: string }[];
}

export interface QuarantineDesk {
  /** Newest first: `count` messages from place `from` on. */
  newest(count: number, from: number, reason: string | null): Promise<readonly QuarantineEntry[]>;
  /** What differs as soon as a message has come or gone; quickly found. */
  mark(): Promise<string>;
  /** How many messages there are of each reason. */
  reasons(): Promise<ReadonlyMap<string, number>>;
  find(id: string): Promise<QuarantineEntry | undefined>;
  ofReason(reason: string): AsyncIterable<QuarantineEntry>;
  replay(entry: QuarantineEntry): Promise<{ readonly published: boolean; readonly text: string }>;
  /** The event that replaying would queue, or in words why there would be none. It is not for what reading ended the process. */
  wouldBecome(entry: QuarantineEntry): DeliveryEvent | string;
  /** False when no message has that id. */
  drop(id: string): Promise<boolean>;
  /** The body as mailparser reads it. Rejects when mailparser fails or takes too long. */
  readBody(message: Uint8Array): Promise<{ readonly text: string; readonly parts: readonly string[] }>;
}

export interface AcknowledgementDesk {
  /** `most`: of each state of BullMQ. */
  list(
    states: readonly AcknowledgementState[],
    stretch?: { readonly newestFirst?: boolean; readonly most?: number },
  ): AsyncIterable<AcknowledgementEntry>;
  find(id: string): Promise<AcknowledgementEntry | undefined>;
  retry(id: string, only?: AcknowledgementState): Promise<boolean>;
}
