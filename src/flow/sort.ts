/** What a message is, as far as its reply depends on it: nothing more is found out before the 250. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { ReceivedMessage, Recognised, SaidMessage } from "../delivery/accepted.ts";
import type { BouncedMessage } from "../delivery/bounced.ts";
import type { Refusal } from "../delivery/fate.ts";
import { holdsOwnId } from "../mm4/own-mail-id.ts";
import type { MessageReading } from "../mm4/read-message.ts";
import { type RecognisedMessage, recognise } from "../mm4/recognise.ts";

export type Sorted =
  /** `isStored`: whether anything is left to do for it behind the 250 but to tell of it. */
  | { readonly recognised: Exclude<Recognised, "bounce">; readonly said: SaidMessage; readonly isStored: boolean }
  | { readonly recognised: "bounce"; readonly bounce: BouncedMessage }
  | { readonly recognised: null; readonly refusal: Refusal };

/** `systemAddress` is our own: a bounce may hold the id of a mail of ours. */
export function sort(message: ReceivedMessage, reading: MessageReading, systemAddress: string): Sorted {
  let found: RecognisedMessage;
  try {
    found = recognise(message.bytes, reading);
  } catch {
    // A fault of ours, which its relay cannot mend by trying for ever. Reading meets it too, and says what it is.
    return { recognised: "unreadable", said: saidOf(message, "unreadable", NOTHING_FOUND), isStored: true };
  }
  const { problem } = found;
  switch (problem?.kind) {
    case undefined:
      return { recognised: "report", said: saidOf(message, "report", found), isStored: true };
    case "other-pdu": {
      const { mode } = message.peer.entry.acknowledge;
      const isStored = mode === "always" || (mode === "auto" && found.mayAskForAck);
      return { recognised: "other-pdu", said: saidOf(message, "other-pdu", found), isStored };
    }
    case "no-status":
    case "unknown-type":
      return { recognised: "unreadable", said: saidOf(message, "unreadable", found), isStored: true };
    case "bounce":
    case "type-outside-header":
    case "not-mm4":
      // Asked first, because what we have sent comes back within a bounce, with its type.
      if (isBounce(problem.kind, message, systemAddress)) return { recognised: "bounce", bounce: bounceOf(message) };
      if (problem.kind === "type-outside-header" || (problem.kind === "bounce" && problem.typeOutsideHeader))
        return { recognised: "unreadable", said: saidOf(message, "unreadable", found), isStored: true };
      return { recognised: null, refusal: { kind: "not-mm4" } };
    case "header-too-large":
    case "too-many-fields":
      return { recognised: null, refusal: problem };
  }
}

const NOTHING_FOUND = { headerBytes: 0 };

/** Of what is not needed behind the 250, nothing is kept: an `MM4_forward.REQ` holds a picture. */
function saidOf(
  { sessionId, peer, mailFrom, bytes, receivedAt }: ReceivedMessage,
  recognised: SaidMessage["recognised"],
  { headerBytes }: Pick<RecognisedMessage, "headerBytes">,
): SaidMessage {
  return {
    sessionId,
    peer: peer.identity,
    entry: peer.entry,
    mailFrom,
    receivedAt: receivedAt.toISOString(),
    recognised,
    bytes: bytes.byteLength,
    said: firstOf(bytes, keptOf(recognised, headerBytes)).toString("latin1"),
  };
}

function keptOf(recognised: SaidMessage["recognised"], headerBytes: number): number {
  switch (recognised) {
    case "report":
      // Only where a fault of ours quarantines it does a person see its body.
      return headerBytes + BOUNDS.bodyKept.value;
    case "unreadable":
      return Number.POSITIVE_INFINITY;
    case "other-pdu":
      return headerBytes;
  }
}

/**
 * A bounce has the null sender, so that it never makes another one. RFC 3464 §2,
 * RFC 5321 §4.5.5. It is one by its type, or because it holds the id of a mail of
 * ours: nothing else sends that back.
 *
 * Seen in practice: multipart/mixed (OpenSMTPD), text alone (dma, qmail, sendmail).
 */
function isBounce(
  kind: "bounce" | "not-mm4" | "type-outside-header",
  { bytes, mailFrom }: ReceivedMessage,
  systemAddress: string,
): boolean {
  if (mailFrom !== "") return false;
  if (kind === "bounce") return true;
  const text = firstOf(bytes, BOUNDS.bounceBytes.value).toString("latin1");
  return holdsOwnId(text, systemAddress.slice(systemAddress.lastIndexOf("@") + 1));
}

function bounceOf({ bytes, peer: { identity: peer }, receivedAt }: ReceivedMessage): BouncedMessage {
  const raw = firstOf(bytes, BOUNDS.bounceBytes.value).toString("base64");
  return { peer, receivedAt: receivedAt.toISOString(), raw };
}

function firstOf(bytes: Uint8Array, most: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, most));
}
