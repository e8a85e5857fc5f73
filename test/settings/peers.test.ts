import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { ANSWERS } from "../../src/delivery/acknowledgement.ts";
import { DIALECTS } from "../../src/mm4/dialects.ts";
import { loadPeers, readPeers } from "../../src/settings/peers.ts";
import { SCENARIOS } from "../../src/simulator/scenario.ts";
import { hashPassword } from "../../src/smtp/password.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { cleanEnv, runCommand } from "../support/service.ts";

const directory = mkdtempSync(join(tmpdir(), "mm4d-peers-"));
afterAll(() => rmSync(directory, { recursive: true }));

const nothing = (): string => "";
const one = (more: object = {}) => ({ peers: [{ name: "carrier", addresses: ["192.0.2.0/24"], ...more }] });

/** What is wrong with a file of this content. */
function faults(json: unknown, readSecret = nothing): readonly string[] {
  const read = readPeers(json, readSecret);
  return read.ok ? [] : read.error;
}

function saved(name: string, content: unknown): string {
  const path = join(directory, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

/** The entry that the documentation shows, in full. */
const [, EXAMPLE = ""] = /```json\n([\s\S]*?)```/.exec(readFileSync("docs/peers.md", "utf8")) ?? [];
const [WHOLE] = (JSON.parse(EXAMPLE) as { peers: readonly [Record<string, unknown>] }).peers;

test("the documentation's example is in order, and its table names every option", () => {
  expect(faults(JSON.parse(EXAMPLE))).toEqual([]);
  const documented = [...readFileSync("docs/peers.md", "utf8").matchAll(/^\| `([a-zA-Z]+)(?:\.\w+)?` \|/gm)];
  expect(new Set(documented.map(([, option]) => option))).toEqual(new Set(Object.keys(WHOLE)));
});

test("the documentation of acknowledgements names every option, and every answer", () => {
  const text = readFileSync("docs/acknowledgements.md", "utf8");
  const options = [...text.matchAll(/^\| `([a-zA-Z]+)` \|/gm)].map(([, option]) => option);
  expect(options).toEqual(Object.keys(WHOLE.acknowledge as object));
  const answers = [...text.matchAll(/^\| [a-z][^|]* \| `([\w-]+)` \|$/gm)].map(([, answer]) => answer);
  expect(answers).toEqual(Object.values(ANSWERS).map(({ requestStatus }) => requestStatus));
});

test("the documentation of the simulator names every scenario and dialect, and its example is in order", () => {
  const text = readFileSync("docs/simulator.md", "utf8");
  const rows = [...text.matchAll(/^\| `([\w-]+)` \| (.+) \|$/gm)].map(([, name, about]) => [name, about]);
  const known = [...Object.entries(SCENARIOS), ...Object.entries(DIALECTS)];
  expect(rows).toEqual(known.map(([name, { about }]) => [name, about]));
  expect(faults(JSON.parse(/```json\n([\s\S]*?)```/.exec(text)?.[1] ?? ""))).toEqual([]);
});

test("a name and addresses are enough, and everything else has its default", () => {
  const [least, whole] = [one(), { peers: [WHOLE] }].map((json) => readPeers(json, nothing));
  if (!least?.ok || !whole?.ok) throw new Error("It should be read");
  expect(least.value[0]).toEqual({
    ...whole.value[0],
    name: "carrier",
    networks: [{ address: "192.0.2.0", prefix: 24, family: "ipv4" }],
    limits: { connections: null, messagesPerSecond: null, commands: null },
    acknowledge: { ...whole.value[0]?.acknowledge, host: null },
  });
});

test("the short form is an entry of only a name and addresses; without either there is loopback, which is not listed", () => {
  const networks = [{ address: "192.0.2.0", prefix: 24, family: "ipv4" }] as const;
  const read = readPeers(one(), nothing);
  expect(loadPeers({ peers: [{ name: "carrier", networks }], peersFile: "" })).toEqual(read.ok && read.value);
  expect(loadPeers({ peers: [], peersFile: "" })).toMatchObject([{ name: "loopback", listed: false }]);
});

test.each([
  [one({ addresses: ["192.0.2.1", "192.0.2.1/32"] }), 'is "192.0.2.1/32" as peers[0].addresses[0] is, must be in one'],
  [{ peers: [one().peers[0], { name: "carrier", addresses: ["::1"] }] }, 'peers[1].name is "carrier" as another'],
  [one({ addresses: ["192.0.2.5/24", "192.0.2.0/24"] }), 'is "192.0.2.0/24" as peers[0].addresses[0] is'],
  [one({ addresses: ["2001:db8::/32", "2001:DB8:0::1/32"] }), 'is "2001:DB8:0::1/32" as peers[0].addresses[0] is'],
  [
    one({ acknowledge: { bouncesFrom: ["relay"] } }),
    'acknowledge.bouncesFrom[0] is "relay", must be the name of a peer',
  ],
  [one({ auth: { user: "x", passwordFile: "p" } }), 'peers[0].auth.passwordFile is "p", must be a file that holds'],
])("a fault is told with where it is: %j", (json, expected) => {
  const told = faults(json);
  expect(told).toHaveLength(1);
  expect(told[0]).toContain(expected);
});

test("what entries may not have in common is told beside what else is wrong with them, as files they name are", () => {
  const auth = { user: "x", passwordFile: "/nowhere" };
  const told = faults(
    {
      peers: [
        { name: "a", adresses: ["192.0.2.1"], acknowledge: { bouncesFrom: ["c"] } },
        { name: "b", addresses: ["192.0.2.1", "x"], tls: "yes" },
        { name: "b", addresses: ["192.0.2.1/32"], auth },
      ],
    },
    () => "",
  );
  expect(told).toEqual([
    expect.stringContaining("peers[0].addresses is missing"),
    expect.stringContaining("peers[0].adresses is unknown"),
    expect.stringContaining('peers[1].addresses[1] is "x"'),
    expect.stringContaining('peers[1].tls is "yes"'),
    expect.stringContaining('peers[2].name is "b" as another'),
    expect.stringContaining('peers[2].addresses[0] is "192.0.2.1/32" as peers[1].addresses[0] is'),
    expect.stringContaining('peers[0].acknowledge.bouncesFrom[0] is "c"'),
    expect.stringContaining("peers[2].auth.passwordFile is"),
  ]);
  // An entry without a name may be the one that is meant.
  expect(faults({ peers: [{ nmae: "c" }, ...one({ acknowledge: { bouncesFrom: ["c"] } }).peers] })).toHaveLength(3);
});

test.each([
  null,
  7,
  "peers",
  [],
  {},
  { peers: 7 },
  { peers: [null, 7, [], { name: 7, addresses: 7, acknowledge: 7 }] },
])("nothing else than a list of entries is taken for one: %j", (json) => {
  expect(faults(json).length).toBeGreaterThan(0);
});

test("a password file that is missing is told with why", () => {
  const missing = one({ auth: { user: "x", passwordFile: "/nowhere" } });
  const readSecret = (): string => {
    throw new Error("ENOENT: no such file");
  };
  expect(faults(missing, readSecret)).toEqual([
    'peers[0].auth.passwordFile is "/nowhere", must be a file that can be read: ENOENT: no such file',
  ]);
});

test("a file with codes is named from where the peers' file is, read once, and each of its faults is told", () => {
  const table = saved("codes.json", { codes: [{ code: 1, name: "one" }] });
  const two = [one({ catalogue: "codes.json" }).peers[0], { name: "b", addresses: ["::1"], catalogue: "codes.json" }];
  const found: [string, string | undefined][] = [];
  const files: string[] = [];
  const peers = loadPeers(
    { peers: [], peersFile: saved("two.json", { peers: two }) },
    (file) => files.push(file),
    (file, { findCode }) => found.push([file, findCode(1).name]),
  );
  expect(peers.map(({ rules }) => rules.catalogue)).toEqual([table, table]);
  expect([files.at(-1), found]).toEqual([table, [[table, "one"]]]);

  saved("codes.json", { codes: [{ code: "1" }, { code: 2, nmae: "x" }] });
  const load = (catalogue: string) => () => loadPeers({ peers: [], peersFile: saved("odd.json", one({ catalogue })) });
  expect(load("codes.json")).toThrow(
    /peers\[0\]\.catalogue is "codes\.json", must be a file with codes in order: codes\[0\]\.code is "1", .*\n.*codes\[1\]\.nmae is unknown\. Did you mean name\?/,
  );
  expect(load("nowhere.json")).toThrow(/"nowhere\.json", must be a file with codes in order: ENOENT/);
});

test("peers check says that a file is in order, or every fault of it", async () => {
  saved("password", await hashPassword("s3cret"));
  const good = saved("good.json", {
    peers: [WHOLE, { ...one().peers[0], auth: { user: "x", passwordFile: "password" }, addresses: ["192.0.2.7"] }],
  });
  expect(await runCommandWithin(["peers", "check", good])).toEqual({
    code: 0,
    stdout: `${good} is in order: 2 peers.\n`,
    stderr: "",
  });
  const bad = saved("bad.json", one({ tls: "yes", nanp: 1 }));
  const { code, stderr } = await runCommandWithin(["peers", "check", bad]);
  expect([code, stderr.trim().split("\n")]).toEqual([
    1,
    [
      `Cannot use ${bad}: peers[0].tls is "yes", must be one of "off", "optional", "required"`,
      `Cannot use ${bad}: peers[0].nanp is 1, must be true or false`,
    ],
  ]);
  const load = (file: string) => () => loadPeers({ peers: [], peersFile: file });
  const broken = saved("broken.json", '{ "peers": [\n  { "name": "carrier" },\n] }\n');
  expect(load(broken)).toThrow(
    `Cannot use ${broken}: not valid JSON at line 3, column 1 (unexpected token ']'; the comma before it must go): ] }`,
  );
  expect(load(join(directory, "none.json"))).toThrow("ENOENT");
});

test("peers list prints what is in force, and what differs from the defaults", async () => {
  const file = saved("list.json", {
    peers: [
      WHOLE,
      {
        name: "odd",
        addresses: ["192.0.2.7"],
        tls: "required",
        internationalPrefixes: ["00", "011"],
        swapAddresses: true,
        bareNewlines: true,
      },
    ],
  });
  const { stdout } = await runCommandWithin(["peers", "list"], cleanEnv({ MM4D_PEERS_FILE: file }));
  expect(stdout).toBe(`bandwidth
  192.0.2.0/24, 2001:db8::/32
  at most 50 connections; at most 500 messages a second; acknowledgements to
    mmsc.example:25
odd
  192.0.2.7/32
  TLS required; international prefixes 00, 011; swapAddresses; bareNewlines
`);
});

test("peers hash prints what a peer's file holds, another each time", async () => {
  const first = (await runCommand(["peers", "hash"], cleanEnv({}), "s3cret\n")).stdout.trim();
  const second = await hashPassword("s3cret");
  expect(first).toMatch(/^\$scrypt\$ln=14,r=8,p=1\$/);
  expect(first).not.toBe(second);
  expect(faults(one({ auth: { user: "x", passwordFile: "p" } }), () => first)).toEqual([]);
  expect((await runCommand(["peers", "hash"])).stderr).toBe("Cannot hash: stdin is empty, must be a password\n");
});
