/**
 * Reads what the archive and the journals of a data directory hold, in the order of receipt, each record once.
 *
 *   places with their times → the earliest part that is left → its records, among those of the other processes
 *
 * Nothing is changed there, and the service may run meanwhile. A segment that moves from its journal to the archive is
 * found missing when its turn comes. Then all places are listed again, and reading goes on where it was. Memory is taken by
 * the names of files, and by the parts that overlap in time.
 */

import { existsSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ArchivedRecord } from "./archived.ts";
import { receivedMsOf } from "./received.ts";
import type { MayBe, OnDamage, Part, Source } from "./source.ts";
import { sourcesOf } from "./sources.ts";

/** What is read, and who hears of what cannot be. */
export interface ArchiveReading {
  /** Received then or later, and before `untilMs`: in milliseconds since 1970; null for no bound. */
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  /** Told once of each place. */
  readonly onDamage: OnDamage;
  /** Asked of the bytes of an archived record before it is read; what it refuses is left out. Absent for all. */
  readonly mayBe?: MayBe | undefined;
}

/**
 * The records of a data directory that were received in a window. Throws when a directory cannot be read, or a file
 * for another reason than that it has moved.
 */
export async function* readArchive(
  dataDir: string,
  { sinceMs, untilMs, onDamage, mayBe }: ArchiveReading,
): AsyncGenerator<ArchivedRecord> {
  const tell = once(onDamage);
  const turn = createTurns();
  const before = untilMs ?? Number.POSITIVE_INFINITY;
  let from = sinceMs ?? Number.NEGATIVE_INFINITY;
  for (let fruitless = 0; fruitless < MOST_FRUITLESS; fruitless += 1) {
    try {
      for (const { ms, records } of inOrder(sourcesOf(dataDir, from, before, tell), { from, before, tell, mayBe })) {
        yield* records;
        await turn();
        fruitless = 0;
        from = Math.max(from, ms + 1);
      }
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    }
  }
  throw new Error(`Cannot read the archive below ${dataDir}: its files move faster than they can be read; try again`);
}

/** A segment moves at most once a minute, and files leave one by one. */
const MOST_FRUITLESS = 1_000;
/** Records that came so long after the first of their part are left in it for now. It is read again when their turn comes. */
const HELD_MS = 600_000;

/** Records that were received in the same millisecond. */
interface Moment {
  readonly ms: number;
  readonly records: readonly ArchivedRecord[];
}

/** What is left to be read, once all places were listed. */
interface Pass {
  readonly from: number;
  readonly before: number;
  readonly tell: OnDamage;
  readonly mayBe: MayBe | undefined;
}

/** A part whose records are due at a time: those of `leastMs` and later, because the others were given. */
interface Due {
  readonly part: Part;
  readonly ms: number;
  readonly leastMs: number;
}

interface Held {
  readonly ms: number;
  readonly part: Part;
  readonly archived: ArchivedRecord;
}

/** Throws with the code ENOENT where a file has moved: all that was given until then is complete. */
function* inOrder(sources: readonly Source[], { from, before, tell, mayBe }: Pass): Generator<Moment> {
  const left = [...sources].sort((a, b) => a.firstMs - b.firstMs);
  let opened = 0;
  let due: readonly Due[] = [];
  let held: readonly Held[] = [];

  for (;;) {
    const source = left[opened];
    const next = earliest(due);
    const reachedMs = Math.min(source?.firstMs ?? NEVER, next?.ms ?? NEVER);
    const complete = held.filter(({ ms }) => ms < reachedMs);
    held = held.filter(({ ms }) => ms >= reachedMs);
    yield* moments(complete);
    if (source !== undefined && source.firstMs <= reachedMs) {
      opened += 1;
      const parts = partsOf(source, tell).filter(({ firstMs, lastMs }) => lastMs >= from && firstMs < before);
      due = [...due, ...parts.map((part) => ({ part, ms: part.firstMs, leastMs: from }))];
    } else if (next !== undefined) {
      const { part, ms: dueMs, leastMs } = next;
      const records = recordsOf(part, tell, mayBe)
        .map((archived) => ({ ms: receivedMsOf(archived.record), part, archived }))
        .filter(({ ms }) => ms >= leastMs && ms < before);
      const later = records.filter(({ ms }) => ms > dueMs + HELD_MS).map(({ ms }) => ms);
      held = [...held, ...records.filter(({ ms }) => ms <= dueMs + HELD_MS)];
      due = due.filter((other) => other !== next);
      if (later.length > 0) {
        const laterMs = Math.min(...later);
        due = [...due, { part, ms: laterMs, leastMs: laterMs }];
      }
    } else return;
  }
}

const NEVER = Number.POSITIVE_INFINITY;

function earliest(due: readonly Due[]): Due | undefined {
  return due.reduce<Due | undefined>((first, one) => (first && first.ms <= one.ms ? first : one), undefined);
}

/** The records by their milliseconds; within one by process and as they were stored. */
function* moments(complete: readonly Held[]): Generator<Moment> {
  const sorted = [...complete].sort((a, b) => a.ms - b.ms || inStore(a.part, b.part));
  for (let at = 0; at < sorted.length; ) {
    const ms = sorted[at]?.ms ?? 0;
    const records = new Map<string, ArchivedRecord>();
    for (; sorted[at]?.ms === ms; at += 1) {
      const { archived } = sorted[at] as Held;
      const { id } = archived.record;
      const known = records.get(id);
      // Of one that was moving, or was written again, the copy that tells more.
      if (known === undefined || tells(archived) > tells(known)) records.set(id, archived);
    }
    yield { ms, records: [...records.values()] };
  }
}

function inStore(a: Part, b: Part): number {
  return a.source.process - b.source.process || a.source.segment - b.source.segment || a.start - b.start;
}

function tells({ became, at }: ArchivedRecord): number {
  return (became === null ? 0 : 2) + (at === "waiting" ? 0 : 1);
}

function partsOf(source: Source, tell: OnDamage): readonly Part[] {
  return readable(source, tell, () => source.parts(tell));
}

function recordsOf(part: Part, tell: OnDamage, mayBe: MayBe | undefined): readonly ArchivedRecord[] {
  return readable(part.source, tell, () => part.records(tell, mayBe));
}

/** What cannot be read is told, and costs nothing else. */
function readable<T>({ path, isPacked }: Source, tell: OnDamage, read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") {
      tell({ kind: "unreadable", path, cause: cause as Error });
      return [];
    }
    if (isPacked && !existsSync(path)) tell({ kind: "removed", path });
    throw cause;
  }
}

/** Lets whatever else there is to do, such as a signal, have its turn now and then. */
function createTurns(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < TURN_MS) return;
    await nextTurn();
    last = performance.now();
  };
}

const TURN_MS = 20;

/** All places are listed again when one has moved, and damage is told once. */
function once(onDamage: OnDamage): OnDamage {
  const told = new Set<string>();
  return (damage) => {
    const place = `${damage.path}:${"start" in damage ? damage.start : damage.kind}`;
    if (told.has(place)) return;
    told.add(place);
    onDamage(damage);
  };
}
