/**
 * What a version left behind when it was stopped in the middle, one directory a
 * version. Written by write.ts; read by upgrade.test.ts, in every later version.
 *
 *   expected.json   what was sent, what it was answered, and how far it had come
 *   disk/           the data directory
 *   redis.jsonl     everything that stood in Redis
 *   surface.json    by which names it was used: surface.ts
 */
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { loadKeys, readKeys } from "./redis-content.ts";

/** How far a report's event had come. */
export type Fate =
  | "consumed"
  /** A consumer gave up on it. */
  | "failed"
  /** A consumer failed at it, and is to be given it again. */
  | "to be tried again"
  /** A consumer died with it in hand. */
  | "in hand"
  | "waiting"
  /** Answered 250, and never queued because Redis was away. */
  | "in the journal"
  | "in quarantine"
  /** It belongs there, and stands in the journal. */
  | "quarantine's, in the journal"
  /** Another one's event stands for it. */
  | "duplicate"
  | "duplicate, in the journal"
  /** No event comes of it. */
  | "none";

/** How far its acknowledgement had come. */
export type Debt = "sent" | "bounced" | "sending" | "retrying" | "undelivered" | "in the journal";

export interface Sent {
  /** X-Mms-Message-ID. The transaction's is `tx-` and the same. */
  readonly id: string;
  readonly carrier: CarrierName;
  /** As it was sent, a character a byte. */
  readonly message: string;
  readonly reply: string;
  readonly fate: Fate;
  /** Null where it is owed none. */
  readonly debt: Debt | null;
  /** Of its event; null where there is none yet. */
  readonly eventId: string | null;
  /** Which process took it; null where its log does not tell. */
  readonly process: number | null;
}

export interface Expected {
  readonly version: string;
  readonly stoppedAt: string;
  /** With which it ran, besides addresses and ports. */
  readonly settings: Readonly<Record<string, string>>;
  /** In the order of sending. */
  readonly sent: readonly Sent[];
}

export interface LeftBehind extends Expected {
  readonly directory: string;
}

/** In the order in which a test adds them, which gives each its address. */
export const CARRIERS = ["taking", "refusing", "away", "hanging"] as const;
export type CarrierName = (typeof CARRIERS)[number];

/** It is given what is marked as spam. */
export const FURTHER_QUEUE = "upgrade-spam";

export const UPGRADES = fileURLToPath(new URL(".", import.meta.url));

/** The oldest first. */
export function versionsLeftBehind(): readonly LeftBehind[] {
  return readdirSync(UPGRADES)
    .filter((name) => existsSync(join(UPGRADES, name, "expected.json")))
    .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((name) => {
      const directory = join(UPGRADES, name);
      return { directory, ...(JSON.parse(readFileSync(join(directory, "expected.json"), "utf8")) as Expected) };
    });
}

/** Puts the data directory and the content of Redis where a service finds them. */
export async function putBack({ directory }: LeftBehind, dataDir: string, redisUrl: string): Promise<void> {
  cpSync(join(directory, "disk"), dataDir, { recursive: true });
  const redis = new Redis(redisUrl);
  await loadKeys(redis, readKeys(readFileSync(join(directory, "redis.jsonl"), "utf8")));
  redis.disconnect();
}
