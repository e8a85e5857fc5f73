/**
 * The journal against a model of what it promises: random commands, with
 * crashes that lose what was not synced and a Redis that loses what it may.
 *
 * What must hold is in `observe` (after every command) and in `settleDown` (at
 * the end). A failure prints the commands, and the seed that repeats them as
 * far as the disk's timing allows. FAULTS_RUNS: how many runs, 40 unless told.
 */

import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { startDrain } from "../../src/flow/drain.ts";
import type { Entry } from "../../src/journal/backlog.ts";
import { loadCursor } from "../../src/journal/cursor.ts";
import { type JournalFault, JournalFullError } from "../../src/journal/fault.ts";
import { IN_HAND } from "../../src/journal/in-hand.ts";
import { type Journal, openJournal } from "../../src/journal/journal.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { isBefore, type Position } from "../../src/journal/segments.ts";
import { partsOf, UNHEARD } from "../support/drain.ts";
import { type Content, largeContent, lineOf, recordOf, smallContent, takeUpTo } from "../support/journal.ts";
import { eachBy } from "../support/publishing.ts";

const RUNS = Number(process.env.FAULTS_RUNS ?? 40);
const BEGINNING: Position = { segment: 0, offset: 0 };

/** What everybody outside the journal knows, over all crashes. */
interface World {
  /** Holds a directory for each life of the disk. */
  readonly base: string;
  readonly maxBytes: number;
  readonly appended: Map<string, JournalRecord>;
  /** Those whose append resolved before the crash. */
  readonly promised: Set<string>;
  /** Those that were moved to the end, and so may be there twice. */
  readonly moved: Set<string>;
  /** Those that were marked as done at any time. */
  readonly done: Set<string>;
  /** At how many ends a record may have been what was read, where that is noted by its id. */
  readonly ends: Map<string, number>;
  /** The same of those that were read since: the note may still say it, because nobody waits for it. */
  readonly takenBack: Map<string, number>;
  /** What is not drained and stands before this was there at an unclean end. */
  suspects: Position;
  readonly redis: {
    identity: string;
    /** The one the journal was told of last. */
    told: string | null;
    readonly records: Set<string>;
    /** What the journal may have let go, because it was there at a tick of one and the same Redis. */
    readonly safe: Set<string>;
    /** The one before, and what it had when it was left; null when something was published before the change was told. */
    left: { readonly identity: string; readonly records: ReadonlySet<string> } | null;
  };
  lives: number;
  redises: number;
  session: Session;
}

/** One opening of the journal, until it is closed or the machine crashes. */
interface Session {
  readonly directory: string;
  readonly journal: Journal;
  readonly opening: Opening;
  readonly faults: JournalFault[];
  /** In the order in which they were handed out. */
  readonly taken: { readonly entry: Entry; done: boolean }[];
  readonly handedOut: Set<string>;
  /** What is being read alone, and at how many ends it may have been that, were the process to end now. */
  inHand: readonly [id: string, ends: number] | null;
  /** Appends under way, in order. */
  readonly writing: Map<JournalRecord, { readonly bytes: number; readonly settled: Promise<void> }>;
  /** Errors that no append may have. */
  readonly errors: Error[];
  recordsAtOpening: number;
  added: number;
  bytesAllowed: number;
  mostWritingBytes: number;
  crashed: boolean;
  /** Whether it was told of a Redis. */
  told: boolean;
  /** What is being published again. */
  again: AsyncGenerator<JournalRecord> | undefined;
  readonly disk: Disk;
}

/** What a crash could bring back: nothing of it was synced. */
interface Disk {
  /** Hard links to all segments there were. */
  readonly shadow: string;
  /** Every cursor there was; null: none. */
  readonly cursors: (Buffer | null)[];
  /** The segment that was the newest at the opening. What is behind it was begun since. */
  readonly newestAtOpening: number;
}

interface Opening {
  readonly segmentBytes: number;
  readonly memoryBytes: number;
  readonly graceMs: number;
}

const opening: fc.Arbitrary<Opening> = fc.record({
  segmentBytes: fc.constantFrom(1, 2_500, 10_000, 10_000, 1_000_000),
  memoryBytes: fc.constantFrom(1, 5_000, 5_000, 1_000_000),
  graceMs: fc.constantFrom(0, 0, 0, 0, 1_000_000_000),
});

/** How the end of the newest segment looks after a crash, behind what was promised. */
interface Tail {
  /** How much of what was being written is there, of 8. */
  readonly eighths: number;
  readonly rest: "missing" | "zeros" | "random" | "zeros before" | "as it is";
  readonly random: Uint8Array;
}

interface Crash {
  readonly tail: Tail;
  readonly cursor: "newest" | "none" | "empty" | "zeros" | number;
  /** What is left of the note of what was being read. */
  readonly note: "all" | "none" | "zeros";
  /** Which of the removed segments are back, by number modulo 8. */
  readonly resurrected: number;
  /** Whether the cut of a torn end is undone. */
  readonly uncut: boolean;
  readonly leftovers: readonly ("probe" | "cursor.new")[];
  readonly opening: Opening;
}

