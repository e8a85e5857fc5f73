/** The list of reasons: no two sentences that hold together contradict each other, and each cause stands before its effects. */
import { describe, expect, test } from "vitest";
import { type HealthFacts, healthOfAll, isFull, type MmscFacts, type QueueFacts } from "../../src/monitoring/health.ts";
import { REASON_TIMES } from "../../src/monitoring/reason-times.ts";
import { quoted } from "../../src/monitoring/reason-words.ts";
import { notReady, REASONS, type Reason, reasonsOf, stateOf } from "../../src/monitoring/reasons.ts";
import { IDLE_QUEUE } from "../support/queue-use.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const ago = (ms: number): Date => new Date(NOW.getTime() - ms);
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const WELL: HealthFacts = {
  now: NOW,
  takesReports: true,
  stopping: false,
  full: false,
  fullOfQueued: false,
  needsRedis: false,
  journal: {
    bytes: 0,
    waitingBytes: 0,
    maxBytes: 1e9,
    records: 0,
    oldestAt: null,
    fault: null,
    usedUp: [],
    most: null,
  },
  redis: { awayMs: null, fault: null, unsuitable: [], accepted: false, cluster: false, emptiedAt: null, refusal: null },
  archive: { fault: null },
  drainFault: null,
  certificateExpiresAt: null,
  settingsFaults: [],
  processes: { count: 2, missing: 0, full: 0 },
  quarantine: { messages: 0, bytes: 0, maxMessages: 10, maxBytes: 1e6, refused: [], asideFull: [], fillers: [] },
  queues: [],
  mmscs: [],
  peers: [],
};
const QUEUE: QueueFacts = { ...IDLE_QUEUE, name: "events", holds: "events", main: true };
const waitsFor = (notTakenMs: number, more: Partial<QueueFacts> = {}): Partial<HealthFacts> => ({
  queues: [{ ...QUEUE, waits: 3, notTakenMs, ...more }],
});
const inHand = { jobs: { active: 2 } };
const refused = (forMs: number): Partial<HealthFacts> => ({
  quarantine: { ...WELL.quarantine, messages: 10, refused: [{ peer: "carrier", forMs }] },
});
/** So much of it waits for room there that its reports are refused too. */
const waitsAside = (forMs: number): Partial<HealthFacts> => ({
  quarantine: { ...WELL.quarantine, messages: 10, refused: [{ peer: "carrier", forMs }], asideFull: ["carrier"] },
});

const most = { peer: "carrier", bytes: 9e8 };
/** All of it waits; or nothing, because it is on the queue already; or one record has, for too long. */
const FULL = { ...WELL.journal, bytes: 1e9, waitingBytes: 1e9, records: 1e5, oldestAt: ago(1_000), most };
const QUEUED = { ...FULL, waitingBytes: 0, records: 0, oldestAt: null };
const HELD_UP = { ...FULL, waitingBytes: 2_000, records: 1, oldestAt: ago(2 * MINUTE_MS) };

const failingFor = (peer: string, ms: number, reason: string, answeredAt: Date | null = null): MmscFacts => ({
  peer,
  answeredAt,
  failing: { since: ago(ms), lastAt: ago(ms), reason },
});

