/** Who may import whom: the table of the architecture, executed. */
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { describe, expect, test } from "vitest";

interface Allowed {
  /** Rooms it may import from, besides itself. */
  readonly from: readonly string[];
  /** Rooms it may import types from. */
  readonly types: readonly string[];
  readonly packages: readonly string[];
  /** Whether it may use node: modules. */
  readonly node: boolean | readonly string[];
}

const ROOT = "the root";
/** Pure data, and what every room may use. */
const EVERYWHERE = ["bounds", ROOT];
/** By room; the files at the root of `src/` are one of their own. */
const MAY_IMPORT: Readonly<Record<string, Allowed>> = {
  bounds: { from: [], types: [], packages: [], node: false },
  delivery: { from: [], types: [], packages: [], node: ["node:crypto"] },
  mm4: { from: [], types: ["delivery"], packages: [], node: false },
  catalogue: { from: ["delivery"], types: [], packages: [], node: false },
  text: { from: ["delivery"], types: [], packages: [], node: false },
  journal: { from: ["delivery"], types: [], packages: [], node: true },
  archive: { from: ["journal", "delivery", "process"], types: ["flow"], packages: [], node: true },
  flow: { from: ["mm4", "delivery", "journal", "text"], types: ["catalogue"], packages: [], node: false },
  trace: {
    from: ["delivery", "text"],
    types: ["archive", "flow", "acknowledgement", "queue"],
    packages: ["ioredis"],
    node: true,
  },
  monitoring: {
    from: ["text"],
    types: ["delivery", "flow", "queue", "acknowledgement"],
    packages: ["pino", "pino-pretty", "prom-client"],
    node: true,
  },
  smtp: { from: ["mm4"], types: ["delivery"], packages: ["smtp-server"], node: true },
  settings: {
    from: ["smtp", "mm4", "delivery", "catalogue", "text"],
    types: ["flow"],
    packages: ["zod", "libmime"],
    node: true,
  },
  queue: {
    from: ["delivery", "text", "settings"],
    types: ["monitoring"],
    packages: ["bullmq", "ioredis"],
    node: true,
  },
  acknowledgement: {
    from: ["queue", "settings", "mm4"],
    types: ["delivery", "flow", "smtp"],
    packages: ["nodemailer", "bullmq"],
    node: true,
  },
  quarantine: {
    from: ["queue", "flow", "settings"],
    types: ["delivery"],
    packages: ["mailparser", "bullmq", "ioredis"],
    node: true,
  },
  process: { from: [], types: ["queue", "monitoring", "delivery"], packages: [], node: true },
  simulator: { from: ["mm4"], types: [], packages: ["smtp-server", "nodemailer"], node: true },
  replay: { from: ["queue"], types: ["delivery", "archive"], packages: ["ioredis"], node: false },
  consumer: { from: ["delivery", "text"], types: [], packages: ["bullmq"], node: false },
  views: {
    from: ["archive", "flow", "settings", "trace", "queue", "text", "delivery", "process"],
    types: [],
    packages: [],
    node: true,
  },
  admin: {
    from: ["catalogue", "delivery", "text", "trace", "settings", "views"],
    types: ["queue", "quarantine", "acknowledgement", "monitoring"],
    packages: ["hono", "@hono", "@bull-board"],
    node: true,
  },
  service: {
    from: [
      "journal",
      "archive",
      "flow",
      "queue",
      "trace",
      "quarantine",
      "acknowledgement",
      "monitoring",
      "process",
      "settings",
      "smtp",
      "admin",
      "views",
      "text",
    ],
    types: ["delivery"],
    packages: ["bullmq"],
    node: true,
  },
  cli: {
    from: [
      "mm4",
      "delivery",
      "catalogue",
      "journal",
      "archive",
      "replay",
      "flow",
      "queue",
      "trace",
      "quarantine",
      "acknowledgement",
      "monitoring",
      "process",
      "settings",
      "smtp",
      "simulator",
      "service",
      "text",
    ],
    types: [],
    packages: ["commander", "libmime"],
    node: true,
  },
  [ROOT]: { from: ["cli"], types: [], packages: [], node: true },
};

const SOURCE = new URL("../src/", import.meta.url);
const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

const imported = files.flatMap((file) =>
  importsOf(readFileSync(new URL(file, SOURCE), "utf8")).map((one) => ({
    ...one,
    file,
    room: roomOf(file),
    target: targetOf(file, one.specifier),
  })),
);

test("at the root of the source stand where it starts, its version and what every room may use", () => {
  expect(files.filter((file) => roomOf(file) === ROOT).sort()).toEqual([
    "main.ts",
    "result.ts",
    "rounds.ts",
    "version.ts",
  ]);
});

describe.each(files)("src/%s", (file) => {
  const room = roomOf(file);
  const allowed = MAY_IMPORT[room];

  test("imports only what the table allows", () => {
    if (!allowed) throw new Error(`No row for ${room}`);
    for (const { specifier, typeOnly, target } of imported.filter((one) => one.file === file)) {
      if (specifier.startsWith("node:")) {
        const may = allowed.node === true || (Array.isArray(allowed.node) && allowed.node.includes(specifier));
        expect([file, specifier, may]).toEqual([file, specifier, true]);
      } else if (specifier.startsWith(".")) {
        const may =
          [room, ...EVERYWHERE, ...allowed.from].includes(target ?? "") ||
          (typeOnly && allowed.types.includes(target ?? ""));
        expect([file, specifier, may]).toEqual([file, specifier, true]);
      } else {
        const name = specifier.split("/")[0] ?? "";
        expect(builtinModules).not.toContain(name);
        expect([file, name, allowed.packages.includes(name)]).toEqual([file, name, true]);
      }
    }
  });
});

