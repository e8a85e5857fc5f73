/** The page Queue tells of replays: how far each is, what it waits for, and how to go on. */
import { expect, test } from "vitest";
import type { Operations, ReplaySeen } from "../../src/admin/operations.ts";
import { replaysCard } from "../../src/admin/replays-card.ts";

const REPLAY: ReplaySeen = {
  name: "fix-4711",
  id: "00ff00",
  wanted: {
    since: "2026-11-30T10:00:00.000Z",
    until: "2026-11-30T12:00:00.000Z",
    filter: { peer: "east", "message-id": "<b>mm+12025550155</b>" },
    queue: "billing-2",
  },
  typed: { since: "2h", until: "" },
  by: "kim@mm4-1",
  holder: "mm4-1 17 00ff00ff",
  rate: 200,
  state: "running",
  why: "",
  startedAt: "2026-11-30T12:00:00.000Z",
  at: "2026-11-30T12:01:00.000Z",
  published: 12_345,
  place: "2026-11-30T10:30:00.000Z",
  runs: 1,
  brokenOff: false,
};

async function shown(replaced: Partial<ReplaySeen>, numbers: "masked" | "full" = "masked"): Promise<string> {
  const operations = { replays: async () => [{ ...REPLAY, ...replaced }] } as unknown as Operations;
  return String(await replaysCard(operations, { numbers })).replace(/\s+/g, " ");
}

test("who, which reports, where to, and how many", async () => {
  const text = await shown({});
  for (const part of ["<strong>fix-4711</strong>", "kim@mm4-1", "peer east", "billing-2", "200 a second", ">12,345<"])
    expect(text).toContain(part);
  expect(text).toContain("message-id &lt;b&gt;mm+*******0155&lt;/b&gt;");
  expect(await shown({}, "full")).toContain("message-id &lt;b&gt;mm+12025550155&lt;/b&gt;");
});

const GO_ON = "<code>mm4d replay --name fix-4711</code>";

test.each<[name: string, replaced: Partial<ReplaySeen>, says: string, goOn: boolean]>([
  ["running", {}, "running, 25 % of that time", false],
  ["before its first event", { place: null }, "running, 0 % of that time", false],
  [
    "waiting",
    { state: "waiting", why: "consumers, because enough waits on the queue" },
    "waits for consumers, because",
    false,
  ],
  ["stopped", { state: "stopped" }, "stopped <time", true],
  ["killed", { brokenOff: true }, "broken off <time", true],
  ["failed", { state: "failed", why: "another process goes on with it" }, ": another process goes on with it", true],
  ["done", { state: "done" }, "done <time", false],
])("one that is %s", async (_, replaced, says, goOn) => {
  const text = await shown(replaced);
  expect(text).toContain(says);
  expect(text.includes(GO_ON)).toBe(goOn);
});

test("without any there is no card, and what cannot be found is said", async () => {
  const none = { replays: async () => [] } as unknown as Operations;
  expect(String(await replaysCard(none, { numbers: "masked" }))).toBe("");
  const fails = { replays: () => Promise.reject(new Error("no <answer>")) } as unknown as Operations;
  expect(String(await replaysCard(fails, { numbers: "masked" }))).toContain(
    "Replays cannot be listed: no &lt;answer&gt;.",
  );
});
