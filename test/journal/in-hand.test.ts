/** What is noted of records that are being read, over the ends of real processes. */
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JournalFault } from "../../src/journal/fault.ts";
import { IN_HAND } from "../../src/journal/in-hand.ts";
import { inspectJournal } from "../../src/journal/inspect.ts";
import { type Journal, openJournal } from "../../src/journal/journal.ts";
import { recordOf, takeUpTo } from "../support/journal.ts";

const READER = fileURLToPath(new URL("../support/reads-and-dies.mjs", import.meta.url));
const BATCH = 32;
/** A whole batch, and half of another. */
const IDS = Array.from({ length: 48 }, (_, index) => `j${index}`);

let base: string;
let directory: string;
let faults: JournalFault[];
let opened: Journal[];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "mm4d-in-hand-"));
  directory = join(base, "journal");
  faults = [];
  opened = [];
});

afterEach(async () => {
  for (const journal of opened) await journal.close();
  rmSync(base, { recursive: true });
});

async function open(): Promise<Journal> {
  const journal = await openJournal({ directory, maxBytes: 1e8, onFault: (fault) => faults.push(fault) });
  opened.push(journal);
  return journal;
}

async function left(ids: readonly string[] = IDS): Promise<Journal> {
  const journal = await open();
  for (const id of ids) await journal.append(recordOf(id, { kind: "message", text: "" }));
  return journal;
}

/** What one process did before its end, and whether it was killed. */
interface Life {
  readonly killed: boolean;
  readonly read: readonly string[];
  readonly unread: readonly string[];
  readonly faults: readonly string[];
}

function live(poisons: readonly string[], before = ""): Promise<Life> {
  const child = spawn(process.execPath, [READER, directory, poisons.join(","), before], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.on("data", (bytes) => {
    stdout += bytes;
  });
  const told = (what: string) =>
    stdout.split("\n").flatMap((line) => (line.startsWith(`${what} `) ? [line.slice(what.length + 1)] : []));
  return new Promise((resolve) => {
    child.on("close", (_, signal) =>
      resolve({ killed: signal === "SIGKILL", read: told("read"), unread: told("unread"), faults: told("fault") }),
    );
  });
}

/** Processes one after the other, until one ends by itself. */
async function lives(poisons: readonly string[]): Promise<readonly Life[]> {
  const all: Life[] = [];
  do all.push(await live(poisons));
  while (all.at(-1)?.killed && all.length < 20);
  return all;
}

describe("a record whose reading ends the process", () => {
  test("is found at the third end, and all others are read", async () => {
    await left();
    const all = await lives(["j5"]);
    expect(all.map(({ killed }) => killed)).toEqual([true, true, true, false]);
    expect(all.map(({ unread }) => unread)).toEqual([[], [], [], ["j5"]]);
    expect(new Set(all.flatMap(({ read }) => read))).toEqual(new Set(IDS.filter((id) => id !== "j5")));
  });

  test("and so is a second one of the same batch, and a third one behind it", async () => {
    await left();
    const all = await lives(["j5", "j6", "j40"]);
    expect(all.at(-1)?.killed).toBe(false);
    expect(new Set(all.flatMap(({ unread }) => unread))).toEqual(new Set(["j5", "j6", "j40"]));
    // Three for the first one, two for the second one, which was in hand with it; three for one of another batch.
    expect(all.length).toBe(3 + 2 + 3 + 1);
  });

  test("stays found when it is published again, and when it is moved to the end", async () => {
    await left(["j0", "j1"]);
    for (let end = 0; end < 3; end++) await live(["j0"]);
    const journal = await open();
    const [poison] = await takeUpTo(journal);
    expect(poison?.record.id).toBe("j0");
    if (!poison) return;
    await journal.moveToEnd(poison.record);
    journal.backlog.done(poison);
    await journal.tellRedis("a");
    await journal.close();
    for (let start = 0; start < 2; start++) {
      expect(await live(["j0"])).toMatchObject({ killed: false, unread: start === 0 ? ["j0"] : [] });
      // It is done, and Redis may lose it yet.
      const next = await open();
      expect(next.inHand.endsOf("j0")).toBe(3);
      await next.close();
    }
  });

  test("whichever they are: each is found, and no other one is", async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray(IDS, { minLength: 1, maxLength: 3 }), async (poisons) => {
        rmSync(directory, { recursive: true, force: true });
        await left();
        const all = await lives(poisons);
        expect(new Set(all.flatMap(({ unread }) => unread))).toEqual(new Set(poisons));
        expect(new Set([...all.flatMap(({ read }) => read), ...poisons])).toEqual(new Set(IDS));
      }),
      { numRuns: 3 },
    );
  });
});

