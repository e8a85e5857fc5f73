/** What a replay says while it runs, and at its end. */
import type { Replay, ReplayWanted } from "../queue/replays-kept.ts";
import type { Progress } from "../replay/replay.ts";
import { inPercent, some } from "../text/quantities.ts";
import { redraw, tell } from "./terminal.ts";

/** Where it goes to a file, a line now and then is enough. */
const LINE_EVERY_MS = 10_000;
const REDRAWN_EVERY_MS = 200;

export interface ProgressTold {
  show(progress: Progress): void;
  /** Ends the line on the terminal. */
  end(): void;
}

/** On a terminal one line that is drawn anew; else a line every ten seconds, and when it begins or ends to wait. */
export function createProgressTold({ since, until }: Pick<ReplayWanted, "since" | "until">): ProgressTold {
  const isTerminal = process.stderr.isTTY === true;
  let saidMs = performance.now();
  let waitsFor: string | null = null;
  let drawn = false;

  return {
    show(progress) {
      const isNews = progress.waitsFor !== waitsFor;
      const agoMs = performance.now() - saidMs;
      if (!isNews && agoMs < (isTerminal ? REDRAWN_EVERY_MS : LINE_EVERY_MS)) return;
      saidMs = performance.now();
      ({ waitsFor } = progress);
      const line = describeProgress(progress, Date.parse(since), Date.parse(until));
      if (!isTerminal) return tell(line);
      redraw(line);
      drawn = true;
    },
    end() {
      if (drawn) tell("");
    },
  };
}

function describeProgress({ published, counts, place, waitsFor }: Progress, sinceMs: number, untilMs: number): string {
  const far = place === null ? "" : `, ${inPercent(Date.parse(place) - sinceMs, untilMs - sinceMs)} of that time`;
  const waits = waitsFor === null ? "" : `; waits for ${waitsFor}`;
  return `${some(published ?? counts.published, "event")} published${far}${waits}`;
}

/** Lines for a person. `goOn`: the command that goes on. */
export function describeEnd(
  { wanted, published: before }: Pick<Replay, "wanted" | "published">,
  {
    progress,
    stopped,
    damage,
  }: { readonly progress: Progress; readonly stopped: boolean; readonly damage: readonly string[] },
  goOn: string,
): readonly string[] {
  const { counts } = progress;
  const all = progress.published ?? before;
  const left = [
    ...(counts["no-event"] === 0 ? [] : [`${some(counts["no-event"], "message")} made no event`]),
    ...(counts["not-queued-yet"] === 0
      ? []
      : [
          `${some(counts["not-queued-yet"], "report")} still waited for the queue and will come to it as new: to have them on "${wanted.queue}" as well, go on with it then: ${goOn}`,
        ]),
  ];
  return [
    `${some(counts.published, "event")} published to "${wanted.queue}"${all === counts.published ? "" : `, ${all} in all runs`}`,
    ...left,
    ...damage,
    ...(stopped ? [`Stopped. To go on: ${goOn}`] : []),
  ];
}
