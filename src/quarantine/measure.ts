/** Counts what is in quarantine, by peer. */
import type { ChainableCommander, Redis } from "ioredis";
import type { QuarantineJobsOptions } from "../queue/quarantine-jobs.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { QUARANTINE_QUEUE } from "../settings/queue-names.ts";
import { isQuarantined } from "./quarantine.ts";
import type { KeptMessage, QuarantineContents } from "./room.ts";

/**
 * Counts the quarantine. A job that was counted the last time is not asked about again,
 * because a job never changes. Of a new job only the size and the options are read: some
 * milliseconds for ten thousand. A job of mm4d 1.0.0 has no peer in its options, so it is
 * read itself, once; of very many some are read at each measurement, and the others have
 * no peer until then.
 */
export async function measureQuarantine(
  { redis, prefix }: QueuePlace,
  known: QuarantineContents,
): Promise<QuarantineContents> {
  const key = `${prefix}:${QUARANTINE_QUEUE}`;
  const ids = await redis.lrange(`${key}:wait`, 0, -1);
  const contents = new Map(ids.map((id) => [id, known.get(id) ?? UNKNOWN]));
  const fresh = ids.filter((id) => contents.get(id) === UNKNOWN);
  for (const some of inPieces(fresh, () => 1, ASKED_AT_A_TIME)) {
    const asked = await ask(redis, some, (pipeline, id) =>
      pipeline.hstrlen(`${key}:${id}`, "data").hget(`${key}:${id}`, "opts"),
    );
    for (const [index, id] of some.entries())
      contents.set(id, { peer: peerIn(asked[2 * index + 1]), bytes: Number(asked[2 * index]) });
  }
  const bytesOf = (id: string): number => contents.get(id)?.bytes ?? 0;
  const unnamed = ids.filter((id) => contents.get(id)?.peer === NO_PEER && bytesOf(id) > 0);
  for (const some of inPieces(unnamed, bytesOf, READ_AT_A_TIME_BYTES).slice(0, PIECES_READ)) {
    const jobs = await ask(redis, some, (pipeline, id) => pipeline.hget(`${key}:${id}`, "data"));
    for (const [index, id] of some.entries())
      contents.set(id, { peer: peerOfMessage(jobs[index]), bytes: bytesOf(id) });
  }
  // A job that was taken out meanwhile has no size.
  return new Map([...contents].filter(([, { bytes }]) => bytes > 0));
}

const NO_PEER = "";
const UNKNOWN: KeptMessage = { peer: NO_PEER, bytes: 0 };
const ASKED_AT_A_TIME = 1_000;
/** To read so much holds the event loop for some milliseconds. */
const READ_AT_A_TIME_BYTES = 2 * 1024 * 1024;
const PIECES_READ = 16;

async function ask(
  redis: Redis,
  ids: readonly string[],
  question: (pipeline: ChainableCommander, id: string) => unknown,
): Promise<readonly unknown[]> {
  const pipeline = redis.pipeline();
  for (const id of ids) question(pipeline, id);
  return ((await pipeline.exec()) ?? []).map(([cause, answer]) => {
    // Another program may have put something there that is no job.
    if (cause?.message.startsWith("WRONGTYPE")) return null;
    if (cause) throw cause;
    return answer;
  });
}

/** Cuts the ids into pieces whose sizes add up to `most` at most. An id that is larger is a piece of its own. */
function inPieces(
  ids: readonly string[],
  sizeOf: (id: string) => number,
  most: number,
): readonly (readonly string[])[] {
  const pieces: string[][] = [];
  let room = 0;
  for (const id of ids) {
    room -= sizeOf(id);
    if (room < 0 || pieces.length === 0) {
      pieces.push([]);
      room = most - sizeOf(id);
    }
    pieces.at(-1)?.push(id);
  }
  return pieces;
}

function peerIn(options: unknown): string {
  const { peer } = parsed(options) as Record<keyof QuarantineJobsOptions, unknown>;
  return typeof peer === "string" ? peer : NO_PEER;
}

/** A job that is no message of ours gets a name, so that it is not read again. */
function peerOfMessage(data: unknown): string {
  const message = parsed(data);
  return isQuarantined(message) ? message.peer.name : "nobody";
}

/** An empty object for a text that is not the JSON of an object. */
function parsed(text: unknown): object {
  try {
    const value: unknown = JSON.parse(String(text));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
