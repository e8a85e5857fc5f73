/** Ties a bounce to the acknowledgement that it names, if it comes from the peer to which that was sent. */
import type { Acknowledgement } from "../delivery/acknowledgement.ts";
import type { BouncedMessage, TiedBounce } from "../delivery/bounced.ts";
import type { Publisher } from "../queue/publisher.ts";
import { readBounce } from "./bounce.ts";

export interface TieOptions {
  readonly publisher: Pick<Publisher, "writeBounce">;
  /** The domain in the ids of our own mails. */
  readonly ownDomain: string;
  /** Whether a bounce from peer `from` may be about an acknowledgement that was sent to peer `sentTo`. */
  readonly mayBounce: (from: string, sentTo: string) => boolean;
}

/** RFC 3464 §2.3.3. */
const ACTIONS: readonly string[] = ["failed", "delayed", "delivered", "relayed", "expanded"];

/**
 * Reads a bounce and writes it into the job of its acknowledgement. Harmless to
 * repeat. Rejects when Redis does not take it.
 */
export async function tieBounce(message: BouncedMessage, options: TieOptions): Promise<TiedBounce> {
  const { publisher, ownDomain, mayBounce } = options;
  const peer = message.peer.name;
  if (message.ends !== undefined) return leftUnread(message, message.ends);
  const { acknowledgementId: id, ...read } = await readBounce(Buffer.from(message.raw, "base64"), ownDomain);
  const bounce = { ...read, receivedAt: message.receivedAt };
  const action = ACTIONS.includes(bounce.action) ? bounce.action : "unknown";
  const untied = (why: string): TiedBounce => ({ peer, bounce, action, id, acknowledgement: null, untied: why });

  if (id === null) return untied("it names no acknowledgement of ours");
  const concerns = ({ peer: sentTo }: Acknowledgement): boolean => mayBounce(peer, sentTo);
  const named = await publisher.writeBounce(id, bounce, concerns);
  if (!named) return untied("its acknowledgement is not known any more");
  if (!concerns(named)) {
    return untied(`its acknowledgement was sent to ${named.peer}, whose bounces do not come from ${peer}`);
  }
  return { peer, bounce, action, id, acknowledgement: named, untied: null };
}

function leftUnread({ peer, receivedAt }: BouncedMessage, ends: number): TiedBounce {
  const bounce = { action: "unknown", status: null, diagnostic: null, receivedAt };
  const untied = `reading it ended the process ${ends} times`;
  return { peer: peer.name, bounce, action: "unknown", id: null, acknowledgement: null, untied };
}
