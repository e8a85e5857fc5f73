/**
 * `npm run setup`: everything that `npm start` and `npm test` need. Plain Node,
 * because it runs before node_modules exists. Harmless and quick to run again.
 *
 *   a Redis server → the locked packages → the build
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { installDebian, isOnPath } from "./debian.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = `${root}node_modules/.mm4d-setup`;

try {
  findRedis();
  installPackages();
  run("npm", "run", "--silent", "build");
  process.stdout.write('mm4d is set up. Next: "npm start", or "npm test".\n');
} catch (cause) {
  process.stderr.write(`${cause.message}\n`);
  process.exitCode = 1;
}

/** What is on PATH is used as it is. */
function findRedis() {
  if (isOnPath("redis-server") || isOnPath("valkey-server")) return;
  // Another one was named: none is needed here.
  if (process.env.REDIS_URL || process.env.REDIS_URL_FILE) return;
  if (installDebian(["redis-server"])) return;
  throw new Error(
    'Cannot find redis-server or valkey-server: install one with "apt-get install redis-server" (Debian, Ubuntu), "dnf install valkey" (Fedora, RHEL) or "brew install redis" (macOS), then run "npm run setup" again',
  );
}

/** `npm ci`, unless these very packages are installed already. */
function installPackages() {
  const lock = createHash("sha256")
    .update(readFileSync(`${root}package-lock.json`))
    .update(process.version)
    .digest("hex");
  // "npm prune --omit=dev" leaves the stamp, and takes away what the build needs.
  const whole = existsSync(`${root}node_modules/@types/node`);
  if (whole && existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  run("npm", "ci");
  writeFileSync(stamp, lock);
}

function run(command, ...args) {
  try {
    execFileSync(command, args, { cwd: root, stdio: "inherit" });
  } catch (cause) {
    throw new Error(
      `Cannot set up mm4d: "${command} ${args.join(" ")}" failed (${cause.code ?? `exit code ${cause.status}`})`,
    );
  }
}