test("no page knows another, but for that of the peers, which opens a peer's", () => {
  const knowing = imported.filter(
    ({ file, room, specifier }) => room === "admin" && specifier.endsWith("-page.ts") && file !== "admin/server.ts",
  );
  expect(knowing.map(({ file, specifier }) => [file, specifier])).toEqual([["admin/peers-page.ts", "./peer-page.ts"]]);
});

test("docs/architecture.md has this table", () => {
  const text = readFileSync(new URL("../docs/architecture.md", import.meta.url), "utf8");
  const shown = new Map(
    [...text.matchAll(/^\| `(\w+)\/` \| [^|]+ \| ([^|]+) \|$/gm)].map(([, room, may]) => [room, may]),
  );
  const inDocs = (rooms: readonly string[]) => rooms.map((room) => `\`${room}/\``).join(", ");
  const expected = Object.entries(MAY_IMPORT).map(([room, { from, types, packages, node }]) => [
    room,
    [
      inDocs(from),
      types.length > 0 ? `types of ${inDocs(types)}` : "",
      packages.join(", "),
      Array.isArray(node) ? node.map((name) => `\`${name}\``).join(", ") : "",
    ]
      .filter((part) => part !== "")
      .join("; ") || "nothing",
  ]);
  expect([...shown].sort()).toEqual(expected.filter(([room]) => room !== ROOT).sort());
});

test.each(Object.entries(MAY_IMPORT))("what the table allows %s, it imports", (room, { from, types, packages }) => {
  const own = imported.filter((one) => one.room === room);
  const values = own.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target);
  const unused = [
    ...from.filter((other) => !values.includes(other)),
    ...types.filter((other) => values.includes(other) || !own.some(({ target }) => target === other)),
    ...packages.filter((name) => !own.some(({ specifier }) => specifier.split("/")[0] === name)),
  ];
  expect(unused).toEqual([]);
});

test("no rooms import values of each other in a circle", () => {
  const rooms = Object.keys(MAY_IMPORT).filter((room) => room !== ROOT);
  const needs = (room: string, other: string): boolean =>
    room !== other && imported.some((one) => !one.typeOnly && one.room === room && one.target === other);
  const arrows = rooms.flatMap((room) => rooms.filter((other) => needs(room, other)).map((other) => [room, other]));
  // What begins nowhere or leads nowhere is in no circle, and is taken away until nothing changes.
  let left = arrows;
  for (let before = -1; before !== left.length; ) {
    before = left.length;
    left = left.filter(
      ([room, other]) => left.some(([begin]) => begin === other) && left.some(([, end]) => end === room),
    );
  }
  expect(arrows.length).toBeGreaterThan(50);
  expect(left).toEqual([]);
});

test("what a dynamic import pulls in can be read from the source", () => {
  for (const file of files) {
    const source = readFileSync(new URL(file, SOURCE), "utf8");
    const unreadable = [...source.matchAll(/\brequire\(|\bimport\((?!"[^"]+"\))/g)].map(([text]) => text);
    expect([file, unreadable]).toEqual([file, []]);
  }
});

test("what scripts take of the build, the source has", () => {
  const root = new URL("../", import.meta.url);
  const scripts = ["ops", "test"].flatMap((place) =>
    readdirSync(new URL(place, root), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".mjs"))
      .map((name) => new URL(`${place}/${name}`, root)),
  );
  const taken = scripts.flatMap((script) =>
    [...readFileSync(script, "utf8").matchAll(/\bimport\s*\{([^}]*)\}\s*from\s*"([^"]*\/dist\/[^"]+)\.js"/g)].flatMap(
      ([, names = "", built = ""]) => {
        const source = new URL(`${built.replace("/dist/", "/src/")}.ts`, script);
        return names.split(",").flatMap((name) => (name.trim() === "" ? [] : [{ source, name: name.trim() }]));
      },
    ),
  );
  expect(taken.length).toBeGreaterThan(20);
  for (const { source, name } of taken) {
    const exported = new RegExp(
      `^export (?:async )?(?:const|function\\*?|class|let) ${name}\\b|^export \\{[^}]*\\b${name}\\b`,
      "m",
    );
    expect([source.pathname, name, exported.test(readFileSync(source, "utf8"))]).toEqual([source.pathname, name, true]);
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

test("the settings as a whole are known to settings/, service/ and cli/ only; every other room states what it takes", () => {
  const found = imported
    .filter(({ room }) => !["settings", "service", "cli"].includes(room))
    .filter(({ specifier }) => /\/settings\/(?:config|told-settings)\.ts$/.test(specifier))
    .filter(({ names }) => /\b(?:Config|ToldSettings)\b|\*|^$/.test(names));
  expect(found).toEqual([]);
});

function roomOf(file: string): string {
  return file.includes("/") ? (file.split("/")[0] ?? "") : ROOT;
}

/** The room of a file that another one names; undefined for a package. */
function targetOf(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return roomOf(new URL(specifier, new URL(file, SOURCE)).pathname.slice(SOURCE.pathname.length));
}

function importsOf(source: string): { specifier: string; names: string; typeOnly: boolean }[] {
  const dynamic = [...source.matchAll(/\bimport\("([^"]+)"\)|\bcreateRequire\([^()]*\)\("([^"]+)"\)/g)].map(
    ([, imported, required]) => ({
      specifier: imported ?? required ?? "",
      names: "",
      typeOnly: false,
    }),
  );
  const fixed = [...source.matchAll(/^(?:import|export)\s([^;]*?)from\s+"([^"]+)"|^import\s+"([^"]+)"/gm)].map(
    ([, names = "", from, bare]) => ({
      specifier: from ?? bare ?? "",
      names,
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
