/** Another revision of mm4d, built aside. */
import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { atEnd, temporaryDirectory } from "./processes.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Builds a revision in a worktree, which goes when this process ends, and gives its directory. */
export function buildRevision(revision) {
  const directory = join(temporaryDirectory(), "mm4d");
  const git = (...args) => execFileSync("git", args, { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
  git("worktree", "add", "--detach", directory, revision);
  // Its directory has gone by then with its parent.
  atEnd(() => git("worktree", "prune"));
  const run = (...args) => execFileSync("npm", args, { cwd: directory, stdio: ["ignore", "ignore", "inherit"] });
  const lock = (root) => readFileSync(join(root, "package-lock.json"), "utf8");
  if (lock(ROOT) === lock(directory)) symlinkSync(join(ROOT, "node_modules"), join(directory, "node_modules"));
  else run("ci");
  run("run", "build");
  return directory;
}
