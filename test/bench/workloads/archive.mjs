/**
 * What the archive costs those who send: two services, one with an archive and one without, are given the same loads in
 * turns. While one has its turn, the other has nothing to do.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { measure } from "../load.mjs";
import { ANY_CORE } from "../processes.mjs";
import { mm4d } from "../subjects.mjs";
import { median, numbers } from "../table.mjs";
import { withSubject } from "./with-subject.mjs";

/** One turn is not like the other on a machine that is shared. */
const PAIRS = 8;
/** At full rate: some segments are settled, and packed, while the clock runs. */
const REPORTS = 40_000;
/** As in `pages`: about half of what one core takes. */
const PER_SECOND = 2_000;
const STEADY_SECONDS = 16;
/** Longer than the service waits between two looks at what is to be packed. */
const LOOKED_MS = 6_000;

/** The thread that packs has the core that such a machine would have for it, as in `pages`. */
export function archive(turn) {
  const core = ANY_CORE;
  return withSubject({ ...turn, core }, (server) =>
    withSubject({ ...turn, core, subject: mm4d("", { MM4D_ARCHIVE_HOURS: "0" }) }, (without) =>
      inTurns(turn, { server, without }),
    ),
  );
}

async function inTurns({ name, quick }, { server, without }) {
  const part = quick ? 1 / 8 : 1;
  const loads = {
    "full rate": { reports: REPORTS * part },
    [`${PER_SECOND}/s`]: { reports: PER_SECOND * STEADY_SECONDS * part, perSecond: PER_SECOND },
  };
  const rows = [];
  for (const [what, load] of Object.entries(loads)) {
    const found = { without: [], server: [] };
    const waiting = [];
    for (let pair = 0; pair < (quick ? 1 : PAIRS); pair++) {
      // Each is as often before the other as behind it.
      for (const of of pair % 2 === 0 ? ["without", "server"] : ["server", "without"]) {
        found[of].push(await measure(of === "server" ? server : without, load));
        if (of === "server") waiting.push(await whenPacked(server));
      }
    }
    rows.push(
      { subject: `${name} without archive, ${what}`, ...medianOf(found.without) },
      { subject: `${name} with archive, ${what}`, ...medianOf(found.server, `packed after ${seconds(waiting)}`) },
    );
  }
  return rows;
}

/** Packing gives way to reports: what it has not done while they came, it does before the other's turn. */
async function whenPacked({ directory }) {
  const beganMs = performance.now();
  const packing = join(directory, "data/archive/packing");
  let lastMs = beganMs;
  while (performance.now() - lastMs < LOOKED_MS) {
    const files = existsSync(packing) ? readdirSync(packing) : [];
    if (files.some((file) => file.endsWith(".journal"))) lastMs = performance.now();
    await sleep(50);
  }
  return (lastMs - beganMs) / 1_000;
}

function medianOf(rows, further = "") {
  const rates = rows.map(({ perSecond }) => Math.round(perSecond)).join(", ");
  const waits = rows.map(({ p99Ms }) => p99Ms.toFixed(1)).join(", ");
  const medians = Object.fromEntries(
    ["perSecond", "answeredPerSecond", "p50Ms", "p99Ms", "serverUs"].map((name) => [name, median(numbers(rows, name))]),
  );
  return { ...rows[0], ...medians, note: [`each: ${rates}/s; p99 ${waits} ms`, further].filter(Boolean).join("; ") };
}

function seconds(waited) {
  return `${waited.map((value) => value.toFixed(1)).join(", ")} s`;
}
