/** The data directory: made safe at a start, and whose it is. */
import { execFileSync } from "node:child_process";
import { accessSync, chmodSync, closeSync, constants, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Makes it ours alone, where we may. Its name, and that of each directory above it
 * that was made too, is on the disk when this returns: null, or what a user should
 * know of one that stays another's. Throws a sentence when it cannot be used.
 */
export function makeDataDir(dataDir: string): string | null {
  try {
    const first = mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const isOurs = closeToOthers(dataDir);
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    for (let made = first === undefined ? null : dataDir; made !== null; made = made === first ? null : dirname(made)) {
      syncNames(dirname(made));
    }
    return isOurs ? null : `${dataDir} ${whoseDirectory(dataDir)}`;
  } catch (cause) {
    throw unusable(dataDir, cause as Error);
  }
}

/** Why it cannot be used, with the setting that names it. */
export function unusable(dataDir: string, { code, message }: NodeJS.ErrnoException): Error {
  const isDenied = code === "EACCES" || code === "EPERM";
  const why = isDenied ? `permission denied, must be readable and writable for uid ${process.getuid?.()}` : message;
  return new Error(`Cannot use the data directory ${dataDir}: ${why} (MM4D_DATA_DIR)`);
}

/** Who uses it: the owner of what is in it; without anything in it null. */
export function userOf(dataDir: string): number | null {
  return statSync(join(dataDir, "journal"), { throwIfNoEntry: false })?.uid ?? null;
}

/**
 * What those may do who share a directory that another user owns, as where a volume is
 * mounted with a group of its own. Its files are ours, of mode 600, all the same.
 */
export function whoseDirectory(path: string): string {
  const { uid, gid, mode } = statSync(path);
  const others = [
    ...doings(mode >> 3, mode).map((doing) => `group ${gid} ${doing}`),
    ...doings(mode, mode).map((doing) => `everybody ${doing}`),
  ];
  const shared = others.length === 0 ? "" : `, but ${others.join(" and ")}`;
  return `belongs to uid ${uid} and cannot be made ours alone: nobody else reads what mm4d writes there${shared}`;
}

/** By three bits of a mode. Whoever may write may also rename what is not his, but where the sticky bit is set. */
function doings(bits: number, mode: number): readonly string[] {
  if ((bits & 0o3) === 0o3 && (mode & 0o1000) === 0) return ["may remove it"];
  return (bits & 0o4) === 0o4 ? ["sees its names"] : [];
}

/** Systems without modes of their own, and those mounted for reading, say so in words of their own. */
const NOT_OURS_TO_CHANGE = ["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EROFS"];

/** False where that is not up to us. */
function closeToOthers(path: string): boolean {
  try {
    chmodSync(path, 0o700);
    // Some file systems take it, and change nothing.
    return (statSync(path).mode & 0o077) === 0;
  } catch (cause) {
    if (NOT_OURS_TO_CHANGE.includes((cause as NodeJS.ErrnoException).code ?? "")) return false;
    throw cause;
  }
}

function syncNames(directory: string): void {
  try {
    const handle = openSync(directory, "r");
    fsyncSync(handle);
    closeSync(handle);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EACCES") throw cause;
    // We may make names in it, and not read it: then everything is brought to the disks.
    execFileSync("sync");
  }
}