/** Of each thing that may be so or otherwise, how it may be. */
const GRID: readonly (readonly Partial<HealthFacts>[])[] = [
  [{}, { stopping: true }],
  [{}, { needsRedis: true }],
  [
    {},
    { redis: { ...WELL.redis, awayMs: MINUTE_MS, fault: "ECONNREFUSED" } },
    { redis: { ...WELL.redis, awayMs: MINUTE_MS, cluster: true, fault: "it is a node of a Redis Cluster, no" } },
    { redis: { ...WELL.redis, fault: "OOM" } },
    { redis: { ...WELL.redis, emptiedAt: ago(DAY_MS - 1) } },
    { redis: { ...WELL.redis, unsuitable: ["Redis may remove jobs"], refusal: "Redis may remove jobs" } },
    { redis: { ...WELL.redis, unsuitable: ["Redis forgets its jobs"], accepted: true } },
    // What it was like before it went away is remembered.
    { redis: { ...WELL.redis, awayMs: 1, fault: "ECONNREFUSED", unsuitable: ["Redis forgets its jobs"] } },
  ],
  [
    {},
    { journal: { ...WELL.journal, records: 1, oldestAt: ago(2 * MINUTE_MS) } },
    { journal: { ...WELL.journal, fault: new Error("ENOSPC") } },
    { full: true, processes: { ...WELL.processes, full: 2 } },
    { processes: { ...WELL.processes, full: 1 } },
    { processes: { ...WELL.processes, missing: 1 } },
    { full: true, processes: { ...WELL.processes, missing: 1, full: 1 } },
    { full: true, journal: FULL },
    { full: true, fullOfQueued: true, journal: QUEUED },
    { full: true, fullOfQueued: true, journal: HELD_UP },
    { fullOfQueued: true, journal: QUEUED, processes: { ...WELL.processes, full: 1 } },
    { journal: { ...FULL, usedUp: ["carrier"] } },
    { journal: { ...QUEUED, usedUp: ["carrier"] } },
    { journal: { ...HELD_UP, usedUp: ["carrier", "other"] }, processes: { ...WELL.processes, count: 1 } },
  ],
  [{}, { drainFault: new Error("WRONGTYPE") }],
  [
    {},
    { certificateExpiresAt: ago(1) },
    { archive: { fault: "given-up" } },
    { settingsFaults: ["The peers file has an error, so what was read before is still in use (no)"] },
  ],
  [
    {},
    refused(1),
    refused(MINUTE_MS),
    { quarantine: { ...WELL.quarantine, messages: 9 } },
    { quarantine: { ...WELL.quarantine, messages: 5, fillers: ["carrier"] } },
    waitsAside(1),
    waitsAside(MINUTE_MS),
  ],
  [
    {},
    waitsFor(1),
    waitsFor(MINUTE_MS),
    waitsFor(MINUTE_MS, { workers: 1 }),
    waitsFor(MINUTE_MS, { workers: 1, ...inHand }),
    waitsFor(MINUTE_MS, { workers: null, workersUnknown: "NOPERM" }),
    waitsFor(MINUTE_MS, { paused: true }),
    waitsFor(10 * MINUTE_MS),
    waitsFor(10 * MINUTE_MS, inHand),
    waitsFor(10 * MINUTE_MS, { workers: 2 }),
    waitsFor(10 * MINUTE_MS, { workers: 2, ...inHand }),
    waitsFor(10 * MINUTE_MS, { workers: null, workersUnknown: "unknown command", ...inHand }),
    waitsFor(10 * MINUTE_MS, { paused: true, workers: 1, ...inHand }),
    waitsFor(10 * MINUTE_MS, { name: "acks", holds: "acknowledgements" }),
    waitsFor(10 * MINUTE_MS, { name: "acks", holds: "acknowledgements", paused: true }),
  ],
];

/** Things that do not touch the others: each with one of them is enough. */
const FURTHER: readonly Partial<HealthFacts>[] = [
  { queues: [{ ...QUEUE, jobs: { failed: 3 }, failures: { firstAt: ago(DAY_MS), error: "no" } }] },
  { queues: [{ ...QUEUE, jobs: { delayed: 30 }, retrying: { lookedAt: 30, alike: 30, error: "no" } }] },
  { mmscs: [failingFor("carrier", MINUTE_MS, "ECONNREFUSED")] },
  { peers: [{ name: "carrier", lastAt: null, knownMs: DAY_MS, reloaded: false }] },
  { peers: [{ name: "carrier", lastAt: ago(DAY_MS), knownMs: 1, reloaded: false }] },
];

function* everyCombination(rest = GRID): Generator<HealthFacts> {
  const [first, ...others] = rest;
  if (!first) {
    yield WELL;
    return;
  }
  for (const below of everyCombination(others)) for (const one of first) yield { ...below, ...one };
}

/** What must not stand beside what, whatever is so. */
const CONTRADICTIONS: readonly (readonly [RegExp, RegExp])[] = [
  [/relays see no difference/, /451|do not answer|deliver nothing|being stopped|has (had )?no room/],
  [/Redis has been away/, /Redis refuses|queue does not keep up|cannot be put on|Nothing is put|none was taken|paused/],
  [/Redis refuses writes/, /queue does not keep up|cannot be put on|Nothing is put|relays see no difference/],
  [/until Redis has caught up/, /Redis has been away/],
  [/cannot be put on the queue/, /queue does not keep up/],
  [/The journal is full/, /The journals of \d|may have of the journal/],
  [
    /within the last minute|for a minute$/,
    /Redis has been away|Redis refuses|has caught up|cannot be put on the queue|The queue does not keep up/,
  ],
  [/The quarantine is|What .* may have of the quarantine/, /The quarantine has/],
  [/reports get 451/, /\d reports? waits? in the journal .*; relays see/],
  [/no worker of BullMQ is connected/, /workers? of BullMQ (is|are) connected,|the queue is paused/],
];

