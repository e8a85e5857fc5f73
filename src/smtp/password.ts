/**
 * Passwords of peers: kept as scrypt hashes (RFC 7914) in the usual text form,
 * `$scrypt$ln=14,r=8,p=1$<salt>$<hash>`, and compared in constant time.
 */
import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { BOUNDS } from "../bounds/bounds.ts";
import { networkOf } from "./access.ts";

/** What is known of a password. */
export interface PasswordHash {
  /** log2 of scrypt's N. */
  readonly costLog2: number;
  readonly blockSize: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** 16 MiB and some 50 ms: a guess is dear, a login is not. */
const COST_LOG2 = 14;
const BLOCK_SIZE = 8;
const HASH_BYTES = 32;
/** A hash that asks for more memory than this, in bytes, is refused when it is read. */
const MAX_MEMORY_BYTES = 134_217_728;

/** The text that goes into a peer's `passwordFile`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const cost = { costLog2: COST_LOG2, blockSize: BLOCK_SIZE, parallelism: 1 };
  const hash = await derive(password, { ...cost, salt, hash: Buffer.alloc(HASH_BYTES) });
  return `$scrypt$ln=${COST_LOG2},r=${BLOCK_SIZE},p=1$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Undefined for a text that is no such hash, or one that would take too much memory. */
export function readPasswordHash(text: string): PasswordHash | undefined {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d)\$([a-z0-9+/]{11,86})\$([a-z0-9+/]{22,86})$/i.exec(text);
  if (!match) return undefined;
  const [costLog2 = 0, blockSize = 0, parallelism = 0] = match.slice(1, 4).map(Number);
  const [salt, hash] = match.slice(4).map((part) => Buffer.from(part, "base64"));
  const affordable = memoryBytes({ costLog2, blockSize }) <= MAX_MEMORY_BYTES;
  if (!salt || !hash || costLog2 < 1 || blockSize < 1 || parallelism < 1 || !affordable) return undefined;
  return { costLog2, blockSize, parallelism, salt, hash };
}

export type Login = "right" | "wrong" | "busy";

export interface Logins {
  /**
   * Compares in constant time. `wrong` comes late, and later with each failure of
   * the same address; `busy` before that time is over, and when too many of its peer
   * wait to be compared. One that was right before is right at once, and the same one
   * as another's that is being compared is what that one is. Peers take
   * turns: what others try, and how often, costs a peer one comparison of each.
   */
  check(given: Credentials, known: { readonly user: string; readonly password: PasswordHash }): Promise<Login>;
}

export interface Credentials {
  readonly peer: string;
  readonly address: string;
  readonly user: string;
  readonly password: string;
}

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 16_000;
/** After this time without a failure an address is as good as any other. */
const FORGIVEN_AFTER_MS = 900_000;

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

  /** Of a password and the hash that it is compared with; tells nothing of either. */
  function markOf(password: string, { costLog2, blockSize, parallelism, salt, hash }: PasswordHash): Buffer {
    return digest(JSON.stringify([costLog2, blockSize, parallelism, ...[salt, hash].map(unpadded), password]));
  }

  /** The comparison of this password, under way or begun; undefined when it cannot be begun now. */
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
      // What several bring at the same time is one guess.
      const delayMs = (comparison.begun ? undefined : failures.delayOf(given.address)) ?? failures.note(given.address);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      return "wrong";
    },
  };
}

interface Comparison {
  /** Whether it was begun for this one. */
  readonly begun: boolean;
  readonly matched: Promise<boolean>;
}

const REMEMBERED: Comparison = { begun: true, matched: Promise.resolve(true) };

/** What is known of the logins of one peer, and of nobody else. */
interface PeerLogins {
  readonly failures: ReturnType<typeof createFailures>;
  /** Passwords that wait to be compared. */
  waiting: number;
  readonly waitingOf: Map<string, number>;
  /** By their marks: the relays of a peer bring the same one at the same time. */
  readonly comparing: Map<string, Promise<boolean>>;
  /**
   * The mark of the password that was right: a relay with one report a connection logs in at each. It stays right
   * when the peers are read again, as long as the hash is the same.
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
 * The failures of one peer's addresses. Of one IPv6 network some have their own, because relays that stand in
 * one are not to suffer from each other; all further ones are as one, because whoever has one has all. Of too many the
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
    note(address: string): number {
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
    /** As `note` told it last; undefined when it has not failed. */
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

/**
 * Runs one work at a time, because hashing takes a thread of the pool that the
 * journal writes with: the next is the first that waits of the next peer.
 */
function createTurns(): <T>(peer: string, work: () => Promise<T>) => Promise<T> {
  /** In the order in which they are next. None of them is empty. */
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

function derive(password: string, { costLog2, blockSize, parallelism, salt, hash }: PasswordHash): Promise<Buffer> {
  const options = {
    N: 2 ** costLog2,
    r: blockSize,
    p: parallelism,
    maxmem: memoryBytes({ costLog2, blockSize }) + 1_048_576,
  };
  return new Promise((resolve, reject) => {
    scrypt(password, salt, hash.byteLength, options, (cause, derived) => (cause ? reject(cause) : resolve(derived)));
  });
}

function memoryBytes({ costLog2, blockSize }: Pick<PasswordHash, "costLog2" | "blockSize">): number {
  return 128 * blockSize * 2 ** costLog2;
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}