describe("nothing is counted", () => {
  const counted = (journal: Journal) => IDS.filter((id) => journal.inHand.endsOf(id) > 0);

  test("when a process is killed between two batches, or waits", async () => {
    const journal = await left();
    for (let end = 0; end < 4; end++) {
      expect(await live([], "j32")).toMatchObject({ killed: true, unread: [] });
      expect(counted(await open())).toEqual([]);
    }
    journal.inHand.begin(IDS);
    journal.inHand.end();
    expect(counted(await open())).toEqual([]);
  });

  test("by a start alone, however many there are", async () => {
    await left();
    await live(["j5"]);
    for (let start = 0; start < 4; start++) {
      const journal = await open();
      expect(journal.inHand.endsOf("j5")).toBe(1);
      await journal.close();
    }
    expect(counted(await open())).toEqual(IDS.slice(0, BATCH));
  });

  test("against records that have been read, and against a record that came later", async () => {
    const journal = await left();
    journal.inHand.begin(IDS.slice(0, 3));
    const next = await open();
    next.inHand.begin(["j1"]);
    next.inHand.end();
    expect(counted(next)).toEqual(["j0", "j2"]);
    expect(counted(await open())).toEqual(["j0", "j2"]);
    // As a crash of the machine may leave it: the note is there, and what it is of is not.
    rmSync(join(directory, "0000000001.journal"));
    rmSync(join(directory, "cursor"), { force: true });
    await left(["jlater"]);
    expect(counted(await open())).toEqual([]);
  });

  test.each([
    ["nothing", ""],
    ["zeros", "\0".repeat(4096)],
    ["no checksum", '[["j0",2]]\n'],
    ["another checksum", '00000000\n[["j0",2]]\n'],
    ["no counts", "25cbfc4f\nnull\n"],
  ])("by a file that holds %s", async (_, content) => {
    await left();
    writeFileSync(join(directory, IN_HAND), content);
    const journal = await open();
    expect(counted(journal)).toEqual([]);
    journal.inHand.begin(["j0"]);
    expect(counted(await open())).toEqual(["j0"]);
    expect(faults).toEqual([]);
  });

  test("by a file of which any byte was changed, or that was cut anywhere", async () => {
    const journal = await left(["j0", "j1"]);
    journal.inHand.begin(["j0", "j1"]);
    const path = join(directory, IN_HAND);
    const whole = readFileSync(path);
    const end = whole.lastIndexOf("\n");
    for (let at = 0; at < end; at += 1 + (at % 3)) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      for (const bytes of [flipped, whole.subarray(0, at)]) {
        writeFileSync(path, bytes);
        expect(counted(await open())).toEqual([]);
      }
    }
  });
});

describe("the file", () => {
  test("has one size and is ours alone, whatever is in hand", async () => {
    const journal = await left();
    const path = join(directory, IN_HAND);
    expect(existsSync(path)).toBe(false);
    const sizes = new Set<number>();
    const long = Array.from({ length: 1_000 }, (_, index) => `j${index}${"\u{1f600}".repeat(20)}`);
    for (const ids of [[], ["j0"], IDS, long, ["j0"]]) {
      journal.inHand.begin(ids);
      sizes.add(statSync(path).size);
      journal.inHand.end();
      sizes.add(statSync(path).size);
    }
    expect([...sizes]).toEqual([4096]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(inspectJournal(directory).foreign).toEqual([]);
  });

  test("of more than it takes, notes those in hand and of those the first ones", async () => {
    const ids = Array.from({ length: 300 }, (_, index) => `j${String(index).padStart(32, "0")}`);
    const earlier = await left(ids);
    earlier.inHand.begin(ids);
    const first = (await open()).inHand;
    const noted = ids.filter((id) => first.endsOf(id) > 0);
    expect(noted).toEqual(ids.slice(0, noted.length));
    expect(noted.length).toBeGreaterThan(2 * BATCH);
    first.begin(ids.slice(-BATCH));
    const second = (await open()).inHand;
    expect(ids.slice(-BATCH).map((id) => second.endsOf(id))).toEqual(new Array(BATCH).fill(1));
  });

  test.each([
    ["a directory in its place", () => mkdirSync(join(directory, IN_HAND))],
    ["a journal that was taken away", () => rmSync(directory, { recursive: true })],
  ])("%s is told once, and all is read without it", async (_, breakIt) => {
    const journal = await left(["j0", "j1"]);
    breakIt();
    for (const id of ["j0", "j1"]) {
      journal.inHand.begin([id]);
      journal.inHand.end();
    }
    expect(faults.map(({ kind }) => kind)).toEqual(["in-hand-failed"]);
    rmSync(join(directory, IN_HAND), { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    journal.inHand.begin(["j1"]);
    expect(existsSync(join(directory, IN_HAND))).toBe(true);
    expect(faults.length).toBe(1);
  });

  test("a full disk is told once, and all is read", async () => {
    await left();
    // Every write to it is refused as on a full disk.
    symlinkSync("/dev/full", join(directory, IN_HAND));
    const life = await live([]);
    expect(life).toEqual({ killed: false, read: IDS, unread: [], faults: ["in-hand-failed"] });
  });
});
