/** How long a relay waits for its 250 while five pages are open live, and while none is: in turns, on one service. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { measure } from "../load.mjs";
import { ANY_CORE, kill, LOAD_CORE, start } from "../processes.mjs";
import { median, numbers } from "../table.mjs";
import { withSubject } from "./with-subject.mjs";

const READER = fileURLToPath(new URL("../pages.mjs", import.meta.url));
const PER_SECOND = 2_700;
/** One is not like the other on a machine that is shared: a p99 of eight seconds may be twice what it was. */
const PAIRS = 8;
/** What was opened has shown its first rows by then. */
const SETTLED_MS = 3_000;

/** The page's thread has the core that the operators' machines would have. */
export function pages(turn) {
  return withSubject({ ...turn, core: ANY_CORE }, async (server) => {
    const load = { reports: (turn.quick ? 4 : 8) * PER_SECOND, perSecond: PER_SECOND };
    const without = () => measure(server, load);
    const withPages = async () => {
      const reader = start([process.execPath, READER, String(server.adminPort)], {
        core: LOAD_CORE,
        stdio: ["ignore", "inherit", "inherit", "ipc"],
      });
      try {
        const [what] = await Promise.race([once(reader, "message"), once(reader, "exit")]);
        if (what !== "open") throw new Error("The pages could not be opened");
        await sleep(SETTLED_MS);
        const row = await measure(server, load);
        if (reader.exitCode !== null) throw new Error("The pages did not stay open");
        return row;
      } finally {
        await kill(reader);
        await sleep(SETTLED_MS);
      }
    };
    const rows = { without: [], withPages: [] };
    // Each is as often before the other as behind it.
    for (let pair = 0; pair < (turn.quick ? 1 : PAIRS); pair++) {
      if (pair % 2 === 0) rows.without.push(await without());
      rows.withPages.push(await withPages());
      if (pair % 2 === 1) rows.without.push(await without());
    }
    return [
      { subject: turn.name, ...medianOf(rows.without) },
      { subject: `${turn.name}, five pages`, ...medianOf(rows.withPages) },
    ];
  });
}

function medianOf(rows) {
  const note = `p99 of each: ${rows.map(({ p99Ms }) => p99Ms.toFixed(1)).join(", ")} ms`;
  return { ...rows[0], p50Ms: median(numbers(rows, "p50Ms")), p99Ms: median(numbers(rows, "p99Ms")), note };
}
