/**
 * A journal whose bytes were changed by a disk or a hand, at any position: what
 * was not touched is drained, nothing else comes out, and what is no record is
 * kept for a person. FAULTS_RUNS: how many runs of each, 20 unless told.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { JournalFault } from "../../src/journal/fault.ts";
import { type Journal, openJournal } from "../../src/journal/journal.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { type Content, lineOf, recordOf, smallContent, takeUpTo } from "../support/journal.ts";

const RUNS = Number(process.env.FAULTS_RUNS ?? 20);
const LF = 0x0a;

/** Where a record stands in an undamaged journal. */
interface Place {
  readonly record: JournalRecord;
  readonly segment: number;
  readonly start: number;
  readonly end: number;
}

/** An undamaged journal of several segments. */
interface Whole {
  readonly segments: ReadonlyMap<number, Buffer>;
  readonly places: readonly Place[];
  /** The cursor when the first `DRAINED` records were drained. */
  readonly cursor: Buffer;
}

const DRAINED = 13;
let whole: Whole;

beforeAll(async () => {
  const contents = fc.sample(smallContent, { numRuns: 30, seed: 7 });
  whole = await inDirectory((directory) => build(directory, contents));
  expect(whole.segments.size).toBeGreaterThanOrEqual(5);
});

/** What becomes of the bytes of a file. */
type Damage = (bytes: Buffer) => Buffer;

/** Anywhere, or near the end of a line, where a record ends and the next one begins. */
type Position = (bytes: Buffer) => number;

const position: fc.Arbitrary<Position> = fc.oneof(
  fc.nat({ max: 2 ** 30 }).map((at) => told(`${at}`, ({ byteLength }: Buffer) => at % (byteLength + 1))),
  fc.tuple(fc.nat(), fc.integer({ min: -2, max: 2 })).map(([line, delta]) =>
    told(`line feed ${line} + ${delta}`, (bytes: Buffer) => {
      const lineFeeds = [...bytes.keys()].filter((index) => bytes[index] === LF);
      const at = (lineFeeds[line % lineFeeds.length] ?? 0) + delta;
      return Math.min(Math.max(at, 0), bytes.byteLength);
    }),
  ),
);
/** One of the segments, counted in order. */
const which = fc.nat(20);

const flip: fc.Arbitrary<Damage> = fc.tuple(position, fc.nat(7)).map(([at, bit]) =>
  told(`bit ${bit} of byte ${fc.stringify(at)} flipped`, (bytes) => {
    const flipped = Buffer.from(bytes);
    const index = at(bytes);
    if (index < bytes.byteLength) flipped[index] = (bytes[index] ?? 0) ^ (1 << bit);
    return flipped;
  }),
);
const truncation: fc.Arbitrary<Damage> = position.map((at) =>
  told(`cut at ${fc.stringify(at)}`, (bytes) => bytes.subarray(0, at(bytes))),
);
const anyBytes = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 600 }),
    fc.integer({ min: 1, max: 5_000 }).map((length) => new Uint8Array(length)),
    fc
      .constantFrom("\n", "x\n", "\n\n\n", "00000000 2 {}\n", "00000000 9999999999 {}")
      .map((text) => Buffer.from(text)),
  )
  .map((bytes) =>
    Object.assign(Buffer.from(bytes), {
      [fc.toStringMethod]: () => `${bytes.length} bytes ${Buffer.from(bytes).toString("hex", 0, 40)}`,
    }),
  );
const insertion: fc.Arbitrary<Damage> = fc
  .tuple(position, anyBytes)
  .map(([at, inserted]) =>
    told(`${fc.stringify(inserted)} inserted at ${fc.stringify(at)}`, (bytes) =>
      Buffer.concat([bytes.subarray(0, at(bytes)), inserted, bytes.subarray(at(bytes))]),
    ),
  );
const overwriting: fc.Arbitrary<Damage> = fc.tuple(position, anyBytes).map(([at, written]) =>
  told(`${fc.stringify(written)} written over ${fc.stringify(at)}`, (bytes) => {
    const overwritten = Buffer.from(bytes);
    written.copy(overwritten, at(bytes));
    return overwritten;
  }),
);
const emptying: fc.Arbitrary<Damage> = fc.constant(told("emptied", () => Buffer.alloc(0)));

const DAMAGES: readonly (readonly [name: string, fc.Arbitrary<Damage>, most: number])[] = [
  ["cut at any byte", truncation, 1],
  ["one byte flipped, in any bit", flip, 1],
  ["several bytes flipped", flip, 6],
  ["a stretch of other bytes inserted", insertion, 1],
  ["a stretch of bytes written over", overwriting, 2],
  ["segments replaced by empty files", emptying, 4],
  ["several things at once", fc.oneof(flip, truncation, insertion, overwriting, emptying), 4],
];

