/**
 * Moves records from the journal onto the queue: in order, with many adds in
 * flight, for ever. A record is tried until it is there; that Redis is away
 * delays nothing but this.
 */
import type { Entry, Place } from "../journal/backlog.ts";
import type { Journal } from "../journal/journal.ts";
import type { JournalRecord } from "../journal/record.ts";
import { createLanes } from "./lanes.ts";

export interface DrainOptions<Published> {
  readonly journal: Journal;
  /** Puts one record on the queue. Rejects when that is not certain; then it is tried again. */
  readonly publish: (record: JournalRecord) => Promise<Published>;
  /** `again`: the record had been on the queue before Redis changed. */
  readonly onPublished: (record: JournalRecord, published: Published, again: boolean) => void;
  /** Once, when publishing begins to fail; `onRecovered` once, when it works again. */
  readonly onTrouble: (cause: Error) => void;
  readonly onRecovered: () => void;
  /** Records that others do not wait for: drained beside them, those of one lane in order and one at a time. Undefined for every other record. */
  readonly laneOf?: (record: JournalRecord) => string | undefined;
  /** How many bytes of them, as they are on the disk, one lane keeps in memory. Of the others it knows their places. */
  readonly laneBytes?: number;
  /** A record that fails for so long, in milliseconds, while others are published is moved to the journal's end. */
  readonly movedAfterMs?: number;
}

export interface Drain {
  /** Why the last attempt failed; null when it did not. */
  trouble(): Error | null;
  /** Publishes again what has not settled, because Redis has changed. Resolves when that is done or superseded. */
  publishAgain(): Promise<void>;
  /** Waits until nothing waits, or for `graceMs` at most, and ends. While Redis is in trouble it does not wait. */
  stop(graceMs: number): Promise<void>;
}

/** Adds in flight. Beyond some dozens Redis is busy and only memory grows. */
const IN_FLIGHT = 64;
/** Adds in flight of what is published again, so that new work is not delayed. */
const AGAIN_IN_FLIGHT = 4;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
const MOVED_AFTER_MS = 20_000;
const LANE_BYTES = 16 * 1024 * 1024;
/** While this process has less than a tenth of its time to spare, and relays wait for it, events may wait for so long. */
const GIVES_WAY_MS = 5_000;
const BUSY = 0.9;
const LOOKS_EVERY_MS = 50;

