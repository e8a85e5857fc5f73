/**
 * `npm run fixtures:upgrade`: keeps what this version leaves behind in
 * test/upgrade/<version>/, for all later ones to be tried on. To be run before
 * the version in package.json is changed; `-- --overwrite` writes one anew that
 * is not released yet.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({ options: { overwrite: { type: "boolean", default: false } } });
const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
const directory = `${root}test/upgrade/${version}`;

if (existsSync(directory) && !values.overwrite) {
  process.stderr.write(
    `Cannot write test/upgrade/${version}: it is there already, and what a released version left behind must not change; --overwrite writes it anew\n`,
  );
  process.exit(1);
}
rmSync(directory, { recursive: true, force: true });
const done =
  run("npm", "run", "--silent", "build") &&
  run("npx", "--no-install", "vitest", "run", "--config", "test/upgrade/write.config.ts");
process.exitCode = done ? 0 : 1;

function run(command, ...args) {
  return spawnSync(command, args, { cwd: root, stdio: "inherit" }).status === 0;
}
