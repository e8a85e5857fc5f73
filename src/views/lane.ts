/** Questions wait here for the thread, so many at most, and no client has more than half of the room. A client is the network of an address. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { Question } from "./question.ts";

/** So many wait that one more is not found out now. Whoever asks again later is answered. */
export class TooManyAskError extends Error {
  constructor() {
    super("Too many pages are asked for at once: ask again in some seconds");
  }
}

/** Answers a question when it is its turn. Rejects at once where too many wait. */
export type Lane = <T>(question: Question, client?: string) => Promise<T>;

/** One question after the other. One that is asked already, and has no answer yet, is not asked twice. */
export function createLane(ask: <T>(question: Question) => Promise<T>, networkOf: (address: string) => string): Lane {
  const open = new Map<string, Promise<unknown>>();
  const openBy = new Map<string, number>();
  let last: Promise<unknown> = Promise.resolve();

  function check(network: string | undefined): void {
    const most = BOUNDS.viewsWaiting.value;
    if (open.size < most && (network === undefined || (openBy.get(network) ?? 0) < most / 2)) return;
    throw new TooManyAskError();
  }

  function count(network: string | undefined, by: 1 | -1): void {
    if (network === undefined) return;
    const now = (openBy.get(network) ?? 0) + by;
    if (now === 0) openBy.delete(network);
    else openBy.set(network, now);
  }

  return async <T>(question: Question, client?: string): Promise<T> => {
    const name = JSON.stringify(question);
    const same = open.get(name);
    if (same) return same as Promise<T>;
    const network = client === undefined ? undefined : networkOf(client);
    check(network);
    count(network, 1);
    const mine = last
      .then(() => ask<T>(question))
      .finally(() => {
        open.delete(name);
        count(network, -1);
      });
    open.set(name, mine);
    last = mine.catch(() => {}); // Its own caller gets the error.
    return mine;
  };
}