const crash: fc.Arbitrary<Crash> = fc.record({
  tail: fc.record({
    eighths: fc.nat(8),
    rest: fc.constantFrom("missing", "zeros", "random", "zeros before", "as it is"),
    random: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  }),
  cursor: fc.oneof(fc.constantFrom("newest" as const, "none" as const, "empty" as const, "zeros" as const), fc.nat(50)),
  note: fc.constantFrom("all" as const, "all" as const, "none" as const, "zeros" as const),
  resurrected: fc.oneof(fc.constantFrom(0, 0xff), fc.nat(0xff)),
  uncut: fc.boolean(),
  leftovers: fc.subarray(["probe", "cursor.new"] as const),
  opening,
});

const manyContents = fc.array(smallContent, { minLength: 1, maxLength: 6 });

type Command = fc.AsyncCommand<object, World>;

/** How often each is done, against the others. */
const commands: readonly fc.Arbitrary<Command>[] = [
  ...times(3, command("append", manyContents, appendAndWait)),
  ...times(1, command("append large", fc.tuple(smallContent, largeContent), appendAndWait)),
  ...times(3, command("append without waiting", manyContents, append)),
  ...times(1, command("append large without waiting", fc.tuple(largeContent, smallContent), append)),
  ...times(1, command("let pass", fc.integer({ min: 1, max: 5 }), letPass)),
  ...times(4, command("drain", fc.integer({ min: 1, max: 12 }), drainSome)),
  ...times(1, command("take", fc.integer({ min: 1, max: 12 }), take)),
  ...times(1, command("take everything", fc.constant(null), takeEverything)),
  ...times(1, command("read", picks(), read)),
  ...times(2, command("begin to read", picks(), beginToRead)),
  ...times(3, command("publish", picks(), publish)),
  ...times(1, command("drain and settle everything", fc.constant(null), settleEverything)),
  ...times(1, command("publish without hearing of it", picks(), publishUnheard)),
  ...times(1, command("move to the end", fc.nat(), moveToEnd)),
  ...times(4, command("tell Redis", fc.constant(null), tellRedis)),
  ...times(2, command("tell Redis while appending", manyContents, tellRedisWhileAppending)),
  ...times(1, command("tell no Redis", fc.constant(null), tellNoRedis)),
  ...times(2, command("Redis changes", fc.record({ lost: losses(), told: fc.boolean() }), changeRedis)),
  ...times(2, command("Redis changes behind a gap", fc.record({ which: picks(), lost: losses() }), changeBehindGap)),
  ...times(1, command("Redis changes back", fc.record({ lost: losses(), told: fc.boolean() }), changeRedisBack)),
  ...times(1, command("publish again", fc.integer({ min: 1, max: 5 }), publishAgain)),
  ...times(2, command("publish again", fc.constant(1_000), publishAgain)),
  ...times(1, command("close and reopen", fc.record({ settled: fc.boolean(), opening }), closeAndReopen)),
  ...times(1, command("crash", crash, crashAndReopen)),
  ...times(1, command("crash while reading", fc.tuple(picks(), crash), crashWhileReading)),
  ...times(2, command("crash while appending", fc.tuple(manyContents, fc.nat(3), crash), crashWhileAppending)),
];

test(
  "nothing that was promised is lost, whatever crashes and whatever Redis forgets",
  async () => {
    await fc.assert(
      fc.asyncProperty(
        opening,
        fc.constantFrom(40_000, 100_000_000, 100_000_000),
        fc.commands([...commands], { maxCommands: 80, size: "max" }),
        fc.boolean(),
        async (firstOpening, maxBytes, sequence, settles) => {
          const world = await beginWorld(firstOpening, maxBytes);
          try {
            await fc.asyncModelRun(() => ({ model: {}, real: world }), sequence);
            if (settles) await settleEverything(world);
            await settleDown(world);
          } finally {
            await endWorld(world);
          }
        },
      ),
      { numRuns: RUNS },
    );
  },
  120_000 + RUNS * 2_000,
);

test("a record is promised only in a segment that still has a name", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), async (removals) => {
      await withJournal({ segmentBytes: 1_000_000 }, async ({ journal, directory, reopen }) => {
        const kept = new Set<string>();
        for (const [index, removed] of removals.entries()) {
          const segment = segmentsIn(directory).at(-1);
          if (removed && segment) {
            rmSync(segment.path);
            kept.clear();
          }
          const record = recordOf(`j${index}`, { kind: "message", text: "" });
          await journal.append(record).then(
            () => kept.add(record.id),
            () => {},
          );
        }
        const entries = await takeUpTo(await reopen());
        expect(entries.map(({ record }) => record.id)).toEqual(expect.arrayContaining([...kept]));
      });
    }),
    { numRuns: Math.ceil(RUNS / 10) },
  );
});

