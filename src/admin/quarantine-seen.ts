/** What is in quarantine, found once for all pages that show it. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { QuarantineEntry } from "../quarantine/quarantine.ts";
import { sum } from "../text/quantities.ts";
import type { Operations } from "./operations.ts";
import { inTurn, keep, remembering } from "./remembering.ts";

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
  /** Which part it is. A place beyond the end is that of the last page. */
  readonly asked: QuarantineAsked;
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

  // Fifty whole messages each: many at once would keep Redis from the reports.
  const find = inTurn(async (wanted: number, named: string): Promise<QuarantineSeen> => {
    const at = new Date().toISOString();
    const desk = await quarantine();
    const reasons = await desk.reasons();
    const all = sum([...reasons.values()]);
    const reason = named === "" ? null : named;
    const listed = reason === null ? all : (reasons.get(reason) ?? 0);
    const from = placeOf(wanted, listed);
    return { all, asked: { from, reason }, listed, reasons, entries: await desk.newest(PAGE, from, reason), at };
  });

  /** `who`: pages that stay open have half of the room, however many there are, and leave the other half to those that are opened. */
  function begin(who: keyof QuarantineLook, asked: QuarantineAsked, marked: string): Promise<QuarantineSeen> {
    for (const [other, { atMs }] of known) if (performance.now() - atMs > FORGOTTEN_MS) known.delete(other);
    const name = nameOf(asked);
    const mine = { mark: marked, atMs: performance.now(), seen: find(who, asked.from, asked.reason ?? "") };
    keep(known, name, mine, BOUNDS.quarantinePagesKept.value);
    mine.seen.catch(() => known.get(name) === mine && known.delete(name));
    return mine.seen;
  }

  return {
    // It is known from here on, so that a page that stays open shows nothing older than what it was opened with.
    opened: async (asked) => begin("opened", asked, await (await quarantine()).mark()),
    async keptOpen(asked) {
      const now = await mark();
      const before = known.get(nameOf(asked));
      if (before && (before.mark === now || performance.now() - before.atMs < COUNTED_MS)) return before.seen;
      return begin("keptOpen", asked, now);
    },
  };
}

const FORGOTTEN_MS = 60_000;

/** Messages may have been dropped since a link to a place beyond the end was made. */
function placeOf(wanted: number, listed: number): number {
  const last = Math.max(0, listed - 1 - ((listed - 1) % PAGE));
  return Math.min(last, wanted);
}

function nameOf({ from, reason }: QuarantineAsked): string {
  return `${from} ${reason ?? ""}`;
}
