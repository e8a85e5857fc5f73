/** The log on a real pipe whose reader is this test: it reads when it likes. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { openLogOutput } from "../../src/monitoring/log-output.ts";
import { eventually } from "../support/redis.ts";

const directory = mkdtempSync(join(tmpdir(), "mm4d-log-"));
afterAll(() => rmSync(directory, { recursive: true }));
let pipes = 0;

function openPipe() {
  const path = join(directory, `pipe-${pipes++}`);
  execFileSync("mkfifo", [path]);
  const from = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let text = "";
  const piece = Buffer.alloc(1_048_576);
  return {
    open: () => openSync(path, constants.O_WRONLY | constants.O_NONBLOCK),
    /** All that was read so far, with what can be read now. */
    read() {
      try {
        for (let bytes = readSync(from, piece); bytes > 0; bytes = readSync(from, piece)) {
          text += piece.toString("latin1", 0, bytes);
        }
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code !== "EAGAIN") throw cause;
      }
      return text;
    },
    close: () => closeSync(from),
  };
}

const lineOf = (number: number): string => `${number} ${"x".repeat(1_000)}\n`;
const numbersIn = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ")[0]);

test("beyond the bound lines are lost and counted, and that is told behind what is kept", async () => {
  const pipe = openPipe();
  const output = openLogOutput((lost) => output.write(`lost ${lost}\n`), pipe.open());
  const count = Math.ceil((1.5 * BOUNDS.logWaiting.value) / 1_000);
  for (let number = 0; number < count; number += 1) {
    output.write(lineOf(number));
    if (number % 100 === 0) await turn();
  }
  const lost = output.lost();
  expect(lost).toBeGreaterThan(count / 5);
  expect(lost).toBeLessThan(count / 2);
  const text = await eventually(pipe.read, (read) => read.includes(`lost ${lost}\n`));
  const kept = Array.from({ length: count - lost }, (_, number) => String(number));
  const told = numbersIn(text).indexOf("lost");
  // It is told as soon as there is room; what waited then comes before it.
  expect(numbersIn(text)).toEqual([...kept.slice(0, told), "lost", ...kept.slice(told)]);
  output.write("afterwards\n");
  expect(await eventually(pipe.read, (read) => read.endsWith("afterwards\n"))).toContain("afterwards");
  expect(output.lost()).toBe(lost);
  pipe.close();
});

test("a reader that is slow and keeps up in the end misses nothing, and lines of two processes stay whole", async () => {
  const pipe = openPipe();
  const outputs = [openLogOutput(() => {}, pipe.open()), openLogOutput(() => {}, pipe.open())];
  for (let number = 0; number < 1_000; number += 1) {
    for (const [index, output] of outputs.entries()) output.write(`${index}${lineOf(number)}`);
    if (number % 10 === 0) await turn();
    if (number % 300 === 0) pipe.read();
  }
  const text = await eventually(pipe.read, (read) => read.split("\n").length > 2_000);
  expect(text.split("\n").filter((line) => !/^[01]\d+ x{1000}$/.test(line))).toEqual([""]);
  for (const index of ["0", "1"]) {
    const numbers = numbersIn(text).filter((number) => number?.startsWith(index));
    expect(numbers).toEqual(Array.from({ length: 1_000 }, (_, number) => `${index}${number}`));
  }
  expect(outputs.map((output) => output.lost())).toEqual([0, 0]);
  pipe.close();
});

test("a line that is longer than a pipe takes at once comes whole", async () => {
  const pipe = openPipe();
  const output = openLogOutput(() => {}, pipe.open());
  const long = `${"y".repeat(300_000)}\n`;
  for (const line of ["first\n", long, "last\n"]) output.write(line);
  expect(await eventually(pipe.read, (read) => read.endsWith("last\n"))).toBe(`first\n${long}last\n`);
  pipe.close();
});

test("what cannot be written is counted, and told where it can be again", async () => {
  const told: number[] = [];
  const output = openLogOutput((lost) => told.push(lost), openSync("/dev/full", "w"));
  for (const line of ["a\n", "b\n", "c\n"]) output.write(line);
  await eventually(output.lost, (lost) => lost === 3);
  const gone = openPipe();
  const orphan = openLogOutput((lost) => told.push(lost), gone.open());
  gone.close();
  orphan.write("nobody reads\n");
  await eventually(orphan.lost, (lost) => lost === 1);
  expect(told).toEqual([]);
});