describe("what was not touched is drained, nothing else comes out, and what is no record is kept", () => {
  for (const [name, damage, most] of DAMAGES) {
    test(name, async () => {
      const damages = fc.array(fc.tuple(which, damage), { minLength: 1, maxLength: most });
      await fc.assert(
        fc.asyncProperty(damages, fc.boolean(), async (sequence, withCursor) => {
          const segments = damagedSegments(sequence);
          await inDirectory((directory) => checkDamaged(directory, segments, withCursor));
        }),
        { numRuns: RUNS },
      );
    });
  }
});

test("a segment that ends just before, at or behind the end of any line", async () => {
  for (const { segment, end } of whole.places) {
    if (segment !== 2) continue;
    for (const cut of [end - 2, end - 1, end, end + 1]) {
      const segments = new Map(whole.segments);
      segments.set(segment, (whole.segments.get(segment) ?? Buffer.alloc(0)).subarray(0, cut));
      await inDirectory((directory) => checkDamaged(directory, segments, cut % 2 === 0));
    }
  }
});

test("a cursor that was damaged in any byte is not believed", async () => {
  const damage = fc.oneof(flip, flip, truncation, insertion, overwriting);
  await fc.assert(
    fc.asyncProperty(damage, async (change) => {
      const cursor = change(whole.cursor);
      await inDirectory(async (directory) => {
        writeSegments(directory, whole.segments);
        writeFileSync(join(directory, "cursor"), cursor);
        const { journal, faults } = await open(directory);
        // What follows the second line is nothing.
        const believed = [0, 1].every((line) => lineIn(cursor, line) === lineIn(whole.cursor, line));
        expect(await drainAll(journal)).toEqual(idsOf(believed ? whole.places.slice(DRAINED) : whole.places));
        expect(faults).toEqual(believed ? [] : [{ kind: "cursor-unreadable" }]);
        await journal.close();
      });
    }),
    { numRuns: RUNS * 2 },
  );
});

describe("names that are almost ours", () => {
  test("a copy of a segment, other names and a cursor that is a directory are left alone", async () => {
    await inDirectory(async (directory) => {
      writeSegments(directory, whole.segments);
      const first = Buffer.from(whole.segments.get(1) ?? []);
      const names = ["0000000001.journal.bak", "1.journal", "00000000001.journal", "0000000001.JOURNAL", ".journal"];
      for (const name of names) writeFileSync(join(directory, name), first);
      mkdirSync(join(directory, "cursor"));
      mkdirSync(join(directory, "cursor.new"));
      const { journal, faults } = await open(directory);
      expect(await drainAll(journal)).toEqual(idsOf(whole.places));
      for (let tick = 0; tick < 2; tick++) await journal.tellRedis("a");
      expect(faults.map(({ kind }) => kind)).toEqual(["cursor-unreadable", "cursor-failed"]);
      for (const name of names) expect(readFileSync(join(directory, name))).toEqual(first);
      await journal.close();
    });
  });

  test("a directory with the name of a segment does not keep the journal from being opened", async () => {
    await inDirectory(async (directory) => {
      writeSegments(directory, whole.segments);
      mkdirSync(join(directory, "0000000099.journal"));
      await expectAllDrainedAndKept(directory);
    });
  });

  test("a link to nowhere with the name of a segment does not keep the journal from being opened", async () => {
    await inDirectory(async (directory) => {
      writeSegments(directory, whole.segments);
      symlinkSync("/nowhere", join(directory, "0000000099.journal"));
      await expectAllDrainedAndKept(directory);
    });
  });

  test("behind a file with the highest name there is, records are kept", async () => {
    await inDirectory(async (directory) => {
      writeFileSync(join(directory, "9999999999.journal"), "");
      const { journal } = await open(directory);
      const record = recordOf("jnew", { kind: "message", text: "" });
      // It may be refused; it may not be promised and lost.
      const promised = await journal.append(record).then(
        () => ["jnew"],
        () => [],
      );
      const { journal: again } = await open(directory);
      expect(await drainAll(again)).toEqual(promised);
      await again.close();
      await journal.close();
    });
  });

  async function expectAllDrainedAndKept(directory: string): Promise<void> {
    const { journal } = await open(directory);
    expect(await drainAll(journal)).toEqual(idsOf(whole.places));
    await journal.append(recordOf("jnew", { kind: "message", text: "" }));
    const { journal: again } = await open(directory);
    expect((await drainAll(again)).at(-1)).toBe("jnew");
    await again.close();
    await journal.close();
  }
});

