/**
 * The alert rules, played by promtool; and rules, dashboard and runbook held against
 * the program: its metrics, their labels, its commands.
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Metric } from "prom-client";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { MM_STATUSES } from "../../src/delivery/status.ts";
import { PDUS } from "../../src/mm4/pdus.ts";
import { createMetrics } from "../../src/monitoring/metrics.ts";
import { NOTHING_OBSERVED } from "../../src/monitoring/observed.ts";
import { REASONS } from "../../src/monitoring/reasons.ts";
import { unpacked } from "../support/unpacked.ts";

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface RuleTests {
  readonly rule_files: readonly string[];
  readonly tests: readonly {
    readonly alert_rule_test?: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
  }[];
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROMETHEUS = `${ROOT}ops/prometheus/`;
/** Sections of the runbook that no alert leads to. */
const SETTING_UP = [
  "where-to-look",
  "to-forget-a-telephone-number",
  "to-publish-reports-once-more",
  "set-up-the-monitoring",
  "every-metric",
  "under-systemd",
  "several-processes-on-one-machine",
  "replicas-behind-haproxy",
];
const RUNBOOK = "docs/operating.md";

const read = (path: string): string => readFileSync(`${ROOT}${path}`, "utf8");
const { groups } = parse(read("ops/prometheus/mm4d.rules.yml")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules).map((rule) => ({ ...rule, name: rule.alert ?? rule.record }));
const alerts = rules.filter((rule) => rule.alert !== undefined);
const testFiles = readdirSync(PROMETHEUS).filter((file) => file.endsWith(".test.yml"));
const dashboard = JSON.parse(read("ops/grafana/mm4d.json")) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
};
const panels = dashboard.panels.filter(({ type }) => type !== "row");
const runbook = read(RUNBOOK);
const sections = [...runbook.matchAll(/^## (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));

/** As GitHub makes it. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");
}

/** What a query may name: series, each with its labels. Prometheus adds job and instance. */
const known = new Map<string, readonly string[]>([["up", ["job", "instance"]]]);
const { registry } = createMetrics(NOTHING_OBSERVED);
for (const metric of registry.getMetricsAsArray() as unknown as (Metric & { name: string; labelNames: string[] })[]) {
  const labels = [...metric.labelNames, "job", "instance"];
  if (metric.constructor.name !== "Histogram") known.set(metric.name, labels);
  else {
    for (const suffix of ["_sum", "_count"]) known.set(`${metric.name}${suffix}`, labels);
    known.set(`${metric.name}_bucket`, [...labels, "le"]);
  }
}
const { help: ofAcknowledgements } = registry.getSingleMetric("mm4d_acknowledgements_total") as unknown as {
  help: string;
};
const { help: ofAccepted } = registry.getSingleMetric("mm4d_accepted_total") as unknown as { help: string };

/** Values that a label can have, of those with a list of their own in the program. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  type: [...PDUS.map(({ name }) => name), "mm4d.delivery-report.v1", "mm4d.forward-response.v1", "mm4d.read-report.v1"],
  disposition: MM_STATUSES.map(({ disposition }) => disposition),
  result: ofAcknowledgements.match(/[a-z]+/g) ?? [],
  reason: REASONS.map(({ name }) => name),
  kind: ofAccepted.match(/[a-z-]+/g) ?? [],
};

const AGGREGATION = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g;
const NAME = /[a-zA-Z_][\w:]*/g;
/** Words of PromQL that are used here. A name that is neither one nor a series is a fault. */
const WORDS = new Set(
  [
    "sum",
    "max",
    "topk",
    "absent",
    "increase",
    "rate",
    "time",
    "avg_over_time",
    "max_over_time",
    "min_over_time",
  ].concat(["histogram_quantile", "and", "or", "unless", "offset"]),
);

/** What a query says that the program does not know. Also which series it names. */
function faultsOf(expr: string, series = known): { faults: string[]; named: string[] } {
  const faults: string[] = [];
  const named: string[] = [];
  const grouped: string[] = [];
  const rest = expr
    .replaceAll(AGGREGATION, (_, labels: string) => {
      grouped.push(...(labels.match(NAME) ?? []));
      return " ";
    })
    .replaceAll(/\[[^\]]*\]/g, " ")
    .replaceAll(/(?<![\w:])\d[\d.]*[a-z]*/g, " ");
  const bare = rest.replaceAll(/([a-zA-Z_][\w:]*)\{([^}]*)\}/g, (_, name: string, matchers: string) => {
    named.push(name);
    for (const [, label = "", operator = "", value = ""] of matchers.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)) {
      if (!series.get(name)?.includes(label)) faults.push(`${name} has no label ${label}`);
      const may = VALUES[label];
      if (may === undefined || value.startsWith("$")) continue;
      for (const each of operator.includes("~") ? value.split("|") : [value]) {
        if (!may.includes(each)) faults.push(`${label} is never ${each}`);
      }
    }
    return " ";
  });
  named.push(...(bare.match(NAME) ?? []).filter((word) => !WORDS.has(word)));
  for (const name of named) if (!series.has(name)) faults.push(`there is no ${name}`);
  const labels = new Set(named.flatMap((name) => series.get(name) ?? []));
  for (const label of grouped) if (!labels.has(label)) faults.push(`none of ${named.join(", ")} has a label ${label}`);
  if (named.length === 0) faults.push("names no series");
  return { faults, named };
}

