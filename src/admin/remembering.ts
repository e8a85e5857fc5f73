/** Answers that many ask for: found once, and kept for a while. */

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
