/** Tells when files change, also when another one takes their place: renamed over them, or behind a link. */
import { unwatchFile, watchFile } from "node:fs";

const LOOKED_AT_EVERY_MS = 1_000;
/** Files that belong together are written one after the other. */
const SETTLED_AFTER_MS = 300;

export interface Watch {
  /** From now on this file too. One that is followed already is none the worse for it. */
  follow(file: string): void;
  stop(): void;
}

/** Calls once for changes that come together. A file that is not there yet may come. */
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
      // By looking, because what the system tells of a name ends when the file behind it is replaced.
      watchFile(file, { interval: LOOKED_AT_EVERY_MS, persistent: false }, changed);
    },
    stop() {
      for (const file of followed) unwatchFile(file, changed);
      clearTimeout(settling);
    },
  };
}