/** What must not come later than its effect. */
const CAUSES: readonly (readonly [string, string])[] = [
  ["redis-away", "journal-full"],
  ["redis-away", "journals-full"],
  ["redis-cluster", "journal-full"],
  ["redis-refuses-writes", "journal-full"],
  ["redis-unsuitable", "events-not-queued"],
  ["redis-unsuitable", "queue-refused"],
  ["events-not-queued", "journal-full"],
  ["redis-away", "journal-share-full"],
  ["events-not-queued", "journal-share-full"],
  ["queue-paused", "events-abandoned"],
];

function expectNoContradiction(reasons: readonly Reason[]): void {
  const texts = reasons.map(({ text }) => text);
  for (const [one, other] of CONTRADICTIONS) {
    const [first] = texts.filter((text) => one.test(text));
    if (first === undefined) continue;
    const against = texts.filter((text) => text !== first && other.test(text));
    if (against.length > 0) expect.fail(`${first}\n  against\n${against.join("\n")}`);
  }
  const names = reasons.map(({ name }) => name);
  for (const [cause, effect] of CAUSES) {
    if (names.includes(cause) && names.includes(effect) && names.indexOf(cause) > names.indexOf(effect)) {
      expect.fail(`${effect} stands before ${cause}`);
    }
  }
  if (new Set(texts).size < texts.length) expect.fail(`said twice: ${texts.join("\n")}`);
}

describe("over the grid of facts", () => {
  const held = new Set<string>();
  test("no sentence contradicts another, and each cause stands before its effects", () => {
    let looked = 0;
    for (const facts of everyCombination()) {
      const reasons = reasonsOf(facts);
      for (const { name } of reasons) held.add(name);
      expectNoContradiction(reasons);
      // Whoever is sent no traffic is not told to be well; and what costs every report sends traffic elsewhere.
      const unready = notReady(facts);
      const texts = reasons.map(({ text }) => text);
      if (unready.some((text) => !texts.includes(text))) expect.fail(unready.join("\n"));
      if (texts.some((text) => /: reports get 451/.test(text)) && unready.length === 0) expect.fail(texts.join("\n"));
      // Whatever needs attention, what can be read is taken, as docs/operating.md says.
      if (stateOf(reasons) === "needs-attention" && unready.length > 0) expect.fail(unready.join("\n"));
      looked += 1;
    }
    expect(looked).toBe(GRID.reduce((product, { length }) => product * length, 1));
  });

  test("also with what does not touch the others; and every reason is among them", () => {
    for (const further of FURTHER) {
      for (const facts of everyCombination(GRID.slice(0, 5))) {
        const reasons = reasonsOf({ ...facts, ...further });
        for (const { name } of reasons) held.add(name);
        expectNoContradiction(reasons);
      }
    }
    expect([...held].sort()).toEqual(REASONS.map(({ name }) => name).sort());
  });

  test("what is looked with finds a contradiction", () => {
    const text = (said: string): Reason => ({ name: "x", state: "not-well", text: said, remedy: "" });
    const one = text("Redis has been away for 1 min (x): 1 report waits in the journal; relays see no difference");
    expect(() => expectNoContradiction([one, text("The journal is full: reports get 451")])).toThrow("against");
    expect(() =>
      expectNoContradiction([
        { ...one, name: "journal-full" },
        { ...one, name: "redis-away" },
      ]),
    ).toThrow();
  });
});

test("the names are fixed, one state each; sentences have no full stop and no line end", () => {
  expect(new Set(REASONS.map(({ name }) => name)).size).toBe(REASONS.length);
  for (const facts of [...everyCombination(GRID.slice(2))].slice(0, 5_000)) {
    for (const { text, name, state } of reasonsOf(facts)) {
      expect(text).toMatch(/^[A-Z0-9].*[^.\s]$/);
      expect(REASONS.find((reason) => reason.name === name)?.state).toBe(state);
    }
  }
});

const names = (facts: Partial<HealthFacts>): readonly string[] =>
  reasonsOf({ ...WELL, ...facts }).map(({ name }) => name);

