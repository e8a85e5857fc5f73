/**
 * What the archive, and a replay of it, cost those who send: two services, one with an archive and one without, are
 * given the same loads in turns. While one has its turn, the other has nothing to do.
 */
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { measure } from "../load.mjs";
import { ANY_CORE, kill, start } from "../processes.mjs";
import { mm4d } from "../subjects.mjs";
import { median, numbers } from "../table.mjs";
import { withSubject } from "./with-subject.mjs";

const MAIN = fileURLToPath(new URL("../../../dist/main.js", import.meta.url));
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

async function inTurns({ quick }, { server, without }) {
  const part = quick ? 1 / 8 : 1;
  const fullRate = { reports: REPORTS * part };
  const steady = { reports: PER_SECOND * STEADY_SECONDS * part, perSecond: PER_SECOND };
  const pairs = quick ? 1 : PAIRS;
  return [...(await inPairs("full rate", fullRate)), ...(await inPairs("steady", steady)), ...(await withReplay())];

  async function inPairs(what, load) {
    const [none, own, waiting] = [[], [], []];
    for (let pair = 0; pair < pairs; pair++) {
      // Each is as often before the other as behind it.
      if (pair % 2 === 0) none.push(await measure(without, load));
      own.push(await measure(server, load));
      waiting.push(await whenPacked(server));
      if (pair % 2 === 1) none.push(await measure(without, load));
    }
    return [
      { subject: `no archive, ${what}`, ...medianOf(none) },
      { subject: `archive, ${what}`, ...medianOf(own, `packed after ${seconds(waiting)}`) },
    ];
  }

  /** At the rate that a replay has where nothing is said. */
  async function withReplay() {
    const [none, replaying] = [[], []];
    for (let pair = 0; pair < pairs; pair++) {
      if (pair % 2 === 0) none.push(await measure(server, steady));
      const replay = startReplay(server, `bench-${pair}`);
      try {
        // It says what it is going to publish, and then how far it is.
        await once(replay.stderr, "data");
        replay.stderr.resume();
        replaying.push(await measure(server, steady));
        if (replay.exitCode !== null) throw new Error("The replay has ended early");
      } finally {
        await kill(replay);
      }
      if (pair % 2 === 1) none.push(await measure(server, steady));
    }
    return [
      { subject: "no replay", ...medianOf(none) },
      { subject: "replay", ...medianOf(replaying) },
    ];
  }
}

function startReplay({ directory, redis }, name) {
  const options = ["--since", "1h", "--to", "bench-replay", "--name", name];
  return start([process.execPath, MAIN, "replay", ...options], {
    core: ANY_CORE,
    env: { REDIS_URL: `redis://127.0.0.1:${redis.port}`, MM4D_DATA_DIR: join(directory, "data") },
    stdio: ["ignore", "ignore", "pipe"],
  });
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
