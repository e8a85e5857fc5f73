/** What the page needs from the service: numbers to show, and actions. */

import type { AcknowledgementEntry, AcknowledgementState } from "../acknowledgement/desk.ts";
import type { CatalogueOf } from "../catalogue/by-peers.ts";
import type { Catalogue } from "../catalogue/catalogue.ts";
import type { Tally } from "../delivery/tally.ts";
import type { Status } from "../monitoring/status.ts";
import type { QuarantineEntry } from "../quarantine/quarantine.ts";
import type { Resolution } from "../queue/statistics.ts";
import type { Trace } from "../trace/note.ts";

/** Functions that need Redis reject while it is away. */
export interface Operations {
  readonly status: () => Promise<Status>;
  /** Clients refused lately, the most recent last. */
  readonly refusals: () => Promise<readonly RefusedClient[]>;
  /** Why data in Redis cannot be shown now; null when it can. */
  readonly redisAway: () => string | null;
  readonly catalogue: () => Catalogue;
  /** The table that explains a peer's codes; the catalogue for a peer that is not known. */
  readonly catalogueOf: CatalogueOf;
  /** Counts of the last `agoMs` milliseconds. */
  readonly tallies: (agoMs: number, resolution: Resolution) => Promise<readonly Tally[]>;
  readonly trace: (wanted: string) => Promise<Trace>;
  readonly quarantine: () => Promise<QuarantineDesk>;
  readonly acknowledgements: () => Promise<AcknowledgementDesk>;
}

/** Logs what an operator did. */
export type OnAction = (action: string, fields: Readonly<Record<string, unknown>>) => void;

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