test("many appends at once go beyond the limit by no more than what is being written", async () => {
  const records = Array.from({ length: 30 }, (_, index) => recordOf(`j${index}`, { kind: "message", text: "" }));
  const maxBytes = 5_000;
  await withJournal({ maxBytes }, async ({ journal }) => {
    const results = await Promise.allSettled(records.map((record) => journal.append(record)));
    for (const result of results) if (result.status === "rejected") expect(result.reason.name).toBe("JournalFullError");
    // The first one is being written while the others come.
    const first = lineOf(recordOf("j0", { kind: "message", text: "" })).byteLength;
    expect(journal.status().bytes).toBeLessThanOrEqual(maxBytes + first);
    expect(journal.status().bytes).toBeGreaterThan((maxBytes * 7) / 8 - first);
  });
});

test("what is written while earlier segments are removed does not leave with them", async () => {
  const line = lineOf(recordOf("j100", { kind: "message", text: "" })).byteLength;
  await withJournal({ segmentBytes: 3 * line }, async ({ journal, reopen }) => {
    let count = 100;
    const append = () => journal.append(recordOf(`j${count++}`, { kind: "message", text: "" }));
    for (let segment = 0; segment < 40; segment++) await Promise.all([append(), append(), append()]);
    await append();
    await journal.tellRedis("a");
    for (const entry of await takeUpTo(journal)) journal.backlog.done(entry);
    const kept = count;
    // The first fits into the open segment, all of which has settled; the others begin new ones.
    const appended = [append()];
    const telling = journal.tellRedis("a");
    for (let more = 0; more < 10; more++) {
      await Promise.all(appended);
      appended.push(append());
    }
    await telling;
    await Promise.all(appended);
    const ids = (await takeUpTo(await reopen())).map(({ record }) => record.id);
    expect(ids).toEqual(Array.from({ length: count - kept }, (_, index) => `j${kept + index}`));
  });
});

describe("found by reading and by the model", () => {
  const small = (id: string) => recordOf(id, { kind: "message", text: "" });

  test("what only another Redis had is published again when the one before is back after a restart", async () => {
    await withJournal({}, async ({ journal, reopen }) => {
      for (const id of ["j0", "j1"]) await journal.append(small(id));
      const [first, second] = await takeUpTo(journal);
      expect((await journal.tellRedis("a")).again).toBe(false);
      if (first) journal.backlog.done(first);
      expect((await journal.tellRedis("b")).again).toBe(true);
      if (second) journal.backlog.done(second);
      await journal.close();
      expect((await (await reopen()).tellRedis("a")).again).toBe(true);
      // And once more, because the restart came before it was done.
      expect((await (await reopen()).tellRedis("a")).again).toBe(true);
    });
  });

  test("that Redis has changed is told, even when a segment could not be removed meanwhile", async () => {
    await withJournal({ segmentBytes: 1 }, async ({ journal, directory }) => {
      for (const id of ["j0", "j1"]) await journal.append(small(id));
      const [first, second] = await takeUpTo(journal);
      await journal.tellRedis("a");
      if (first) journal.backlog.done(first);
      // What cannot be unlinked: as on a disk that has become read-only.
      rmSync(pathOf(directory, 1));
      mkdirSync(pathOf(directory, 1));
      await journal.tellRedis("a").catch(() => {});
      if (second) journal.backlog.done(second);
      const told = [await journal.tellRedis("b").catch(() => undefined)];
      rmdirSync(pathOf(directory, 1));
      told.push(await journal.tellRedis("b"));
      expect(told.map((news) => news?.again)).toContain(true);
    });
  });

  test("a journal that a single record has filled takes others when that one has settled", async () => {
    const large = recordOf("j0", { kind: "quarantine", text: "x".repeat(9_000) });
    await withJournal({ maxBytes: lineOf(large).byteLength + 100 }, async ({ journal }) => {
      await journal.tellRedis("a");
      await journal.append(large);
      for (const entry of await takeUpTo(journal)) journal.backlog.done(entry);
      for (let tick = 0; tick < 3; tick++) await journal.tellRedis("a");
      await expect(journal.append(small("j1"))).resolves.toBeUndefined();
    });
  });

  test("a record that is refused, and was moved, does not keep others from being published again", async () => {
    await withJournal({ graceMs: 1_000_000_000 }, async ({ journal }) => {
      const drain = startDrain({
        journal,
        ...partsOf(journal),
        ...UNHEARD,
        publish: eachBy(async ({ id }) => {
          if (id === "jrefused") throw new Error("NOPERM");
          return id;
        }),
        movedAfterMs: 10,
      });
      await journal.tellRedis("a");
      await journal.append(small("jrefused"));
      const moved = async () => journal.backlog.oldest()?.id === "jrefused" && journal.backlog.drained().offset > 0;
      for (let index = 0; !(await moved()) && index < 200; index++) {
        await journal.append(small(`j${index}`));
        await wait(20);
      }
      expect(await moved()).toBe(true);
      expect((await journal.tellRedis("b")).again).toBe(true);
      const again = drain.publishAgain();
      let after = 0;
      const others = (async () => {
        for (; after < 100; after++) {
          await journal.append(small(`jafter${after}`));
          await wait(20);
        }
      })();
      expect(await Promise.race([again.then(() => "published again"), others.then(() => "waits for ever")])).toBe(
        "published again",
      );
      after = 100;
      await others;
      await drain.stop(100);
    });
  });
});

