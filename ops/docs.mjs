/**
 * `npm run docs`: writes the tables and lists in README.md and docs/ that the program
 * itself knows. With `--check` it only says whether they are current.
 */
import { readFileSync, writeFileSync } from "node:fs";
import libmime from "libmime";
import { BOUNDS } from "../dist/bounds/bounds.js";
import { createCatalogue } from "../dist/catalogue/catalogue.js";
import { COMMANDS } from "../dist/cli/commands.js";
import { createProgram } from "../dist/cli/program.js";
import { ORDINARY_PEER } from "../dist/delivery/peer-rules.js";
import { PRECEDENCE } from "../dist/delivery/precedence.js";
import { readSaid } from "../dist/flow/read.js";
import { sort } from "../dist/flow/sort.js";
import { createMetrics } from "../dist/monitoring/metrics.js";
import { NOTHING_OBSERVED } from "../dist/monitoring/observed.js";
import { REASONS } from "../dist/monitoring/reasons.js";
import { SETTINGS } from "../dist/settings/config.js";
import { REPLIES } from "../dist/smtp/replies.js";
import { describeCode } from "../dist/text/describe.js";

/** An ordinary report, with the named fields replaced; undefined leaves one out. */
function report(fields = {}, end = "\r\n") {
  const all = {
    "X-Mms-3GPP-MMS-Version": "6.10.0",
    "X-Mms-Message-Type": "MM4_delivery_report.REQ",
    "X-Mms-Transaction-ID": '"tx-1"',
    "X-Mms-Message-ID": '"mm-1"',
    From: "+12025550100/TYPE=PLMN",
    To: "+12025550199/TYPE=PLMN",
    Date: "Fri, 02 Jan 2026 03:04:00 +0000",
    "X-Mms-MM-Status-Code": "Retrieved",
    ...fields,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]));
  return lines.join("") + end;
}

/** A response to a request to forward, with the named fields replaced. */
function response(fields) {
  const type = { "X-Mms-Message-Type": "MM4_forward.RES", "X-Mms-MM-Status-Code": undefined };
  return report({ ...type, "X-Mms-Request-Status-Code": "Ok", ...fields });
}

