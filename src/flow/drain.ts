/**
 * SECOND HALF OF THE FLOW: batches, for ever.
 *
 *   some records → read → put on the queue in one call → told once → done
 *
 * A batch ends by count, by bytes and by time, and between two of them replies go out.
 * Under load batches grow by themselves, and in a burst relays go first, for some seconds
 * at most. A record is tried until it is on the queue.
 * While Redis is away, nothing but this is delayed.
 */
import type { Awaited, Entry, Place } from "../journal/backlog.ts";
import type { Journal } from "../journal/journal.ts";
import { type JournalRecord, peerOf } from "../journal/record.ts";
import { createAgain } from "./again.ts";
import type { Aside } from "./aside.ts";
import { createGivingWay } from "./giving-way.ts";
import { createInBatches, type Taken } from "./in-batches.ts";
import { createLanes } from "./lanes.ts";
import { createPauses } from "./pauses.ts";
import { createPublishing, type PublishingOptions, type Try } from "./publishing.ts";
import type { ReadRecords } from "./ready.ts";
import { createRetries, FIRST_PAUSE_MS, LONGEST_PAUSE_MS } from "./retries.ts";
import { createTrouble } from "./trouble.ts";

export interface DrainOptions<Outcome> extends PublishingOptions<Outcome> {
  readonly journal: Journal;
  readonly read: ReadRecords;
  readonly aside: Aside;
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

/**
 * While Redis works on one batch, the next is put together, and sent when it is full: so batches grow under load, which
 * costs both sides less, and a slow line is used as well.
 */
const CALLS = 2;
/**
 * So many, and so much, that one call takes Redis some milliseconds at most, also behind a slow line. With 64
 * records the slowest hundredth of the replies came twice as late at full rate, because none is written meanwhile.
 */
const MOST = { records: 32, bytes: 512 * 1024 };
/** While so many wait to be tried again, no further ones are taken: they would only fill the memory. */
const MOST_WAITING = 64;
const MOVED_AFTER_MS = 20_000;
const LOOKS_EVERY_MS = 1_000;
const LANE_BYTES = 16 * 1024 * 1024;

export function startDrain<Outcome>(options: DrainOptions<Outcome>): Drain {
  const { journal, aside } = options;
  const { backlog } = journal;
  let stopping = false;
  const publishing = createPublishing(options);
  const inBatches = createInBatches({ inHand: journal.inHand, read: options.read });
  const { pause, endAll } = createPauses();
  const givingWay = createGivingWay({
    pause,
    waitedMs: () => (stopping ? Number.POSITIVE_INFINITY : waitedMs(backlog.oldest())),
  });
  const trouble = createTrouble(options);
  const retries = createRetries<Try>({
    publish: publishing.publish,
    move: ({ ready, start }) =>
      journal.moveToEnd(ready.record, start).then(
        () => true,
        () => false,
      ),
    published: publishing.published,
    trouble,
    movedAfterMs: options.movedAfterMs ?? MOVED_AFTER_MS,
    most: MOST,
  });
  const again = createAgain<JournalRecord>({
    unsettled: () => journal.unsettled(),
    async publish(record) {
      // Where nothing is to be published, nothing else would be waited for.
      await nextTurn();
      const ready = await inBatches.one(record, undefined);
      return publishUntilDone({ ready, again: true, start: undefined, bytes: 0, alone: true });
    },
    onDone: () => journal.publishedAgain(),
  });
  const lanes = createLanes<Entry>({
    work: drainAlone,
    room: options.laneBytes ?? LANE_BYTES,
    putAside:
      ({ start, end }) =>
      () =>
        readUntilDone({ start, end }),
  });
  const workers = Promise.all([
    ...Array.from({ length: CALLS }, (_, call) => work(call === 0 ? 1 : MOST.records)),
    lookAside(),
  ]).then(() => lanes.idle());

  async function work(least: number): Promise<void> {
    for (let batch = await nextBatch(least); batch; batch = await nextBatch(least)) {
      const entries: Entry[] = [];
      for (const entry of batch) {
        const lane = laneOf(entry.record);
        if (lane === undefined) entries.push(entry);
        else lanes.hand(lane, entry, sizeOf(entry));
      }
      while (entries.length > 0 && !stopping) {
        // What was stored a moment ago is answered first.
        await nextTurn();
        await drain(await inBatches.some(entries));
      }
    }
  }

  function laneOf(record: JournalRecord): string | undefined {
    const peer = peerOf(record);
    return options.laneOf?.(record) ?? (inBatches.isSlow(peer) ? `slow ${peer}` : undefined);
  }

  /** So many records at least, or what could not be kept in memory. Undefined when the drain was stopped. */
  async function nextBatch(least: number): Promise<readonly Entry[] | undefined> {
    while (!stopping) {
      if (retries.waiting() >= MOST_WAITING) {
        await retries.whenFewer();
        continue;
      }
      // How long a record has waited is not known before it is read from the disk.
      await backlog.load().catch(waitForDisk);
      if (backlog.has(least)) await givingWay.turn(backlog.has(MOST.records));
      if (stopping) break;
      const batch = backlog.has(least) ? backlog.takeSome(MOST.records, MOST.bytes) : [];
      if (batch.length > 0) return batch;
      await backlog.whenAdded(least);
    }
    return undefined;
  }

  /** What fails waits by itself, and holds up no other batch. */
  async function drain(taken: readonly Taken[]): Promise<void> {
    const fitting = taken.filter(aside.mayGo);
    const tries = fitting.map(
      ({ entry, ready }): Try => ({ ready, again: false, start: entry.start, bytes: sizeOf(entry), alone: false }),
    );
    const publishedBefore = publishing.published();
    const causes = await publishing.publish(tries);
    for (const [index, { entry }] of fitting.entries()) {
      const [one, cause] = [tries[index], causes[index]];
      if (one && cause) void retries.add(one, cause, publishedBefore).then((done) => done && backlog.done(entry));
      else backlog.done(entry);
    }
  }

  /** Looks once a second whether there is room for what waits aside. */
  async function lookAside(): Promise<void> {
    for (await pause(LOOKS_EVERY_MS); !stopping; await pause(LOOKS_EVERY_MS))
      await aside.look({ read: readUntilDone, drain: drainAlone });
  }

  /** What is left undone, because the drain was stopped, is drained after the next start. */
  async function drainAlone(entry: Entry): Promise<void> {
    await nextTurn();
    if (stopping) return;
    const ready = await inBatches.one(entry.record, entry.start);
    if (!aside.mayGo({ entry, ready })) return;
    const one = { ready, again: false, start: entry.start, bytes: sizeOf(entry), alone: true };
    if (await publishUntilDone(one)) backlog.done(entry);
  }

  /** False when the drain was stopped before the record was on the queue. */
  async function publishUntilDone(one: Try): Promise<boolean> {
    const [cause] = await inBatches.tied(one.ready.record, one.start, () => publishing.publish([one]));
    return cause ? retries.add(one, cause) : true;
  }

  /** A record that is not there any more was reported when it was found to be missing, and holds nothing up. */
  async function readUntilDone(place: Place): Promise<Entry | undefined> {
    while (!stopping) {
      try {
        const record = await journal.read(place);
        if (record) return { ...place, record };
        backlog.done(place);
        return undefined;
      } catch (cause) {
        await waitForDisk(cause as Error);
      }
    }
    return undefined;
  }

  async function waitForDisk(cause: Error): Promise<void> {
    trouble.begin(cause);
    await pause(LONGEST_PAUSE_MS);
    trouble.end();
  }

  return {
    trouble: trouble.cause,
    publishAgain: again.publish,

    async stop(graceMs) {
      const until = performance.now() + graceMs;
      while (backlog.records() > aside.use().records && trouble.cause() === null && performance.now() < until)
        await pause(FIRST_PAUSE_MS);
      await Promise.race([
        aside.leave({ read: readUntilDone }),
        pause(Math.max(LOOKS_EVERY_MS, until - performance.now())),
      ]);
      stopping = true;
      trouble.stop();
      again.stop();
      const retried = retries.stop();
      backlog.wakeAll();
      endAll();
      // What is in flight ends by the publisher's own deadline, or the process does before.
      await Promise.race([
        Promise.all([workers, retried]),
        new Promise((resolve) => setTimeout(resolve, graceMs).unref()),
      ]);
    },
  };
}

/** The next turn of the event loop: replies, new connections and `/livez` go on between two batches. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** A clock that was set back makes nothing wait for longer. */
function waitedMs(oldest: Awaited | undefined): number {
  const ms = oldest ? Date.now() - Date.parse(oldest.receivedAt) : 0;
  return ms < 0 ? Number.POSITIVE_INFINITY : ms;
}

function sizeOf({ start, end }: Place): number {
  return end.offset - start.offset;
}
