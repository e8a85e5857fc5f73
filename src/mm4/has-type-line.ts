/** Whether a message without an MM4 header holds an MM4 type further down. */
import { BOUNDS } from "../bounds/bounds.ts";
import type { MessageBytes } from "./header-lines.ts";

/**
 * Whether one of the first lines begins like the message type of MM4. No report is
 * made of it, because only a person can tell which lines would be the header.
 *
 * Seen in practice: an empty line before the header; a report forwarded as
 * message/rfc822, or quoted; a header that a relay has indented.
 */
export function hasTypeLine(message: MessageBytes): boolean {
  if (typeof message === "string") return TYPE_LINE.test(message.slice(0, BOUNDS.typeLookedFor.value));
  const reach = Math.min(message.byteLength, BOUNDS.typeLookedFor.value);
  return TYPE_LINE.test(Buffer.from(message.buffer, message.byteOffset, reach).toString("latin1"));
}

const TYPE_LINE = /^[ \t>]{0,20}X-Mms-Message-Type[ \t]{0,20}:/im;