const MALFORMED = {
  "no message type, and no status": "Subject: hello\r\n\r\nhello\r\n",
  "no message type, but a status": report({ "X-Mms-Message-Type": undefined }),
  "a message type nobody knows": report({ "X-Mms-Message-Type": "MM4_delivery_reprot.REQ" }),
  "a message type that makes no event": report({ "X-Mms-Message-Type": "MM4_forward.REQ" }),
  "an empty line before the header": `\r\n${report()}`,
  "a report within another mail (message/rfc822)": `Subject: fwd\r\nContent-Type: message/rfc822\r\n\r\n${report()}`,
  "no status and no code": report({ "X-Mms-MM-Status-Code": undefined }),
  "a status that is empty": report({ "X-Mms-MM-Status-Code": "" }),
  "a status nobody knows": report({ "X-Mms-MM-Status-Code": "Teleported" }),
  "a status as a number": report({ "X-Mms-MM-Status-Code": "129" }),
  "a response whose status nobody knows": response({ "X-Mms-Request-Status-Code": "Success" }),
  "the same, with code 0": response({ "X-Mms-Request-Status-Code": "Success", "X-Internal-Status-Code": "0" }),
  "two statuses that differ": report({ "X-Mms-MM-Status-Code": "Retrieved\r\nX-Mms-MM-Status-Code: Expired" }),
  "a code that is no number": report({ "X-Internal-Status-Code": "four" }),
  "a code outside every range": report({ "X-Internal-Status-Code": "888" }),
  "a code that no page lists": report({ "X-Internal-Status-Code": "488" }),
  "a code of a hundred digits": report({ "X-Internal-Status-Code": "9".repeat(100) }),
  "no ids": report({ "X-Mms-Message-ID": undefined, "X-Mms-Transaction-ID": undefined }),
  "ids that differ": report({ "X-Mms-Message-ID": '"mm-1"\r\nX-Mms-Message-ID: "mm-2"' }),
  "an id that is folded in its middle": report({ "X-Mms-Message-ID": '"mm-\r\n 1"' }),
  "an id of whose quotes one is lost": report({ "X-Mms-Message-ID": '"mm-1' }),
  "a date in Java's form": report({ Date: "Fri Jan 02 03:04:00 UTC 2026" }),
  "a date in Java's form, in a zone that several countries have": report({ Date: "Fri Jan 02 03:04:00 CST 2026" }),
  "an invalid date": report({ Date: "yesterday" }),
  "a date without a zone": report({ Date: "Fri Jan  2 03:04:00 2026" }),
  "no date": report({ Date: undefined }),
  "an invalid address": report({ From: "PostMaster" }),
  "a number that begins with 0": report({ From: "0012025550100/TYPE=PLMN" }),
  "digits at a host": report({ From: "12025550100@mms.example.net" }),
  "a fold before the type of an address": report({ From: "+12025550100\r\n /TYPE=PLMN@mms.example.net" }),
  "an address with two hosts": report({ From: "+12025550100/TYPE=PLMN@a.example@b.example" }),
  "two recipients": report({ From: "+12025550100/TYPE=PLMN; +12025550101/TYPE=PLMN" }),
  "recipients of a response, joined by dots": response({
    "X-Mms-Request-Recipients": "+12025550100/TYPE=PLMN.+12025550101/TYPE=PLMN",
  }),
  "a recipient of a response that cannot be read": response({ "X-Mms-Request-Recipients": "12025550100" }),
  "no addresses": report({ From: undefined, To: undefined }),
  "bytes that are not UTF-8": report({ "X-Mms-Status-Text": "refus\u00e9" }),
  "an encoded word in an unknown charset": report({ "X-Mms-Status-Text": "=?x-unknown?B?QQ==?=" }),
  "control characters in a field": report({ "X-Mms-Status-Text": "a\u0000b" }),
  "a line that is no field": report({ To: "+12025550199\r\nno field" }),
  "a byte-order mark": `\u00ef\u00bb\u00bf${report()}`,
  "no empty line behind the header": report({}, ""),
  "line ends without CR, from a peer with `bareNewlines`": report().replaceAll("\r\n", "\n"),
  "an id of more than 1,000 characters": report({ "X-Mms-Message-ID": "x".repeat(1_001) }),
  "an address of more than 1,000 characters": report({ From: "x".repeat(1_001) }),
  "another field of more than 8,192 characters": report({ "X-Mms-Status-Text": "x".repeat(8_192) }),
  "more than 200 fields of MM4": report({
    "X-Mms-Note": Array.from({ length: 200 }, (_, index) => `x\r\nX-Mms-Note-${index}: x`).join(""),
  }),
  "more than 500 recipients in a response": report({
    "X-Mms-Message-Type": "MM4_forward.RES",
    "X-Mms-Request-Status-Code": "Ok",
    "X-Mms-Request-Recipients": "+12025550100,".repeat(501),
  }),
  "a header of more than 64 KiB": report({ "X-Mms-Status-Text": "x".repeat(70_000) }),
  "more than 1,000 fields": report({ A: `1${"\r\nA: 1".repeat(1_000)}` }),
};

const ROOT = new URL("../", import.meta.url);
const CHECK = process.argv.includes("--check");

/** The first setting of each table in docs/settings.md. */
const FIRST_SETTINGS = [
  "redisUrl",
  "smtpHost",
  "domain",
  "dataDir",
  "queue",
  "catalogueFile",
  "maxMessageBytes",
  "firstCommandSeconds",
  "systemAddress",
  "traceHours",
];

/** Settings that bound what a peer may cause, as docs/security.md lists them beside the constants. */
const BOUNDING_SETTINGS = [
  "maxMessageBytes",
  "maxUnfinishedBytes",
  "maxHeaderBytes",
  "maxHeaderFields",
  "maxRecipients",
  "maxClients",
  "maxClientsPerPeer",
  "maxBadCommands",
  "maxCommands",
  "maxMessagesPerConnection",
  "maxMessagesPerSecond",
  "firstCommandSeconds",
  "lineSeconds",
  "dataSeconds",
  "peerIdleSeconds",
  "sessionSeconds",
  "journalMaxBytes",
  "archiveMaxBytes",
  "quarantineMaxMessages",
  "quarantineMaxBytes",
  "traceMaxBytes",
];

const UNITS = {
  bytes: " bytes",
  characters: " characters",
  things: "",
  ms: " ms",
  share: " of what is left",
  part: " of it",
};

