/** The facts from which reasons.ts derives its reasons: of one process, and of all processes of a service. */

import { sum } from "../text/quantities.ts";
import type { ArchiveTrouble } from "./log.ts";
import type { QueueUse } from "./observed.ts";

export interface HealthFacts {
  readonly now: Date;
  /** False for a process that only empties the journal of an earlier one. */
  readonly takesReports: boolean;
  readonly stopping: boolean;
  /** Whether reports get 451 for want of room in the journal: {@link isFull}. */
  readonly full: boolean;
  /** Whether most of what fills it is on the queue already, and leaves within a minute. */
  readonly fullOfQueued: boolean;
  /** Whether reports are stored in Redis before they are answered: then nothing works without it. */
  readonly needsRedis: boolean;
  readonly journal: {
    readonly bytes: number;
    /** Records that are not on the queue yet. */
    readonly waitingBytes: number;
    readonly maxBytes: number;
    readonly records: number;
    readonly oldestAt: Date | null;
    readonly fault: Error | null;
    /** Peers whose share of it is used up, while others have room: their reports get 451. */
    readonly usedUp: readonly string[];
    /** The peer whose records take most of it; null when there are none. */
    readonly most: { readonly peer: string; readonly bytes: number } | null;
  };
  /** What is wrong with the archive, as long as it is; null for nothing. */
  readonly archive: { readonly fault: ArchiveTrouble | null };
  readonly redis: {
    /** How long it has been away, in milliseconds; null while it answers. */
    readonly awayMs: number | null;
    /** Why it is away, or why it refuses writes; null when it does neither. */
    readonly fault: string | null;
    /** Why it must not be trusted with a queue. */
    readonly unsuitable: readonly string[];
    /** Whether the operator accepts that (MM4D_REDIS_CHECKS). */
    readonly accepted: boolean;
    /** Whether it is away because it is a node of a Redis Cluster. */
    readonly cluster: boolean;
    /** When this Redis was last found to have lost what it held; null when it never was. */
    readonly emptiedAt: Date | null;
    /** Why the drain puts nothing on the queue although Redis answers; null when it does. */
    readonly refusal: string | null;
  };
  /** Why events cannot be put on the queue; null when they can. */
  readonly drainFault: Error | null;
  /** Null without a certificate. */
  readonly certificateExpiresAt: Date | null;
  /** Why the settings in force are older than their files. */
  readonly settingsFaults: readonly string[];
  /**
   * The processes of the service that take reports: how many there are, how many do not answer, how many have no
   * room in their journal.
   */
  readonly processes: { readonly count: number; readonly missing: number; readonly full: number };
  readonly quarantine: {
    readonly messages: number;
    readonly bytes: number;
    readonly maxMessages: number;
    readonly maxBytes: number;
    /** Peers whose messages have got 451 for want of room there, and for how long. */
    readonly refused: readonly { readonly peer: string; readonly forMs: number }[];
    /** Peers of which as much waits aside in the journal, for want of room here, as one may have there: their reports get 451 too. */
    readonly asideFull: readonly string[];
    /** Peers whose share of it is nearly used up. */
    readonly fillers: readonly string[];
  };
  /** The queues, as they were last seen. */
  readonly queues: readonly QueueFacts[];
  /** Each peer whose MMSC was tried. */
  readonly mmscs: readonly MmscFacts[];
  /**
   * The peers that the settings list, as far as something is known of them. A client that may connect because none
   * is listed is not among them.
   */
  readonly peers: readonly PeerFacts[];
}

export interface QueueFacts extends QueueUse {
  readonly name: string;
  readonly holds: "events" | "acknowledgements";
  /** Whether commands mean this queue when none is named. */
  readonly main: boolean;
}

export interface MmscFacts {
  readonly peer: string;
  /** When it answered last; null when it has not since the start. */
  readonly answeredAt: Date | null;
  /** The attempts that have failed since then; null when none has. */
  readonly failing: { readonly since: Date; readonly lastAt: Date; readonly reason: string } | null;
}

export interface PeerFacts {
  readonly name: string;
  /** When its last report came, to any process or replica; null when none came within a day or since the start. */
  readonly lastAt: Date | null;
  /** How long it has been set, as far as this process knows. */
  readonly knownMs: number;
  /** Whether it was set by a reload; else since the start. */
  readonly reloaded: boolean;
}

/** From this share of its limit on, a journal counts as full: one large message may no longer fit. */
const FULL = 0.99;

/**
 * Of the processes of one service, the first one first: what is worst counts, and what is in the journals together.
 * They are full when all are that take reports; until then relays have somewhere to go.
 */
