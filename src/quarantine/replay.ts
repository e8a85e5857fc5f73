/**
 * Replays messages from quarantine: reads each again with today's program and settings, and queues its event. The entry
 * of its peer is today's too, and not that of its 250: it has made no event by that one, and whoever replays has often
 * mended the peers' file for it.
 */
import type { DeliveryEvent } from "../delivery/event.ts";
import type { PeerRules } from "../delivery/peer-rules.ts";
import { type ReadingRules, readEvent } from "../flow/read.ts";
import { newRecordId, type Publisher } from "../queue/publisher.ts";
import type { Quarantine, QuarantineEntry } from "./quarantine.ts";

export interface Replayer {
  readonly quarantine: Pick<Quarantine, "drop">;
  readonly publish: Publisher["publish"];
  readonly reading: ReadingRules;
  readonly rulesOf: (peer: string) => PeerRules;
}

export interface Replayed {
  /** Whether the event is on the queue. Then the message is no longer in quarantine. */
  readonly published: boolean;
  readonly text: string;
}

/**
 * Publishes the event for the first time, with its ordinary id and the time at which the message came.
 * A message that still makes no event, or meets a fault of ours again, stays. Rejects when Redis does not take it.
 */
export async function replay(entry: QuarantineEntry, replayer: Replayer): Promise<Replayed> {
  const event = wouldBecome(entry, replayer);
  if (typeof event === "string") return { published: false, text: `still ${event}` };
  const [published] = await replayer.publish([{ id: newRecordId(), kind: "event", event }]);
  if (published === undefined || published instanceof Error) throw published;
  await replayer.quarantine.drop(entry.id);
  return {
    published: true,
    text: published.earlierJob === null ? `queued as ${event.id}` : `was queued before as ${event.id}`,
  };
}

/** The event that a message makes with today's program, settings and entry of its peer, or why it makes none, in words that follow "it". */
export function wouldBecome(
  { message }: QuarantineEntry,
  { reading, rulesOf }: Pick<Replayer, "reading" | "rulesOf">,
): DeliveryEvent | string {
  const { peer, receivedAt, raw } = message;
  const rules = rulesOf(peer.name);
  try {
    const saved = { bytes: Buffer.from(raw, "base64"), peer, rules, receivedAt: new Date(receivedAt) };
    const read = readEvent(saved, reading);
    if (read.ok) return read.value;
    return `makes no event: ${read.error.kind}${"detail" in read.error ? ` (${read.error.detail})` : ""}`;
  } catch (cause) {
    return `meets a fault of ours: ${(cause as Error).message}`;
  }
}