test.each<[string, Partial<HealthFacts>, readonly string[], string]>([
  ["nothing", {}, [], "well"],
  ["events that wait for less than a minute", waitsFor(59_999), [], "well"],
  ["nobody takes them for a minute", waitsFor(60_000), ["events-not-taken"], "needs-attention"],
  ["for ten minutes", waitsFor(600_000), ["events-abandoned"], "not-well"],
  ["for ten minutes, by workers that take none", waitsFor(600_000, { workers: 1 }), ["events-abandoned"], "not-well"],
  [
    "for ten minutes, by workers with long jobs",
    waitsFor(600_000, { workers: 1, ...inHand }),
    ["events-not-taken"],
    "needs-attention",
  ],
  [
    "for ten minutes, where Redis does not tell who is connected, and a job is held",
    waitsFor(600_000, { workers: null, workersUnknown: "NOPERM", held: true, ...inHand }),
    ["events-not-taken"],
    "needs-attention",
  ],
  [
    "and where none is",
    waitsFor(600_000, { workers: null, workersUnknown: "NOPERM", ...inHand }),
    ["events-abandoned"],
    "not-well",
  ],
  ["for ten minutes, by workers that have gone", waitsFor(600_000, inHand), ["events-abandoned"], "not-well"],
  [
    "a paused queue on which nothing waits",
    { queues: [{ ...QUEUE, paused: true }] },
    ["queue-paused"],
    "needs-attention",
  ],
  [
    "a paused queue, after ten minutes",
    waitsFor(600_000, { paused: true, workers: 1, ...inHand }),
    ["queue-paused", "events-abandoned"],
    "not-well",
  ],
  [
    "acknowledgements that nobody takes cost no events",
    waitsFor(600_000, { holds: "acknowledgements" }),
    ["acknowledgements-not-taken"],
    "needs-attention",
  ],
  [
    "9 jobs that failed alike",
    { queues: [{ ...QUEUE, retrying: { lookedAt: 100, alike: 9, error: "no" } }] },
    [],
    "well",
  ],
  ["a journal that is full of what is queued", { full: true, journal: QUEUED }, ["journal-full"], "not-well"],
  [
    "a peer that has used up its share of it",
    { journal: { ...FULL, usedUp: ["carrier"] } },
    ["journal-share-full"],
    "not-well",
  ],
  ["an archive that cannot be packed", { archive: { fault: "pack-failed" } }, ["archive-failing"], "needs-attention"],
  ["one in which a damaged block was found", { archive: { fault: "damaged" } }, [], "well"],
  ["a quarantine with 89 %", { quarantine: { ...WELL.quarantine, bytes: 899_999 } }, [], "well"],
  [
    "with 90 % of its bytes",
    { quarantine: { ...WELL.quarantine, bytes: 900_000 } },
    ["quarantine-nearly-full"],
    "needs-attention",
  ],
  [
    "a peer that has nearly used up its share of it",
    { quarantine: { ...WELL.quarantine, messages: 5, fillers: ["carrier"] } },
    ["quarantine-nearly-full"],
    "needs-attention",
  ],
  ["a quarantine that costs for less than a minute", refused(59_999), ["quarantine-nearly-full"], "needs-attention"],
  ["for a minute", refused(60_000), ["quarantine-full"], "not-well"],
  ["at once, when it costs reports", waitsAside(1), ["quarantine-full"], "not-well"],
  ["a quarantine that is to hold nothing", { quarantine: { ...WELL.quarantine, maxMessages: 0 } }, [], "well"],
  [
    "a peer that is silent, an hour after the start",
    { peers: [{ name: "a", lastAt: null, knownMs: 3_599_999, reloaded: false }] },
    [],
    "well",
  ],
  [
    "and longer",
    { peers: [{ name: "a", lastAt: null, knownMs: 3_600_000, reloaded: false }] },
    ["peer-silent"],
    "needs-attention",
  ],
  [
    "a peer that spoke yesterday",
    { peers: [{ name: "a", lastAt: ago(DAY_MS - 1), knownMs: 9e9, reloaded: false }] },
    [],
    "well",
  ],
])("%s", (_, facts, expected, state) => {
  expect(names(facts)).toEqual(expected);
  expect(stateOf(reasonsOf({ ...WELL, ...facts }))).toBe(state);
});

