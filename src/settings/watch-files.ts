/** Tells when files change, also when another file replaces one: renamed over it, or behind a link. */
import { unwatchFile, watchFile } from "node:fs";

const LOOKED_AT_EVERY_MS = 1_000;
/** Files that belong together are written one after the other, so a change is told when no other follows for so long. */
const SETTLED_AFTER_MS = 300;

export interface Watch {
  /** Follows this file too. Following a file twice is harmless. */
  follow(file: string): void;
  stop(): void;
}

/** Calls `onChange` once for changes that come together. A file need not be there yet. */
export function watchFiles(onChange: () => void): Watch {
  const followed = new Set<string>();
  let settling: NodeJS.Timeout | undefined;
  const changed = (): void => {
    clearTimeout(settling);
    settling = setTimeout(onChange, SETTLED_AFTER_MS).unref();
  };
  return {
    follow(file) {
      if (followed.has(file)) return;
      followed.add(file);
      // By polling, because the system stops telling of a name when the file behind it is replaced.
      watchFile(file, { interval: LOOKED_AT_EVERY_MS, persistent: false }, changed);
    },
    stop() {
      for (const file of followed) unwatchFile(file, changed);
      clearTimeout(settling);
    },
  };
}
