/** The package: packed as `npm pack` does it, installed in an empty folder, and put to work there. */
import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { runCommand, startServiceProcess, type TestService } from "../support/service.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BUILT_FROM = ["src", "ops", "docs", "package.json", "package-lock.json", "tsconfig.json", ".npmrc"];
const TOLD = ["README.md", "CHANGELOG.md", "LICENSE"];
/** Written for whoever has the repository. */
const FOR_CONTRIBUTORS = ["docs/architecture.md", "docs/contributing.md", "docs/containers.md", "docs/security.md"];

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version: string; readonly integrity: string }>>;
}

const directory = mkdtempSync(join(tmpdir(), "mm4d-package-"));
const checkout = join(directory, "checkout");
const folder = join(directory, "empty");
const installed = join(folder, "node_modules/mm4d");
const run = promisify(execFile);
const read = (...path: string[]): string => readFileSync(join(...path), "utf8");
let files: readonly string[];
let redis: TestRedis;
let service: TestService | undefined;

beforeAll(async () => {
  mkdirSync(join(checkout, "dist"), { recursive: true });
  for (const path of [...BUILT_FROM, ...TOLD]) cpSync(join(ROOT, path), join(checkout, path), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(checkout, "node_modules"));
  // As an earlier build of something that is gone would leave it.
  writeFileSync(join(checkout, "dist/left-over.js"), "");
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", directory], { cwd: checkout });
  const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  files = packed?.files.map(({ path }) => path) ?? [];
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), "{}");
  const quietly = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"];
  await run("npm", ["install", ...quietly, join(directory, packed?.filename ?? "")], { cwd: folder });
  redis = await startRedis();
});
afterAll(async () => {
  await service?.stop();
  await redis?.stop();
  rmSync(directory, { recursive: true });
});

test("only what is needed is in it", () => {
  const wanted = [
    ...[...TOLD, "package.json", "dist/main.js", "dist/delivery-event.schema.json"],
    ...["docs/operating.md", "ops/systemd/mm4d.service", "ops/prometheus/mm4d.rules.yml", "ops/grafana/mm4d.json"],
  ];
  expect(wanted.filter((path) => !files.includes(path))).toEqual([]);
  const kinds = [
    /^dist\/.*\.js$/,
    /^dist\/(consumer|delivery)\/.*\.d\.ts$/,
    /^dist\/admin\/assets\//,
    /^docs\/.*\.(?:md|png)$/,
  ];
  const further = files.filter((path) => !wanted.includes(path) && !kinds.some((kind) => kind.test(path)));
  expect(further.filter((path) => !/^ops\/(haproxy|prometheus|redis|systemd)\/[\w.]+$/.test(path))).toEqual([]);
  expect(files.filter((path) => /test|left-over|\.mjs$/.test(path))).toEqual([]);
  // Where it is, Node.js writes: no command does that beside the files of an installed package.
  const compiled = "dist/.compile-cache";
  expect([checkout, installed].map((place) => existsSync(join(place, compiled)))).toEqual([true, false]);
});

test("the declarations in it are those that mm4d/consumer reaches", () => {
  const reached = new Set<string>();
  const follow = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const [, from = ""] of read(installed, path).matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
      follow(join(dirname(path), from).replace(/\.[jt]s$/, ".d.ts"));
    }
  };
  follow("dist/consumer/index.d.ts");
  expect(files.filter((path) => path.endsWith(".d.ts")).sort()).toEqual([...reached].sort());
});

test("what we chose is installed in the versions that were tested, and docs/dependencies.md says why", () => {
  const { packages: locked } = JSON.parse(read(ROOT, "package-lock.json")) as Lock;
  const { packages: here } = JSON.parse(read(folder, "node_modules/.package-lock.json")) as Lock;
  const { dependencies } = JSON.parse(read(installed, "package.json")) as { dependencies: Record<string, string> };
  const [, chosen = ""] = /## What we chose([\s\S]*?)\n## /.exec(read(installed, "docs/dependencies.md")) ?? [];
  for (const name of Object.keys(dependencies)) {
    const path = `node_modules/${name}`;
    expect([name, here[path]?.version, here[path]?.integrity]).toEqual([
      name,
      locked[path]?.version,
      locked[path]?.integrity,
    ]);
    expect(chosen).toContain(`\`${name}\``);
  }
});

test("it does the main job: a report comes in, its event comes out", async () => {
  service = await startServiceProcess({ REDIS_URL: redis.url }, [], join(installed, "dist/main.js"));
  const env = { ...service.env };
  const mm4d = (...args: string[]) => run("npx", ["--no-install", "mm4d", ...args], { cwd: folder, env });
  expect((await mm4d("send", "--status", "Rejected", "--code", "470", "--message-id", "packed")).stdout).toContain(
    "250 2.0.0 Report stored",
  );
  await service.metric("mm4d_published_total", (count) => count === 1);
  writeFileSync(
    join(folder, "consumer.mjs"),
    `import { consume } from "mm4d/consumer";
     const consumer = await consume((event) => {
       console.log(event.data.messageId, event.data.outcome);
       setImmediate(() => consumer.stop());
     });`,
  );
  const consumed = await run(process.execPath, ["consumer.mjs"], {
    cwd: folder,
    env: { ...env, REDIS_URL: redis.url },
  });
  expect(consumed.stdout).toBe("packed rejected\n");
  expect((await service.get("/")).text).toContain("<title>");
  expect((await runCommand(["doctor"], env)).code).toBe(0);
  service.signal("SIGTERM");
  expect(await service.exited()).toBe(0);
});

test("what its documents link to is in it, but for those about the repository", () => {
  for (const path of files.filter((name) => name.endsWith(".md") && !FOR_CONTRIBUTORS.includes(name))) {
    for (const [, link = ""] of read(installed, path).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      const target = join(installed, path, "..", link);
      expect([path, link, existsSync(target)]).toEqual([path, link, true]);
    }
  }
});

test("a build that fails takes nothing away from a service that runs, and leaves nothing else", async () => {
  const built = () => read(checkout, "dist/version.js");
  const before = built();
  writeFileSync(join(checkout, "src/version.ts"), 'export const VERSION: number = "not a number";\n');
  await expect(run("npm", ["run", "build"], { cwd: checkout })).rejects.toMatchObject({
    stdout: expect.stringContaining("src/version.ts"),
  });
  expect(built()).toBe(before);
  writeFileSync(join(checkout, "src/version.ts"), 'export const VERSION = "mended";\n');
  await run("npm", ["run", "build"], { cwd: checkout });
  expect(built()).toContain("mended");
  expect(readdirSync(checkout).filter((name) => name.startsWith("dist"))).toEqual(["dist"]);
});