test("of several processes, one that heard a peer is enough, and each that refused or failed is told", () => {
  const one = {
    ...WELL,
    peers: [{ name: "a", lastAt: null, knownMs: DAY_MS, reloaded: false }],
    ...refused(MINUTE_MS),
  };
  const other = {
    ...WELL,
    peers: [{ name: "a", lastAt: ago(1), knownMs: 1, reloaded: false }],
    mmscs: [failingFor("b", 1, "no")],
  };
  expect(reasonsOf(healthOfAll([one, other])).map(({ name }) => name)).toEqual(["quarantine-full", "mmsc-unreachable"]);
  const aside = { ...WELL, quarantine: { ...WELL.quarantine, asideFull: ["c"] } };
  expect(
    reasonsOf(healthOfAll([{ ...aside, quarantine: { ...WELL.quarantine, asideFull: ["a"] } }, aside])),
  ).toMatchObject([
    { text: expect.stringMatching(/^Of a, c as much waits aside .*: their reports get 451 until there is room$/) },
  ]);
  // One that was answered since says that it can be reached.
  const answered = { ...WELL, mmscs: [{ peer: "b", answeredAt: ago(0), failing: null }] };
  expect(reasonsOf(healthOfAll([other, answered]))).toEqual([]);
  const again = { ...WELL, mmscs: [failingFor("b", MINUTE_MS, "first", ago(2 * MINUTE_MS))] };
  expect(reasonsOf(healthOfAll([other, again])).map(({ text }) => text)).toEqual([
    'The MMSC of b has taken no acknowledgement for 1 min: "no"',
  ]);
  const full = { ...WELL, full: true };
  expect(reasonsOf(healthOfAll([full, WELL])).map(({ name }) => name)).toEqual(["journals-full"]);
  expect(reasonsOf(healthOfAll([full, full])).map(({ name }) => name)).toEqual(["journal-full"]);
});

test("a journal that is full of what is queued says whose it is, and that it waits for a minute and not for Redis", () => {
  const textOf = (facts: Partial<HealthFacts>) => reasonsOf({ ...WELL, ...facts }).map(({ text }) => text);
  expect(textOf({ full: true, fullOfQueued: true, journal: QUEUED })).toEqual([
    "The journal is full (1.0 GB of 1.0 GB) of what was queued within the last minute, 90 % of it from carrier: reports get 451 until that has been on the queue for a minute",
  ]);
  expect(textOf({ full: true, journal: FULL })).toEqual([
    "The journal is full (1.0 GB of 1.0 GB): reports get 451 until Redis has caught up",
  ]);
  const shared = "(in all 1.0 GB of 1.0 GB; no peer has more than seven eighths of what the others leave)";
  const one = { ...WELL.processes, count: 1 };
  expect(textOf({ journal: { ...QUEUED, usedUp: ["carrier"] }, processes: one })).toEqual([
    `What carrier may have of the journal is used up ${shared}: its reports get 451 until what it sent has been on the queue for a minute`,
  ]);
  expect(textOf({ journal: { ...FULL, usedUp: ["carrier", "b"] } })).toEqual([
    `What carrier, b may have of the journal is used up ${shared}: their reports on some connections get 451 until Redis has caught up`,
  ]);
  // Of two processes, one is full of what is queued, and another is not full of what waits.
  const full = { ...WELL, full: true, fullOfQueued: true, journal: QUEUED };
  const other = { ...WELL, journal: { ...WELL.journal, records: 5, waitingBytes: 5, oldestAt: ago(1) } };
  expect(reasonsOf(healthOfAll([full, other])).map(({ text }) => text)).toEqual([
    expect.stringMatching(/^The journals of 1 of 2 processes are full of what was queued .* for a minute$/),
  ]);
  expect(healthOfAll([full, { ...full, fullOfQueued: false, journal: FULL }])).toMatchObject({ fullOfQueued: false });
});

test("a journal without room for any peer that is set is full, and one with room for some is not", () => {
  const journal = { ...FULL, bytes: 875_000_000, usedUp: ["carrier"] };
  expect([isFull(journal, ["carrier"]), isFull(journal, ["carrier", "other"]), isFull(journal, [])]).toEqual([
    true,
    false,
    false,
  ]);
  expect(isFull({ ...journal, bytes: 995_000_000 }, ["carrier", "other"])).toBe(true);
});

test("a peer that a reload has set is silent since then, each with its own time, and not since the start", () => {
  const silent = (name: string, hours: number, reloaded = true) => ({
    name,
    lastAt: null,
    knownMs: hours * 3_600_000,
    reloaded,
  });
  const texts = (...peers: HealthFacts["peers"]) => reasonsOf({ ...WELL, peers }).map(({ text }) => text);
  expect(texts(silent("late", 2))).toEqual(["No report has come from late since it was set, 2 h ago"]);
  expect(texts(silent("old", 100, false), silent("late", 2), silent("later", 1))).toEqual([
    "No report has come from old since mm4d was started, 4 d 4 h ago",
    "No report has come from late (set 2 h ago), later (set 1 h ago) since they were set",
  ]);
  // The process that has known it for longest knows since when.
  const [first, other] = [silent("late", 2), silent("late", 1, false)].map((peer) => ({ ...WELL, peers: [peer] }));
  for (const both of [
    [first, other],
    [other, first],
  ] as HealthFacts[][]) {
    expect(reasonsOf(healthOfAll(both))[0]?.text).toBe("No report has come from late since it was set, 2 h ago");
  }
});

