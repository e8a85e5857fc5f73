/** How things are now, in words for the person on call: one screen. */
import type { QueueUse } from "../metrics.ts";
import { durationInWords, inPercent, megabytes, some } from "../quantities.ts";
import type { PeerTraffic } from "./traffic.ts";

export interface StatusFacts {
  readonly version: string;
  readonly runningMs: number;
  /** Why all is not well, a sentence each. */
  readonly unhealthy: readonly string[];
  readonly reportsLastMinute: number;
  readonly peers: ReadonlyMap<string, PeerTraffic>;
  readonly connections: ReadonlyMap<string, number>;
  readonly journal: {
    readonly records: number;
    readonly bytes: number;
    readonly maxBytes: number;
    readonly oldestAt: Date | null;
  };
  readonly redis: string;
  readonly events: QueueUse | undefined;
  readonly acknowledgements: QueueUse | undefined;
  readonly quarantined: number;
}

/** What `mm4d status` prints. */
export interface Status {
  readonly healthy: boolean;
  readonly lines: readonly string[];
}

export function describeStatus(facts: StatusFacts, now: Date): Status {
  const { unhealthy, journal, peers } = facts;
  const healthy = unhealthy.length === 0;
  const since = (at: Date): string => durationInWords(now.getTime() - at.getTime());
  const waiting = journal.records === 0 ? "nothing waits" : `${some(journal.records, "record")} wait`;
  const oldest = journal.oldestAt === null ? "" : `, the oldest for ${since(journal.oldestAt)}`;
  const open = [...facts.connections].filter(([, count]) => count > 0);
  return {
    healthy,
    lines: [
      `mm4d ${facts.version}, running for ${durationInWords(facts.runningMs)}: ${healthy ? "all is well" : "not well"}`,
      ...unhealthy.map((reason) => `  ${reason}`),
      `Reports: ${facts.reportsLastMinute} in the last minute`,
      ...[...peers].map(([name, peer]) => `  ${name}: ${describePeer(peer, since(peer.lastAt))}`),
      `Connections: ${open.length === 0 ? "none" : open.map(([name, count]) => `${name} ${count}`).join(", ")}`,
      `Journal: ${waiting}${oldest}; ${megabytes(journal.bytes)} of ${megabytes(journal.maxBytes)}`,
      `Redis: ${facts.redis}`,
      `Queue: ${describeQueue(facts.events, "consumers gave up on (mm4d failed list)", since)}`,
      `Acknowledgements: ${describeQueue(facts.acknowledgements, "undelivered (mm4d acks list)", since)}`,
      `Quarantine: ${facts.quarantined === 0 ? "empty" : `${some(facts.quarantined, "message")} (mm4d quarantine list)`}`,
    ],
  };
}

function describePeer({ reports, successes, failures }: PeerTraffic, ago: string): string {
  return `${some(reports, "report")} since the start, the last ${ago} ago; ${inPercent(successes, reports)} successes, ${inPercent(failures, reports)} failures`;
}

function describeQueue(use: QueueUse | undefined, failed: string, since: (at: Date) => string): string {
  if (!use) return "not looked at yet";
  const { waiting = 0, active = 0, delayed = 0, failed: givenUp = 0 } = use.jobs;
  const oldest = use.oldestWaitingAt === null ? "" : `, the oldest for ${since(use.oldestWaitingAt)}`;
  return [
    `${waiting} wait${oldest}`,
    `${active} in hand`,
    `${delayed} to be tried again`,
    ...(givenUp === 0 ? [] : [`${givenUp} ${failed}`]),
  ].join("; ");
}