async function promtool(...args: string[]): Promise<string> {
  const program = unpacked("prometheus", "usr/bin/promtool");
  const { stdout } = await promisify(execFile)(program, args, { cwd: PROMETHEUS });
  return stdout;
}

describe("promtool", () => {
  test("takes the rules, and the sample that loads them", async () => {
    expect(await promtool("check", "rules", "--lint=all", "--lint-fatal", "mm4d.rules.yml")).toContain(
      `SUCCESS: ${rules.length} rules found`,
    );
    expect(await promtool("check", "config", "prometheus.yml")).toContain("SUCCESS: 1 rule files found");
  });

  test.each(testFiles)("plays %s", async (file) => {
    expect(await promtool("test", "rules", file)).toContain("SUCCESS");
  });
});

describe("the rules", () => {
  test("there are some, each with a name of its own", () => {
    expect(alerts.length).toBeGreaterThanOrEqual(12);
    const names = rules.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  const played = testFiles
    .map((file) => parse(read(`ops/prometheus/${file}`)) as RuleTests)
    .filter((file) => file.rule_files.includes("mm4d.rules.yml"))
    .flatMap((file) => file.tests.flatMap((each) => each.alert_rule_test ?? []));

  test.each(alerts)("$name fires in one test and does not in another", ({ alert }) => {
    const expected = played.filter(({ alertname }) => alertname === alert).map(({ exp_alerts }) => exp_alerts.length);
    expect({ firing: expected.some((count) => count > 0), not: expected.includes(0) }).toEqual({
      firing: true,
      not: true,
    });
  });

  test.each(alerts)("$name says how bad it is, what it means, and where to read on", (rule) => {
    expect(rule.alert).toMatch(/^Mm4d[A-Z]/);
    expect(rule.for).toMatch(/^\d+[ms]$/);
    expect(["page", "ticket"]).toContain(rule.labels?.severity);
    expect(rule.annotations?.summary).toMatch(/\$value|\$labels/);
    expect(rule.annotations?.description?.length).toBeGreaterThan(50);
    const [path, anchor = ""] = (rule.annotations?.runbook_url ?? "").split("#");
    expect(path).toBe(RUNBOOK);
    expect(sections).toContain(anchor);
    const section = runbook.split(/^## /m).find((text) => anchorOf(text.split("\n")[0] ?? "") === anchor);
    expect(section).toContain(`\`${rule.alert}\`, ${rule.labels?.severity}`);
  });

  test.each(rules)("$name names only what there is", ({ expr }) => {
    const series = new Map(known);
    for (const { record, expr: recorded } of rules) {
      if (record === undefined) continue;
      const [, kept] = /^sum by \(([^)]*)\)/.exec(recorded) ?? [];
      series.set(record, kept?.split(", ") ?? ["job", "peer", "instance"]);
    }
    expect(faultsOf(expr, series).faults).toEqual([]);
  });
});

test("what needs attention is a ticket, each reason of that state and no other", () => {
  const { expr = "" } = alerts.find(({ alert }) => alert === "Mm4dNeedsAttention") ?? {};
  const [, listed = ""] = /reason=~"([^"]*)"/.exec(expr) ?? [];
  expect(listed.split("|")).toEqual(REASONS.filter(({ state }) => state === "needs-attention").map(({ name }) => name));
});