/** A journal of its own, and a second opening of it as after a kill. */
async function withJournal(
  options: Partial<Opening & { maxBytes: number }>,
  use: (opened: { journal: Journal; directory: string; reopen: () => Promise<Journal> }) => Promise<void>,
): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), "mm4d-model-"));
  const directory = join(base, "journal");
  const opened: Journal[] = [];
  const open = async (): Promise<Journal> => {
    const journal = await openJournal({ directory, maxBytes: 100_000_000, graceMs: 0, onFault: () => {}, ...options });
    opened.push(journal);
    return journal;
  };
  try {
    await use({ journal: await open(), directory, reopen: open });
  } finally {
    for (const journal of opened) await journal.close();
    rmSync(base, { recursive: true });
  }
}

function times<Value>(count: number, value: Value): Value[] {
  return new Array<Value>(count).fill(value);
}

function command<What>(
  name: string,
  what: fc.Arbitrary<What>,
  act: (world: World, what: What) => Promise<void>,
): fc.Arbitrary<Command> {
  return what.map((given) => ({
    check: () => true,
    async run(_, world) {
      await act(world, given);
      observe(world);
    },
    toString: () => `${name} ${fc.stringify(given).replace(/([xy\\u]{20})[xy\\u]+/g, "$1…")}`,
  }));
}

function picks(): fc.Arbitrary<number[]> {
  return fc.array(fc.nat(), { minLength: 1, maxLength: 8 });
}

/** Which records Redis loses, by number modulo 16. */
function losses(): fc.Arbitrary<number> {
  return fc.oneof(fc.constantFrom(0, 0xffff), fc.nat(0xffff));
}

async function beginWorld(firstOpening: Opening, maxBytes: number): Promise<World> {
  const world = {
    base: mkdtempSync(join(tmpdir(), "mm4d-model-")),
    maxBytes,
    appended: new Map(),
    promised: new Set<string>(),
    moved: new Set<string>(),
    done: new Set<string>(),
    ends: new Map<string, number>(),
    takenBack: new Map<string, number>(),
    suspects: BEGINNING,
    redis: { identity: "redis 0", told: null, records: new Set<string>(), safe: new Set<string>(), left: null },
    lives: 0,
    redises: 0,
  };
  const session = await openSession(world, newLife(world), firstOpening, () => false);
  return { ...world, session };
}

async function endWorld({ session, base }: World): Promise<void> {
  session.crashed = true;
  await written(session);
  await session.journal.close();
  rmSync(base, { recursive: true });
}

/** A directory for the disk after a crash, or for the first one, and what goes with it. */
function newLife(world: { readonly base: string; lives: number }): string {
  world.lives += 1;
  const directory = join(world.base, `journal-${world.lives}`);
  mkdirSync(`${directory}-shadow`);
  return directory;
}

async function openSession(
  { maxBytes }: Pick<World, "maxBytes">,
  directory: string,
  given: Opening,
  mayBeTorn: (segment: number, offset: number) => boolean,
  disk?: Disk,
): Promise<Session> {
  const faults: JournalFault[] = [];
  // Numbers are never used again, those that only the cursor knows included.
  const newestAtOpening = Math.max(
    loadCursor(directory)?.drained.segment ?? 0,
    ...segmentsIn(directory).map(({ segment }) => segment),
  );
  const journal = await openJournal({ directory, maxBytes, ...given, onFault: (fault) => faults.push(fault) });
  for (const fault of faults) {
    if (fault.kind === "cursor-unreadable") continue; // Emptied by the crash on purpose.
    expect(["torn", "damaged"], JSON.stringify(fault)).toContain(fault.kind);
    expect("offset" in fault && mayBeTorn(fault.segment, fault.offset), JSON.stringify(fault)).toBe(true);
  }
  faults.splice(0);
  const { bytes, records } = journal.status();
  return {
    directory,
    journal,
    opening: given,
    faults,
    taken: [],
    handedOut: new Set(),
    inHand: null,
    writing: new Map(),
    errors: [],
    recordsAtOpening: records,
    added: 0,
    bytesAllowed: Math.max(bytes, maxBytes),
    mostWritingBytes: 0,
    crashed: false,
    told: false,
    again: undefined,
    disk: { shadow: `${directory}-shadow`, cursors: disk?.cursors ?? [cursorIn(directory)], newestAtOpening },
  };
}

