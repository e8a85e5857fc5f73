/** What is noted of records that may end the process, over the ends of real processes. */
import { execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
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
/** A whole batch of 32, and half of another. */
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

async function fill(ids: readonly string[] = IDS): Promise<Journal> {
  const journal = await open();
  for (const id of ids) await journal.append(recordOf(id, { kind: "message", text: "" }));
  return journal;
}

/** By a process that has ended cleanly. */
async function left(ids: readonly string[] = IDS): Promise<void> {
  const journal = await fill(ids);
  await journal.close();
}

/** By one that was killed, and none of it was read. */
async function leftByKill(ids: readonly string[] = IDS): Promise<void> {
  await fill(ids);
}

/** Of what waits, at how many ends each may have been what was read; without those of none. */
async function counted(journal: Journal): Promise<Readonly<Record<string, number>>> {
  const all = (await takeUpTo(journal)).map(
    ({ record: { id }, start }) => [id, journal.inHand.endsOf(id, start)] as const,
  );
  return Object.fromEntries(all.filter(([, ends]) => ends > 0));
}

const once = (ids: readonly string[]) => Object.fromEntries(ids.map((id) => [id, 1]));

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
    // Three for the first one, two for each other one, which was suspected with it.
    expect(all.length).toBe(3 + 2 + 2 + 1);
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
      expect(next.inHand.endsOf("j0", undefined)).toBe(3);
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

describe("no more than that it waited at an unclean end is counted", () => {
  test("when a process is killed between two batches, or waits", async () => {
    await left();
    for (let end = 0; end < 4; end++) {
      expect(await live([], "j32")).toMatchObject({ killed: true, unread: [] });
      expect(await counted(await open())).toEqual(once(IDS));
    }
    expect(await live([])).toEqual({ killed: false, read: IDS, unread: [], faults: [] });
  });

  test("by a start alone, however many there are", async () => {
    await left();
    await live(["j5"]);
    for (let start = 0; start < 4; start++) {
      const journal = await open();
      expect(await counted(journal)).toEqual(once(IDS));
      await journal.close();
    }
  });

  test("against records that have been read alone", async () => {
    await leftByKill();
    const journal = await open();
    for (const id of IDS) {
      await journal.inHand.begin(id, 1);
      if (id !== "j7") journal.inHand.end();
    }
    await journal.inHand.begin("j8", 1);
    expect(await counted(await open())).toEqual({ ...once(IDS), j8: 2 });
    journal.inHand.end();
    await untilSays({});
    expect(await counted(await open())).toEqual(once(IDS));
  });
});

describe("nothing is counted", () => {
  test("by a clean stop and start, however often, nor by a kill before there was a record", async () => {
    await open();
    await left();
    for (let start = 0; start < 3; start++) {
      const journal = await open();
      expect(await counted(journal)).toEqual({});
      expect(journal.inHand.endsOf("j0", undefined)).toBe(0);
      await journal.close();
    }
  });

  test("against what came since the unclean end, also after a clean one; and what waited goes on to be suspect until it is drained", async () => {
    await leftByKill(["j0", "j1"]);
    await left(["j2"]);
    const journal = await open();
    expect(await counted(journal)).toEqual(once(["j0", "j1"]));
    await journal.close();
    const next = await open();
    for (const entry of await takeUpTo(next, 2)) next.backlog.done(entry);
    // What Redis may have lost is read again, and none of it came after that end.
    expect(next.inHand.endsOf("j0", undefined)).toBe(1);
    await next.close();
    const last = await open();
    expect(await counted(last)).toEqual({});
    expect(last.inHand.endsOf("j0", undefined)).toBe(0);
  });

  test("against what is not there any more", async () => {
    await leftByKill(["j0"]);
    const journal = await open();
    await journal.inHand.begin("j0", 1);
    expect(await counted(await open())).toEqual({ j0: 2 });
    // As a crash of the machine may leave it: the note is there, and what it is of is not.
    rmSync(join(directory, "0000000001.journal"));
    rmSync(join(directory, "cursor"), { force: true });
    await left(["jlater"]);
    expect((await open()).inHand.endsOf("j0", undefined)).toBe(0);
  });

  test.each([
    ["nothing", ""],
    ["zeros", "\0".repeat(4096)],
    ["no checksum", '{"running":true,"suspects":null,"ends":[["j0",2]]}\n'],
    ["another checksum", '00000000\n{"running":true,"suspects":null,"ends":[["j0",2]]}\n'],
    ["no counts", "25cbfc4f\nnull\n"],
  ])("by a file that holds %s", async (_, content) => {
    await leftByKill();
    writeFileSync(join(directory, IN_HAND), content);
    expect(await counted(await open())).toEqual({});
    expect(await counted(await open())).toEqual(once(IDS));
    expect(faults).toEqual([]);
  });

  test("by a file of which any byte was changed, or that was cut anywhere", async () => {
    await leftByKill(["j0", "j1"]);
    await (await open()).inHand.begin("j0", 1);
    const path = join(directory, IN_HAND);
    const whole = readFileSync(path);
    const end = whole.lastIndexOf("\n");
    for (let at = 0; at < end; at += 1 + (at % 3)) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      for (const bytes of [flipped, whole.subarray(0, at)]) {
        writeFileSync(path, bytes);
        expect(await counted(await open())).toEqual({});
      }
    }
    writeFileSync(path, whole);
    expect(await counted(await open())).toEqual({ j0: 2, j1: 1 });
  });
});

