/** Answers that many ask for: found once, and kept for a while. */
import { BOUNDS } from "../bounds/bounds.ts";
import { TooManyAskError } from "../views/lane.ts";

/** All who ask within `keptMs` get one answer. One that failed is not kept. */
export function remembering<Args extends readonly (string | number)[], Answer>(
  keptMs: number,
  find: (...args: Args) => Promise<Answer>,
): (...args: Args) => Promise<Answer> {
  const known = new Map<string, { readonly atMs: number; readonly answer: Promise<Answer> }>();
  return (...args) => {
    const key = args.join(" ");
    const before = known.get(key);
    if (before && performance.now() - before.atMs < keptMs) return before.answer;
    const answer = find(...args);
    known.set(key, { atMs: performance.now(), answer });
    answer.catch(() => known.delete(key));
    return answer;
  };
}

/** All who ask while one search is under way get its answer. */
export function together<Answer>(find: () => Promise<Answer>): () => Promise<Answer> {
  let finding: Promise<Answer> | undefined;
  return () => {
    finding ??= find().finally(() => {
      finding = undefined;
    });
    return finding;
  };
}

/**
 * One search after the other, and all who ask for the same while it waits or is under way get its answer. For what takes
 * thousands of commands: beside each other they would keep Redis, and this thread, from the reports.
 */
export function inTurn<Args extends readonly (string | number | boolean)[], Answer>(
  find: (...args: Args) => Promise<Answer>,
): (...args: Args) => Promise<Answer> {
  const open = new Map<string, Promise<Answer>>();
  let last: Promise<unknown> = Promise.resolve();
  return async (...args) => {
    const key = JSON.stringify(args);
    const same = open.get(key);
    if (same) return same;
    if (open.size >= BOUNDS.viewsWaiting.value) throw new TooManyAskError();
    const mine = last.then(() => find(...args)).finally(() => open.delete(key));
    open.set(key, mine);
    last = mine.catch(() => {}); // Those who asked get the error.
    return mine;
  };
}