test("bytes that are damaged anew at a place where others were damaged before are kept and told too", async () => {
  await inDirectory(async (directory) => {
    const damaged = (at: number) => {
      const bytes = Buffer.from(whole.segments.get(1) ?? []);
      bytes[at] = 0x21;
      writeFileSync(join(directory, "0000000001.journal"), bytes);
      return bytes.subarray(0, whole.places[0]?.end);
    };
    const kept: Buffer[] = [];
    for (const at of [100, 200]) {
      const bytes = damaged(at);
      const { journal, faults } = await open(directory);
      await journal.close();
      expect(faults.map(({ kind }) => kind)).toEqual(["damaged"]);
      kept.push(bytes);
    }
    const contents = readdirSync(join(directory, "damaged")).map((name) =>
      readFileSync(join(directory, "damaged", name)).toString("latin1"),
    );
    for (const bytes of kept) expect(contents).toContain(bytes.toString("latin1"));
  });
});

/** Names a function in the report of a failure. */
function told<Told extends object>(text: string, what: Told): Told {
  return Object.assign(what, { [fc.toStringMethod]: () => text });
}

async function build(directory: string, contents: readonly Content[]): Promise<Whole> {
  const records = contents.map((content, index) => recordOf(`j${index}`, content));
  const { journal } = await open(directory, 1_000_000_000);
  for (const record of records) await journal.append(record);
  for (const entry of await takeUpTo(journal, DRAINED)) journal.backlog.done(entry);
  await journal.tellRedis("a");
  await journal.close();

  const segments = new Map(
    readdirSync(directory)
      .filter((name) => name.endsWith(".journal"))
      .sort()
      .map((name) => [Number.parseInt(name, 10), readFileSync(join(directory, name))]),
  );
  const places: Place[] = [];
  const numbers = [...segments.keys()];
  let segment = numbers.shift() ?? 0;
  let start = 0;
  for (const record of records) {
    const line = lineOf(record);
    if (start === segments.get(segment)?.byteLength) {
      segment = numbers.shift() ?? 0;
      start = 0;
    }
    expect(segments.get(segment)?.subarray(start, start + line.byteLength)).toEqual(line);
    places.push({ record, segment, start, end: start + line.byteLength });
    start += line.byteLength;
  }
  return { segments, places, cursor: readFileSync(join(directory, "cursor")) };
}

function damagedSegments(sequence: readonly (readonly [number, Damage])[]): ReadonlyMap<number, Buffer> {
  const segments = new Map(whole.segments);
  const numbers = [...segments.keys()];
  for (const [at, damage] of sequence) {
    const segment = numbers[at % numbers.length] ?? 0;
    segments.set(segment, damage(segments.get(segment) ?? Buffer.alloc(0)));
  }
  return segments;
}

async function checkDamaged(
  directory: string,
  segments: ReadonlyMap<number, Buffer>,
  withCursor: boolean,
): Promise<void> {
  writeSegments(directory, segments);
  if (withCursor) writeFileSync(join(directory, "cursor"), whole.cursor);

  const readable = readablePlaces(segments);
  const first = await open(directory);
  await first.journal.close();
  expectToldOnce(directory, segments, first.faults);
  expectNothingForgotten(directory, segments, readable);
  const left = filesIn(directory);
  const second = await open(directory);
  await second.journal.close();
  expect(second.faults).toEqual([]);
  expect(filesIn(directory)).toEqual(left);

  const third = await open(directory);
  const waiting = third.journal.status().records;
  const ids = await drainAll(third.journal);
  expect(ids).toEqual(idsOf(whole.places).filter((id) => ids.includes(id)));
  expect(idsOf(withCursor ? whole.places : readable.map(({ place }) => place))).toEqual(expect.arrayContaining(ids));
  const mustCome = readable.filter(({ place }) => !withCursor || whole.places.indexOf(place) >= DRAINED);
  expect(ids).toEqual(expect.arrayContaining(mustCome.map(({ place }) => place.record.id)));
  // A record that is found only because the cursor points at it was not counted.
  const found = ids.length > 0 && !readable.some(({ place }) => place.record.id === ids[0]);
  expect(waiting).toBe(ids.length - (found ? 1 : 0));
  expect(third.journal.status().records).toBe(0);
  expectToldOnce(directory, segments, [...first.faults, ...third.faults]);

  const added = ["jnew1", "jnew2"].map((id) => recordOf(id, { kind: "message", text: "new" }));
  for (const record of added) await third.journal.append(record);
  // No close: the process is gone.
  const fourth = await open(directory);
  const again = await drainAll(fourth.journal);
  expect(again.slice(-2)).toEqual(idsOf(added.map((record) => ({ record }))));
  await fourth.journal.close();
  await third.journal.close();
}

interface Readable {
  readonly place: Place;
  /** Where it stands in the damaged segment. */
  readonly at: number;
  readonly length: number;
}

