/** Who may import whom: the table of the architecture, executed. */
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { describe, expect, test } from "vitest";

interface Allowed {
  /** Rooms and files it may import from. */
  readonly from: readonly string[];
  /** Rooms and files it may import types from. */
  readonly types: readonly string[];
  readonly packages: readonly string[];
  /** Whether it may use node: modules. */
  readonly node: boolean | readonly string[];
}

const EDGE = ["config.ts", "log.ts", "metrics.ts"];
/** Pure data that every room may read. */
const EVERYWHERE = ["bounds"];
const MAY_IMPORT: Readonly<Record<string, Allowed>> = {
  bounds: { from: [], types: [], packages: [], node: false },
  mm4: { from: ["mm4", "result.ts"], types: ["delivery"], packages: [], node: false },
  delivery: { from: ["delivery", "result.ts"], types: [], packages: [], node: ["node:crypto"] },
  catalogue: { from: ["catalogue", "delivery", "result.ts"], types: [], packages: [], node: false },
  "receiver.ts": {
    from: ["mm4", "delivery", "catalogue", "result.ts"],
    types: ["journal", "queue"],
    packages: [],
    node: false,
  },
  journal: { from: ["journal", "delivery"], types: [], packages: [], node: true },
  queue: {
    from: ["queue", "delivery", "named-file.ts", "redis-url.ts", ...EDGE],
    types: [],
    packages: ["bullmq", "ioredis"],
    node: true,
  },
  smtp: {
    from: ["smtp", "mm4", "named-file.ts", ...EDGE],
    types: ["delivery"],
    packages: ["smtp-server", "nodemailer", "mailparser"],
    node: true,
  },
  simulator: { from: ["simulator", "mm4"], types: ["delivery"], packages: ["smtp-server", "nodemailer"], node: true },
  consumer: { from: ["consumer", "delivery", "visible.ts"], types: [], packages: ["bullmq"], node: false },
  admin: {
    from: ["admin", "delivery", "catalogue", "outage.ts", "quantities.ts", "visible.ts", ...EDGE],
    types: ["queue", "told-settings.ts"],
    packages: ["hono", "@hono", "@bull-board"],
    node: true,
  },
  cli: {
    from: [
      "cli",
      "mm4",
      "delivery",
      "catalogue",
      "journal",
      "queue",
      "smtp",
      "simulator",
      "receiver.ts",
      "service.ts",
      "version.ts",
      "catalogue-file.ts",
      "named-file.ts",
      "reading.ts",
      "replaying.ts",
      "peers.ts",
      "processes.ts",
      "process-directories.ts",
      "control-client.ts",
      "data-directory.ts",
      "result.ts",
      "systemd.ts",
      "system-limits.ts",
      "quantities.ts",
      "visible.ts",
      ...EDGE,
    ],
    types: ["admin"],
    packages: ["commander", "libmime"],
    node: true,
  },
  "config.ts": {
    from: ["mm4", "delivery", "named-file.ts", "redis-url.ts", "result.ts", "service-links.ts", "visible.ts"],
    types: [],
    packages: [],
    node: true,
  },
  "log.ts": {
    from: ["delivery", "log-output.ts", "visible.ts"],
    types: [],
    packages: ["pino", "pino-pretty"],
    node: true,
  },
  "log-output.ts": { from: [], types: [], packages: [], node: true },
  "metrics.ts": { from: ["version.ts"], types: ["delivery"], packages: ["prom-client"], node: true },
  "reading.ts": {
    from: ["catalogue-file.ts"],
    types: ["config.ts", "receiver.ts"],
    packages: ["libmime"],
    node: false,
  },
  "peers.ts": {
    from: ["smtp", "mm4", "delivery", "config.ts", "json-file.ts", "named-file.ts", "result.ts"],
    types: [],
    packages: ["zod"],
    node: true,
  },
  "acknowledging.ts": {
    from: ["smtp", "queue", "delivery", "config.ts", "outage.ts"],
    types: ["receiver.ts", "log.ts", "metrics.ts"],
    packages: [],
    node: false,
  },
  "operating.ts": { from: ["queue", "smtp", "replaying.ts"], types: ["admin"], packages: ["bullmq"], node: false },
  "replaying.ts": { from: ["queue", "receiver.ts"], types: ["delivery"], packages: [], node: false },
  "tracing.ts": { from: ["delivery", "mm4"], types: ["smtp", "receiver.ts"], packages: [], node: false },
  "settings-files.ts": {
    from: ["smtp", "peers.ts", "reading.ts", "watch-files.ts"],
    types: ["config.ts", "receiver.ts"],
    packages: [],
    node: false,
  },
  "siblings.ts": {
    from: ["control-client.ts", "process-directories.ts"],
    types: ["admin", "smtp", "processes.ts", "config.ts", "metrics.ts"],
    packages: [],
    node: true,
  },
  "processes.ts": { from: [], types: [], packages: [], node: true },
  "process-directories.ts": { from: [], types: [], packages: [], node: true },
  "told-settings.ts": { from: ["config.ts"], types: [], packages: [], node: ["node:path"] },
  "control-client.ts": { from: [], types: [], packages: [], node: true },
  "system-limits.ts": { from: [], types: [], packages: [], node: true },
  "systemd.ts": { from: [], types: [], packages: [], node: true },
  "watch-files.ts": { from: [], types: [], packages: [], node: true },
  "data-directory.ts": { from: [], types: [], packages: [], node: true },
  "named-file.ts": { from: [], types: [], packages: [], node: true },
  "json-file.ts": { from: ["named-file.ts"], types: [], packages: [], node: false },
  "catalogue-file.ts": { from: ["catalogue", "json-file.ts"], types: [], packages: [], node: false },
  "turns.ts": { from: [], types: [], packages: [], node: false },
  "outage.ts": { from: [], types: [], packages: [], node: false },
  "service-links.ts": { from: [], types: [], packages: [], node: false },
  "visible.ts": { from: [], types: [], packages: [], node: false },
  "quantities.ts": { from: [], types: [], packages: [], node: false },
  "redis-url.ts": { from: ["result.ts"], types: [], packages: [], node: false },
  "result.ts": { from: [], types: [], packages: [], node: false },
  "version.ts": { from: [], types: [], packages: [], node: true },
  "main.ts": { from: ["cli"], types: [], packages: [], node: ["node:inspector"] },
};

