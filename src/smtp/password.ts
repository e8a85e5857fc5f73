/**
 * Passwords of peers: kept as scrypt hashes (RFC 7914) in the usual text form,
 * `$scrypt$ln=14,r=8,p=1$<salt>$<hash>`, and compared in constant time.
 */
import { randomBytes, scrypt } from "node:crypto";

/** A stored password: its hash, and with what it was hashed. */
export interface PasswordHash {
  /** log2 of scrypt's N. */
  readonly costLog2: number;
  readonly blockSize: number;
  readonly parallelism: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** 16 MiB and some 50 ms, so that many guesses cost much and one login does not. */
const COST_LOG2 = 14;
const BLOCK_SIZE = 8;
const HASH_BYTES = 32;
/** A hash that needs more memory than this, in bytes, is refused when it is read. */
const MAX_MEMORY_BYTES = 134_217_728;

/** Makes the text for a peer's `passwordFile`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const cost = { costLog2: COST_LOG2, blockSize: BLOCK_SIZE, parallelism: 1 };
  const hash = await derive(password, { ...cost, salt, hash: Buffer.alloc(HASH_BYTES) });
  return `$scrypt$ln=${COST_LOG2},r=${BLOCK_SIZE},p=1$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Undefined for a text that is no such hash, and for a hash that needs too much memory. */
export function readPasswordHash(text: string): PasswordHash | undefined {
  const match = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d)\$([a-z0-9+/]{11,86})\$([a-z0-9+/]{22,86})$/i.exec(text);
  if (!match) return undefined;
  const [costLog2 = 0, blockSize = 0, parallelism = 0] = match.slice(1, 4).map(Number);
  const [salt, hash] = match.slice(4).map((part) => Buffer.from(part, "base64"));
  const affordable = memoryBytes({ costLog2, blockSize }) <= MAX_MEMORY_BYTES;
  if (!salt || !hash || costLog2 < 1 || blockSize < 1 || parallelism < 1 || !affordable) return undefined;
  return { costLog2, blockSize, parallelism, salt, hash };
}

/** The hash of a password, with the cost and the salt of another hash. */
export function derive(
  password: string,
  { costLog2, blockSize, parallelism, salt, hash }: PasswordHash,
): Promise<Buffer> {
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

/** Base64 without padding, as in the text form. */
export function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}
