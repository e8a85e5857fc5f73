/** Questions wait here for the thread, so many at most, and no client has more than half of the room. A client is the network of an address. */
import { BOUNDS } from "../bounds/bounds.ts";
import { sum } from "../text/quantities.ts";
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
  const inTurn = createTurns();

  return async <T>(question: Question, client?: string): Promise<T> => {
    const name = JSON.stringify(question);
    const same = open.get(name);
    if (same) return same as Promise<T>;
    const network = client === undefined ? undefined : networkOf(client);
    const mine = inTurn(() => ask<T>(question), network).finally(() => open.delete(name));
    open.set(name, mine);
    return mine;
  };
}

/** Does some work when it is its turn. Throws at once where too many wait. */
export type Turns = <T>(work: () => Promise<T>, client?: string) => Promise<T>;

/** One work after the other, and for each client no more than half of the room. */
export function createTurns(): Turns {
  const taken = new Map<string | undefined, number>();
  let last: Promise<unknown> = Promise.resolve();

  function check(client: string | undefined): void {
    const most = BOUNDS.viewsWaiting.value;
    if (sum([...taken.values()]) < most && (client === undefined || (taken.get(client) ?? 0) < most / 2)) return;
    throw new TooManyAskError();
  }

  function count(client: string | undefined, by: 1 | -1): void {
    const now = (taken.get(client) ?? 0) + by;
    if (now === 0) taken.delete(client);
    else taken.set(client, now);
  }

  return (work, client) => {
    check(client);
    count(client, 1);
    const mine = last.then(work).finally(() => count(client, -1));
    last = mine.catch(() => {}); // Its own caller gets the error.
    return mine;
  };
}
