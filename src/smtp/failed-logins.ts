/** How long an address must wait after logins that failed. */
import { BOUNDS } from "../bounds/bounds.ts";
import { networkOf } from "./access.ts";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 16_000;
/** After this time without a failure an address is as good as any other. */
const FORGIVEN_AFTER_MS = 900_000;

/**
 * The failures of one peer's addresses. Of one IPv6 network some have their own, because relays that are in
 * one are not to suffer from each other; all further ones count as one, because a client that has one has all. Of too many the
 * one that failed longest ago is forgotten.
 */
export function createFailures() {
  const failures = new Map<string, Failure>();

  function recent(key: string): Failure | undefined {
    const failure = failures.get(key);
    return failure && isRecent(failure) ? failure : undefined;
  }

  /** As what its failures are counted. */
  function keyOf(address: string): string {
    const network = networkOf(address);
    if (recent(address)) return address;
    const others = [...failures.values()].filter((failure) => failure.network === network && isRecent(failure));
    return others.length < BOUNDS.failedLoginsOfNetwork.value ? address : network;
  }

  return {
    /** How long the next guess of this address is not even looked at. */
    add(address: string): number {
      const key = keyOf(address);
      const count = recent(key)?.count ?? 0;
      const delayMs = Math.min(FIRST_DELAY_MS * 2 ** count, LONGEST_DELAY_MS);
      // Behind all others, as the latest.
      failures.delete(key);
      failures.set(key, { network: networkOf(address), count: count + 1, atMs: performance.now(), delayMs });
      const [oldest] = failures.keys();
      if (failures.size > BOUNDS.failedLoginsOfPeer.value && oldest !== undefined) failures.delete(oldest);
      return delayMs;
    },
    /** As `add` returned it last; undefined when it has not failed. */
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
