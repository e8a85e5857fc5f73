/** Before any test: none runs a `dist/` that is older than what it is built from. */
import { execFileSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What `npm run build` reads, and what it writes last. */
const SOURCES = ["src", "package.json", "tsconfig.json", "ops/assets.mjs", "ops/build.mjs", "ops/schema.mjs"];
const WRITTEN_LAST = "dist/delivery-event.schema.json";

export default function build(): void {
  if (newest(SOURCES) < changedMs(WRITTEN_LAST)) return;
  try {
    execFileSync("npm", ["run", "--silent", "build"], { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  } catch {
    throw new Error("Cannot run the tests: the build has failed");
  }
}

/** Directories too: a file that was taken away changes nothing else. */
function newest(paths: readonly string[]): number {
  return Math.max(
    ...paths.flatMap((path) =>
      path.includes(".") ? [changedMs(path)] : [changedMs(path), ...below(path).map(changedMs)],
    ),
  );
}

function below(path: string): readonly string[] {
  return readdirSync(join(ROOT, path), { recursive: true, encoding: "utf8" }).map((name) => join(path, name));
}

function changedMs(path: string): number {
  return statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
