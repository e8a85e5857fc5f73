/** Questions that many may ask at once, of which each answer tells what is so when it was asked for. */
import { setTimeout as wait } from "node:timers/promises";

/**
 * All who ask before a round begins get its answer. Who asks while one is under way gets that of the next, because
 * what this one has found already may not be so any more. Rounds begin no sooner than `everyMs` one after the other, so
 * that whoever asks again and again takes no more of the processor.
 */
export function inRounds<Answer>(find: () => Promise<Answer>, everyMs = 0): () => Promise<Answer> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<Answer> | undefined;
  return () => {
    next ??= last.then(() => {
      next = undefined;
      const answer = find();
      last = Promise.allSettled(everyMs === 0 ? [answer] : [answer, wait(everyMs, undefined, { ref: false })]);
      return answer;
    });
    return next;
  };
}
