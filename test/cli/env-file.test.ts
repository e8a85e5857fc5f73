/** The files of `--env-file`, and the one that a systemd unit names. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Dialect, parseEnvFile, readEnvFile } from "../../src/cli/env-file.ts";

const LINES = [
  "# a comment",
  "; another",
  "",
  "PLAIN=1",
  "export MOVED = two words  # why",
  "SINGLE='one # two \\ '",
  'DOUBLE="a \\"b\\" \\$c \\d" # why',
  "JOINED='a'\"b\"c",
  "LONG=a\\",
  "b",
  "LINES='a",
  "b'",
  "HASH=#x",
  "NOTHING=",
  "COMMENT= # only",
  "APOSTROPHE=it's",
  "TWICE=1",
  "TWICE=2",
].join("\n");

test("names, values, quotes and comments are read as a shell and as systemd reads them", () => {
  const read = (dialect: Dialect) => {
    const { values, faults } = parseEnvFile(`\uFEFF${LINES.replaceAll("\n", "\r\n")}`, dialect);
    return [Object.fromEntries([...values].map(([name, { value }]) => [name, value])), faults] as const;
  };
  const both = { PLAIN: "1", SINGLE: "one # two \\ ", JOINED: "abc", LONG: "ab", LINES: "a\nb", HASH: "#x" };
  const rest = { NOTHING: "", APOSTROPHE: "it's", TWICE: "2" };
  expect(read("shell")).toEqual([{ ...both, ...rest, MOVED: "two words", DOUBLE: 'a "b" $c \\d', COMMENT: "" }, []]);
  expect(read("systemd")).toEqual([
    { ...both, ...rest, DOUBLE: 'a "b" $c \\d# why', COMMENT: "# only" },
    [{ line: 5, what: expect.stringContaining("no name") }],
  ]);
});

test("a shell reads the sample of the unit's settings as we do", () => {
  const sample = new URL("../../ops/systemd/mm4d.env", import.meta.url).pathname;
  const { values, faults } = readEnvFile(sample, "systemd");
  expect(faults).toEqual([]);
  expect(values.size).toBeGreaterThan(5);
  for (const [name, { value }] of values) {
    expect(execFileSync("sh", ["-c", `. ${sample}; printf %s "$${name}"`]).toString()).toBe(value);
  }
});

test("each bad line is told by its number, and never by what stands in it", () => {
  const { values, faults } = parseEnvFile(
    'A=1\nredis://:secret@x\n=secret\na b=secret\nB=2\nC="secret\nD=1\n',
    "shell",
  );
  expect([...values.keys()]).toEqual(["A", "B"]);
  expect(faults.map(({ line }) => line)).toEqual([2, 3, 4, 6]);
  expect(JSON.stringify(faults)).not.toContain("secret");
});

test("a long file is read whole, whatever it is full of", () => {
  for (const filler of [" ", "x", "\\", '"', "'", "#", " #", "\n", "=", "\\\n", "A\n", "A=' "]) {
    const text = `FIRST=1\nA=${filler.repeat(100_000 / filler.length)}\n`;
    for (const dialect of ["shell", "systemd"] as const) {
      expect(parseEnvFile(text, dialect).values.get("FIRST"), JSON.stringify(filler)).toEqual({ value: "1", line: 1 });
    }
  }
});

test("what is no file, or too large a one, is refused at once", () => {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-env-"));
  const pipe = join(directory, "pipe");
  execFileSync("mkfifo", [pipe]);
  const huge = join(directory, "huge");
  writeFileSync(huge, "A".repeat(2_000_000));
  const latin = join(directory, "latin");
  writeFileSync(latin, Buffer.from("A=\xe9\n", "latin1"));
  for (const [path, why] of [
    [join(directory, "none"), "ENOENT"],
    [directory, "it is a directory, must be a file"],
    [pipe, "it is a pipe, must be a file"],
    ["/dev/zero", "it is a device, must be a file"],
    [huge, "larger than"],
    [latin, "UTF-8"],
    [process.execPath, "larger than"],
  ] as const) {
    expect(() => readEnvFile(path, "shell"), path).toThrow(why);
  }
  rmSync(directory, { recursive: true });
});
