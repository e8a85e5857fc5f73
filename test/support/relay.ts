/** A carrier's relay: delivers reports over many connections, tries again what was not answered 250, and keeps a ledger. */
import { setTimeout as wait } from "node:timers/promises";
import { openSession, type SmtpClient } from "./smtp-client.ts";

export interface Ledger {
  /** Ids of the messages that were answered 250. */
  readonly accepted: ReadonlySet<string>;
  /** How many messages were answered 250; more than `accepted` where several have one id. */
  readonly acceptances: number;
  /** How often a message was tried again, but for the replies that were lost on purpose. */
  readonly retries: number;
  /** How many replies were 4xx. */
  readonly refusals: number;
  /** From the beginning of a transaction to the reply to its DATA, whatever that was. */
  readonly slowestMs: number;
}

/** A message, or how it is written at each attempt, counted from 0: a relay that comes again may stamp it anew. */
export type Message = Uint8Array | ((attempt: number) => Uint8Array);

export interface RelayOptions {
  /** Where to. Of several, another one at each attempt. */
  readonly port: number | readonly number[];
  /** From which of this machine's addresses. */
  readonly from?: string;
  readonly connections: number;
  /** Taken one by one, so that it may go on for as long as is wished. */
  readonly messages: Iterable<readonly [id: string, message: Message]>;
  /** No more than this; as many as go without it. */
  readonly perSecond?: number;
  /** After so many messages no more than this. */
  readonly slower?: { readonly after: number; readonly perSecond: number };
  /** Share of replies that never reach it, so that it comes again with what was stored; 0 without it. */
  readonly repliesLost?: number;
  /** Told after each 250. */
  readonly onAccepted?: (count: number, id: string) => void;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Resolves when every message was answered 250. */
export async function deliverAll(options: RelayOptions): Promise<Ledger> {
  const { from, connections, messages, perSecond = Number.POSITIVE_INFINITY, repliesLost = 0, onAccepted } = options;
  const slower = options.slower ?? { after: Number.POSITIVE_INFINITY, perSecond };
  const ports = typeof options.port === "number" ? [options.port] : options.port;
  const fresh = messages[Symbol.iterator]();
  const again: { id: string; message: Message; attempt: number }[] = [];
  const accepted = new Set<string>();
  const startedMs = performance.now();
  let taken = 0;
  let acceptances = 0;
  let retries = 0;
  let refusals = 0;
  let slowestMs = 0;

  async function next() {
    const retry = again.shift();
    if (retry) return retry;
    const { value, done } = fresh.next();
    if (done) return undefined;
    taken += 1;
    const dueSeconds = Math.min(taken, slower.after) / perSecond + Math.max(taken - slower.after, 0) / slower.perSecond;
    const dueMs = startedMs + dueSeconds * 1000 - performance.now();
    if (dueMs > 0) await wait(dueMs);
    const [id, message] = value;
    return { id, message, attempt: 0 };
  }

  async function connection(index: number): Promise<void> {
    let client: SmtpClient | undefined;
    let pauseMs = FIRST_PAUSE_MS;
    for (let piece = await next(); piece; piece = await next()) {
      const { id, message, attempt } = piece;
      const bytes = typeof message === "function" ? message(attempt) : message;
      let reply: string | undefined;
      try {
        client ??= await openSession(ports[(index + attempt) % ports.length] ?? 0, from === undefined ? {} : { from });
        const beganMs = performance.now();
        reply = await client.deliver(bytes).finally(() => {
          slowestMs = Math.max(slowestMs, performance.now() - beganMs);
        });
      } catch {
        // No reply: whether the message was taken is not known, and the relay's duty is to come again.
      }
      const lost = attempt === 0 && Math.random() < repliesLost;
      if (reply?.startsWith("250") && !lost) {
        acceptances += 1;
        accepted.add(id);
        onAccepted?.(acceptances, id);
        pauseMs = FIRST_PAUSE_MS;
        continue;
      }
      if (reply?.startsWith("4")) refusals += 1;
      if (reply?.startsWith("5")) throw new Error(`Refused for good: ${reply}`);
      client?.end();
      client = undefined;
      if (!lost) retries += 1;
      again.push({ id, message, attempt: attempt + 1 });
      await wait(pauseMs);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
    client?.end();
  }
  await Promise.all(Array.from({ length: connections }, (_, index) => connection(index)));
  return { accepted, acceptances, retries, refusals, slowestMs };
}
