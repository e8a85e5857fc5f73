/** Answers that many ask for: found once, and kept for a while. */
import { BOUNDS } from "../bounds/bounds.ts";
import { createTurns } from "../views/lane.ts";

/** All who ask within `keptMs` get one answer. One that failed is not kept. */
export function remembering<Args extends readonly (string | number)[], Answer>(
  keptMs: number,
  find: (...args: Args) => Promise<Answer>,
): (...args: Args) => Promise<Answer> {
  const ask = rememberingFor(find);
  return (...args) => ask(keptMs, ...args);
}

/** The same, where who asks says how old the answer may be: a page that is opened a little, one that stays open more. */
export function rememberingFor<Args extends readonly (string | number)[], Answer>(
  find: (...args: Args) => Promise<Answer>,
): (keptMs: number, ...args: Args) => Promise<Answer> {
  const known = new Map<string, { readonly atMs: number; readonly answer: Promise<Answer> }>();
  return (keptMs, ...args) => {
    const [key, nowMs] = [args.join(" "), performance.now()];
    const before = known.get(key);
    if (before && nowMs - before.atMs < keptMs) return before.answer;
    for (const [other, { atMs }] of known) if (nowMs - atMs > FORGOTTEN_MS) known.delete(other);
    const answer = find(...args);
    const mine = { atMs: nowMs, answer };
    keep(known, key, mine, BOUNDS.answersKept.value);
    answer.catch(() => known.get(key) === mine && known.delete(key));
    return answer;
  };
}

/** Keeps what was found last, and forgets what was found longest ago beyond so many: what is asked for may be written into an address by anybody. */
export function keep<Found>(known: Map<string, Found>, key: string, found: Found, most: number): void {
  // A map has its keys in the order in which they were put in.
  known.delete(key);
  known.set(key, found);
  for (const oldest of [...known.keys()].slice(0, Math.max(0, known.size - most))) known.delete(oldest);
}

const FORGOTTEN_MS = 15_000;

/**
 * One search after the other, and all who ask for the same while it waits get its answer; who asks while it is under way
 * gets that of the next one, because something may have changed since. For what takes thousands of commands: beside each
 * other they would keep Redis, and this thread, from the reports. No client has more than half of the room.
 */
export function inTurn<Args extends readonly (string | number | boolean)[], Answer>(
  find: (...args: Args) => Promise<Answer>,
): (client: string | undefined, ...args: Args) => Promise<Answer> {
  const waiting = new Map<string, Promise<Answer>>();
  const turns = createTurns();
  return async (client, ...args) => {
    const key = JSON.stringify(args);
    const same = waiting.get(key);
    if (same) return same;
    const mine = turns(() => {
      waiting.delete(key);
      return find(...args);
    }, client);
    waiting.set(key, mine);
    return mine;
  };
}
