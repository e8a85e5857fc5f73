/** What replays are begun with in tests, and one as a process of its own. */
import { spawn } from "node:child_process";
import type { ReplayWanted } from "../../src/queue/replays-kept.ts";
import type { ReplayedReport } from "../../src/replay/report.ts";
import { deliveryReport, eventOf } from "./report.ts";
import { MAIN } from "./service.ts";

/** The defaults of the settings. */
export const SETTINGS_OF_JOBS = {
  jobAttempts: 10,
  jobBackoffMs: 1_000,
  completedKeepSeconds: 3_600,
  completedKeepCount: 1_000,
  failedKeepSeconds: 604_800,
  failedKeepCount: 1_000,
  streamKeepCount: 1_000,
};

export const WANTED: Omit<ReplayWanted, "queue"> = {
  since: "2026-01-02T03:00:00.000Z",
  until: "2026-01-02T04:00:00.000Z",
  filter: {},
};

/** A report of that message as the archive gives it: queued when it came, and read the same today. */
export function archivedReport(message: string, replaced: Partial<ReplayedReport> = {}): ReplayedReport {
  const event = eventOf(deliveryReport({ "X-Mms-Message-ID": `"${message}@mmsc.example.net"` }));
  const { id: eventId, time, data } = event;
  return {
    receivedAt: time,
    peer: data.peer.name,
    event,
    job: { id: "j1", kind: "event", event },
    became: {
      at: time,
      kind: "queued",
      eventId,
      outcome: data.outcome,
      duplicateOf: null,
      reason: null,
      acknowledged: false,
    },
    at: "archive",
    ...replaced,
  };
}

/** Runs `mm4d replay` as a process, which can be signalled. `ended`: its exit code, or the signal that ended it. */
export function startReplay(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const child = spawn(process.execPath, [MAIN, "replay", ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (text) => {
      said += text;
    });
  }
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once("close", (code, signal) => resolve(code ?? signal)),
  );
  return { said: () => said, signal: (signal: NodeJS.Signals) => void child.kill(signal), ended };
}
