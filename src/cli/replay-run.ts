/** Runs a replay: begins it or goes on with it, says how far it is, and how to go on. */
import { randomBytes } from "node:crypto";
import { getPriority, hostname, setPriority, userInfo } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { BOUNDS } from "../bounds/bounds.ts";
import { createReplayPublisher, replayedJobId } from "../queue/add-replayed.ts";
import { type QueuePlace, withQueuePlace } from "../queue/queue-place.ts";
import {
  isBrokenOff,
  isUnderWay,
  openReplays,
  type Replay,
  type Replays,
  SIGN_EVERY_MS,
} from "../queue/replays-kept.ts";
import { type Progress, replay } from "../replay/replay.ts";
import { watchRoom } from "../replay/room.ts";
import { describeWanted, isAskedAgain } from "../replay/wanted.ts";
import type { Config } from "../settings/config.ts";
import { replayedNote } from "../trace/replayed-note.ts";
import { createTraceWriter, type TraceWriter } from "../trace/writer.ts";
import { type ArchiveLook, lookAtArchive, tellWhose } from "./archive-look.ts";
import { readForReplay } from "./replay-archive.ts";
import { askedBy, filterWanted, RATE, type ReplayOptions, shownWanted, wantedBy } from "./replay-options.ts";
import { createProgressTold, describeEnd } from "./replay-told.ts";
import { findQueue } from "./running-service.ts";
import { loadSettings } from "./settings.ts";
import { INTERRUPTED, stopOnSignal } from "./stop-on-signal.ts";
import { jsonOf, print, printWrapped, tell } from "./terminal.ts";

const TRACED_EVERY_MS = 1_000;
const CLOSED_WITHIN_MS = 2_000;

/** Publishes to the end, or until a signal. The exit code is 130 where it was stopped, and 1 where it could not read all. */
export async function runReplay(options: ReplayOptions): Promise<void> {
  const look = await lookAtArchive();
  const { address, settings } = await findQueue(loadSettings("replay"));
  const { config } = settings;
  await withQueuePlace(address, async (place) => {
    const replays = openReplays(place);
    const running = await beginOrGoOn(replays, options, config);
    const { name, holder, wanted, rate, published } = running;
    const further = published === 0 ? "" : `; ${published} were published before`;
    tell(`Replay ${name}: ${describeWanted(shownWanted(wanted))}, ${rate} a second at most${further}`);
    if (!isOfSettings(wanted.queue, config))
      tell(`"${wanted.queue}" is none of MM4D_QUEUE and MM4D_QUEUES: new events do not go there`);
    tellWhose(look);
    const work = await publishAll(running, { look, place, replays, config }).catch(async (cause: Error) => {
      await replays.tell(name, holder, { state: "failed", why: cause.message }).catch(() => {});
      throw new Error(`Cannot go on with the replay "${name}": ${cause.message}. Then: ${goOnWith(name)}`);
    });
    const { progress, stopped, damage } = work;
    // It may have been stopped because Redis is away.
    await replays.tell(name, holder, { state: stopped ? "stopped" : "done", why: "" }).catch(() => {});
    if (damage.length > 0) process.exitCode = 1;
    if (stopped) process.exitCode = INTERRUPTED;
    if (options.json) {
      const { counts } = progress;
      print(
        jsonOf(
          { name, ...shownWanted(wanted), done: !stopped, published: progress.published ?? published, counts, damage },
          2,
        ),
      );
    } else printWrapped(describeEnd(running, work, goOnWith(name)));
  });
}

function goOnWith(name: string): string {
  return `mm4d replay --name ${name}`;
}

async function beginOrGoOn(replays: Replays, options: ReplayOptions, config: Config): Promise<Replay> {
  const name = options.name ?? madeName();
  const known = await replays.find(name);
  const by = { by: whoHere(), holder: holderHere(), rate: options.rate ?? known?.rate ?? RATE };
  if (known === undefined) {
    const wanted = wantedBy(options, config.queue, new Date());
    const typed = { since: options.since?.typed ?? "", until: options.until?.typed ?? "" };
    if (!(await replays.begin(name, { wanted, typed, ...by })))
      throw new Error(
        `Cannot replay: another process has just begun a replay "${name}", wait for it or take another name`,
      );
  } else {
    if (!isAskedAgain(known, askedBy(options), config.queue)) {
      throw new Error(
        `Cannot replay: the name "${name}" is used already, for ${describeWanted(shownWanted(known.wanted))}. To go on with that: ${goOnWith(name)}. For anything else take another name`,
      );
    }
    if (isUnderWay(known.state) && mayLive(known))
      throw new Error(
        `Cannot replay: "${name}" is run by ${known.by} (process ${known.holder}) already, which must end first`,
      );
    if (!(await replays.goOn(known, by)))
      throw new Error(`Cannot replay: another process has just gone on with "${name}", which must end first`);
  }
  const begun = await replays.find(name);
  if (begun === undefined) throw new Error(`Cannot replay: Redis does not know "${name}", which was just begun there`);
  return begun;
}

