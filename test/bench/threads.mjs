/**
 * CPU time of a process by what its threads do, so that one sees which of them is busy.
 *
 * Node.js 20 names every thread "node". They are told apart by the order in which it starts them: the main one, a
 * timer and four helpers of V8 (garbage collection, compiling), the inspector's, and, when they are first needed, the
 * four of libuv's pool (files, zlib, DNS). Later versions of Node.js name them, and Redis names its own.
 */
import { readdirSync, readFileSync } from "node:fs";
import { TICKS_PER_SECOND } from "./processes.mjs";

/** What is started after the main thread, in that order. */
const NODE_ORDER = ["v8", "v8", "v8", "v8", "v8", "other", "pool", "pool", "pool", "pool"];
const BY_NAME = [
  [/^(V8Worker|DelayedTask)/, "v8"],
  [/^libuv-worker/, "pool"],
  [/^bio_/, "bio"],
];

/**
 * Seconds that each kind of thread has used so far: `main`, `v8`, `pool`, `bio` (Redis's own for files), `other`.
 *
 * @returns {Record<"main" | "v8" | "pool" | "bio" | "other", number>}
 */
export function threadSeconds(pid) {
  const seconds = { main: 0, v8: 0, pool: 0, bio: 0, other: 0 };
  const ids = readdirSync(`/proc/${pid}/task`).map(Number);
  for (const [index, id] of ids.sort((a, b) => a - b).entries()) {
    const stat = statOf(pid, id);
    if (stat) seconds[id === pid ? "main" : kindOf(stat.name, index - 1)] += stat.seconds;
  }
  return seconds;
}

function kindOf(name, started) {
  if (name === "node") return NODE_ORDER[started] ?? "other";
  return BY_NAME.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
}

/** Undefined for a thread that has just ended. */
function statOf(pid, id) {
  try {
    const stat = readFileSync(`/proc/${pid}/task/${id}/stat`, "latin1");
    const end = stat.lastIndexOf(")");
    const [user, system] = stat
      .slice(end + 2)
      .split(" ")
      .slice(11, 13)
      .map(Number);
    return { name: stat.slice(stat.indexOf("(") + 1, end), seconds: (user + system) / TICKS_PER_SECOND };
  } catch {
    return undefined;
  }
}