describe("the runbook", () => {
  test("each section but those that set things up belongs to an alert, and says three things", () => {
    const others = sections.slice(SETTING_UP.length);
    expect(sections.slice(0, SETTING_UP.length)).toEqual(SETTING_UP);
    expect(others.length).toBeGreaterThanOrEqual(12);
    const linked = alerts.map(({ annotations }) => annotations?.runbook_url?.split("#")[1]);
    expect(others.filter((section) => !linked.includes(section))).toEqual([]);
    for (const section of runbook.split(/^## /m).slice(SETTING_UP.length + 1)) {
      for (const lead of ["**What it means.**", "**What to look at.**", "**What to do.**"]) {
        expect(section).toContain(lead);
      }
    }
  });
});

describe("the dashboard", () => {
  test("has panels, each with an id, a unit, a place and the chosen data source", () => {
    expect(panels.length).toBeGreaterThan(30);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const taken = new Set<string>();
    for (const { title, type, gridPos, fieldConfig, datasource, targets } of dashboard.panels) {
      expect([title, gridPos.x + gridPos.w <= 24]).toEqual([title, true]);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect([title, taken.has(`${x},${y}`)]).toEqual([title, false]);
          taken.add(`${x},${y}`);
        }
      }
      if (type === "row") continue;
      expect([title, fieldConfig?.defaults.unit]).toEqual([title, expect.stringMatching(/./)]);
      expect([title, datasource?.uid, targets?.every((target) => target.datasource.uid === datasource?.uid)]).toEqual([
        title,
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana's
        "${datasource}",
        true,
      ]);
    }
  });

  test.each(panels)("$title shows only what there is", ({ targets = [] }) => {
    expect(targets.length).toBeGreaterThan(0);
    for (const { expr, legendFormat } of targets) {
      const { faults, named } = faultsOf(expr);
      expect(faults).toEqual([]);
      expect(expr).toContain('instance=~"$instance"');
      const labels = named.flatMap((name) => known.get(name) ?? []);
      for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) expect(labels).toContain(label);
    }
  });

  test("its variables are those that its queries use, and are filled from what there is", () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    expect(names).toEqual(["datasource", "instance", "peer"]);
    for (const { definition } of dashboard.templating.list.slice(1)) {
      const [, from = "", label = ""] = /^label_values\((.*), (\w+)\)$/.exec(definition ?? "") ?? [];
      const { faults, named } = faultsOf(from);
      expect(faults).toEqual([]);
      expect(known.get(named[0] ?? "")).toContain(label);
    }
    const used = [...JSON.stringify(panels).matchAll(/\$(?!__)\{?(\w+)/g)].map(([, name]) => name ?? "");
    expect([...new Set(used)].sort()).toEqual([...names].sort());
  });
});

test("what is checked with finds a wrong metric, label and value", () => {
  expect(faultsOf("mm4d_heathy == 0").faults).toEqual(["there is no mm4d_heathy"]);
  expect(faultsOf('sum by (pear) (rate(mm4d_reports_total{outcom="x"}[5m]))').faults).toEqual([
    "mm4d_reports_total has no label outcom",
    "none of mm4d_reports_total has a label pear",
  ]);
  expect(faultsOf('mm4d_other_pdus_total{type="MM4_forward.RSQ"}').faults).toEqual(["type is never MM4_forward.RSQ"]);
  expect(faultsOf('mm4d_accepted_total{kind="reports"}').faults).toEqual(["kind is never reports"]);
  expect(faultsOf("rate(mm4d_journal_sync_seconds[5m])").faults).toEqual(["there is no mm4d_journal_sync_seconds"]);
});
