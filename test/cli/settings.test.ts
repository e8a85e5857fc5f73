/** From where a command has its settings. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { commandIn } from "../../src/cli/program.ts";
import { loadSettings, readSettings, settingsForOthers, useOptions } from "../../src/cli/settings.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mm4d-settings-"));
  for (const name of Object.keys(process.env)) if (/^(MM4D_|REDIS_URL)/.test(name)) vi.stubEnv(name, undefined);
});
afterEach(() => {
  useOptions({});
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

function file(name: string, ...lines: readonly string[]): string {
  const path = join(directory, name);
  writeFileSync(path, lines.join("\n"));
  return path;
}

test("the command line, the environment and the files count in this order, and each value says its place", () => {
  const first = file("first", "MM4D_QUEUE=one", "MM4D_DOMAIN=one.example", "MM4D_PEERS=a=192.0.2.1", "PATH=/nowhere");
  const second = file("second", "MM4D_QUEUE='two'", "MM4D_DATA_DIR=/file", "MM4D_HOSTNAME=file", "MM4D_PEERS_FILE=/p");
  vi.stubEnv("MM4D_HOSTNAME", "environment");
  useOptions({ dataDir: "/option", envFile: [first, second] });
  const { config, origins, files } = loadSettings("look");
  expect([config.queue, config.domain, config.hostname, config.dataDir]).toEqual([
    "two",
    ["one.example"],
    "environment",
    "/option",
  ]);
  // One of the two only: they are two forms of one thing.
  expect([config.peers, config.peersFile]).toEqual([[], "/p"]);
  expect([origins.queue, origins.hostname, origins.dataDir, origins.accept]).toEqual([
    "file",
    "environment",
    "command line",
    "default",
  ]);
  expect(files).toEqual({ queue: second, domain: first, peersFile: second });
  expect(settingsForOthers()).toEqual({
    MM4D_QUEUE: "two",
    MM4D_DOMAIN: "one.example",
    MM4D_PEERS_FILE: "/p",
    MM4D_DATA_DIR: "/option",
  });
});

test("what stands in the environment takes the other form of it away from the file, also an empty one its own", () => {
  const password = file("password", "redis://:secret@127.0.0.1:1");
  useOptions({
    envFile: [file("env", "REDIS_URL=redis://file", "MM4D_ADMIN_TOKEN=from-the-file-16", "MM4D_PEERS=a=192.0.2.1")],
  });
  vi.stubEnv("REDIS_URL_FILE", password);
  vi.stubEnv("MM4D_ADMIN_TOKEN", "");
  vi.stubEnv("MM4D_PEERS_FILE", "/p");
  const { config, origins } = loadSettings("look");
  expect([config.redisUrl, config.adminToken, config.peersFile]).toEqual(["redis://:secret@127.0.0.1:1", "", "/p"]);
  expect(origins.redisUrl).toBe("file");
});

test("every fault is told with its line, and no secret", () => {
  const bad = file(
    "bad",
    "# of mm4d",
    "MM4D_SMTP_PORT=x",
    "redis://:secret@host",
    "MM4D_SMPT_PORT=1",
    "REDIS_URL=secret",
  );
  useOptions({ envFile: [bad, join(directory, "none")] });
  const read = readSettings();
  const faults = read.ok ? [] : read.error;
  expect(faults).toEqual([
    `line 3 of ${bad} has no "=", must be NAME=value`,
    expect.stringMatching(/^--env-file is ".*none", must be a file that can be read: ENOENT/),
    expect.stringContaining(`(line 5 of ${bad})`),
    `MM4D_SMTP_PORT is "x", must be a whole number from 0 to 65535 (line 2 of ${bad})`,
    expect.stringMatching(/^MM4D_SMPT_PORT is unknown\. Did you mean MM4D_SMTP_PORT\? .*\(line 4 of /),
  ]);
  expect(faults.join()).not.toContain("secret");
});

test("the command is found among the options of the program", () => {
  for (const [words, command] of [
    ["status", "status"],
    ["--data-dir status trace x", "trace"],
    ["--env-file=a --data-dir=b journal status", "journal"],
    ["--data-dir", undefined],
    ["--help", undefined],
  ] as const) {
    expect([words, commandIn(words.split(" "))]).toEqual([words, command]);
  }
});
