/** Hears of replays, which a command runs beside the service, and says in the log that one began, and how it ended. */
import type { Log } from "../monitoring/log.ts";
import { isBrokenOff, isUnderWay, type Replay, type Replays } from "../queue/replays-kept.ts";
import { maskFilter } from "../text/mask-filter.ts";

/** Ones that are older were told of before. */
const LOOKED_AT = 20;

/**
 * Gives a look, made every few seconds. Each thing is said once, by one of the services on this Redis, also of a
 * replay that was run while none of them was there. Rejects when Redis does not answer.
 */
export function hearReplays(
  replays: Pick<Replays, "newest" | "saysFirst">,
  log: Pick<Log, "replayBegun" | "replayEnded">,
): () => Promise<void> {
  const said = new Set<string>();

  async function once(replay: Replay, what: "begun" | "ended" | "broken-off", say: () => void): Promise<void> {
    const key = `${replay.id} ${replay.runs} ${what}`;
    if (said.has(key)) return;
    if (await replays.saysFirst(replay, what)) say();
    said.add(key);
  }

  return async () => {
    const newest = await replays.newest(LOOKED_AT);
    const now = new Date();
    for (const replay of newest.reverse()) {
      const { name, by, rate, runs, wanted, state, why, published, place } = replay;
      const { queue, since, until } = wanted;
      const filter = maskFilter(wanted.filter);
      await once(replay, "begun", () => log.replayBegun({ name, by, queue, since, until, filter, rate, run: runs }));
      const how = isBrokenOff(replay, now) ? "broken off" : isUnderWay(state) ? null : state;
      if (how === null) continue;
      const reason = why === "" ? {} : { why };
      // One that was only cut off from Redis for a while goes on, and ends later.
      const what = how === "broken off" ? "broken-off" : "ended";
      await once(replay, what, () => log.replayEnded({ name, by, queue, how, ...reason, published, place }));
    }
    const known = new Set(newest.map(({ id, runs }) => `${id} ${runs} `));
    for (const key of said) if (!known.has(key.slice(0, key.lastIndexOf(" ") + 1))) said.delete(key);
  };
}
