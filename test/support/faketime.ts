/** The library that `faketime` preloads. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

/** Its path, for LD_PRELOAD. */
export function faketime(): string {
  for (const architecture of readdirSync("/usr/lib")) {
    try {
      const directory = join("/usr/lib", architecture, "faketime");
      if (readdirSync(directory).includes("libfaketimeMT.so.1")) return join(directory, "libfaketimeMT.so.1");
    } catch {
      // Not there.
    }
  }
  throw new Error("Cannot find libfaketimeMT.so.1: the Debian package libfaketime must be installed");
}