describe("the file", () => {
  test("is written at the opening and at the close alone, while all is well", async () => {
    await left();
    const path = join(directory, IN_HAND);
    const journal = await open();
    rmSync(path);
    for (const entry of await takeUpTo(journal)) journal.backlog.done(entry);
    await journal.tellRedis("a");
    expect(existsSync(path)).toBe(false);
    await journal.close();
    expect(existsSync(path)).toBe(true);
  });

  test("has one size and is ours alone, whatever is in hand", async () => {
    await leftByKill();
    const journal = await open();
    const path = join(directory, IN_HAND);
    const sizes = new Set([statSync(path).size]);
    for (const id of ["j0", `j${"\u{1f600}".repeat(200)}`, "j0"]) {
      await journal.inHand.begin(id, 1);
      sizes.add(statSync(path).size);
      journal.inHand.end();
    }
    await journal.close();
    sizes.add(statSync(path).size);
    expect([...sizes]).toEqual([4096]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(inspectJournal(directory).foreign).toEqual([]);
  });

  test("of more counts than it takes, notes the one in hand, and the others in their order", async () => {
    const ids = Array.from({ length: 300 }, (_, index) => `j${String(index).padStart(32, "0")}`);
    await leftByKill(ids);
    for (const id of ids) await (await open()).inHand.begin(id, 1);
    const found = Object.entries(await counted(await open())).filter(([, ends]) => ends === 2);
    expect(found.map(([id]) => id)).toContain(ids.at(-1));
    expect(found.length).toBeGreaterThan(80);
  }, 30_000);

  test.each([
    ["a directory in its place", () => mkdirSync(join(directory, IN_HAND))],
    ["a journal that was taken away", () => rmSync(directory, { recursive: true })],
  ])("%s is told once, and all is read without it", async (_, breakIt) => {
    await leftByKill(["j0", "j1"]);
    const journal = await open();
    rmSync(join(directory, IN_HAND));
    breakIt();
    for (const id of ["j0", "j1"]) {
      await journal.inHand.begin(id, 1);
      journal.inHand.end();
    }
    expect(faults.map(({ kind }) => kind)).toEqual(["in-hand-failed"]);
    rmSync(join(directory, IN_HAND), { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    await journal.inHand.begin("j1", 1);
    expect(existsSync(join(directory, IN_HAND))).toBe(true);
    expect(faults.length).toBe(1);
  });

  test("a full disk is told once, and all is read", async () => {
    await left();
    rmSync(join(directory, IN_HAND));
    // Every write to it is refused as on a full disk.
    symlinkSync("/dev/full", join(directory, IN_HAND));
    const life = await live([]);
    expect(life).toEqual({ killed: false, read: IDS, unread: [], faults: ["in-hand-failed"] });
  });

  test("that is not taken in time is not waited for, told once, and tried again when that write has ended", async () => {
    await leftByKill(["j0", "j1", "j2"]);
    const journal = await open();
    const path = join(directory, IN_HAND);
    rmSync(path);
    // Opening it to write waits for somebody who reads.
    execFileSync("mkfifo", [path]);
    await journal.inHand.begin("j0", 1);
    journal.inHand.end();
    const beganMs = performance.now();
    for (let times = 0; times < 50; times++) {
      await journal.inHand.begin("j1", 1);
      journal.inHand.end();
    }
    // To wait for each would take four seconds.
    expect(performance.now() - beganMs).toBeLessThan(3_000);
    await expect.poll(() => faults.map(({ kind }) => kind), { timeout: 60_000 }).toEqual(["in-hand-failed"]);
    const pipe = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    rmSync(path);
    await untilSays({});
    closeSync(pipe);
    await journal.inHand.begin("j2", 1);
    expect(await counted(await open())).toEqual({ ...once(["j0", "j1"]), j2: 2 });
    expect(faults.length).toBe(1);
  });
});

/** Nobody waits for a note to be taken back. */
async function untilSays(ends: Readonly<Record<string, number>>): Promise<void> {
  const says = () => {
    const path = join(directory, IN_HAND);
    const json = existsSync(path) ? readFileSync(path, "utf8").split("\n")[1] : undefined;
    return json === undefined ? undefined : Object.fromEntries(JSON.parse(json).ends);
  };
  await expect.poll(says, { timeout: 60_000, interval: 5 }).toEqual(ends);
}
