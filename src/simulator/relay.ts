/**
 * A simulated carrier's relay. It plays scripts over many connections at a pace, and
 * tries again after a 4xx or a broken connection, as RFC 5321 §4.5.4 asks.
 */
import { setTimeout as wait } from "node:timers/promises";
import {
  connectRelay,
  type Mail,
  type RelayConnection,
  type Reply,
  refusalIn,
  type Server,
} from "./relay-connection.ts";

export interface RelayOptions<Sent extends Mail> {
  readonly server: Server;
  readonly connections: number;
  /** Messages a second in all; null for no limit. */
  readonly perSecond: number | null;
  /** For how long a message is tried again, in milliseconds. */
  readonly retriedForMs: number;
  /** Each script is a list of messages. The next is sent when the one before was answered. */
  readonly scripts: Iterable<readonly Sent[]>;
  /** Called before each message is sent for the first time. */
  readonly onSend: (mail: Sent) => void;
}

export interface RelayResult {
  readonly sent: number;
  /** Answered 2xx. */
  readonly accepted: number;
  /** Replies by code, retries included. */
  readonly replies: ReadonlyMap<number, number>;
  /** Connections that broke, or could not be opened, by why. */
  readonly broken: ReadonlyMap<string, number>;
  readonly retries: number;
  /** Whether it gave up before the end, because the server no longer answered. */
  readonly gaveUp: boolean;
  /** From the end of a message to its reply, ascending, in milliseconds. */
  readonly tookMs: readonly number[];
  readonly seconds: number;
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 10_000;

/** Resolves when every message has its last answer or is given up. A message without any answer ends the run. */
export async function playRelay<Sent extends Mail>(options: RelayOptions<Sent>): Promise<RelayResult> {
  const { server, connections, perSecond, retriedForMs, onSend } = options;
  const scripts = options.scripts[Symbol.iterator]();
  const startedMs = performance.now();
  const replies = new Map<number, number>();
  const broken = new Map<string, number>();
  const tookMs: number[] = [];
  let sent = 0;
  let accepted = 0;
  let retries = 0;
  let gaveUp = false;

  async function connection(): Promise<void> {
    let open: RelayConnection | undefined;
    const attempt = async (mail: Mail): Promise<Reply | undefined> => {
      try {
        if (!open?.usable()) open = await connectRelay(server);
        return await open.deliver(mail);
      } catch (cause) {
        open = undefined;
        const refusal = refusalIn(cause);
        if (!refusal) count(broken, (cause as Error).message);
        return refusal;
      }
    };
    for (let next = scripts.next(); !next.done && !gaveUp; next = scripts.next()) {
      for (const mail of next.value) {
        if (gaveUp) break;
        await turn();
        onSend(mail);
        const giveUpMs = performance.now() + retriedForMs;
        for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
          const reply = await attempt(mail);
          if (reply) {
            count(replies, reply.code);
            if (reply.tookMs !== null) tookMs.push(reply.tookMs);
          }
          if (reply && reply.code < 300) accepted += 1;
          // RFC 5321 §4.2.1: 5xx is for good.
          if (reply && (reply.code < 300 || reply.code >= 500)) break;
          if (performance.now() + pauseMs > giveUpMs) {
            gaveUp ||= reply === undefined;
            break;
          }
          await wait(pauseMs);
          retries += 1;
        }
      }
    }
    open?.end();
  }

  /** Waits until the pace allows another message. */
  async function turn(): Promise<void> {
    sent += 1;
    const dueMs = perSecond === null ? 0 : startedMs + ((sent - 1) / perSecond) * 1000 - performance.now();
    if (dueMs > 0) await wait(dueMs);
  }

  await Promise.all(Array.from({ length: connections }, connection));
  const seconds = (performance.now() - startedMs) / 1000;
  return { sent, accepted, replies, broken, retries, gaveUp, tookMs: tookMs.sort((a, b) => a - b), seconds };
}

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** The value below which a share of the sorted ones lies. */
export function percentile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}
