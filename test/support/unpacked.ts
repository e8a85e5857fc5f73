/** Programs that `npm test` takes out of their Debian packages without installing them (ops/test.mjs). */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where a program is: in the unpacked package, or on PATH. `path` is the one it would have when installed. */
export function unpacked(name: string, path: string): string {
  const there = fileURLToPath(new URL(`../../node_modules/.cache/${name}/${path}`, import.meta.url));
  return existsSync(there) ? there : path.slice(path.lastIndexOf("/") + 1);
}
