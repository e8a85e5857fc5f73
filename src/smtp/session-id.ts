/** Ids of sessions: 80 random bits, written as smtp-server writes its own. */
import { randomUUID } from "node:crypto";

/**
 * The library asks the system for random bytes each time, but Node.js keeps those of some UUIDs at hand. Six bits of a
 * UUID are not random, and both ends of it have none of these.
 */
export function newSessionId(): string {
  const uuid = randomUUID();
  const bits = BigInt(`0x${uuid.slice(0, 8)}${uuid.slice(-12)}`);
  return bits.toString(32).padStart(16, "0");
}
