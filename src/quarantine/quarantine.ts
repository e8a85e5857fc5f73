/**
 * The quarantine: messages nobody could read, kept whole for a person on a
 * BullMQ queue that nothing consumes. Bounded, so that a peer gone wrong cannot
 * fill Redis, and shared out, so that it cannot take the others' room.
 */
import { type Job, type JobsOptions, Queue } from "bullmq";
import type { ChainableCommander, Redis } from "ioredis";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";
import { QUARANTINE_QUEUE } from "../settings/queue-names.ts";

/** What the quarantine holds, or a peer has in it. */
export interface QuarantineUse {
  readonly messages: number;
  /** Of the messages as they are kept, base64 and all. */
  readonly bytes: number;
}

/** One message in it, as far as it is counted. */
export interface KeptMessage {
  /** Name of its peer. */
  readonly peer: string;
  readonly bytes: number;
}

/** By the id of its job. */
export type QuarantineContents = ReadonlyMap<string, KeptMessage>;

/** How its jobs say whose they are, so that nobody has to read them for that. */
export type QuarantineJobsOptions = JobsOptions & { readonly peer: string };

/**
 * Counts the quarantine. What is known from the last time is not asked again: a job
 * never changes. Of a new one its size and its options are read, not the job: some
 * milliseconds for ten thousand. Only one that mm4d 1.0.0 put there is read itself,
 * once, and of very many some at each measurement; until then it is nobody's.
 */
export async function measureQuarantine(
  redis: Redis,
  prefix: string,
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
  const unnamed = ids.filter((id) => contents.get(id)?.peer === NOBODY && bytesOf(id) > 0);
  for (const some of inPieces(unnamed, bytesOf, READ_AT_A_TIME_BYTES).slice(0, PIECES_READ)) {
    const jobs = await ask(redis, some, (pipeline, id) => pipeline.hget(`${key}:${id}`, "data"));
    for (const [index, id] of some.entries())
      contents.set(id, { peer: peerOfMessage(jobs[index]), bytes: bytesOf(id) });
  }
  // What was taken out meanwhile has no size.
  return new Map([...contents].filter(([, { bytes }]) => bytes > 0));
}

const NOBODY = "";
const UNKNOWN: KeptMessage = { peer: NOBODY, bytes: 0 };
const ASKED_AT_A_TIME = 1_000;
/** Reading so much holds the event loop for some milliseconds. */
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
    // What somebody else put there need not be a job.
    if (cause?.message.startsWith("WRONGTYPE")) return null;
    if (cause) throw cause;
    return answer;
  });
}

/** Pieces of some ids each, whose sizes make `most`, or of one that is larger. */
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
  return typeof peer === "string" ? peer : NOBODY;
}

/** What is no message of ours is not looked at again. */
function peerOfMessage(data: unknown): string {
  const message = parsed(data);
  return isMessage(message) ? message.peer.name : "nobody";
}

/** Whether a job holds what we put there. Whoever reaches Redis can put anything there. */
function isMessage(data: unknown): data is QuarantinedMessage {
  const { peer, raw } = (data ?? {}) as Record<keyof QuarantinedMessage, unknown>;
  const { name } = (peer ?? {}) as Record<string, unknown>;
  return typeof name === "string" && name !== NOBODY && typeof raw === "string";
}

