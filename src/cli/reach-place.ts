/** Asks whoever is on a data directory, unless somebody else may have put that there. */
import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { type Reached, reachControl } from "../control-client.ts";

export type ReachedPlace =
  | Reached
  /** Directory or socket belong to a user whose word is not taken; it was not asked. */
  | { readonly kind: "foreign"; readonly uid: number };

const { O_DIRECTORY, O_RDONLY } = constants;

/**
 * Where it is, and what it uses. `owners`: whose directory it must be; null when it
 * may be anybody's, because it was named. Who follows a service reads the files that it names, with our
 * rights, and sends what is in them to the hosts that they name.
 */
export async function reachPlace(dataDir: string, owners: ReadonlySet<number> | null): Promise<ReachedPlace> {
  if (owners === null) return reachControl(dataDir, "facts");
  let directory: number;
  try {
    directory = openSync(dataDir, O_RDONLY | O_DIRECTORY);
  } catch (cause) {
    return { kind: isDenied(cause) ? "denied" : "absent" };
  }
  try {
    // By its handle: a link in its place may lead elsewhere a moment later.
    const byHandle = `/proc/self/fd/${directory}`;
    const place = existsSync(byHandle) ? byHandle : dataDir;
    const foreign = [fstatSync(directory).uid, lstatSync(join(place, SOCKET)).uid].find((uid) => !owners.has(uid));
    return foreign === undefined ? await reachControl(place, "facts") : { kind: "foreign", uid: foreign };
  } catch (cause) {
    return { kind: isDenied(cause) ? "denied" : "absent" };
  } finally {
    closeSync(directory);
  }
}

const SOCKET = "control.sock";

function isDenied(cause: unknown): boolean {
  return ["EACCES", "EPERM"].includes((cause as NodeJS.ErrnoException).code ?? "");
}
