/**
 * Replays in Redis: of each what it is to publish, how far it is, and which events it has published. So it goes on by
 * its name after a kill, and service and page can tell of it, which take no part in it.
 *
 *   P:mm4d-replays           the names, by when they were last heard of
 *   P:mm4d-replay:NAME       a hash: what is wanted, who runs it, its state
 *   P:mm4d-replay:NAME:ids   the ids of the events that it has published
 */
import { randomBytes } from "node:crypto";
import { BOUNDS } from "../bounds/bounds.ts";
import type { QueuePlace } from "./queue-place.ts";

/** What a replay publishes, and where. It is fixed with its name. */
export interface ReplayWanted {
  /** Received from then on, and before `until`: RFC 3339, UTC. */
  readonly since: string;
  readonly until: string;
  /** Which reports, by the names of the options that say so, such as `peer`; empty for all. */
  readonly filter: Readonly<Record<string, string>>;
  readonly queue: string;
}

/** `waiting`: for consumers, or for Redis. `stopped`: by a person, who may go on. */
export type ReplayState = "running" | "waiting" | "stopped" | "done" | "failed";

/** A replay as it stands in Redis. */
export interface Replay {
  readonly name: string;
  /** Drawn at its begin, so that its jobs differ from those of an earlier one of that name. */
  readonly id: string;
  readonly wanted: ReplayWanted;
  /** The times as they were typed, such as `2h`: typed again, they mean the same times. */
  readonly typed: { readonly since: string; readonly until: string };
  /** Who started it, or went on with it last: user and machine. */
  readonly by: string;
  /** The process that runs it, as {@link holderHere} names it. */
  readonly holder: string;
  /** So many events a second at most. */
  readonly rate: number;
  readonly state: ReplayState;
  /** What it waits for, or why it failed; empty for nothing. */
  readonly why: string;
  readonly startedAt: string;
  /** When it was last heard of. */
  readonly at: string;
  /** Events that it has put on the queue, in all its runs. */
  readonly published: number;
  /** When the report was received whose event was published last; null before the first. */
  readonly place: string | null;
  /** How often it was started. */
  readonly runs: number;
}

/** What a person says who starts a replay. */
export type ReplayBegun = Pick<Replay, "wanted" | "typed" | "by" | "holder" | "rate">;

export interface Replays {
  /** Undefined for a name that is not known, or not any more. */
  find(name: string): Promise<Replay | undefined>;
  /** False when there is one of that name. */
  begin(name: string, begun: ReplayBegun): Promise<boolean>;
  /** Goes on with one; false when another process has meanwhile. */
  goOn(before: Replay, by: Pick<Replay, "by" | "holder" | "rate">): Promise<boolean>;
  /** How it is now, while it is ours. */
  tell(name: string, holder: string, how: Pick<Replay, "state" | "why">): Promise<void>;
  /** Those that were last heard of first. */
  newest(count: number): Promise<Replay[]>;
  /** True for who says this first, of all services on this Redis. */
  saysFirst(replay: Replay, what: string): Promise<boolean>;
}

/** A process that runs a replay says so at least this often, and is taken for gone after some of them. */
export const SIGN_EVERY_MS = 5_000;
const GONE_AFTER_MS = 6 * SIGN_EVERY_MS;

/** The hash of a replay; its ids are below it. */
export function replayKey(prefix: string, name: string): string {
  return `${prefix}:mm4d-replay:${name}`;
}

/** All names. */
export function replaysKey(prefix: string): string {
  return `${prefix}:mm4d-replays`;
}

/** Whether it says that it is under way, and nothing was heard of it for too long: its process was killed. */
export function isBrokenOff({ state, at }: Pick<Replay, "state" | "at">, now: Date): boolean {
  return isUnderWay(state) && now.getTime() - Date.parse(at) > GONE_AFTER_MS;
}

/** Whether a process is at it, as far as it says so. */
export function isUnderWay(state: ReplayState): boolean {
  return state === "running" || state === "waiting";
}

