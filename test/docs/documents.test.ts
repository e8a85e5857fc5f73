/** What README, docs/ and the samples in ops/ name must be there: links, settings, metrics, commands and their options, log events, files. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { createMetrics } from "../../src/monitoring/metrics.ts";
import { NOTHING_OBSERVED } from "../../src/monitoring/observed.ts";
import { SETTINGS } from "../../src/settings/config.ts";
import { commands } from "../support/commands.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const list = (directory: string): readonly string[] =>
  readdirSync(join(ROOT, directory), { recursive: true, encoding: "utf8" }).map((name) => `${directory}/${name}`);

const DOCUMENTS = [
  "README.md",
  "CHANGELOG.md",
  "test/bench/README.md",
  ...list("docs").filter((path) => path.endsWith(".md")),
];
const SAMPLES = [...list("ops"), "docker-compose.yml", "Dockerfile"].filter((path) =>
  /\.(service|env|sysusers|cfg|conf|acl|yml|yaml)$|^Dockerfile$/.test(path),
);

test("what the program knows better is written by it, and current", async () => {
  await promisify(execFile)(process.execPath, ["ops/docs.mjs", "--check"], { cwd: ROOT });
});

describe.each(DOCUMENTS)("%s", (path) => {
  const text = read(path);

  test("links lead somewhere", () => {
    for (const [, link = ""] of prose(text).matchAll(/\]\(((?!https?:)[^)\s]+)\)/g)) {
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? path : join(dirname(path), file);
      expect([link, existsSync(join(ROOT, target))]).toEqual([link, true]);
      if (anchor !== undefined) expect([link, anchorsOf(read(target)).includes(anchor)]).toEqual([link, true]);
    }
  });

  test("files and scripts that are named are there", () => {
    for (const [, file = ""] of text.matchAll(/`((?:src|test|docs|ops)\/[\w./-]+)`/g))
      expect([file, existsSync(join(ROOT, file))]).toEqual([file, true]);
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    for (const [, script = ""] of text.replaceAll(/\s+/g, " ").matchAll(/npm run (?:--silent )?([a-z][a-z:-]*)/g))
      expect([script, script in scripts]).toEqual([script, true]);
  });

  test("JSON is JSON, and scripts are scripts", async () => {
    for (const [, json = ""] of text.matchAll(/```json\n([\s\S]*?)```/g)) JSON.parse(json);
    for (const [, script = ""] of text.matchAll(/```sh\n([\s\S]*?)```/g))
      await promisify(execFile)("sh", ["-n", "-c", script]);
  });

  test("commands and their options are the program's", async () => {
    const all = await commands();
    for (const line of commandLines(text)) {
      const words = line.split(" ");
      const command = all.find((known) => known.name() === words[0] && known.parent?.name() === "mm4d");
      const below = command?.commands.find((known) => known.name() === words[1]);
      const known = [command?.parent, command, below].flatMap((from) => from?.options ?? []);
      expect([line, command?.name()]).toEqual([line, words[0]]);
      for (const [, option = ""] of line.matchAll(/ (--[a-z][a-z-]*)/g))
        expect([line, option, option === "--help" || known.some(({ long }) => long === option)]).toEqual([
          line,
          option,
          true,
        ]);
    }
  });
});

describe.each([...DOCUMENTS, ...SAMPLES])("%s", (path) => {
  const text = read(path);
  let metrics: ReadonlySet<string>;

  beforeAll(() => {
    metrics = metricNames();
  });

  test("settings are the program's", () => {
    const known = Object.values(SETTINGS).map(({ env }) => env as string);
    const files = Object.values(SETTINGS).flatMap((setting) => ("secret" in setting ? [`${setting.env}_FILE`] : []));
    const unknown = [...text.matchAll(/\bMM4D_[A-Z_]+[A-Z]\b/g)].map(([name]) => name);
    expect(unknown.filter((name) => !known.includes(name) && !files.includes(name))).toEqual([]);
  });

  test("metrics are the program's", () => {
    const named = [...text.matchAll(/\bmm4d_[a-z_]+[a-z](?![\w:])/g)].map(([name]) => name);
    const series = named.map((name) => name.replace(/_(bucket|sum|count)$/, ""));
    expect(named.filter((name, index) => !metrics.has(name) && !metrics.has(series[index] ?? ""))).toEqual([]);
  });
});

test("log events that the documents name are written", () => {
  const log = read("src/monitoring/log.ts");
  const areas = new Set([...log.matchAll(/"([a-z]+)\.[a-z-]+"/g)].map(([, area]) => area));
  let named = 0;
  for (const path of DOCUMENTS) {
    for (const [, event = "", area = ""] of read(path).matchAll(/`(([a-z]+)\.[a-z-]+)`/g)) {
      if (!areas.has(area) || /\.(json|md|ts|txt|test)$/.test(event)) continue;
      named += 1;
      expect([path, event, log.includes(`"${event}"`)]).toEqual([path, event, true]);
    }
  }
  expect(named).toBeGreaterThan(5);
});

test("every document is one that the README leads to", () => {
  const led = [...read("README.md").matchAll(/\]\((docs\/[\w-]+\.(?:md|png))/g)].map(([, path]) => path);
  expect(list("docs").filter((path) => !led.includes(path))).toEqual([]);
});

/** Without what is shown as code, where "](" may be anything. */
function prose(text: string): string {
  return text.replaceAll(/```[\s\S]*?```/g, "").replaceAll(/`[^`\n]*`/g, "");
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): readonly string[] {
  return [...text.replaceAll(/```[\s\S]*?```/g, "").matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{Letter}\p{Number} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** What stands behind "mm4d" where it is shown as code: in line, or on a line of its own. */
function commandLines(text: string): readonly string[] {
  const spans = text.replaceAll(/```[\s\S]*?```/g, "").matchAll(/`([^`]+)`/g);
  const lines = text.matchAll(/^(?: {4}|\$ )((?:npx )?mm4d .*)$/gm);
  return [...spans, ...lines].flatMap(([, code = ""]) => {
    const [, line] = /^(?:npx )?mm4d ([a-z].*)/.exec(code.replaceAll(/\s+/g, " ")) ?? [];
    return line === undefined ? [] : [line];
  });
}

function metricNames(): ReadonlySet<string> {
  const { registry } = createMetrics(NOTHING_OBSERVED);
  // Compose's names of volumes look the same.
  const { volumes } = parse(read("docker-compose.yml")) as { volumes: Record<string, unknown> };
  return new Set([
    ...registry.getMetricsAsArray().map(({ name }) => name),
    ...Object.keys(volumes).map((volume) => `mm4d_${volume}`),
  ]);
}
