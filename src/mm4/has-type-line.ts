/** Whether bytes that are no MM4 message hold one all the same. */
import { BOUNDS } from "../bounds/bounds.ts";

/**
 * Whether a line within reach begins as the message type of MM4 does. It makes
 * no report: which lines would be its header is a guess, and a person's.
 *
 * Seen in practice: an empty line before the header; a report forwarded as
 * message/rfc822, or quoted; a header that a relay has indented.
 */
export function hasTypeLine(message: Uint8Array): boolean {
  const reach = Math.min(message.byteLength, BOUNDS.typeLookedFor.value);
  return TYPE_LINE.test(Buffer.from(message.buffer, message.byteOffset, reach).toString("latin1"));
}

const TYPE_LINE = /^[ \t>]{0,20}X-Mms-Message-Type[ \t]{0,20}:/im;
