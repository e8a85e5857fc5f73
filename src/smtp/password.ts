/**
 * Passwords of peers: kept as scrypt hashes (RFC 7914) in the usual text form,
 * `$scrypt$ln=14,r=8,p=1$<salt>$<hash>`, and compared in constant time.
 */
import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";

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
   * the same address; `busy` before that time is over, and when too many wait to be
   * compared. One that was right before is right at once.
   */
  check(given: Credentials, known: { readonly user: string; readonly password: PasswordHash }): Promise<Login>;
}

export interface Credentials {
  readonly address: string;
  readonly user: string;
  readonly password: string;
}

const MAX_WAITING = 100;
const MAX_WAITING_OF_ADDRESS = 2;
const MAX_ADDRESSES = 1_000;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 16_000;
/** After this time without a failure an address is as good as any other. */
const FORGIVEN_AFTER_MS = 900_000;

export function createLogins(): Logins {
  const failures = new Map<string, { count: number; atMs: number; delayMs: number }>();
  const waitingOf = new Map<string, number>();
  /** Marks of the passwords that were right: a relay with one report a connection logs in at each. */
  const right = new WeakMap<PasswordHash, Buffer>();
  const secret = randomBytes(32);
  const digest = (text: string): Buffer => createHmac("sha256", secret).update(text).digest();
  let waiting = 0;
  // One at a time: hashing takes a thread of the pool that the journal writes with.
  let turn: Promise<unknown> = Promise.resolve();

  /** Whether it is the one that was right before. */
  function isRemembered(password: string, known: PasswordHash): boolean {
    const mark = right.get(known);
    return mark !== undefined && timingSafeEqual(mark, digest(password));
  }

  async function matches(password: string, known: PasswordHash): Promise<boolean> {
    const mine = turn.then(() => derive(password, known));
    turn = mine.catch(() => {});
    const matched = timingSafeEqual(await mine, known.hash);
    if (matched) right.set(known, digest(password));
    return matched;
  }

  /** How long the next guess of this address is not even looked at. */
  function noteFailure(address: string): number {
    const before = failures.get(address);
    const recent = before && performance.now() - before.atMs < FORGIVEN_AFTER_MS ? before.count : 0;
    if (failures.size >= MAX_ADDRESSES && !before) failures.clear();
    const delayMs = Math.min(FIRST_DELAY_MS * 2 ** recent, LONGEST_DELAY_MS);
    failures.set(address, { count: recent + 1, atMs: performance.now(), delayMs });
    return delayMs;
  }

  function isTooSoon(address: string): boolean {
    const before = failures.get(address);
    return before !== undefined && performance.now() - before.atMs < before.delayMs;
  }

  async function compare(address: string, password: string, known: PasswordHash): Promise<boolean> {
    waiting += 1;
    waitingOf.set(address, (waitingOf.get(address) ?? 0) + 1);
    try {
      return await matches(password, known);
    } finally {
      waiting -= 1;
      const left = (waitingOf.get(address) ?? 1) - 1;
      if (left > 0) waitingOf.set(address, left);
      else waitingOf.delete(address);
    }
  }

  return {
    async check({ address, user, password }, known) {
      const userMatches = timingSafeEqual(digest(user), digest(known.user));
      let passwordMatches = isRemembered(password, known.password);
      if (!passwordMatches) {
        const crowded = waiting >= MAX_WAITING || (waitingOf.get(address) ?? 0) >= MAX_WAITING_OF_ADDRESS;
        if (crowded || isTooSoon(address)) return "busy";
        passwordMatches = await compare(address, password, known.password);
      }
      if (passwordMatches && userMatches) {
        failures.delete(address);
        return "right";
      }
      await new Promise((resolve) => setTimeout(resolve, noteFailure(address)));
      return "wrong";
    },
  };
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
