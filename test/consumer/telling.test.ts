/** What a consumer's terminal says of failures when nobody asked for anything else. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Telling, tellFailures } from "../../src/consumer/telling.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

const event = eventOf(deliveryReport());
let said: string[];
let telling: Telling;

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  telling = tellFailures((line) => said.push(line));
});
afterEach(() => vi.useRealTimers());

test("each kind of error is told at once, then once a minute with how often, and again when it comes back", () => {
  for (let index = 0; index < 86; index += 1) {
    telling.failed(event, new Error(`connect ECONNREFUSED 10.0.0.${index}:5432`), index > 79);
    telling.failed(event, new Error("no such customer"), false);
  }
  const tried = "it is tried again";
  expect(said).toEqual([
    `mm4d/consumer: an event failed once: connect ECONNREFUSED 10.0.0.0:5432; event ${event.id}; ${tried}`,
    `mm4d/consumer: an event failed once: no such customer; event ${event.id}; ${tried}`,
  ]);
  vi.advanceTimersByTime(60_000);
  expect(said.slice(2)).toEqual([
    `mm4d/consumer: an event failed 85 times: connect ECONNREFUSED 10.0.0.85:5432; last event ${event.id}; 79 to be tried again, 6 given up (mm4d failed list)`,
    `mm4d/consumer: an event failed 85 times: no such customer; last event ${event.id}; 85 to be tried again`,
  ]);
  vi.advanceTimersByTime(600_000);
  expect(said.length).toBe(4);
  telling.failed(event, new Error("no such customer"), true);
  expect(said.at(-1)).toContain("once: no such customer; event ");
  expect(said.at(-1)).toContain("; it was given up (mm4d failed list)");
});

test("errors of a thousand kinds are 21 lines a minute", () => {
  for (let index = 0; index < 1_000; index += 1) {
    const name = [...String(index)].map((digit) => "ghijklmnop"[Number(digit)]).join("");
    telling.failed(event, new Error(`no ${name}`), true);
  }
  expect(said.length).toBe(21);
  vi.advanceTimersByTime(60_000);
  expect(said.length).toBe(22);
  expect(said.at(-1)).toContain("an event failed 979 times: of other kinds, the last of them: no pp");
});

test.each([
  ["a number", new Error("no account of +12025550100 (12025550100)"), /no account of \+\*{7}0100 \(\*{7}0100\)/],
  [
    "what a terminal would obey",
    new Error("\u001b[2J\u009b31m\nsecond\u202e"),
    /failed once: \\x1b\[2J\\x9b31m second\\u202e;/,
  ],
  ["a long text", new Error("x ".repeat(100_000)), /^.{300,500}$/],
  ["no message", Object.assign(new Error(""), { code: "EPROTO" }), /once: EPROTO;/],
  ["several at once", new AggregateError([new Error("connect ECONNREFUSED ::1:1")], ""), /once: connect ECONNREFUSED/],
  ["what is no error", "out of order", /once: out of order;/],
  ["nothing", undefined, /once: undefined;/],
  ["what has no text", Object.create(null), /once: object;/],
])("%s is one line that does no harm", (_, cause, line) => {
  telling.failed(event, cause, false);
  expect(said).toEqual([expect.stringMatching(line)]);
});

test("an event that is none harms nothing either", () => {
  for (const data of [undefined, null, { id: 1 }, { id: "\u001b" }, { id: event.id, data: null }]) {
    telling.failed(data as never, new Error("who is +12025550100"), true);
  }
  telling.end();
  expect(said.length).toBe(2);
  expect(said.join()).not.toContain("2025550100");
});

test("Redis that goes away is one line, however it flickers, and one when it is back", () => {
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
  for (let second = 0; second < 120; second += 1) {
    telling.trouble(refused);
    telling.trouble(new Error("Connection is closed."));
    vi.advanceTimersByTime(500);
    telling.connected();
    telling.trouble(refused);
    vi.advanceTimersByTime(500);
  }
  expect(said).toEqual([expect.stringContaining("Redis is away: connect ECONNREFUSED 127.0.0.1:1; it is tried again")]);
  telling.connected();
  telling.connected();
  vi.advanceTimersByTime(2_000);
  expect(said.slice(1)).toEqual(["mm4d/consumer: Redis is back, after 120 s"]);
  telling.connected();
  telling.trouble(new Error("NOPERM this user has no permissions"));
  telling.trouble(new Error("NOPERM this user has no permissions"));
  expect(said.slice(2)).toEqual(["mm4d/consumer: once: NOPERM this user has no permissions"]);
});