export function healthOfAll(all: readonly HealthFacts[]): HealthFacts {
  const [first] = all;
  if (!first) throw new Error("A service has a process");
  const worst = <Fact>(fact: (facts: HealthFacts) => Fact): HealthFacts => all.find(fact) ?? first;
  return {
    ...first,
    full: all.every(({ takesReports, full }) => full || !takesReports),
    fullOfQueued: all.some(({ full }) => full) && all.every(({ full, fullOfQueued }) => fullOfQueued || !full),
    journal: {
      ...journalOfAll(all.map(({ journal }) => journal)),
      fault: worst(({ journal }) => journal.fault).journal.fault,
      usedUp: [...new Set(all.flatMap(({ journal }) => journal.usedUp))],
      most: mostOf(all.map(({ journal }) => journal.most)),
    },
    redis: {
      ...worst(({ redis }) => redis.awayMs !== null || redis.fault !== null || redis.refusal !== null).redis,
      emptiedAt: all.map(({ redis }) => redis.emptiedAt).reduce(later),
    },
    archive: worst(({ archive }) => archive.fault).archive,
    drainFault: worst(({ drainFault }) => drainFault).drainFault,
    settingsFaults: [...new Set(all.flatMap(({ settingsFaults }) => settingsFaults))],
    processes: {
      ...first.processes,
      full: all.filter(({ takesReports, full }) => takesReports && full).length,
    },
    quarantine: {
      ...first.quarantine,
      refused: oneEach(
        all.flatMap(({ quarantine }) => quarantine.refused),
        ({ peer }) => peer,
        (a, b) => (a.forMs > b.forMs ? a : b),
      ),
      asideFull: [...new Set(all.flatMap(({ quarantine }) => quarantine.asideFull))],
      fillers: [...new Set(all.flatMap(({ quarantine }) => quarantine.fillers))],
    },
    mmscs: oneEach(
      all.flatMap(({ mmscs }) => mmscs),
      ({ peer }) => peer,
      mmscOfBoth,
    ),
    // A process that was started again has heard less, and has known its peers for a shorter time.
    peers: oneEach(
      all.flatMap(({ peers }) => peers),
      ({ name }) => name,
      (a, b) => ({ ...(a.knownMs >= b.knownMs ? a : b), lastAt: later(a.lastAt, b.lastAt) }),
    ),
  };
}

/** The peer that has most in one journal, and how much that is. */
function mostOf(all: readonly HealthFacts["journal"]["most"][]): HealthFacts["journal"]["most"] {
  const [first = null] = all.filter((most) => most !== null).sort((a, b) => b.bytes - a.bytes);
  return first;
}

/** A failure in one process is out of date when another process was answered later. */
function mmscOfBoth(a: MmscFacts, b: MmscFacts): MmscFacts {
  const answeredAt = later(a.answeredAt, b.answeredAt);
  const [failing = null, other] = [a.failing, b.failing]
    .filter((failed) => failed !== null && (answeredAt === null || failed.lastAt > answeredAt))
    .sort((one, two) => Number(one?.since) - Number(two?.since));
  return { peer: a.peer, answeredAt, failing: failing && other ? { ...other, since: failing.since } : failing };
}

/** Puts the entries of one key together. */
function oneEach<One>(all: readonly One[], keyOf: (one: One) => string, both: (a: One, b: One) => One): readonly One[] {
  const found = new Map<string, One>();
  for (const one of all) {
    const before = found.get(keyOf(one));
    found.set(keyOf(one), before === undefined ? one : both(before, one));
  }
  return [...found.values()];
}

/** The later of two times, either of which may be missing. */
export function later(a: Date | null, b: Date | null): Date | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}

type JournalUse = Pick<HealthFacts["journal"], "bytes" | "waitingBytes" | "maxBytes" | "records" | "oldestAt">;

/** The journals of all processes, added up. */
export function journalOfAll(journals: readonly JournalUse[]): JournalUse {
  return {
    waitingBytes: sum(journals.map(({ waitingBytes }) => waitingBytes)),
    records: sum(journals.map(({ records }) => records)),
    bytes: sum(journals.map(({ bytes }) => bytes)),
    maxBytes: sum(journals.map(({ maxBytes }) => maxBytes)),
    oldestAt: earliest(journals.map(({ oldestAt }) => oldestAt)),
  };
}

/** Whether a journal has next to no room for any peer that may connect. */
export function isFull(
  { bytes, maxBytes, usedUp }: Pick<HealthFacts["journal"], "bytes" | "maxBytes" | "usedUp">,
  peers: readonly string[],
): boolean {
  return bytes >= maxBytes * FULL || (peers.length > 0 && peers.every((peer) => usedUp.includes(peer)));
}

/** Whether most of a journal is on the queue already. */
export function isQueued({ bytes, waitingBytes }: Pick<JournalUse, "bytes" | "waitingBytes">): boolean {
  return waitingBytes < bytes / 2;
}

/** Null when there is none. */
function earliest(dates: readonly (Date | null)[]): Date | null {
  const known = dates.filter((date) => date !== null).map((date) => date.getTime());
  return known.length === 0 ? null : new Date(Math.min(...known));
}