interface Work {
  readonly progress: Progress;
  readonly stopped: boolean;
  /** Places of the archive that could not be read, in words. */
  readonly damage: readonly string[];
}

interface Parts {
  readonly look: ArchiveLook;
  readonly place: QueuePlace;
  readonly replays: Replays;
  readonly config: Config;
}

async function publishAll(running: Replay, { look, place, replays, config }: Parts): Promise<Work> {
  const { name, holder, wanted, rate, by } = running;
  const { reports, damage } = readForReplay(look, filterWanted(wanted));
  const { redis } = place;
  const trace = createTraceWriter({ place, hours: config.traceHours, maxBytes: config.traceMaxBytes });
  const publisher = createReplayPublisher({
    place,
    replay: { ...running, queue: wanted.queue },
    settings: config,
    mostWaiting: (isOfSettings(wanted.queue, config) ? BOUNDS.replayWaits : BOUNDS.replayWaitsElsewhere).value,
  });
  const stopping = stopOnSignal();
  const told = createProgressTold(wanted);
  let waitsFor: string | null = null;
  const signs = setInterval(() => {
    const how =
      waitsFor === null ? ({ state: "running", why: "" } as const) : ({ state: "waiting", why: waitsFor } as const);
    // While Redis is away, it is not heard of.
    void replays.tell(name, holder, how).catch(() => {});
  }, SIGN_EVERY_MS);
  const traced = setInterval(() => void flushed(trace), TRACED_EVERY_MS);
  const restore = lowerPriority();
  try {
    const progress = await replay({
      reports,
      publisher,
      rate,
      noRoom: watchRoom(redis, config.redisChecks === "warn"),
      onPublished(events) {
        const at = new Date();
        for (const event of events)
          trace.write(
            replayedNote(event, at, { name, by, queue: wanted.queue, recordId: replayedJobId(running, event) }),
          );
      },
      onProgress(progress) {
        ({ waitsFor } = progress);
        told.show(progress);
      },
      signal: stopping.signal,
    });
    return { progress, stopped: stopping.signal.aborted, damage: damage() };
  } finally {
    restore();
    clearInterval(signs);
    clearInterval(traced);
    told.end();
    stopping.end();
    // BullMQ waits for a Redis that is away.
    await Promise.race([
      Promise.all([flushed(trace), publisher.close()]),
      wait(CLOSED_WITHIN_MS, null, { ref: false }),
    ]);
  }
}

/** What cannot be traced is published all the same. */
function flushed(trace: TraceWriter): Promise<void> {
  return trace.flush().catch(() => {});
}

/** The service on this machine goes first. Gives what ends that; where the system does not let us, nothing is changed. */
function lowerPriority(): () => void {
  const before = getPriority();
  try {
    setPriority(Math.max(before, LOWEST));
  } catch {}
  return () => {
    try {
      setPriority(before);
    } catch {} // Only root may.
  };
}

/** The lowest that there is. */
const LOWEST = 19;

function isOfSettings(queue: string, config: Config): boolean {
  return [config.queue, ...config.queues.map((further) => further.queue)].includes(queue);
}

/** One that says so was heard of lately, and of this machine it is there: after a kill it is known at once. */
function mayLive(replay: Replay): boolean {
  const [host, pid] = replay.holder.split(" ");
  if (isBrokenOff(replay, new Date())) return false;
  if (host !== hostname() || Number(pid) === process.pid) return true;
  try {
    return process.kill(Number(pid), 0);
  } catch (cause) {
    // It is another user's.
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Names this process: its machine, its number, and what tells it from an earlier one of that number. */
function holderHere(): string {
  return `${hostname()} ${process.pid} ${randomBytes(4).toString("hex")}`;
}

function whoHere(): string {
  return `${userHere()}@${hostname()}`;
}

function userHere(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`; // It has no name, as in some containers.
  }
}

/** Such as `2026-11-30-1f0c9a`. */
function madeName(): string {
  return `${new Date().toISOString().slice(0, 10)}-${randomBytes(3).toString("hex")}`;
}
