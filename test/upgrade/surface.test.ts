/** Versions by semver: no name by which an earlier version of this major one was used has gone. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { VERSION } from "../../src/version.ts";
import { versionsLeftBehind } from "./left-behind.ts";
import { type Surface, surfaceOfNow } from "./surface.ts";

const NOW = await surfaceOfNow();
const KINDS = ["settings", "commands", "metrics", "exports"] as const;

/** What came before 1.0.0 is held to as well. */
function majorOf(version: string): number {
  return Math.max(1, Number(version.split(".")[0]));
}

function gone(before: Surface, now: Surface): readonly string[] {
  return KINDS.flatMap((kind) => before[kind].filter((name) => !now[kind].includes(name)));
}

const sameMajor = versionsLeftBehind().filter(({ version }) => majorOf(version) === majorOf(VERSION));

test.each(sameMajor)("settings, commands, metrics and exports of $version are there", ({ directory }) => {
  const before = JSON.parse(readFileSync(join(directory, "surface.json"), "utf8")) as Surface;
  for (const kind of KINDS) expect([kind, before[kind].length > 3]).toEqual([kind, true]);
  expect(gone(before, NOW)).toEqual([]);
});

test("one that goes is noticed, one that comes is not", () => {
  expect(gone(NOW, { ...NOW, metrics: NOW.metrics.filter((name) => name !== "mm4d_reports_total{peer}") })).toEqual([
    "mm4d_reports_total{peer}",
  ]);
  expect(gone({ ...NOW, commands: [] }, NOW)).toEqual([]);
});