/** Opens what is kept of replays. Its calls reject when Redis does not answer, or refuses. */
export function openReplays({ redis, prefix }: QueuePlace): Replays {
  const index = replaysKey(prefix);
  const keyOf = (name: string): string => replayKey(prefix, name);
  const keptMs = BOUNDS.replayRemembered.value;

  async function find(name: string): Promise<Replay | undefined> {
    const fields = await redis.hgetall(keyOf(name));
    return replayIn(name, fields);
  }

  return {
    find,
    async begin(name, { wanted, typed, by, holder, rate }) {
      const now = new Date();
      const at = now.toISOString();
      const first = {
        id: randomBytes(3).toString("hex"),
        wanted: JSON.stringify(wanted),
        typed: JSON.stringify(typed),
      };
      const fields = {
        ...first,
        by,
        holder,
        rate,
        state: "running",
        why: "",
        startedAt: at,
        at,
        published: 0,
        runs: 1,
      };
      const pairs = Object.entries(fields).flat();
      const most = BOUNDS.replaysListed.value;
      const done = await redis.eval(BEGIN, 2, keyOf(name), index, name, now.getTime(), keptMs, most, ...pairs);
      return done === 1;
    },
    async goOn({ name, holder: before }, { by, holder, rate }) {
      const now = new Date();
      const fields = ["by", by, "holder", holder, "rate", rate, "state", "running", "why", "", "at", now.toISOString()];
      const given = [name, now.getTime(), keptMs, before, "1", ...fields];
      return (await redis.eval(WHILE_HELD, 2, keyOf(name), index, ...given)) === 1;
    },
    async tell(name, holder, { state, why }) {
      const now = new Date();
      const given = [name, now.getTime(), keptMs, holder, "0", "state", state, "why", why, "at", now.toISOString()];
      await redis.eval(WHILE_HELD, 2, keyOf(name), index, ...given);
    },
    async newest(count) {
      const names = await redis.zrevrange(index, 0, count - 1);
      const found = await Promise.all(names.map(find));
      return found.filter((one) => one !== undefined);
    },
    async saysFirst({ name, runs }, what) {
      return (await redis.eval(SAY_FIRST, 1, keyOf(name), `said-${runs}-${what}`)) === 1;
    },
  };
}

/** KEYS: the replay, all names. ARGV: name, now, how long it is kept, how many names are, fields and values. */
const BEGIN = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 5))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -ARGV[4] - 1)
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
`;

/** KEYS: as above. ARGV: name, now, how long it is kept, who must hold it, 1 for a further run, fields and values. */
const WHILE_HELD = `
if redis.call('HGET', KEYS[1], 'holder') ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 6))
if ARGV[5] == '1' then redis.call('HINCRBY', KEYS[1], 'runs', 1) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if redis.call('EXISTS', KEYS[1] .. ':ids') == 1 then redis.call('PEXPIRE', KEYS[1] .. ':ids', ARGV[3]) end
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
`;

/** KEYS: the replay, which may be forgotten by now: nothing is kept of one for good. ARGV: what is said. */
const SAY_FIRST = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('HSETNX', KEYS[1], ARGV[1], '1')
`;

/** Undefined where there is none, or what is there was damaged by hand. */
function replayIn(name: string, fields: Readonly<Record<string, string>>): Replay | undefined {
  const { id, wanted, typed, by = "", holder = "", state = "failed", why = "", startedAt, at, place } = fields;
  if (id === undefined || wanted === undefined || typed === undefined || startedAt === undefined) return undefined;
  try {
    return {
      ...{ name, id, by, holder, why, startedAt, at: at ?? startedAt, place: place ?? null },
      wanted: JSON.parse(wanted) as ReplayWanted,
      typed: JSON.parse(typed) as Replay["typed"],
      rate: Number(fields.rate),
      state: state as ReplayState,
      published: Number(fields.published),
      runs: Number(fields.runs),
    };
  } catch {
    return undefined;
  }
}
