/** Which test files `npm run quick` runs: a rule, so that nobody keeps a list. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** With one of these a test has a process, a Redis or a browser. */
const NEEDS_MORE = ["node:child_process", "node:cluster", "ioredis", "bullmq", "playwright-core"];

/** Every test file that imports none of them: neither itself, nor by another file of `test/`. Paths from the root. */
export function quickFiles(): readonly string[] {
  const known = new Map<string, boolean>();
  const isQuick = (file: string): boolean => {
    const before = known.get(file);
    if (before !== undefined) return before;
    known.set(file, true); // Two files may import each other.
    const quick = importsOf(file).every((from) =>
      from.startsWith(".") ? !isOfTests(file, from) || isQuick(join(dirname(file), from)) : !NEEDS_MORE.includes(from),
    );
    known.set(file, quick);
    return quick;
  };
  return readdirSync("test", { recursive: true, encoding: "utf8" })
    .map((name) => join("test", name))
    .filter((file) => file.endsWith(".test.ts") && isQuick(file));
}

function isOfTests(file: string, from: string): boolean {
  const path = normalize(join(dirname(file), from));
  return path.startsWith("test/") && path.endsWith(".ts") && existsSync(path);
}

function importsOf(file: string): readonly string[] {
  return [...readFileSync(file, "utf8").matchAll(/(?:\bfrom|\bimport\(?) ?"([^"]+)"/g)].map(([, from = ""]) => from);
}