const SOURCE = new URL("../src/", import.meta.url);
const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

describe.each(files.filter((file) => file !== "service.ts"))("src/%s", (file) => {
  const place = file.includes("/") ? (file.split("/")[0] ?? "") : file;
  const allowed = MAY_IMPORT[place];

  test("imports only what the table allows", () => {
    if (!allowed) throw new Error(`No row for ${place}`);
    const source = readFileSync(new URL(file, SOURCE), "utf8");
    for (const { specifier, typeOnly } of importsOf(source)) {
      if (specifier.startsWith("node:")) {
        const may = allowed.node === true || (Array.isArray(allowed.node) && allowed.node.includes(specifier));
        expect([file, specifier, may]).toEqual([file, specifier, true]);
      } else if (specifier.startsWith(".")) {
        const path = new URL(specifier, new URL(file, SOURCE)).pathname.slice(SOURCE.pathname.length);
        const target = path.includes("/") ? (path.split("/")[0] ?? "") : path;
        const may = [...allowed.from, ...EVERYWHERE].includes(target) || (typeOnly && allowed.types.includes(target));
        expect([file, specifier, may]).toEqual([file, specifier, true]);
      } else {
        const name = specifier.split("/")[0] ?? "";
        expect(builtinModules).not.toContain(name);
        expect([file, name, allowed.packages.includes(name)]).toEqual([file, name, true]);
      }
    }
  });
});

test("what a dynamic import pulls in can be read from the source", () => {
  for (const file of files) {
    const source = readFileSync(new URL(file, SOURCE), "utf8");
    const unreadable = [...source.matchAll(/\brequire\(|\bimport\((?!"[^"]+"\))/g)].map(([text]) => text);
    expect([file, unreadable]).toEqual([file, []]);
  }
});

test("the command line prints by its terminal only, where whatever a peer wrote is made harmless", () => {
  const others = files.filter((file) => (file.startsWith("cli/") && file !== "cli/terminal.ts") || file === "main.ts");
  for (const file of others) {
    const source = readFileSync(new URL(file, SOURCE), "utf8");
    // JSON.stringify leaves C1, bidi marks and the like as they are: jsonOf does not.
    const found = [...source.matchAll(/\bstd(?:out|err)\.write\b|\bconsole\.|\bJSON\.stringify\b|\bwriteSync\(1\b/g)];
    // The first lines may import nothing, and say what Node.js they need; no peer has a word in that.
    expect([file, found.map(([text]) => text)]).toEqual([file, file === "main.ts" ? ["stderr.write"] : []]);
  }
});

function importsOf(source: string): { specifier: string; typeOnly: boolean }[] {
  const dynamic = [...source.matchAll(/\bimport\("([^"]+)"\)/g)].map(([, specifier = ""]) => ({
    specifier,
    typeOnly: false,
  }));
  const fixed = [...source.matchAll(/^(?:import|export)\s([^;]*?)from\s+"([^"]+)"|^import\s+"([^"]+)"/gm)].map(
    ([, names = "", from, bare]) => ({
      specifier: from ?? bare ?? "",
      typeOnly:
        names.startsWith("type ") ||
        (/^\{[^}]*\}\s*$/.test(names) &&
          names
            .slice(1, names.indexOf("}"))
            .split(",")
            .every((name) => name.trim() === "" || name.trim().startsWith("type "))),
    }),
  );
  return [...fixed, ...dynamic];
}