/** Of what is no JSON, or none of an object, an empty one. */
function parsed(text: unknown): object {
  try {
    const value: unknown = JSON.parse(String(text));
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Since when a peer's messages find no room. */
export interface QuarantineRefusal {
  readonly peer: string;
  /** When the first of them was turned away, and the last: milliseconds since 1970. */
  readonly since: number;
  readonly last: number;
}

/**
 * Keeps count of the quarantine between two measurements, and shares it out: no peer
 * has more than half of what the others leave. So whoever fills up its share leaves as
 * much to all others, and the next one that does half of that.
 */
export interface QuarantineRoom {
  /** Whether a peer's message of this many bytes may be kept. */
  has(peer: string, bytes: number): boolean;
  /** A message was turned away. True when that is news: there was room for its peer before. */
  refused(peer: string, bytes: number): boolean;
  /** A message was promised a place; it is still on its way there. `id` is that of its record, and will be its job's. */
  promised(id: string, message: KeptMessage): void;
  /** A message that was promised a place will not come. */
  broken(id: string): void;
  /** A message has arrived, promised or not. */
  arrived(id: string, message: KeptMessage): void;
  measured(contents: QuarantineContents): void;
  use(): QuarantineUse;
  useOf(peer: string): QuarantineUse;
  /** Peers whose messages find no room. */
  refusals(): readonly QuarantineRefusal[];
  /** Peers that hold this part of their share, or more. */
  fillers(part: number): readonly string[];
}

/**
 * `processes`: how many give out the same room. None knows what the others have given out
 * since the last measurement; each takes them for as busy as itself.
 */
export function createQuarantineRoom(maxMessages: number, maxBytes: number, processes = 1): QuarantineRoom {
  let measured: QuarantineContents = new Map();
  /** On their way, or arrived and not certainly measured yet: for so many measurements more. */
  const coming = new Map<string, { readonly message: KeptMessage; measurements: number }>();
  let known = createTally();
  /** Of what is known, what only this process knows. */
  let unmeasured = createTally();
  const refusals = new Map<string, QuarantineRefusal & { readonly bytes: number }>();

  function count(message: KeptMessage, messages: 1 | -1): void {
    known.count(message, messages);
    unmeasured.count(message, messages);
  }

  function recount(): void {
    known = createTally();
    unmeasured = createTally();
    for (const message of measured.values()) known.count(message, 1);
    for (const [id, { message }] of coming) if (!measured.has(id)) count(message, 1);
  }

  /** What may be there by now. */
  function supposed(peer?: string): QuarantineUse {
    const [here, elsewhere] = [known.use(peer), unmeasured.use(peer)];
    return {
      messages: here.messages + (processes - 1) * elsewhere.messages,
      bytes: here.bytes + (processes - 1) * elsewhere.bytes,
    };
  }

  function has(peer: string, bytes: number): boolean {
    const [all, own] = [supposed(), supposed(peer)];
    if (all.messages >= maxMessages || all.bytes + bytes > maxBytes) return false;
    // Half of a single place is none, and would stay empty for ever.
    if (own.messages === 0) return true;
    const left = { messages: maxMessages - all.messages + own.messages, bytes: maxBytes - all.bytes + own.bytes };
    return own.messages + processes <= left.messages / 2 && own.bytes + processes * bytes <= left.bytes / 2;
  }

  return {
    has,
    refused(peer, bytes) {
      const [before, now] = [refusals.get(peer), Date.now()];
      refusals.set(peer, {
        peer,
        since: before?.since ?? now,
        last: now,
        bytes: Math.min(before?.bytes ?? bytes, bytes),
      });
      return before === undefined;
    },
    promised(id, message) {
      // Recovered from the journal, it may stand there twice, or have arrived before.
      if (!coming.has(id) && !measured.has(id)) count(message, 1);
      coming.set(id, { message, measurements: Number.POSITIVE_INFINITY });
    },
    broken(id) {
      const entry = coming.get(id);
      coming.delete(id);
      if (entry && !measured.has(id)) count(entry.message, -1);
    },
    arrived(id, message) {
      if (!coming.has(id) && !measured.has(id)) count(message, 1);
      coming.set(id, { message, measurements: MEASURED_BY });
    },
    measured(contents) {
      measured = contents;
      for (const [id, entry] of coming) {
        entry.measurements -= 1;
        if (entry.measurements === 0) coming.delete(id);
      }
      recount();
      for (const [peer, { bytes, last }] of refusals) {
        if (has(peer, bytes) || Date.now() - last > FORGOTTEN_MS) refusals.delete(peer);
      }
    },
    use: () => known.use(),
    useOf: (peer) => known.use(peer),
    refusals: () => [...refusals.values()].map(({ peer, since, last }) => ({ peer, since, last })),
    fillers: (part) =>
      known.peers().filter((peer) => {
        const [all, own] = [known.use(), known.use(peer)];
        // A single place is a share too: see `has`.
        const messages = Math.max(1, Math.floor((maxMessages - all.messages + own.messages) / 2));
        const bytes = (maxBytes - all.bytes + own.bytes) / 2;
        return own.messages >= messages * part || own.bytes >= bytes * part;
      }),
  };
}

const NOTHING: QuarantineUse = { messages: 0, bytes: 0 };
/** A relay comes again within that time, or has given up. */
const FORGOTTEN_MS = 3_600_000;
/** The measurement under way may have begun before it arrived; the next one has seen it. */
const MEASURED_BY = 2;

/** Sums by peer, and of all. */
function createTally() {
  let all = NOTHING;
  const uses = new Map<string, QuarantineUse>();
  return {
    count({ peer, bytes }: KeptMessage, messages: 1 | -1): void {
      all = plus(all, bytes, messages);
      uses.set(peer, plus(uses.get(peer) ?? NOTHING, bytes, messages));
    },
    use: (peer?: string): QuarantineUse => (peer === undefined ? all : (uses.get(peer) ?? NOTHING)),
    /** Those that hold something. */
    peers: (): readonly string[] => [...uses].filter(([, { messages }]) => messages > 0).map(([peer]) => peer),
  };
}

function plus(use: QuarantineUse, bytes: number, messages: 1 | -1): QuarantineUse {
  return { messages: use.messages + messages, bytes: use.bytes + bytes * messages };
}

export interface QuarantineEntry {
  readonly id: string;
  readonly message: QuarantinedMessage;
}

export interface Quarantine {
  /** Oldest first; `count` of them from place `from` on, or all. */
  list(from?: number, count?: number): Promise<readonly QuarantineEntry[]>;
  /** The last `count` that came, the last one first. */
  newest(count: number): Promise<readonly QuarantineEntry[]>;
  /** Why they are there: how many of each reason. */
  reasons(): Promise<ReadonlyMap<string, number>>;
  /** Those of a reason, oldest first, one at a time. */
  ofReason(reason: string): AsyncGenerator<QuarantineEntry>;
  find(id: string): Promise<QuarantineEntry | undefined>;
  /** False when there is none of that id. */
  drop(id: string): Promise<boolean>;
  /** Rejects when BullMQ could not begin: then it never works. */
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

/** Opens the quarantine for a person. The connection stays the caller's. */
export function openQuarantine(redis: Redis, prefix: string): Quarantine {
  const queue = new Queue<QuarantinedMessage>(QUARANTINE_QUEUE, { connection: redis, prefix });
  queue.on("error", () => {}); // Whoever asked hears of it from the call that fails.
  /** None of what somebody else put there. */
  const entries = (jobs: readonly (Job<QuarantinedMessage> | undefined)[]): readonly QuarantineEntry[] =>
    jobs.flatMap((job) => (job && isMessage(job.data) ? [{ id: job.id ?? "", message: job.data }] : []));
  /** What is no id of ours may be a key of BullMQ's. */
  async function jobOf(id: string): Promise<Job<QuarantinedMessage> | undefined> {
    return /^j[0-9a-f]{32}$/.test(id) ? queue.getJob(id) : undefined;
  }

  /** Oldest first. A job is named for why it is there. */
  async function names(): Promise<readonly { id: string; reason: string }[]> {
    const key = `${prefix}:${QUARANTINE_QUEUE}`;
    const ids = (await redis.lrange(`${key}:wait`, 0, -1)).reverse();
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hget(`${key}:${id}`, "name");
    const answers = (await pipeline.exec()) ?? [];
    return ids.flatMap((id, index) => {
      const reason = answers[index]?.[1];
      return typeof reason === "string" ? [{ id, reason }] : [];
    });
  }

  return {
    async list(from = 0, count = 0) {
      const jobs = await queue.getJobs(["waiting"], from, from + count - 1, true);
      return entries(jobs);
    },
    async newest(count) {
      const jobs = await queue.getJobs(["waiting"], 0, count - 1, false);
      return entries(jobs);
    },
    async reasons() {
      const counts = new Map<string, number>();
      for (const { reason } of await names()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
      return counts;
    },
    async *ofReason(wanted) {
      for (const { id, reason } of await names()) {
        if (reason === wanted) yield* entries([await queue.getJob(id)]);
      }
    },
    async find(id) {
      return entries([await jobOf(id)])[0];
    },
    async drop(id) {
      const job = await jobOf(id);
      await job?.remove();
      return job !== undefined;
    },
    ready: () => queue.waitUntilReady(),
    close: () => queue.close(),
  };
}
