/** A carrier's relay: delivers reports over many connections, tries again what was not answered 250, and keeps a ledger. */
import { setTimeout as wait } from "node:timers/promises";
import { openSession, type SmtpClient } from "./smtp-client.ts";

export interface Ledger {
  /** Message ids that were answered 250. */
  readonly accepted: ReadonlySet<string>;
  /** How often a message was tried again. */
  readonly retries: number;
  readonly slowestMs: number;
}

export interface RelayOptions {
  readonly port: number;
  readonly connections: number;
  readonly messages: ReadonlyMap<string, Uint8Array>;
  /** Told after each 250. */
  readonly onAccepted?: (count: number) => void;
}

/** Resolves when every message was answered 250. */
export async function deliverAll({ port, connections, messages, onAccepted }: RelayOptions): Promise<Ledger> {
  const waiting = [...messages];
  const accepted = new Set<string>();
  let retries = 0;
  let slowestMs = 0;

  async function connection(): Promise<void> {
    let client: SmtpClient | undefined;
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [id, message] = next;
      try {
        client ??= await openSession(port);
        const startedMs = performance.now();
        const reply = await client.deliver(message);
        slowestMs = Math.max(slowestMs, performance.now() - startedMs);
        if (!reply.startsWith("250")) throw new Error(reply);
        accepted.add(id);
        onAccepted?.(accepted.size);
      } catch {
        // Not answered 250: the relay's duty is to come again.
        client?.end();
        client = undefined;
        retries += 1;
        waiting.push(next);
        await wait(50);
      }
    }
    client?.end();
  }
  await Promise.all(Array.from({ length: connections }, connection));
  return { accepted, retries, slowestMs };
}
