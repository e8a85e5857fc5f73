/** Asks the service on a data directory, unless another user may have put the directory there. */
import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { type Reached, reachControl } from "../process/control-client.ts";
import { furtherDirectories } from "../process/directories.ts";

export type ReachedPlace =
  | Reached
  /** Directory or socket belong to a user whom we do not trust, so we did not ask. */
  | { readonly kind: "foreign"; readonly uid: number }
  /** The first process, which answers for all, is not there, but others are. */
  | { readonly kind: "first-down" };

const { O_DIRECTORY, O_RDONLY } = constants;

/**
 * Where the service is, and what it uses. The directory must belong to one of
 * `owners`; null when it was named, and may be anybody's. The owner matters because a
 * caller reads, with its own rights, the files that the service names, and sends their
 * contents to the hosts that they name.
 */
export async function reachPlace(dataDir: string, owners: ReadonlySet<number> | null): Promise<ReachedPlace> {
  if (owners === null) return reachAny(dataDir);
  let directory: number;
  try {
    directory = openSync(dataDir, O_RDONLY | O_DIRECTORY);
  } catch (cause) {
    return { kind: isDenied(cause) ? "denied" : "absent" };
  }
  try {
    // By its handle, because the path may be replaced by a link a moment later.
    const byHandle = `/proc/self/fd/${directory}`;
    const place = existsSync(byHandle) ? byHandle : dataDir;
    const sockets = [place, ...furtherDirectories(place)].flatMap((one) => ownerOf(join(one, SOCKET)));
    if (sockets.length === 0) return { kind: "absent" };
    const foreign = [fstatSync(directory).uid, ...sockets].find((uid) => !owners.has(uid));
    return foreign === undefined ? await reachAny(place) : { kind: "foreign", uid: foreign };
  } catch (cause) {
    return { kind: isDenied(cause) ? "denied" : "absent" };
  } finally {
    closeSync(directory);
  }
}

const SOCKET = "control.sock";

async function reachAny(dataDir: string): Promise<ReachedPlace> {
  const first = await reachControl(dataDir, "facts");
  if (first.kind !== "absent") return first;
  const others = await Promise.all(furtherDirectories(dataDir).map((further) => reachControl(further, "facts")));
  return others.some(({ kind }) => kind !== "absent" && kind !== "denied") ? { kind: "first-down" } : first;
}

/** None when the file does not exist. */
function ownerOf(path: string): readonly number[] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats === undefined ? [] : [stats.uid];
}

function isDenied(cause: unknown): boolean {
  return ["EACCES", "EPERM"].includes((cause as NodeJS.ErrnoException).code ?? "");
}
