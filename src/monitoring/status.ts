/** How things are now, in words for the person on call: one screen, the same in the terminal and on the page. */

import { durationInWords, inPercent, megabytes, some, sum } from "../text/quantities.ts";
import { journalOfAll } from "./health.ts";
import type { QueueUse } from "./observed.ts";
import { type Reason, type State, stateOf } from "./reasons.ts";
import { merged, type PeerTraffic, trafficOfBoth } from "./traffic.ts";

export interface StatusFacts {
  readonly version: string;
  readonly runningMs: number;
  /** Why all is not well, or something needs attention. */
  readonly reasons: readonly Reason[];
  readonly reportsLastMinute: number;
  /** Names of the peers that the settings list. */
  readonly listed: readonly string[];
  /** Of the peers that have sent since the start. */
  readonly peers: ReadonlyMap<string, PeerTraffic>;
  readonly connections: ReadonlyMap<string, number>;
  readonly journal: {
    readonly records: number;
    readonly bytes: number;
    /** Records that are not on the queue yet. */
    readonly waitingBytes: number;
    readonly maxBytes: number;
    readonly oldestAt: Date | null;
  };
  /** Records of the journal that wait for room in quarantine. */
  readonly aside: number;
  /** Null where no process sees to it. */
  readonly archive: { readonly bytes: number; readonly maxBytes: number; readonly oldestAt: Date | null } | null;
  readonly redis: string;
  readonly events: QueueUse | undefined;
  /** Further queues of events. */
  readonly further: readonly { readonly name: string; readonly use: QueueUse | undefined }[];
  readonly acknowledgements: QueueUse | undefined;
  readonly quarantined: number;
}

export interface Status {
  readonly state: State;
  /** False when all is not well; what needs attention only is well enough. */
  readonly healthy: boolean;
  readonly headline: string;
  /** Why all is not well, or something needs attention, a sentence each. */
  readonly reasons: readonly string[];
  /** The same, each with its name, its state, and what to do. */
  readonly reasonsInFull: readonly Reason[];
  /** Why mm4d cannot tell whether consumers are connected; null when it can. */
  readonly workersUnknown: string | null;
  readonly facts: readonly StatusFact[];
  /** All of that as `mm4d status` prints it. */
  readonly lines: readonly string[];
}

/** One row, in words. */
export interface StatusFact {
  readonly about: string;
  readonly text: string;
  /** The same for each peer. */
  readonly peers: readonly PeerStatus[];
}

export interface PeerStatus {
  readonly name: string;
  readonly text: string;
  /** What the others do not do; empty when there is nothing of the kind. */
  readonly unusual: readonly string[];
}

export function describeStatus(facts: StatusFacts, now: Date): Status {
  const { reasons, journal, peers } = facts;
  const state = stateOf(reasons);
  const since = (at: Date): string => durationInWords(now.getTime() - at.getTime());
  const waiting =
    journal.records === 0
      ? "nothing waits"
      : `${some(journal.records, "record")} ${journal.records === 1 ? "waits" : "wait"}`;
  const oldest = journal.oldestAt === null ? "" : `, the oldest for ${since(journal.oldestAt)}`;
  const aside = facts.aside === 0 ? "" : `, ${facts.aside} of them for room in quarantine`;
  const queuedBytes = journal.bytes - journal.waitingBytes;
  const queued = queuedBytes < journal.maxBytes / 2 ? "" : `, ${megabytes(queuedBytes)} of them on the queue already`;
  const open = [...facts.connections].filter(([, count]) => count > 0);
  const fact = (about: string, text: string): StatusFact => ({ about, text, peers: [] });
  return withLines({
    state,
    healthy: state !== "not-well",
    headline: `mm4d ${facts.version}, running for ${durationInWords(facts.runningMs)}: ${STATES[state]}`,
    reasons: reasons.map(({ text }) => text),
    reasonsInFull: reasons,
    workersUnknown: facts.events?.workersUnknown ?? null,
    facts: [
      {
        ...fact("Reports", `${facts.reportsLastMinute} in the last minute${describeSilent(facts)}`),
        peers: [...peers].map(([name, peer]) => ({ name, ...describePeer(peer, now) })),
      },
      fact("Connections", open.length === 0 ? "none" : open.map(([name, count]) => `${name} ${count}`).join(", ")),
      fact(
        "Journal",
        `${waiting}${oldest}${aside}; ${megabytes(journal.bytes)} of ${megabytes(journal.maxBytes)}${queued}`,
      ),
      ...describeArchive(facts.archive).map((text) => fact("Archive", text)),
      fact("Redis", facts.redis),
      fact("Queue", describeQueue(facts.events, "failed (mm4d failed list)", since)),
      ...facts.further.map(({ name, use }) =>
        fact(`Queue ${name}`, describeQueue(use, `failed (MM4D_QUEUES= MM4D_QUEUE=${name} mm4d failed list)`, since)),
      ),
      fact("Acknowledgements", describeQueue(facts.acknowledgements, "undelivered (mm4d acks list)", since)),
      fact(
        "Quarantine",
        facts.quarantined === 0 ? "empty" : `${some(facts.quarantined, "message")} (mm4d quarantine list)`,
      ),
    ],
  });
}

/** Nothing where nothing was ever archived. */
function describeArchive(archive: StatusFacts["archive"]): readonly string[] {
  if (archive === null || archive.bytes === 0) return [];
  const { bytes, maxBytes, oldestAt } = archive;
  const from = oldestAt === null ? "" : `, from ${oldestAt.toISOString().slice(0, 16)}Z on`;
  return [`${megabytes(bytes)} of ${megabytes(maxBytes)}${from}`];
}