/** What stands in which document, between its two marks. */
const PARTS = {
  "docs/settings.md": Object.fromEntries(FIRST_SETTINGS.map((first) => [`settings ${first}`, () => settings(first)])),
  "docs/replies.md": { replies, malformed },
  "docs/operating.md": {
    metrics,
    "reasons not-well": () => reasons("not-well"),
    "reasons needs-attention": () => reasons("needs-attention"),
  },
  "docs/commands.md": { commands },
  "docs/codes.md": { precedence, codes },
  "docs/security.md": { bounds },
  "docs/dependencies.md": { packages },
};

for (const [path, parts] of Object.entries(PARTS)) {
  const url = new URL(path, ROOT);
  const before = readFileSync(url, "utf8");
  let after = before;
  for (const [name, lines] of Object.entries(parts)) {
    const [start, end] = [`<!-- ${name}: npm run docs -->\n`, `<!-- end of ${name} -->`];
    const from = after.indexOf(start) + start.length;
    const to = after.indexOf(end);
    if (from < start.length || to === -1) throw new Error(`${path} has no place for ${name}`);
    after = `${after.slice(0, from)}\n${(await lines()).join("\n")}\n\n${after.slice(to)}`;
  }
  if (after === before) continue;
  if (CHECK) {
    process.stderr.write(`${path} is not current: npm run docs\n`);
    process.exitCode = 1;
  } else writeFileSync(url, after);
}

/** From that one to the next table's first. */
function settings(first) {
  const names = Object.keys(SETTINGS);
  const next = FIRST_SETTINGS[FIRST_SETTINGS.indexOf(first) + 1];
  const shown = names.slice(names.indexOf(first), next === undefined ? undefined : names.indexOf(next));
  const rows = shown.map((name) => {
    const { env, fallback, fallbackShown, about } = SETTINGS[name];
    return `| \`${env}\` | ${fallbackShown ?? `\`${fallback}\``} | ${about} |`;
  });
  return ["| setting | default | what it is |", "|---|---|---|", ...rows];
}

/** The help of each command, and of those below it, as a terminal of 80 columns shows it. */
async function commands() {
  const program = createProgram();
  for (const load of Object.values(COMMANDS)) (await load())(program);
  return program.commands.flatMap((command) => [command, ...command.commands]).flatMap(helpOf);
}

function helpOf(command) {
  const path = [command.parent?.name(), command.name()].filter((name) => name !== "mm4d");
  const lines = [];
  const write = (text) => lines.push(text);
  command.configureOutput({ writeOut: write, getOutHelpWidth: () => 80 }).outputHelp();
  const heading = path.length === 1 ? "##" : "###";
  return [`${heading} mm4d ${path.join(" ")}`, "", "```text", lines.join("").trimEnd(), "```", ""];
}

function bounds() {
  const settings = BOUNDING_SETTINGS.map((name) => {
    const { env, fallback, about } = SETTINGS[name];
    return `| \`${env}\` | ${inWords(fallback)} | ${about} |`;
  });
  const constants = Object.values(BOUNDS).map(
    ({ value, unit, about, reason }) => `| ${about} | ${inWords(value)}${UNITS[unit]} | ${reason} |`,
  );
  return ["| bound | default or value | what it is, or why |", "|---|---|---|", ...settings, ...constants];
}

function inWords(value) {
  return Number(value).toLocaleString("en", { maximumFractionDigits: 4 });
}

function precedence() {
  const rows = PRECEDENCE.map(({ row, statuses, codes, winner, conflict, why }) => {
    const wins = typeof winner === "string" ? winner : `${winner.outcome}, ${winner.disposition}`;
    return `| ${row} | ${statuses.join(", ")} | ${codes.join(", ")} | ${wins}${conflict ? "; conflict" : ""} | ${why} |`;
  });
  return ["| row | status | class of the code | who wins | why |", "|---|---|---|---|---|", ...rows];
}

/** A table of all, and a section each: what `mm4d codes NUMBER` says. */
function codes() {
  const { entries, vendor } = createCatalogue();
  const rows = entries.map(
    ({ code, name, outcome, retryable }) =>
      `| [${code}](#${code}-${name}) | ${name} | ${outcome ?? "nothing"} | ${retryable ? "yes" : "no"} |`,
  );
  const sections = entries.flatMap((entry) => {
    const [, explanation, remedy, ...facts] = describeCode(entry, vendor).map((line) => line.trim());
    return [
      "",
      `### ${entry.code} ${entry.name}`,
      "",
      explanation,
      "",
      `**${remedy.replace(/:/, ":**")}`,
      "",
      ...facts.map((fact) => `- ${fact}`),
    ];
  });
  return ["| code | name | alone it means | send again unchanged |", "|---|---|---|---|", ...rows, ...sections];
}