export function startDrain<Published>(options: DrainOptions<Published>): Drain {
  const { journal, publish, onPublished, onTrouble, onRecovered } = options;
  const { backlog } = journal;
  const movedAfterMs = options.movedAfterMs ?? MOVED_AFTER_MS;
  let stopping = false;
  let trouble: Error | null = null;
  let failures = 0;
  let successes = 0;
  let generation = 0;
  const pauses = new Set<() => void>();
  let busy = false;
  let used = performance.eventLoopUtilization();
  let appended = journal.appended();
  const looks = setInterval(() => {
    const [usedBefore, appendedBefore] = [used, appended];
    used = performance.eventLoopUtilization();
    appended = journal.appended();
    busy = appended > appendedBefore && performance.eventLoopUtilization(used, usedBefore).utilization > BUSY;
  }, LOOKS_EVERY_MS);

  const lanes = createLanes<Entry>({
    work: drain,
    room: options.laneBytes ?? LANE_BYTES,
    putAside:
      ({ start, end }) =>
      () =>
        readUntilDone({ start, end }),
  });
  const workers = Promise.all(Array.from({ length: IN_FLIGHT }, work)).then(() => lanes.idle());

  async function work(): Promise<void> {
    for (;;) {
      const entry = await next();
      if (!entry) return;
      const lane = options.laneOf?.(entry.record);
      if (lane === undefined) await drain(entry);
      else lanes.hand(lane, entry, entry.end.offset - entry.start.offset);
    }
  }

  /** What is left undone, because the drain was stopped, is drained after the next start. */
  async function drain(entry: Entry): Promise<void> {
    if (!stopping && (await publishUntilDone(entry.record, false))) backlog.done(entry);
  }

  /** What is not there any more has been told, and holds nothing up. */
  async function readUntilDone(place: Place): Promise<Entry | undefined> {
    while (!stopping) {
      try {
        const record = await journal.read(place);
        if (record) return { ...place, record };
        backlog.done(place);
        return undefined;
      } catch (cause) {
        begunFailing(cause as Error);
        await pause(LONGEST_PAUSE_MS);
        endedFailing();
      }
    }
    return undefined;
  }

  async function next(): Promise<Entry | undefined> {
    while (!stopping) {
      if (givesWay()) {
        await pause(LOOKS_EVERY_MS);
        continue;
      }
      const entry = backlog.take();
      if (entry) return entry;
      await backlog.load().catch(async (cause: Error) => {
        begunFailing(cause);
        await pause(LONGEST_PAUSE_MS);
        endedFailing();
      });
      await backlog.whenAdded();
    }
    return undefined;
  }

  /** Whether accepting goes first: a burst is answered sooner, and what waits then is added in fewer calls. */
  function givesWay(): boolean {
    if (!busy) return false;
    const oldest = backlog.oldest();
    if (oldest === undefined) return false;
    const waitsMs = Date.now() - Date.parse(oldest.receivedAt);
    // A clock that was set back must not make it wait for longer.
    return waitsMs >= 0 && waitsMs < GIVES_WAY_MS;
  }

  /** False when the drain was stopped before the record was on the queue. */
  async function publishUntilDone(record: JournalRecord, again: boolean): Promise<boolean> {
    let failing = false;
    let sinceMs = 0;
    let publishedBefore = 0;
    try {
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
        try {
          const published = await publish(record);
          successes += 1;
          onPublished(record, published, again);
          return true;
        } catch (cause) {
          if (failing) trouble = cause as Error;
          else {
            begunFailing(cause as Error);
            failing = true;
            sinceMs = performance.now();
            publishedBefore = successes;
          }
          // Redis takes others and not this one: it must not hold its segment, and all behind it, on the disk.
          if (successes > publishedBefore && performance.now() - sinceMs > movedAfterMs) {
            const moved = await journal.moveToEnd(record).then(
              () => true,
              () => false,
            );
            if (moved) return true;
          }
          if (!stopping) await pause(pauseMs);
          if (stopping) return false;
        }
      }
    } finally {
      if (failing) endedFailing();
    }
  }

  /** One that can never be published is one trouble, however many others are published meanwhile. */
  function begunFailing(cause: Error): void {
    failures += 1;
    if (trouble !== null) return;
    trouble = cause;
    onTrouble(cause);
  }

  function endedFailing(): void {
    failures -= 1;
    if (failures > 0 || stopping) return;
    trouble = null;
    onRecovered();
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        pauses.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      pauses.add(end);
    });
  }

  return {
    trouble: () => trouble,

    async publishAgain() {
      generation += 1;
      const mine = generation;
      const records = journal.unsettled();
      const lane = async (): Promise<void> => {
        for (;;) {
          const { value, done } = await records.next();
          // Redis has changed once more: that begins a lane of its own, from the same place.
          if (done || stopping || mine !== generation) return;
          await publishUntilDone(value, true);
        }
      };
      await Promise.all(Array.from({ length: AGAIN_IN_FLIGHT }, lane));
      if (mine === generation && !stopping) journal.publishedAgain();
    },

    async stop(graceMs) {
      const until = performance.now() + graceMs;
      while (backlog.records() > 0 && trouble === null && performance.now() < until) await pause(FIRST_PAUSE_MS);
      stopping = true;
      clearInterval(looks);
      backlog.wakeAll();
      for (const end of [...pauses]) end();
      // What is in flight ends by the publisher's own deadline, or the process does before.
      await Promise.race([workers, new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
    },
  };
}
