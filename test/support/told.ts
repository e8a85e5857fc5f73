/** What a service says of itself in the five places where one looks: page, `status`, `doctor`, /healthz, metrics. */
import { setTimeout as wait } from "node:timers/promises";
import { expect } from "vitest";
import type { Reason } from "../../src/monitoring/reasons.ts";
import type { Status } from "../../src/monitoring/status.ts";
import { runCommandWithin } from "./command-within.ts";
import { eventually } from "./redis.ts";
import { rowsOf } from "./service.ts";

export interface Told {
  readonly state: "well" | "needs-attention" | "not-well";
  /** Of the reasons that are told, in their order, each once. */
  readonly names: readonly string[];
  readonly sentences: readonly string[];
}

/**
 * Reads all five once these are the reasons, and holds them against each other: the same sentences, the same state,
 * the exit codes and numbers that follow from it. Once more when they differ, because things change between two of
 * the readings: on a slow machine a process may not answer for a moment. `env`: with data directory and ports.
 */
export async function toldByAll(env: Readonly<Record<string, string>>, names: readonly string[]): Promise<Told> {
  const get = (path: string) => readPage(env, path);
  const untilMs = performance.now() + LIMIT_MS;
  for (;;) {
    await eventually(
      async () => reasonsIn((await get("/metrics")).text),
      (held) => held.join() === [...names].sort().join(),
    );
    try {
      return await readAll(env, names, get);
    } catch (cause) {
      if (performance.now() > untilMs) throw cause;
      // The five are not cheap, and what differs is looked at by the service itself only now and then.
      await wait(REST_MS);
    }
  }
}

const LIMIT_MS = 30_000;
const REST_MS = 300;

async function readAll(
  env: Readonly<Record<string, string>>,
  names: readonly string[],
  get: (path: string) => ReturnType<typeof readPage>,
): Promise<Told> {
  const [healthz, metrics, page, status, doctor] = await Promise.all([
    get("/healthz"),
    get("/metrics"),
    get("/"),
    runCommandWithin(["status", "--json"], env),
    runCommandWithin(["doctor", "--json"], env),
  ]);
  const said = JSON.parse(status.stdout) as Status;
  const sentences = said.reasonsInFull.map(({ text }) => text);
  const told = { state: said.state, names: [...new Set(said.reasonsInFull.map(({ name }) => name))], sentences };
  expect(told.names).toEqual(names);
  const same = sentences.map(timeless);
  const notWell = told.state === "not-well";

  expect([status.code, said.healthy, said.reasons]).toEqual([notWell ? 1 : 0, !notWell, sentences]);
  expect(said.headline).toMatch(
    { well: /: all is well$/, "needs-attention": /: needs attention$/, "not-well": /: not well$/ }[told.state],
  );
  expect(said.lines.slice(1, 1 + sentences.length)).toEqual(sentences.map((text) => `  ${text}`));

  const lines = healthz.text.trimEnd().split("\n").map(timeless);
  const first = { well: ["ok"], "needs-attention": ["ok, but needs attention"], "not-well": [] }[told.state];
  expect([healthz.status, lines]).toEqual([notWell ? 503 : 200, [...first, ...same]]);

  expect(reasonsIn(metrics.text)).toEqual([...told.names].sort());
  expect(Number(/^mm4d_healthy(?:\{process="1"\})? (\d)$/m.exec(metrics.text)?.[1])).toBe(notWell ? 0 : 1);

  const [, look, banner = ""] = /<section class="banner ([\w-]+)">(.*?)<\/section>/s.exec(page.text) ?? [];
  const items = [...banner.matchAll(/<li><span class="reason">(.*?)<\/span>/gs)].map(([, text = ""]) =>
    timeless(unescaped(text)),
  );
  expect([look, items]).toEqual([told.state, same]);

  const findings = rowsOf<{ about: string; verdict: string; text: string }>(doctor.stdout);
  const health = findings.filter(({ about }) => about === "health");
  const verdictOf = ({ state, text }: Reason) => [state === "not-well" ? "fault" : "warning", timeless(text)];
  // Behind each sentence stands what to do.
  expect(health.map(({ verdict, text }, index) => [verdict, timeless(text).slice(0, same[index]?.length)])).toEqual(
    said.reasonsInFull.map(verdictOf),
  );
  for (const [index, { text }] of health.entries())
    expect(timeless(text).length).toBeGreaterThan((same[index] ?? "").length + 5);
  expect([doctor.code, findings.filter(({ verdict }) => verdict === "fault" && !notWell)]).toEqual([
    notWell ? 1 : 0,
    [],
  ]);
  // Nor does what doctor finds by itself contradict them.
  const all = [...sentences, ...findings.map(({ text }) => text)];
  if (all.some((text) => text.includes("reports get 451 until"))) {
    expect(all.filter((text) => /see no difference|^Reports? waits?|\. Reports wait/.test(text))).toEqual([]);
  }
  expect(findings.some(({ text }) => text.endsWith("; all is well"))).toBe(told.state === "well");
  return told;
}

/** Those of the first process. */
function reasonsIn(metrics: string): readonly string[] {
  return [...metrics.matchAll(/^mm4d_reason\{reason="([\w-]+)"(?:,process="1")?\} 1$/gm)]
    .map(([, name = ""]) => name)
    .sort();
}

/** Two who look one after the other see other times, other numbers of what goes on, and another try to reach Redis or the disk. */
function timeless(text: string): string {
  return text
    .replace(/\d+ (?:d|h|min|s)\b(?: \d+ (?:h|min|s)\b)?/g, "T")
    .replace(/\b\d+ reports? waits?\b/g, "N reports wait")
    .replace(/^(Redis has been away for T|The journal cannot be written) \([^)]*\)/, "$1");
}

function unescaped(html: string): string {
  return html
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

async function readPage(
  env: Readonly<Record<string, string>>,
  path: string,
): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${env.MM4D_ADMIN_PORT}${path}`);
  return { status: response.status, text: await response.text() };
}