const STATES: Readonly<Record<State, string>> = {
  well: "all is well",
  "needs-attention": "needs attention",
  "not-well": "not well",
};

/** The status of all processes of one service. Each has seen what is in Redis, so the first tells that. */
export function statusOfAll(all: readonly StatusFacts[]): StatusFacts {
  const [first] = all;
  if (!first) throw new Error("A service has a process");
  return {
    ...first,
    reportsLastMinute: sum(all.map(({ reportsLastMinute }) => reportsLastMinute)),
    peers: merged(
      all.map(({ peers }) => peers),
      trafficOfBoth,
    ),
    connections: merged(
      all.map(({ connections }) => connections),
      (a, b) => a + b,
    ),
    journal: journalOfAll(all.map(({ journal }) => journal)),
    aside: sum(all.map(({ aside }) => aside)),
  };
}

function withLines(status: Omit<Status, "lines">): Status {
  const { headline, reasons, facts } = status;
  const lines = [
    headline,
    ...reasons.map((reason) => `  ${reason}`),
    ...facts.flatMap(({ about, text, peers }) => [
      `${about}: ${text}`,
      ...peers.map(({ name, text: said, unusual }) => `  ${name}: ${[said, ...unusual].join("; ")}`),
    ]),
  ];
  return { ...status, lines };
}

/** Names the peers of the settings that have not sent, because they stand in no line of their own. */
function describeSilent({ listed, peers }: Pick<StatusFacts, "listed" | "peers">): string {
  const silent = listed.filter((name) => (peers.get(name)?.accepted ?? 0) === 0);
  if (silent.length === 0) return "";
  const more = silent.length > SILENT_NAMED ? ` and ${silent.length - SILENT_NAMED} more` : "";
  return `; none since the start from ${silent.slice(0, SILENT_NAMED).join(", ")}${more}`;
}

function describePeer(peer: PeerTraffic, now: Date): Omit<PeerStatus, "name"> {
  const { accepted, reports, firstAt, lastAt } = peer;
  const counts = [
    [peer.unlistedCodes, "with unlisted codes"],
    [peer.conflicts, "contradictory"],
    [peer.duplicates, peer.duplicates === 1 ? "duplicate" : "duplicates"],
  ] as const;
  const tolerated = [...peer.warnings]
    .filter(([, count]) => count >= reports * OFTEN)
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST_TOLD)
    .map(([warning, count]) => `${warning} in ${inPercent(count, reports)}`);
  return {
    text: [describeArrival(peer, now), ...describeShares(peer)].join("; "),
    unusual: [
      ...(isSilent(accepted, firstAt, lastAt, now) ? ["silent for longer than usual"] : []),
      ...counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`),
      ...(peer.quarantined === 0 ? [] : [`${peer.quarantined} unreadable`]),
      ...(tolerated.length === 0 ? [] : [`tolerated: ${tolerated.join(", ")}`]),
    ],
  };
}

function describeArrival({ accepted, lastAt }: PeerTraffic, now: Date): string {
  if (lastAt === null) return "no report since the start";
  return `${some(accepted, "report")} since the start, the last ${durationInWords(now.getTime() - lastAt.getTime())} ago`;
}

/** Of the reports that were read: none was as long as Redis has been away from the start on. */
function describeShares({ reports, successes, failures }: PeerTraffic): readonly string[] {
  if (reports === 0) return [];
  return [`${inPercent(successes, reports)} successes, ${inPercent(failures, reports)} failures`];
}

function isSilent(accepted: number, firstAt: Date | null, lastAt: Date | null, now: Date): boolean {
  if (firstAt === null || lastAt === null) return false;
  const usualMs = (lastAt.getTime() - firstAt.getTime()) / Math.max(1, accepted - 1);
  return now.getTime() - lastAt.getTime() > Math.max(SILENT_MS, usualMs * SILENT_TIMES);
}

/** A peer counts as silent by how often it used to send. */
const SILENT_MS = 600_000;
const SILENT_TIMES = 20;
/** Names the tolerances that at least every hundredth report needs, the most frequent first. */
const OFTEN = 0.01;
const MOST_TOLD = 3;
/** On one screen. */
const SILENT_NAMED = 10;

function describeQueue(use: QueueUse | undefined, failed: string, since: (at: Date) => string): string {
  if (!use) return "not known: Redis is away, or was not looked at yet";
  const { waiting = 0, active = 0, delayed = 0, failed: givenUp = 0 } = use.jobs;
  const oldest = use.oldestWaitingAt === null ? "" : ` (oldest ${since(use.oldestWaitingAt)})`;
  return [
    `${waiting} waiting${oldest}`,
    `${active} active`,
    `${delayed} retrying`,
    ...(givenUp === 0 ? [] : [`${givenUp} ${failed}`]),
    ...(use.paused ? ["paused"] : []),
    describeWorkers(use),
    ...(use.agoMs < OLD_MS ? [] : [`as of ${durationInWords(use.agoMs)} ago`]),
  ].join(", ");
}

/** From this age on it is said how old the figures of a queue are. */
const OLD_MS = 1_000;

function describeWorkers({ workers, workersUnknown }: QueueUse): string {
  if (workers === null) return `whether a worker of BullMQ is connected cannot be told (${workersUnknown})`;
  return `${some(workers, "worker")} of BullMQ connected`;
}
