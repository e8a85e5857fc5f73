/** What has come since the start, by peer, for the status. There are as many entries as peers. */
import type { DeliveryEvent } from "../delivery/event.ts";
import type { Recorder } from "../flow/observer.ts";

export interface PeerTraffic {
  readonly reports: number;
  readonly successes: number;
  readonly failures: number;
  /** Reports that came again within the duplicate window. */
  readonly duplicates: number;
  readonly conflicts: number;
  readonly unlistedCodes: number;
  /** Messages that could not be read. */
  readonly quarantined: number;
  /** How many reports needed each tolerance. */
  readonly warnings: ReadonlyMap<string, number>;
  readonly firstAt: Date;
  /** When its last report came. */
  readonly lastAt: Date;
}

export interface Traffic {
  count(event: DeliveryEvent): void;
  countDuplicate(peer: string): void;
  countQuarantined(peer: string): void;
  /** Peers that have sent a report. */
  byPeer(): ReadonlyMap<string, PeerTraffic>;
  /** Reports in the last minute. */
  lastMinute(): number;
}

const MINUTE_SECONDS = 60;

export function createTraffic(): Traffic {
  const peers = new Map<string, Counted>();
  /** Reports of each of the last seconds, and which second that was. */
  const seconds = Array.from({ length: MINUTE_SECONDS }, () => ({ second: 0, reports: 0 }));
  const now = (): number => Math.floor(performance.now() / 1000);

  function of(peer: string): Counted {
    const known = peers.get(peer) ?? { ...NOTHING, warnings: new Map(), firstAt: new Date(), lastAt: new Date() };
    peers.set(peer, known);
    return known;
  }

  return {
    count({ data }) {
      const peer = of(data.peer.name);
      peer.reports += 1;
      peer.lastAt = new Date(data.receivedAt);
      if (peer.reports === 1) peer.firstAt = peer.lastAt;
      if (data.disposition === "success") peer.successes += 1;
      if (data.disposition === "failure") peer.failures += 1;
      if (data.conflict) peer.conflicts += 1;
      if (data.reason?.known === false) peer.unlistedCodes += 1;
      for (const warning of data.warnings) peer.warnings.set(warning, (peer.warnings.get(warning) ?? 0) + 1);
      const second = now();
      const slot = seconds[second % MINUTE_SECONDS];
      if (!slot) return;
      if (slot.second !== second) slot.reports = 0;
      slot.second = second;
      slot.reports += 1;
    },
    countDuplicate(peer) {
      of(peer).duplicates += 1;
    },
    countQuarantined(peer) {
      of(peer).quarantined += 1;
    },
    byPeer: () => peers,
    lastMinute: () => {
      const since = now() - MINUTE_SECONDS;
      return seconds.reduce((sum, { second, reports }) => sum + (second > since ? reports : 0), 0);
    },
  };
}

/** Counts what becomes of messages. */
export function trafficOfMessages(traffic: Traffic): Recorder {
  return {
    accepted(messages) {
      for (const { message, finding } of messages) {
        switch (finding.kind) {
          case "event":
            traffic.count(finding.event);
            break;
          case "quarantine":
            traffic.countQuarantined(message.peer.identity.name);
            break;
          case "ignored":
          case "bounce":
            break;
          default:
            finding satisfies never;
        }
      }
    },
    became(fates) {
      for (const fate of fates) if (fate.kind === "duplicate") traffic.countDuplicate(fate.event.data.peer.name);
    },
  };
}

type Counted = { -readonly [Name in keyof PeerTraffic]: PeerTraffic[Name] } & { warnings: Map<string, number> };

const NOTHING = {
  reports: 0,
  successes: 0,
  failures: 0,
  duplicates: 0,
  conflicts: 0,
  unlistedCodes: 0,
  quarantined: 0,
} as const;

/** The traffic of one peer, from two processes. */
export function trafficOfBoth(a: PeerTraffic, b: PeerTraffic): PeerTraffic {
  return {
    reports: a.reports + b.reports,
    successes: a.successes + b.successes,
    failures: a.failures + b.failures,
    duplicates: a.duplicates + b.duplicates,
    conflicts: a.conflicts + b.conflicts,
    unlistedCodes: a.unlistedCodes + b.unlistedCodes,
    quarantined: a.quarantined + b.quarantined,
    warnings: merged([a.warnings, b.warnings], (one, other) => one + other),
    firstAt: a.firstAt < b.firstAt ? a.firstAt : b.firstAt,
    lastAt: a.lastAt > b.lastAt ? a.lastAt : b.lastAt,
  };
}

/** Merges maps. `both` joins the values of a key that several have. */
export function merged<Value>(
  maps: readonly ReadonlyMap<string, Value>[],
  both: (a: Value, b: Value) => Value,
): ReadonlyMap<string, Value> {
  const all = new Map<string, Value>();
  for (const [key, value] of maps.flatMap((map) => [...map])) {
    const before = all.get(key);
    all.set(key, before === undefined ? value : both(before, value));
  }
  return all;
}