test("a Redis that was emptied needs attention for a day, whichever process found it", () => {
  const emptied = (ms: number, needsRedis = false) => ({
    ...WELL,
    needsRedis,
    redis: { ...WELL.redis, emptiedAt: ago(ms) },
  });
  const [reason, ...others] = reasonsOf(healthOfAll([WELL, emptied(5 * MINUTE_MS), emptied(DAY_MS)]));
  expect([reason?.name, reason?.state, others]).toEqual(["redis-emptied", "needs-attention", []]);
  expect(reason?.text).toMatch(/^Redis was found emptied 5 min ago .*; what the journal still held is queued again$/);
  expect(reasonsOf(emptied(1, true))[0]?.text).toMatch(/are lost$/);
  expect(reasonsOf(emptied(DAY_MS))).toEqual([]);
});

test("a node of a Redis Cluster is not told to come back by itself", () => {
  const redis = { ...WELL.redis, awayMs: MINUTE_MS, cluster: true, fault: "it is a node of a Redis Cluster" };
  const [reason, ...others] = reasonsOf({ ...WELL, redis });
  expect([reason?.name, others]).toEqual(["redis-cluster", []]);
  expect(reason?.text).toBe("Redis is a node of a Redis Cluster: 0 reports wait in the journal (0 MB of 1.0 GB)");
  expect(reason?.remedy).toContain("start mm4d again");
  expect(notReady({ ...WELL, redis })).toEqual([]);
  expect(notReady({ ...WELL, redis, needsRedis: true }).length).toBe(1);
});

test("many peers are one sentence, with some names", () => {
  const peers = Array.from({ length: 500 }, (_, index) => ({
    name: `p${index}`,
    lastAt: null,
    knownMs: DAY_MS,
    reloaded: false,
  }));
  const [reason, ...others] = reasonsOf({ ...WELL, peers });
  expect([reason?.text, others]).toEqual([
    expect.stringMatching(/p9 and 490 more since mm4d was started, 1 d ago$/),
    [],
  ]);
  const mmscs = peers.map(({ name }) => failingFor(name, 1, "no"));
  expect(reasonsOf({ ...WELL, mmscs }).length).toBe(11);
});

test("words of others are quoted on one line, cut, masked, and with nothing hidden in them", () => {
  const text = quoted(
    `connect ECONNREFUSED 192.168.100.23:5432\n\u001b[31mof +1 202 555 0100\u202e ${"x".repeat(1e6)}`,
  );
  expect(text).toMatch(/^"connect ECONNREFUSED 192\.168\.100\.23:5432 \\x1b\[31mof \+\* \*{3} \*{3} 0100\\u202e x+…"$/);
  expect(text.length).toBeLessThan(200);
  expect(quoted(" \n ")).toBe("an error without words");
  // Wherever it is cut before its blanks are taken out, no piece of a number is left.
  for (let blanks = 600; blanks < 660; blanks += 1) {
    expect(quoted(`no${" ".repeat(blanks)}12025550100 is known`)).not.toMatch(/\d{5}|12025550|\d(?=…)/);
  }
  expect(REASON_TIMES.notTakenMs).toBe(MINUTE_MS);
});

test("what is to be tried again and due is told apart, as the line on the queue tells it", () => {
  const text = (more: Partial<QueueFacts>) =>
    reasonsOf({ ...WELL, queues: [{ ...QUEUE, notTakenMs: MINUTE_MS, ...more }] }).find(
      ({ name }) => name === "events-not-taken",
    )?.text;
  expect(text({ waits: 3, jobs: { waiting: 3 } })).toMatch(/^3 events wait on the queue/);
  expect(text({ waits: 5, jobs: { waiting: 3, delayed: 2 } })).toMatch(/^5 events wait \(2 to be tried again\) on/);
  expect(text({ waits: 407, jobs: { delayed: 407 } })).toMatch(/^407 events wait \(all to be tried again\) on/);
});