/** What must hold after every command. */
function observe({ session, maxBytes, ends, suspects }: World): void {
  const { directory, journal, faults, errors, taken, writing, disk } = session;
  expect(errors).toEqual([]);
  expect(faults).toEqual([]);

  const { bytes, records, oldestAt } = journal.status();
  const waiting = session.recordsAtOpening + session.added - taken.filter(({ done }) => done).length;
  expect(bytes).toBeLessThanOrEqual(session.bytesAllowed + session.mostWritingBytes);
  if (writing.size === 0) {
    expect(records).toBe(waiting);
    expect(bytes).toBe(segmentsIn(directory).reduce((sum, segment) => sum + segment.bytes, 0));
    if (taken.some(({ done }) => !done)) expect(oldestAt).not.toBeNull();
    if (records === 0) expect(oldestAt).toBeNull();
  }
  expect(journal.status().maxBytes).toBe(maxBytes);
  for (const { entry } of taken) {
    const { id } = entry.record;
    const expected = ends.get(id) ?? (isBefore(entry.start, suspects) ? 1 : 0);
    expect(journal.inHand.endsOf(id, entry.start), `ends of ${id}`).toBe(expected);
  }

  for (const { name, path } of segmentsIn(directory)) {
    const link = join(disk.shadow, name);
    if (existsSync(link) && statSync(link).ino !== statSync(path).ino) rmSync(link);
    if (!existsSync(link)) linkSync(path, link);
  }
  const cursor = cursorIn(directory);
  if (!isDeepStrictEqual(cursor, disk.cursors.at(-1))) disk.cursors.push(cursor);
}

async function append(world: World, contents: readonly Content[]): Promise<void> {
  for (const content of contents) {
    const record = recordOf(`j${world.appended.size}`, content);
    world.appended.set(record.id, record);
    write(world, record, "append");
  }
}

async function appendAndWait(world: World, contents: readonly Content[]): Promise<void> {
  await append(world, contents);
  await written(world.session);
}

