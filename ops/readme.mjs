/**
 * `npm run readme`: writes the tables of README.md from the program itself.
 * With `--check` it only says whether they are current.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { SETTINGS } from "../dist/config.js";
import { createMetrics } from "../dist/metrics.js";
import { REPLIES } from "../dist/smtp/replies.js";

const path = new URL("../README.md", import.meta.url);
const before = readFileSync(path, "utf8");
let after = before;
for (const [name, lines] of Object.entries(await tables())) {
  const [start, end] = [`<!-- ${name}: npm run readme -->\n`, `<!-- end of ${name} -->`];
  const from = after.indexOf(start) + start.length;
  const to = after.indexOf(end);
  if (from < start.length || to === -1) throw new Error(`README.md has no place for ${name}`);
  after = `${after.slice(0, from)}\n${lines.join("\n")}\n\n${after.slice(to)}`;
}
if (process.argv.includes("--check")) process.exitCode = after === before ? 0 : 1;
else writeFileSync(path, after);

async function tables() {
  return { settings: settings(), replies: replies(), metrics: await metrics() };
}

function settings() {
  const rows = Object.values(SETTINGS).map(
    ({ env, fallback, fallbackShown, about }) => `| \`${env}\` | ${fallbackShown ?? `\`${fallback}\``} | ${about} |`,
  );
  return ["| setting | default | what it is |", "|---|---|---|", ...rows];
}

function replies() {
  const rows = Object.values(REPLIES).map(({ code, text, when }) => `| \`${code} ${text}\` | ${when} |`);
  return ["| reply | when |", "|---|---|", ...rows];
}

async function metrics() {
  const { registry } = createMetrics({
    connections: () => 0,
    journal: () => ({ bytes: 0, records: 0, oldestAt: null }),
    quarantine: () => ({ messages: 0, bytes: 0 }),
    redisUp: () => true,
  });
  const described = (await registry.getMetricsAsJSON()).filter(({ name }) => !/^mm4d_(process|nodejs)_/.test(name));
  const rows = described.map(({ name, help }) => {
    const labels = registry.getSingleMetric(name).labelNames;
    return `| \`${name}${labels.length > 0 ? `{${labels.join(",")}}` : ""}\` | ${help} |`;
  });
  return ["| metric | what it is |", "|---|---|", ...rows];
}
