/** How long an address must wait after failed logins. */
import { BOUNDS } from "../bounds/bounds.ts";
import { networkOf } from "./access.ts";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 16_000;
/** After this time without a failure, the failures of an address are forgotten. */
const FORGIVEN_AFTER_MS = 900_000;

/**
 * The failures of one peer's addresses. In each IPv6 network, a few addresses have a count of their own, so that
 * relays in one network do not suffer from each other. All its further addresses share one count, because a client
 * that has one of them has them all. When there are too many, the address that failed longest ago is forgotten.
 */
export function createFailures() {
  const failures = new Map<string, Failure>();

  function recent(key: string): Failure | undefined {
    const failure = failures.get(key);
    return failure && isRecent(failure) ? failure : undefined;
  }

  /** The name under which failures of this address are counted: itself, or its network. */
  function keyOf(address: string): string {
    const network = networkOf(address);
    if (recent(address)) return address;
    const others = [...failures.values()].filter((failure) => failure.network === network && isRecent(failure));
    return others.length < BOUNDS.failedLoginsOfNetwork.value ? address : network;
  }

  return {
    /** Counts a failure. Returns for how long further guesses of this address are refused unread. */
    add(address: string): number {
      const key = keyOf(address);
      const count = recent(key)?.count ?? 0;
      const delayMs = Math.min(FIRST_DELAY_MS * 2 ** count, LONGEST_DELAY_MS);
      // Deleted first, so that it goes to the end of the map, as the latest.
      failures.delete(key);
      failures.set(key, { network: networkOf(address), count: count + 1, atMs: performance.now(), delayMs });
      const [oldest] = failures.keys();
      if (failures.size > BOUNDS.failedLoginsOfPeer.value && oldest !== undefined) failures.delete(oldest);
      return delayMs;
    },
    /** What `add` returned last for this address; undefined when it has not failed. */
    delayOf: (address: string): number | undefined => recent(keyOf(address))?.delayMs,
    isTooSoon(address: string): boolean {
      const before = recent(keyOf(address));
      return before !== undefined && performance.now() - before.atMs < before.delayMs;
    },
    forget: (address: string): void => void failures.delete(keyOf(address)),
  };
}

interface Failure {
  readonly network: string;
  readonly count: number;
  readonly atMs: number;
  readonly delayMs: number;
}

function isRecent({ atMs }: Failure): boolean {
  return performance.now() - atMs < FORGIVEN_AFTER_MS;
}