/** What is under way when the machine crashes was promised to nobody, even if it is on the disk. */
function write(world: World, record: JournalRecord, how: "append" | "moveToEnd"): Promise<void> {
  const { session } = world;
  const { journal, writing } = session;
  const bytes = lineOf(record).byteLength;
  const before = [...writing.values()].reduce((sum, { bytes }) => sum + bytes, journal.status().bytes);
  if (how === "moveToEnd") session.bytesAllowed += bytes;
  const settled = journal[how](record).then(
    () => {
      writing.delete(record);
      if (session.crashed) return;
      session.added += 1;
      world.promised.add(record.id);
    },
    (cause: Error) => {
      writing.delete(record);
      // Full is only what is full. All records are one peer's, which leaves an eighth to the others.
      if (!(cause instanceof JournalFullError) || before + bytes <= (world.maxBytes * 7) / 8)
        session.errors.push(cause);
    },
  );
  writing.set(record, { bytes, settled });
  const writingBytes = [...writing.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  session.mostWritingBytes = Math.max(session.mostWritingBytes, writingBytes);
  return settled;
}

async function written({ writing }: Session): Promise<void> {
  while (writing.size > 0) await Promise.all([...writing.values()].map(({ settled }) => settled));
}

async function letPass(_: World, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function take(world: World, most: number): Promise<void> {
  const { session, moved } = world;
  for (const entry of await takeUpTo(session.journal, most)) {
    const { record, start, end } = entry;
    expectAppended(world, record);
    expect(session.handedOut.has(record.id) && !moved.has(record.id), `${record.id} was handed out twice`).toBe(false);
    const last = session.taken.at(-1)?.entry.end ?? BEGINNING;
    expect(start.segment > last.segment || (start.segment === last.segment && start.offset >= last.offset)).toBe(true);
    // A line feed that a crash cut off is not missed.
    expect([0, 1]).toContain(lineOf(record).byteLength - (end.offset - start.offset));
    session.handedOut.add(record.id);
    session.taken.push({ entry, done: false });
  }
}

async function takeEverything(world: World): Promise<void> {
  const { session } = world;
  await written(session);
  await take(world, Number.POSITIVE_INFINITY);
  expect(session.journal.status().records).toBe(undone(session).length);
}

async function read(world: World, which: readonly number[]): Promise<void> {
  await beginToRead(world, which);
  nothingInHand(world);
}

/** One after the other. The last one is still in hand. */
async function beginToRead(world: World, which: readonly number[]): Promise<void> {
  const { session, takenBack } = world;
  const left = undone(session);
  for (const pick of which) {
    nothingInHand(world);
    const taken = left[pick % left.length];
    if (!taken) return;
    const { record, start } = taken.entry;
    const ends = session.journal.inHand.endsOf(record.id, start);
    session.inHand = [record.id, ends + 1];
    await session.journal.inHand.begin(record.id, ends);
    takenBack.clear();
  }
}

function nothingInHand({ session, ends, takenBack }: World): void {
  if (!session.inHand) return;
  session.journal.inHand.end();
  takenBack.set(...session.inHand);
  ends.delete(session.inHand[0]);
  session.inHand = null;
}

/**
 * At a clean end nothing is counted, and where nothing waits then, nothing is suspect. At another one what was in hand is,
 * and what waited is suspect, unless the note is lost: then nothing is. Of what has left the journal meanwhile the note is forgotten.
 */
function countEnd(world: World, before: Session, end: "clean" | "unclean" | "note lost"): void {
  const { session, ends, takenBack, done } = world;
  const { inHand } = session.journal;
  if (end === "unclean") {
    for (const [id, most] of takenBack) if (inHand.endsOf(id, undefined) === most) ends.set(id, most);
    if (before.inHand) ends.set(...before.inHand);
    const newest = segmentsIn(session.directory).at(-1);
    world.suspects = newest ? { segment: newest.segment, offset: newest.bytes } : BEGINNING;
  } else if (end === "note lost" || session.journal.status().records === 0) {
    // Where nothing waits and the cursor is lost too, places are counted from the beginning again.
    world.suspects = BEGINNING;
  }
  takenBack.clear();
  for (const [id, most] of ends) {
    const counted = inHand.endsOf(id, undefined);
    if (end === "note lost") expect(counted, `ends of ${id}`).toBe(0);
    else if (!done.has(id)) expect(counted, `ends of ${id}`).toBe(most);
    expect([0, 1, most]).toContain(counted);
    if (counted !== most) ends.delete(id);
  }
}

/** The service publishes nothing before it has told the journal which Redis that is. */
async function lookFirst(world: World): Promise<void> {
  if (!world.session.told) await tellRedis(world);
}

async function publish(world: World, which: readonly number[]): Promise<void> {
  await lookFirst(world);
  for (const pick of which) {
    const left = undone(world.session);
    const taken = left[pick % left.length];
    if (taken) publishOne(world, taken);
  }
}

async function drainSome(world: World, most: number): Promise<void> {
  await take(world, most);
  await publishInOrder(world, most);
}

async function publishInOrder(world: World, count: number): Promise<void> {
  await lookFirst(world);
  for (const taken of undone(world.session).slice(0, count)) publishOne(world, taken);
}

function publishOne(world: World, taken: { readonly entry: Entry; done: boolean }): void {
  const { id } = taken.entry.record;
  arrive(world, id);
  world.done.add(id);
  taken.done = true;
  world.session.journal.backlog.done(taken.entry);
}

/** It is there, and the answer was lost: it will be tried again. */
async function publishUnheard(world: World, which: readonly number[]): Promise<void> {
  await lookFirst(world);
  const left = undone(world.session);
  for (const pick of which) {
    const taken = left[pick % left.length];
    if (taken) arrive(world, taken.entry.record.id);
  }
}

function arrive({ redis }: World, id: string): void {
  redis.records.add(id);
  if (redis.told !== redis.identity) redis.left = null;
}

async function moveToEnd(world: World, pick: number): Promise<void> {
  const { session, moved, done } = world;
  const left = undone(session);
  const taken = left[pick % left.length];
  if (!taken) return;
  const { record } = taken.entry;
  moved.add(record.id);
  await write(world, record, "moveToEnd");
  done.add(record.id);
  taken.done = true;
  session.journal.backlog.done(taken.entry);
}

async function tellRedis({ session, redis }: World): Promise<void> {
  const { again } = await session.journal.tellRedis(redis.identity);
  session.told = true;
  if (again) session.again = session.journal.unsettled();
  if (!again && !session.again && session.opening.graceMs === 0) {
    // What is done behind a gap has not settled, and may be lost.
    const gap = session.taken.findIndex(({ done }) => !done);
    const behind = new Set(gap === -1 ? [] : session.taken.slice(gap).map(({ entry }) => entry.record.id));
    for (const id of redis.records) if (!behind.has(id)) redis.safe.add(id);
  }
  redis.told = redis.identity;
}

/** The writes end while the journal removes and saves: it must remove and save what was so at one moment. */
async function tellRedisWhileAppending(world: World, contents: readonly Content[]): Promise<void> {
  const telling = tellRedis(world);
  for (const content of contents) {
    await append(world, [content]);
    await letPass(world, 2);
  }
  await telling;
}

/** Redis is away, or is one that keeps nothing: a Redis without an append-only file has no identity, and takes jobs all the same. */
async function tellNoRedis({ session }: World): Promise<void> {
  expect((await session.journal.tellRedis(null)).again).toBe(false);
}

/** It comes back as another one, without some of what it had since the last tick. */
async function changeRedis(world: World, { lost, told }: { lost: number; told: boolean }): Promise<void> {
  const { redis } = world;
  redis.left = { identity: redis.identity, records: new Set(redis.records) };
  redis.identity = nextIdentity(world);
  lose(world, lost, redis.safe);
  if (told) await tellRedis(world);
}

/** What is done while an earlier record is not: the journal counts none of it as drained, and Redis may have lost it all the same. */
async function changeBehindGap(world: World, { which, lost }: { which: number[]; lost: number }): Promise<void> {
  await take(world, 12);
  await publish(world, which);
  await changeRedis(world, { lost, told: true });
  await publishAgain(world, Number.POSITIVE_INFINITY);
}

/** The one before is there again, with what it had: the other one was seen, and is gone with what it alone had. */
async function changeRedisBack(world: World, { lost, told }: { lost: number; told: boolean }): Promise<void> {
  const { redis } = world;
  if (redis.left === null || redis.told !== redis.identity) return;
  redis.identity = redis.left.identity;
  for (const id of redis.left.records) redis.records.add(id);
  lose(world, lost, new Set([...redis.safe, ...redis.left.records]));
  redis.left = null;
  if (told) await tellRedis(world);
}

function lose({ redis }: World, lost: number, kept: ReadonlySet<string>): void {
  for (const id of redis.records) {
    if (!kept.has(id) && (lost >> (Number(id.slice(1)) % 16)) & 1) redis.records.delete(id);
  }
}

function nextIdentity(world: World): string {
  world.redises += 1;
  return `redis ${world.redises}`;
}

async function publishAgain(world: World, most: number): Promise<void> {
  const { session, done } = world;
  for (let count = 0; session.again && count < most; count++) {
    const { value: record, done: ended } = await session.again.next();
    if (ended) {
      session.again = undefined;
      session.journal.publishedAgain();
      return;
    }
    expectAppended(world, record);
    expect(done.has(record.id), `${record.id} had not been on the queue`).toBe(true);
    arrive(world, record.id);
  }
}

async function closeAndReopen(world: World, how: { settled: boolean; opening: Opening }): Promise<void> {
  const { session, redis } = world;
  await session.journal.close();
  // The journal waits for what is under way.
  await Promise.resolve();
  expect(session.writing.size).toBe(0);
  observe(world);
  if (how.settled) {
    await session.journal.settleAll(redis.identity);
    for (const id of redis.records) redis.safe.add(id);
    redis.identity = nextIdentity(world);
    redis.left = null;
  }
  const gap = session.taken.findIndex(({ done }) => !done);
  const drained = gap === -1 ? session.taken.length : gap;
  const waiting = session.recordsAtOpening + session.added - drained;
  world.session = await openSession(world, session.directory, how.opening, () => false, session.disk);
  expect(world.session.journal.status().records).toBe(waiting);
  countEnd(world, session, "clean");
}

async function crashWhileAppending(
  world: World,
  [contents, turns, how]: readonly [readonly Content[], number, Crash],
): Promise<void> {
  await append(world, contents);
  await letPass(world, turns);
  await crashAndReopen(world, how);
}

async function crashWhileReading(world: World, [which, how]: readonly [readonly number[], Crash]): Promise<void> {
  await take(world, 4);
  await beginToRead(world, which);
  await crashAndReopen(world, how);
}

async function crashAndReopen(world: World, how: Crash): Promise<void> {
  const { session, promised } = world;
  session.crashed = true;
  const directory = newLife(world);
  copyDirectory(session.directory, directory);
  const torn = tearTail(session, directory, promised, how.tail);
  changeCursor(directory, session.disk.cursors, how.cursor);
  if (how.note === "none") rmSync(join(directory, IN_HAND), { force: true });
  if (how.note === "zeros") writeFileSync(join(directory, IN_HAND), Buffer.alloc(4096));
  resurrect(directory, session.disk.shadow, how.resurrected);
  for (const name of how.leftovers) writeFileSync(join(directory, name), "left over\n");

  const { segment, offset } = torn;
  const mayBeTorn = (at: number, from: number) => at === segment && from >= offset;
  const before = segment === null ? null : readFileSync(pathOf(directory, segment));
  world.session = await openSession(world, directory, how.opening, mayBeTorn);
  if (before && how.uncut) {
    // The crash comes again at once: that the end was cut is forgotten.
    await world.session.journal.close();
    writeFileSync(pathOf(directory, segment ?? 0), before);
    world.session = await openSession(world, directory, how.opening, mayBeTorn);
  }
  countEnd(world, session, how.note === "all" ? "unclean" : "note lost");

  // Nothing of the old process reaches the new directory.
  await written(session);
  await session.journal.close();
}

function copyDirectory(from: string, to: string): void {
  mkdirSync(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isDirectory()) copyDirectory(join(from, entry.name), join(to, entry.name));
    else copyFileSync(join(from, entry.name), join(to, entry.name));
  }
}

/** Changes what stands behind the last promised record, as if it was being written. Tells where nothing is certain. */
function tearTail(
  { writing, disk }: Session,
  directory: string,
  promised: ReadonlySet<string>,
  { eighths, rest, random }: Tail,
): { segment: number | null; offset: number } {
  if (writing.size === 0) return { segment: null, offset: 0 };
  const newest = segmentsIn(directory).at(-1)?.segment ?? 0;
  const seen = Math.max(disk.newestAtOpening, newest, ...segmentsIn(disk.shadow).map(({ segment }) => segment));
  // It may be that nothing was begun yet: then it could have been.
  const segment = newest === seen && newest > disk.newestAtOpening ? newest : seen + 1;
  const path = pathOf(directory, segment);
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  const offset = endOfPromised(bytes, promised);
  if (rest === "as it is") return { segment: existsSync(path) ? segment : null, offset };

  const meant = Buffer.concat([...writing.keys()].map(lineOf));
  const there = Math.floor((meant.byteLength * eighths) / 8);
  const tails = {
    missing: [meant.subarray(0, there)],
    zeros: [meant.subarray(0, there), Buffer.alloc(meant.byteLength - there)],
    random: [meant.subarray(0, there), random],
    "zeros before": [Buffer.alloc(there), meant.subarray(there)],
  };
  writeFileSync(path, Buffer.concat([bytes.subarray(0, offset), ...tails[rest]]));
  return { segment, offset };
}

function endOfPromised(bytes: Buffer, promised: ReadonlySet<string>): number {
  let end = 0;
  for (let start = 0, next = bytes.indexOf(0x0a); next !== -1; start = next + 1, next = bytes.indexOf(0x0a, start)) {
    const id = /^[0-9a-f]{8} \d+ \{"id":"(j\d+)"/.exec(bytes.toString("latin1", start, start + 60))?.[1];
    if (id !== undefined && promised.has(id)) end = next + 1;
  }
  return end;
}

function changeCursor(directory: string, cursors: readonly (Buffer | null)[], how: Crash["cursor"]): void {
  const path = join(directory, "cursor");
  const newest = cursors.at(-1) ?? null;
  const is = {
    newest: () => newest,
    none: () => null,
    empty: () => Buffer.alloc(0),
    zeros: () => newest && Buffer.alloc(newest.byteLength),
  };
  const cursor = typeof how === "number" ? (cursors[how % cursors.length] ?? null) : is[how]();
  if (cursor) writeFileSync(path, cursor);
  else rmSync(path, { force: true });
}

function resurrect(directory: string, shadow: string, which: number): void {
  for (const { name, path, segment } of segmentsIn(shadow)) {
    if ((which >> (segment % 8)) & 1 && !existsSync(join(directory, name))) copyFileSync(path, join(directory, name));
  }
}

async function settleEverything(world: World): Promise<void> {
  await drain(world);
  for (let tick = 0; tick < 3; tick++) {
    await tellRedis(world);
    await publishAgain(world, Number.POSITIVE_INFINITY);
  }
}

/** The end of every run: everything is drained, Redis has lost all it may, and is told of everything again. */
async function settleDown(world: World): Promise<void> {
  const { promised, redis } = world;
  await drain(world);
  await changeRedis(world, { lost: 0xffff, told: true });
  await publishAgain(world, Number.POSITIVE_INFINITY);
  observe(world);
  expect([...promised].filter((id) => !redis.records.has(id))).toEqual([]);

  await closeAndReopen(world, { settled: false, opening: { segmentBytes: 10_000, memoryBytes: 5_000, graceMs: 0 } });
  expect(world.session.journal.status().records).toBe(0);
  // As a service does, which reads what stands behind the cursor, be it damage only.
  await drain(world);
  await tellRedis(world);
  await tellRedis(world);
  const before = promised.size;
  await appendAndWait(world, [{ kind: "message", text: "the last one" }]);
  expect(promised.size, "a journal without anything that waits refused a record").toBe(before + 1);
  await drain(world);
  await tellRedis(world);
  await tellRedis(world);
  observe(world);
  expect(segmentsIn(world.session.directory).length).toBeLessThanOrEqual(1);
}

async function drain(world: World): Promise<void> {
  await takeEverything(world);
  await publishInOrder(world, Number.POSITIVE_INFINITY);
  observe(world);
  expect(world.session.journal.backlog.records()).toBe(0);
}

function undone({ taken }: Session): { readonly entry: Entry; done: boolean }[] {
  return taken.filter(({ done }) => !done);
}

/** Nothing is read that was not appended, and nothing reads differently. */
function expectAppended({ appended }: World, record: JournalRecord): void {
  const known = appended.get(record.id);
  if (!isDeepStrictEqual(record, known)) expect(record).toEqual(known);
}

function segmentsIn(directory: string): { name: string; path: string; segment: number; bytes: number }[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith(".journal"))
    .sort()
    .map((name) => {
      const path = join(directory, name);
      return { name, path, segment: Number.parseInt(name, 10), bytes: statSync(path).size };
    });
}

function pathOf(directory: string, segment: number): string {
  return join(directory, `${String(segment).padStart(10, "0")}.journal`);
}

function cursorIn(directory: string): Buffer | null {
  const path = join(directory, "cursor");
  return existsSync(path) ? readFileSync(path) : null;
}