/** The records that must be read: nothing of them was touched, and they begin where a line does. */
function readablePlaces(segments: ReadonlyMap<number, Buffer>): readonly Readable[] {
  const readable: Readable[] = [];
  for (const place of whole.places) {
    const bytes = segments.get(place.segment) ?? Buffer.alloc(0);
    // Its line feed may be gone: where it ends is known without.
    const line = lineOf(place.record).subarray(0, -1);
    const at = bytes.indexOf(line);
    if (at === -1) continue;
    const before = readable.at(-1);
    const follows = before?.place.segment === place.segment && before.at + before.length === at;
    // Behind bytes that are no record, only a line feed tells where the next one begins.
    if (at > 0 && bytes[at - 1] !== LF && !follows) continue;
    readable.push({ place, at, length: Math.min(line.byteLength + 1, bytes.byteLength - at) });
  }
  return readable;
}

/** What is in `damaged/` is a copy of what stood there, and was told in one fault each. */
function expectToldOnce(
  directory: string,
  segments: ReadonlyMap<number, Buffer>,
  faults: readonly JournalFault[],
): void {
  const stretches = keptIn(directory).map(({ segment, offset, bytes }) => {
    expect(bytes.equals(segments.get(segment)?.subarray(offset, offset + bytes.byteLength) ?? Buffer.alloc(0))).toBe(
      true,
    );
    return `${segment}-${offset}: ${bytes.byteLength}`;
  });
  const tellings = faults.map((fault) =>
    "offset" in fault ? `${fault.segment}-${fault.offset}: ${fault.bytes}` : JSON.stringify(fault),
  );
  expect(tellings.sort()).toEqual(stretches.sort());
}

/** Every byte there was is a record's, or a line feed between records, or is kept. */
function expectNothingForgotten(
  directory: string,
  segments: ReadonlyMap<number, Buffer>,
  readable: readonly Readable[],
): void {
  const kept = keptIn(directory);
  for (const [segment, bytes] of segments) {
    const forgotten = Buffer.from(bytes);
    for (const { place, at, length } of readable) if (place.segment === segment) forgotten.fill(LF, at, at + length);
    for (const stretch of kept) {
      if (stretch.segment === segment) forgotten.fill(LF, stretch.offset, stretch.offset + stretch.bytes.byteLength);
    }
    expect(forgotten.every((byte) => byte === LF)).toBe(true);
  }
}

function keptIn(directory: string): { segment: number; offset: number; bytes: Buffer }[] {
  const damaged = join(directory, "damaged");
  if (!existsSync(damaged)) return [];
  return readdirSync(damaged).map((name) => {
    const [segment = 0, offset = 0] = basename(name, ".bin").split("-").map(Number);
    return { segment, offset, bytes: readFileSync(join(damaged, name)) };
  });
}

function writeSegments(directory: string, segments: ReadonlyMap<number, Buffer>): void {
  for (const [segment, bytes] of segments) {
    writeFileSync(join(directory, `${String(segment).padStart(10, "0")}.journal`), bytes);
  }
}

/** What is there, without empty segments: those leave one by one. */
function filesIn(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  const files = names.filter((name) => {
    const status = statSync(join(directory, name));
    return status.isFile() && status.size > 0;
  });
  return Object.fromEntries(files.map((name) => [name, sha256(readFileSync(join(directory, name)))]));
}

function lineIn(bytes: Buffer, index: number): string | undefined {
  return bytes.toString("latin1").split("\n")[index];
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function open(directory: string, graceMs = 0): Promise<{ journal: Journal; faults: JournalFault[] }> {
  const faults: JournalFault[] = [];
  const journal = await openJournal({
    directory,
    maxBytes: 100_000_000,
    segmentBytes: 8_000,
    memoryBytes: 5_000,
    graceMs,
    onFault: (fault) => faults.push(fault),
  });
  return { journal, faults };
}

/** Everything that waits, compared with what was appended. */
async function drainAll(journal: Journal): Promise<string[]> {
  const entries = await takeUpTo(journal);
  for (const entry of entries) {
    const place = whole.places.find(({ record }) => record.id === entry.record.id);
    if (place) expect(entry.record).toEqual(place.record);
    else expect(entry.record.id).toMatch(/^jnew/);
    journal.backlog.done(entry);
  }
  return entries.map(({ record }) => record.id);
}

function idsOf(places: readonly Pick<Place, "record">[]): string[] {
  return places.map(({ record }) => record.id);
}

async function inDirectory<Value>(use: (directory: string) => Promise<Value>): Promise<Value> {
  const base = mkdtempSync(join(tmpdir(), "mm4d-damage-"));
  try {
    const directory = join(base, "journal");
    mkdirSync(directory);
    return await use(directory);
  } finally {
    rmSync(base, { recursive: true });
  }
}
