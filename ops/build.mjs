/**
 * `npm run build`: makes dist/ anew.
 *
 *   TypeScript → the page's files → the event's schema → in the place of the last one
 *
 * It is made beside it, because a service may run from there, and what it loads late must be there all the time. One
 * that fails leaves what is there.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const scratch = mkdtempSync(join(root, "dist.new-"));
const made = join(scratch, "dist");

try {
  run(join(root, "node_modules/.bin/tsc"), "-p", "tsconfig.json", "--outDir", made);
  run(process.execPath, "ops/assets.mjs", made);
  run(process.execPath, "ops/schema.mjs", made);
  if (existsSync(dist)) renameSync(dist, join(scratch, "before"));
  renameSync(made, dist);
} catch (cause) {
  // The program itself has said why.
  if (cause.status === undefined) process.stderr.write(`Cannot build mm4d: ${cause.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function run(program, ...args) {
  execFileSync(program, args, { cwd: root, stdio: "inherit" });
}
