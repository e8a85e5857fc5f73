/** Logins of peers: which are right, and which may be tried now. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { BOUNDS } from "../bounds/bounds.ts";
import { networkOf } from "./access.ts";
import { createFailures } from "./failed-logins.ts";
import { derive, type PasswordHash, unpadded } from "./password.ts";

export type Login = "right" | "wrong" | "busy";

export interface Logins {
  /**
   * Compares in constant time. `wrong` comes late, and later with each failure of the
   * same address. `busy` comes before that time is over, and when too many of the peer
   * wait to be compared. A password that was right before is right at once. A password
   * that is just being compared for another client shares that result. Peers take turns,
   * so that a peer waits for one comparison of each other peer, however many those try.
   */
  check(given: Credentials, known: { readonly user: string; readonly password: PasswordHash }): Promise<Login>;
}

export interface Credentials {
  readonly peer: string;
  readonly address: string;
  readonly user: string;
  readonly password: string;
}

export function createLogins(): Logins {
  const peers = new Map<string, PeerLogins>();
  const inTurn = createTurns();
  const secret = randomBytes(32);
  const digest = (text: string): Buffer => createHmac("sha256", secret).update(text).digest();

  function loginsOf(peer: string): PeerLogins {
    const logins = peers.get(peer) ?? {
      failures: createFailures(),
      waiting: 0,
      waitingOf: new Map(),
      comparing: new Map(),
    };
    peers.set(peer, logins);
    return logins;
  }

  async function matches(peer: string, password: string, known: PasswordHash): Promise<boolean> {
    const matched = timingSafeEqual(await inTurn(peer, () => derive(password, known)), known.hash);
    if (matched) loginsOf(peer).right = markOf(password, known);
    return matched;
  }

  /** A mark of a password and the hash that it is compared with. It reveals neither. */
  function markOf(password: string, { costLog2, blockSize, parallelism, salt, hash }: PasswordHash): Buffer {
    return digest(JSON.stringify([costLog2, blockSize, parallelism, ...[salt, hash].map(unpadded), password]));
  }

  /** Joins the comparison of this password that is under way, or begins one; undefined when none may begin now. */
  function compare(
    { peer, address, password }: Credentials,
    known: PasswordHash,
    mark: Buffer,
  ): Comparison | undefined {
    const logins = loginsOf(peer);
    const key = mark.toString("base64");
    const underWay = logins.comparing.get(key);
    if (underWay) return { begun: false, matched: underWay };
    const network = networkOf(address);
    if (isCrowded(logins, network) || logins.failures.isTooSoon(address)) return undefined;
    countWaiting(logins, network, 1);
    const matched = matches(peer, password, known).finally(() => {
      countWaiting(logins, network, -1);
      logins.comparing.delete(key);
    });
    logins.comparing.set(key, matched);
    return { begun: true, matched };
  }

  return {
    async check(given, known) {
      const { failures, right } = loginsOf(given.peer);
      const userMatches = timingSafeEqual(digest(given.user), digest(known.user));
      const mark = markOf(given.password, known.password);
      const remembered = right !== undefined && timingSafeEqual(right, mark);
      const comparison = remembered ? REMEMBERED : compare(given, known.password, mark);
      if (!comparison) return "busy";
      if ((await comparison.matched) && userMatches) {
        failures.forget(given.address);
        return "right";
      }
      // The same password from several clients at the same time is one guess.
      const delayMs = (comparison.begun ? undefined : failures.delayOf(given.address)) ?? failures.add(given.address);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      return "wrong";
    },
  };
}

interface Comparison {
  /** Whether it was begun for this client, and not joined. */
  readonly begun: boolean;
  readonly matched: Promise<boolean>;
}

const REMEMBERED: Comparison = { begun: true, matched: Promise.resolve(true) };

/** What is known about the logins of one peer. */
interface PeerLogins {
  readonly failures: ReturnType<typeof createFailures>;
  /** How many passwords wait to be compared. */
  waiting: number;
  readonly waitingOf: Map<string, number>;
  /** By mark, because the relays of a peer bring the same password at the same time. */
  readonly comparing: Map<string, Promise<boolean>>;
  /**
   * The mark of the password that was right. It is kept because a relay with one report a connection logs in each
   * time. It stays right when the peers are read again, as long as the hash is the same.
   */
  right?: Buffer;
}

function isCrowded({ waiting, waitingOf }: PeerLogins, network: string): boolean {
  return (
    waiting >= BOUNDS.loginsWaitingOfPeer.value || (waitingOf.get(network) ?? 0) >= BOUNDS.loginsWaitingOfNetwork.value
  );
}

function countWaiting(logins: PeerLogins, network: string, change: 1 | -1): void {
  logins.waiting += change;
  const waiting = (logins.waitingOf.get(network) ?? 0) + change;
  if (waiting > 0) logins.waitingOf.set(network, waiting);
  else logins.waitingOf.delete(network);
}

/**
 * Runs one work at a time, because hashing takes a thread of the pool with which the
 * journal writes. Peers take turns; each peer's works keep their order.
 */
function createTurns(): <T>(peer: string, work: () => Promise<T>) => Promise<T> {
  /** By peer, in the order in which peers have their turn. No queue in it is empty. */
  const queues = new Map<string, (() => Promise<void>)[]>();
  let running = false;

  async function run(): Promise<void> {
    running = true;
    for (let next = queues.entries().next(); !next.done; next = queues.entries().next()) {
      const [peer, queue] = next.value;
      const work = queue.shift();
      queues.delete(peer);
      if (queue.length > 0) queues.set(peer, queue);
      await work?.();
    }
    running = false;
  }

  return (peer, work) =>
    new Promise((resolve, reject) => {
      const queue = queues.get(peer) ?? [];
      queues.set(peer, queue);
      queue.push(() => work().then(resolve, reject));
      if (!running) void run();
    });
}
