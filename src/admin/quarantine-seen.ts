/** What is in quarantine, found once for all pages that show it. */
import type { QuarantineEntry } from "../quarantine/quarantine.ts";
import { sum } from "../text/quantities.ts";
import type { Operations } from "./operations.ts";
import { remembering } from "./remembering.ts";

/** How many messages a page of the list has. */
export const PAGE = 50;

/** Which part of the list is asked for. */
export interface QuarantineAsked {
  /** How many newer ones are left out. */
  readonly from: number;
  /** Only those with this reason; null for all. */
  readonly reason: string | null;
}

export interface QuarantineSeen {
  readonly all: number;
  /** How many are in the list that is asked for. */
  readonly listed: number;
  readonly reasons: ReadonlyMap<string, number>;
  /** Of the page, the newest first. */
  readonly entries: readonly QuarantineEntry[];
  /** When all that came later was not there yet: RFC 3339, UTC. */
  readonly at: string;
}

export interface QuarantineLook {
  /** For a page that somebody opens: as it is now. */
  readonly opened: (asked: QuarantineAsked) => Promise<QuarantineSeen>;
  /** For pages that stay open: it is counted anew when something has come or gone, and not more often than at a pace. */
  readonly keptOpen: (asked: QuarantineAsked) => Promise<QuarantineSeen>;
}

const MARKED_MS = 1_500;
/** There may be ten thousand messages, of which the reasons are counted. */
const COUNTED_MS = 5_000;

export function lookingInto({ quarantine }: Pick<Operations, "quarantine">): QuarantineLook {
  const mark = remembering(MARKED_MS, async () => (await quarantine()).mark());
  const known = new Map<
    string,
    { readonly mark: string; readonly atMs: number; readonly seen: Promise<QuarantineSeen> }
  >();

  async function find({ from, reason }: QuarantineAsked): Promise<QuarantineSeen> {
    const at = new Date().toISOString();
    const desk = await quarantine();
    const [reasons, entries] = [await desk.reasons(), await desk.newest(PAGE, from, reason)];
    const all = sum([...reasons.values()]);
    return { all, listed: reason === null ? all : (reasons.get(reason) ?? 0), reasons, entries, at };
  }

  return {
    async opened(asked) {
      // Its own stream must not show it what was there before.
      known.clear();
      return find(asked);
    },
    async keptOpen(asked) {
      const name = `${asked.from} ${asked.reason ?? ""}`;
      const now = await mark();
      const before = known.get(name);
      if (before && (before.mark === now || performance.now() - before.atMs < COUNTED_MS)) return before.seen;
      for (const [other, { atMs }] of known) if (performance.now() - atMs > FORGOTTEN_MS) known.delete(other);
      const mine = { mark: now, atMs: performance.now(), seen: find(asked) };
      known.set(name, mine);
      mine.seen.catch(() => known.get(name) === mine && known.delete(name));
      return mine.seen;
    },
  };
}

const FORGOTTEN_MS = 60_000;
