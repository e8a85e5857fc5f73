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
  /** The place that the page begins at. */
  readonly from: number;
  /** Of the page, the newest first. */
  readonly entries: readonly QuarantineEntry[];
  /** When all that came later was not there yet: RFC 3339, UTC. */
  readonly at: string;
}

export interface QuarantineLook {
  /** For a page that somebody opens: as it is now. */
  readonly opened: (wanted: number) => Promise<QuarantineSeen>;
  /** For pages that stay open: it is counted anew when something has come or gone, and not more often than at a pace. */
  readonly keptOpen: (wanted: number) => Promise<QuarantineSeen>;
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

  const find = inTurn(async (wanted: number): Promise<QuarantineSeen> => {
    const at = new Date().toISOString();
    const desk = await quarantine();
    const reasons = await desk.reasons();
    const all = sum([...reasons.values()]);
    const from = placeOf(wanted, all);
    return { all, reasons, from, entries: await desk.newest(PAGE, from), at };
  });

  return {
    opened: find,
    async keptOpen(wanted) {
      const now = await mark();
      const before = known.get(wanted);
      if (before && (before.mark === now || performance.now() - before.atMs < COUNTED_MS)) return before.seen;
      for (const [other, { atMs }] of known) if (performance.now() - atMs > FORGOTTEN_MS) known.delete(other);
      const mine = { mark: now, atMs: performance.now(), seen: find(wanted) };
      known.set(wanted, mine);
      mine.seen.catch(() => known.get(wanted) === mine && known.delete(wanted));
      return mine.seen;
    },
  };
}

const FORGOTTEN_MS = 60_000;

/** One beyond the end is the last page: messages may have been dropped meanwhile. */
function placeOf(wanted: number, all: number): number {
  const last = Math.max(0, all - 1 - ((all - 1) % PAGE));
  return Math.min(last, Math.max(0, wanted));
}
