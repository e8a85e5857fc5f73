/** Who was refused: of the last 24 hours, as Redis keeps it; while that is away, what the processes know since the start. */
import { byLastAt, type Refusal, type RefusalsTold } from "../monitoring/refusals.ts";
import { within } from "../process/releasers.ts";
import type { Siblings } from "../process/siblings.ts";
import { nameOfRefusal, REFUSALS_KEPT_MS, type RefusalsKept } from "../queue/refusals-kept.ts";

export interface RefusalsSources {
  readonly kept: RefusalsKept;
  readonly siblings: Pick<Siblings, "keepRefusals">;
  /** What the processes know, the latest last. */
  readonly known: () => Promise<readonly Refusal[]>;
  readonly redisAway: () => string | null;
  readonly startedAt: string;
}

/** The command line waits for three seconds. */
const DEADLINE_MS = 1_000;

export async function tellRefusals(sources: RefusalsSources): Promise<RefusalsTold> {
  const { kept, siblings, redisAway, startedAt } = sources;
  const known = await sources.known();
  const sinceStart = (fault: string): RefusalsTold => ({ refusals: known, since: startedAt, fault });
  const away = redisAway();
  if (away !== null) return sinceStart(away);
  // Each process writes what it knows every few seconds. Who asks wants what was refused a moment ago.
  await siblings.keepRefusals();
  let list: readonly Refusal[] = [];
  const read = kept.list().then((all) => {
    list = all;
  });
  if (!(await within(DEADLINE_MS, read))) return sinceStart(redisAway() ?? "Redis did not answer");
  const since = new Date(Date.now() - REFUSALS_KEPT_MS).toISOString();
  const names = new Set(list.map(nameOfRefusal));
  // What went beyond the bound of an hour.
  const beyond = known.filter((refusal) => refusal.lastAt >= since && !names.has(nameOfRefusal(refusal)));
  const refusals = [...list, ...beyond].sort(byLastAt);
  return { refusals, since, fault: null };
}
