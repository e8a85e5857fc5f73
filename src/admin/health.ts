/**
 * What is wrong, in words for the person on call. Ready and healthy are two
 * things: a Redis outage must not make a balancer drop every replica at once.
 */

import { durationInWords, megabytes, sum } from "../quantities.ts";

export interface HealthFacts {
  /** False for a process that only empties the journal of an earlier one. */
  readonly takesReports: boolean;
  readonly stopping: boolean;
  /** Whether reports get 451 for want of room in the journal: {@link isFull}. */
  readonly full: boolean;
  /** Whether reports are stored in Redis before they are answered: then nothing works without it. */
  readonly needsRedis: boolean;
  readonly journal: {
    readonly bytes: number;
    readonly maxBytes: number;
    readonly records: number;
    readonly oldestAt: Date | null;
    readonly fault: Error | null;
  };
  readonly redis: {
    /** How long it has been away, in milliseconds; null while it answers. */
    readonly awayMs: number | null;
    /** Why it is away, or why it refuses writes; null when it does neither. */
    readonly fault: string | null;
    /** Why it must not be trusted with a queue. */
    readonly unsuitable: readonly string[];
    /** Why nothing is put on the queue while it answers; null when it is. */
    readonly refusal: string | null;
  };
  /** Why events cannot be put on the queue; null when they can. */
  readonly drainFault: Error | null;
  /** Null without a certificate. */
  readonly certificateExpiresAt: Date | null;
  /** Why what is in force is older than what files of the settings say. */
  readonly settingsFaults: readonly string[];
}

/** From this share of its limit on, a journal counts as full: one large message may no longer fit. */
const FULL = 0.99;
/** A record that waits longer while Redis answers means that the queue does not keep up. */
const LAG_LIMIT_MS = 60_000;

/** Why no traffic should come here; empty when it may. */
export function notReady({ stopping, full, journal, redis, needsRedis }: HealthFacts): readonly string[] {
  const reasons: string[] = [];
  if (stopping) reasons.push("The service is being stopped");
  if (needsRedis && redis.awayMs !== null) {
    reasons.push(
      `Redis has been away for ${durationInWords(redis.awayMs)} (${redis.fault}): reports get 451 until it is back`,
    );
  } else if (needsRedis && redis.fault !== null) {
    reasons.push(`Redis refuses writes (${redis.fault}): reports get 451 until it takes them`);
  } else if (needsRedis && redis.refusal !== null) {
    reasons.push(`Nothing is put on the queue (${redis.refusal}): reports get 451 until that is corrected`);
  }
  if (journal.fault) {
    reasons.push(
      `The journal cannot be written (${journal.fault.message}): reports get 451 until the data directory is in order`,
    );
  }
  if (full) {
    reasons.push(`The journal is full (${size(journal)}): reports get 451 until Redis has caught up`);
  }
  return reasons;
}

/** Why all is not well; empty when it is. */
export function unhealthy(facts: HealthFacts): readonly string[] {
  const { journal, redis, drainFault, certificateExpiresAt } = facts;
  const waiting = `${journal.records === 1 ? "1 report waits" : `${journal.records} reports wait`} in the journal (${size(journal)})`;
  const reasons = [...notReady(facts), ...redis.unsuitable, ...facts.settingsFaults];
  if (certificateExpiresAt !== null && certificateExpiresAt <= new Date()) {
    reasons.push(
      `The TLS certificate expired at ${certificateExpiresAt.toISOString()}: relays that check it deliver nothing until MM4D_TLS_CERT_FILE is renewed`,
    );
  }
  const oldestMs = journal.oldestAt === null ? 0 : Date.now() - journal.oldestAt.getTime();

  // Said already, and there is no journal in which they could wait.
  const said = facts.needsRedis && (redis.awayMs !== null || redis.fault !== null);
  if (said) return reasons;
  if (redis.awayMs !== null) {
    reasons.push(
      `Redis has been away for ${durationInWords(redis.awayMs)} (${redis.fault}): ${waiting}; relays see no difference`,
    );
  } else if (redis.fault !== null) reasons.push(`Redis refuses writes (${redis.fault}): ${waiting}`);
  else if (drainFault) reasons.push(`Events cannot be put on the queue (${drainFault.message}): ${waiting}`);
  else if (oldestMs > LAG_LIMIT_MS) {
    reasons.push(`The queue does not keep up: ${waiting}, the oldest for ${durationInWords(oldestMs)}`);
  }
  return reasons;
}

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
    journal: {
      ...journalOfAll(all.map(({ journal }) => journal)),
      fault: worst(({ journal }) => journal.fault).journal.fault,
    },
    redis: worst(({ redis }) => redis.awayMs !== null || redis.fault !== null || redis.refusal !== null).redis,
    drainFault: worst(({ drainFault }) => drainFault).drainFault,
    settingsFaults: [...new Set(all.flatMap(({ settingsFaults }) => settingsFaults))],
  };
}

type JournalUse = Pick<HealthFacts["journal"], "bytes" | "maxBytes" | "records" | "oldestAt">;

/** What is in the journals of all processes together. */
export function journalOfAll(journals: readonly JournalUse[]): JournalUse {
  return {
    records: sum(journals.map(({ records }) => records)),
    bytes: sum(journals.map(({ bytes }) => bytes)),
    maxBytes: sum(journals.map(({ maxBytes }) => maxBytes)),
    oldestAt: earliest(journals.map(({ oldestAt }) => oldestAt)),
  };
}

/** Whether a journal has no room to speak of. */
export function isFull({ bytes, maxBytes }: Pick<JournalUse, "bytes" | "maxBytes">): boolean {
  return bytes >= maxBytes * FULL;
}

/** Null when there is none. */
function earliest(dates: readonly (Date | null)[]): Date | null {
  const known = dates.filter((date) => date !== null).map((date) => date.getTime());
  return known.length === 0 ? null : new Date(Math.min(...known));
}

function size({ bytes, maxBytes }: HealthFacts["journal"]): string {
  return `${megabytes(bytes)} of ${megabytes(maxBytes)}`;
}
