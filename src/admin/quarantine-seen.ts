/** What is in quarantine, found once for all pages that show it. */
import type { QuarantineEntry } from "../quarantine/quarantine.ts";
import { sum } from "../text/quantities.ts";
import type { Operations } from "./operations.ts";
import { inTurn, remembering } from "./remembering.ts";

/** How many messages a page of the list has. */
export const PAGE = 50;

export interface QuarantineSeen {
  readonly all: number;
  readonly reasons: ReadonlyMap<string, number>;
  /** Of the page, the newest first. */
  readonly entries: readonly QuarantineEntry[];
  /** When all that came later was not there yet: RFC 3339, UTC. */
  readonly at: string;
}

export interface QuarantineLook {
  /** For a page that somebody opens: as it is now. */
  readonly opened: (from: number) => Promise<QuarantineSeen>;
  /** For pages that stay open: it is counted anew when something has come or gone, and not more often than at a pace. */
  readonly keptOpen: (from: number) => Promise<QuarantineSeen>;
}

const MARKED_MS = 1_500;
/** There may be ten thousand messages, of which the reasons are counted. */
const COUNTED_MS = 5_000;

export function lookingInto({ quarantine }: Pick<Operations, "quarantine">): QuarantineLook {
  const mark = remembering(MARKED_MS, async () => (await quarantine()).mark());
  const known = new Map<
    number,
    { readonly mark: string; readonly atMs: number; readonly seen: Promise<QuarantineSeen> }
  >();

  // Fifty whole messages each: many at once would keep Redis from the reports.
  const find = inTurn(async (from: number): Promise<QuarantineSeen> => {
    const at = new Date().toISOString();
    const desk = await quarantine();
    const [reasons, entries] = [await desk.reasons(), await desk.newest(PAGE, from)];
    return { all: sum([...reasons.values()]), reasons, entries, at };
  });

  function begin(from: number, marked: string): Promise<QuarantineSeen> {
    for (const [other, { atMs }] of known) if (performance.now() - atMs > FORGOTTEN_MS) known.delete(other);
    const mine = { mark: marked, atMs: performance.now(), seen: find(from) };
    known.set(from, mine);
    mine.seen.catch(() => known.get(from) === mine && known.delete(from));
    return mine.seen;
  }

  return {
    // It is known from here on, so that a page that stays open shows nothing older than what it was opened with.
    opened: async (from) => begin(from, await (await quarantine()).mark()),
    async keptOpen(from) {
      const now = await mark();
      const before = known.get(from);
      if (before && (before.mark === now || performance.now() - before.atMs < COUNTED_MS)) return before.seen;
      return begin(from, now);
    },
  };
}

const FORGOTTEN_MS = 60_000;
