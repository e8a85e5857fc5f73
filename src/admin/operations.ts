/** What the page needs from the service: numbers to show, and actions. */

import type { AcknowledgementEntry, AcknowledgementState } from "../acknowledgement/desk.ts";
import type { CatalogueOf } from "../catalogue/by-peers.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { Tally } from "../delivery/tally.ts";
import type { Latency } from "../monitoring/latency.ts";
import type { QueueUse } from "../monitoring/metrics.ts";
import type { Status, StatusFacts } from "../monitoring/status.ts";
import type { QuarantineEntry } from "../quarantine/quarantine.ts";
import type { QueueRates } from "../queue/queue-rates.ts";
import type { Resolution } from "../queue/statistics.ts";
import type { WorkerSeen } from "../queue/workers.ts";
import type { Trace } from "../trace/note.ts";
import type { Views } from "../views/views.ts";

/** Functions that need Redis reject while it is away. */
export interface Operations {
  readonly status: () => Promise<Status>;
  /** What the status is made of, of all processes. */
  readonly facts: () => Promise<StatusFacts>;
  /** Names of the peers in force, in the order of the settings. */
  readonly peerNames: () => Promise<readonly string[]>;
  /** How long replies and the way to the queue take. */
  readonly latency: () => Promise<Latency>;
  /** Clients refused lately, the most recent last. */
  readonly refusals: () => Promise<readonly RefusedClient[]>;
  /** Why data in Redis cannot be shown now; null when it can. */
  readonly redisAway: () => string | null;
  readonly catalogue: () => Catalogue;
  /** The table that explains a peer's codes; the catalogue for a peer that is not known. */
  readonly catalogueOf: CatalogueOf;
  /** Counts of the last `agoMs` milliseconds. */
  readonly tallies: (agoMs: number, resolution: Resolution) => Promise<readonly Tally[]>;
  /** What is found of much data, in a thread of its own. */
  readonly views: Views;
  /** The queues of events, the main one first. */
  readonly eventQueues: () => readonly EventQueue[];
  readonly queueRates: (queue: string) => Promise<QueueRates>;
  readonly trace: (wanted: string) => Promise<Trace>;
  readonly quarantine: () => Promise<QuarantineDesk>;
  readonly acknowledgements: () => Promise<AcknowledgementDesk>;
}

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
  readonly count: number;
  readonly lastAt: string;
}

export interface QuarantineDesk {
  /** Oldest first. */
  list(from: number, count: number): Promise<readonly QuarantineEntry[]>;
  /** How many messages there are of each reason. */
  reasons(): Promise<ReadonlyMap<string, number>>;
  find(id: string): Promise<QuarantineEntry | undefined>;
  ofReason(reason: string): AsyncIterable<QuarantineEntry>;
  replay(entry: QuarantineEntry): Promise<{ readonly published: boolean; readonly text: string }>;
  /** False when no message has that id. */
  drop(id: string): Promise<boolean>;
  /** The body as mailparser reads it. Rejects when mailparser fails or takes too long. */
  readBody(message: Uint8Array): Promise<{ readonly text: string; readonly parts: readonly string[] }>;
}

export interface AcknowledgementDesk {
  list(states: readonly AcknowledgementState[]): AsyncIterable<AcknowledgementEntry>;
  retry(id: string, only?: AcknowledgementState): Promise<boolean>;
}
