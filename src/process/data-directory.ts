/** Makes the data directory safe at a start, and tells which user owns it. */
import { execFileSync } from "node:child_process";
import { accessSync, chmodSync, closeSync, constants, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * Creates the data directory, and closes it to other users where we may. Its name is
 * on the disk when this returns, and so are the names of parents that were created.
 * Gives null, or what a user should know of a directory that others can still reach.
 * Throws a sentence when it cannot be used.
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

/** The error that tells why the data directory cannot be used, with the setting that names it. */
export function unusable(dataDir: string, { code, message }: NodeJS.ErrnoException): Error {
  const isDenied = code === "EACCES" || code === "EPERM";
  const why = isDenied ? `permission denied, must be readable and writable for uid ${process.getuid?.()}` : message;
  return new Error(`Cannot use the data directory ${dataDir}: ${why} (MM4D_DATA_DIR)`);
}

/** The user who runs mm4d there: the owner of its journal. Null when it has no journal. */
export function userOf(dataDir: string): number | null {
  return statSync(join(dataDir, "journal"), { throwIfNoEntry: false })?.uid ?? null;
}

/**
 * Tells what other users may do in a directory that belongs to another user, such as a
 * volume that is mounted with its own group. The files in it still are ours, with mode 600.
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

/** By three bits of a mode. Without the sticky bit, a user who may write there may also rename other users' files. */
function doings(bits: number, mode: number): readonly string[] {
  if ((bits & 0o3) === 0o3 && (mode & 0o1000) === 0) return ["may remove it"];
  return (bits & 0o4) === 0o4 ? ["sees its names"] : [];
}

/** The errors of file systems that have no modes, or that are mounted read-only, and of directories of other users. */
const NOT_OURS_TO_CHANGE = ["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EROFS"];

/** False when we may not change the mode, or the change has no effect. */
function closeToOthers(path: string): boolean {
  try {
    chmodSync(path, 0o700);
    // Some file systems accept the change and do nothing.
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
    // We may create files in it, but not open it for a sync. So sync all file systems.
    execFileSync("sync");
  }
}