/** What an installed mm4d consists of besides itself, from the lock file. */
function packages() {
  const lock = JSON.parse(readFileSync(new URL("package-lock.json", ROOT), "utf8"));
  const rows = Object.entries(lock.packages)
    // The compiler is there as a peer that nothing uses, and only in a clone.
    .filter(([path, { dev }]) => path !== "" && !dev && !/^node_modules\/@?typescript/.test(path))
    .map(([path, { version, license, optional, integrity }]) => {
      const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
      return `| ${name} | ${version}${optional ? ", optional" : ""} | ${license} | \`${integrity.slice(0, 19)}…\` |`;
    });
  return ["| package | version | licence | integrity |", "|---|---|---|---|", ...rows];
}

function replies() {
  const rows = Object.values(REPLIES).map(
    ({ code, text, when, reason }) =>
      `| \`${code} ${text}\` | ${when} | ${reason === undefined ? "" : `\`${reason}\``} |`,
  );
  return ["| reply | when | reason |", "|---|---|---|", ...rows];
}

function reasons(wanted) {
  const rows = REASONS.filter(({ state }) => state === wanted).map(
    ({ name, means, remedy }) => `| \`${name}\` | ${means} | ${remedy} |`,
  );
  return ["| reason | what it means | what to do |", "|---|---|---|", ...rows];
}

async function metrics() {
  const { registry } = createMetrics(NOTHING_OBSERVED);
  const described = (await registry.getMetricsAsJSON()).filter(({ name }) => !/^mm4d_(process|nodejs)_/.test(name));
  const rows = described.map(({ name, help }) => {
    const labels = registry.getSingleMetric(name).labelNames;
    return `| \`${name}${labels.length > 0 ? `{${labels.join(",")}}` : ""}\` | ${help} |`;
  });
  return ["| metric | what it is |", "|---|---|", ...rows];
}

/** What becomes of each malformed thing, found out by receiving it. */
async function malformed() {
  const rows = await Promise.all(
    Object.entries(MALFORMED).map(async ([what, bytes]) => `| ${what} | ${await whatBecomesOf(bytes)} |`),
  );
  return ["| malformed | what becomes of it |", "|---|---|", ...rows];
}

async function whatBecomesOf(bytes) {
  const systemAddress = "system-user@mms.example.net";
  const catalogue = createCatalogue();
  const reading = {
    headerLimits: {
      bytes: Number(SETTINGS.maxHeaderBytes.fallback),
      fields: Number(SETTINGS.maxHeaderFields.fallback),
    },
    decodeWords: (text) => libmime.decodeWords(text),
    catalogue,
    tableOf: () => catalogue,
    source: "/mm4d/local",
  };
  const sorted = sort(
    {
      sessionId: "s",
      bytes: Buffer.from(bytes, "latin1"),
      peer: {
        identity: { name: "carrier", address: "192.0.2.1", helo: null, tls: null, user: null },
        entry: { rules: ORDINARY_PEER, acknowledge: { mode: "auto", host: null, to: null } },
      },
      mailFrom: "",
      receivedAt: new Date(0),
    },
    reading,
    systemAddress,
  );
  if (sorted.recognised === null) {
    const reply = sorted.refusal.kind === "not-mm4" ? REPLIES.notMm4 : REPLIES.headerTooLarge;
    return `${reply.code} ${reply.text}`;
  }
  if (sorted.recognised === "bounce") throw new Error("A bounce is nothing malformed");
  const { finding } = readSaid(sorted.said, reading, { systemAddress, canSend: () => true });
  switch (finding.kind) {
    case "event": {
      const { outcome, warnings } = finding.event.data;
      return `250, an event: ${outcome}${warnings.length > 0 ? `; ${warnings.map((warning) => `\`${warning}\``).join(", ")}` : ""}`;
    }
    case "quarantine":
      return `250, kept in quarantine: \`${finding.message.reason}\``;
    case "ignored":
      return "250, counted, not queued";
    default:
      throw new Error(finding.kind);
  }
}
