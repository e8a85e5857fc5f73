/**
 * What has come since the start, by peer, for the status: that it came, told at the 250, and what it said, told
 * behind it. There are as many entries as peers.
 */
import type { DeliveryEvent } from "../delivery/event.ts";
import type { ReadMessage } from "../delivery/fate.ts";
import type { Recorder } from "../flow/observer.ts";
import { isUnlisted } from "../text/codes.ts";
import { later } from "./health.ts";

export interface PeerTraffic {
  /** Messages that were taken for reports at their 250. */
  readonly accepted: number;
  /** When the first and the last of them came; null before. */
  readonly firstAt: Date | null;
  readonly lastAt: Date | null;
  /** The protocol of TLS over which the last one came, such as `TLSv1.3`; null for none, and before. */
  readonly lastTls: string | null;
  /** Reports that were read and are on the queue: while Redis is away there are more that were accepted. */
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
}

export interface Traffic {
  countAccepted(peer: string, receivedAt: Date, tls: string | null): void;
  countRead(event: DeliveryEvent): void;
  countDuplicate(peer: string): void;
  countQuarantined(peer: string): void;
  /** Peers of which anything was counted. */
  byPeer(): ReadonlyMap<string, PeerTraffic>;
  /** Reports accepted in the last minute. */
  lastMinute(): number;
}

const MINUTE_SECONDS = 60;

export function createTraffic(): Traffic {
  const peers = new Map<string, Counted>();
  /** Reports of each of the last seconds, and which second that was. */
  const seconds = Array.from({ length: MINUTE_SECONDS }, () => ({ second: 0, reports: 0 }));
  const now = (): number => Math.floor(performance.now() / 1000);

  function of(peer: string): Counted {
    const known = peers.get(peer);
    if (known !== undefined) return known;
    const counted = { ...NOTHING, warnings: new Map() };
    peers.set(peer, counted);
    return counted;
  }

  return {
    countAccepted(name, receivedAt, tls) {
      const peer = of(name);
      peer.accepted += 1;
      peer.firstAt ??= receivedAt;
      peer.lastAt = receivedAt;
      peer.lastTls = tls;
      const second = now();
      const slot = seconds[second % MINUTE_SECONDS];
      if (!slot) return;
      if (slot.second !== second) slot.reports = 0;
      slot.second = second;
      slot.reports += 1;
    },
    countRead({ data }) {
      const peer = of(data.peer.name);
      peer.reports += 1;
      if (data.disposition === "success") peer.successes += 1;
      if (data.disposition === "failure") peer.failures += 1;
      if (data.conflict) peer.conflicts += 1;
      if (isUnlisted(data.reason)) peer.unlistedCodes += 1;
      for (const warning of data.warnings) peer.warnings.set(warning, (peer.warnings.get(warning) ?? 0) + 1);
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
  function countRead({ said, finding }: ReadMessage): void {
    switch (finding.kind) {
      case "event":
        traffic.countRead(finding.event);
        return;
      case "quarantine":
        traffic.countQuarantined(said.peer.name);
        return;
      case "ignored":
        return;
      default:
        finding satisfies never;
    }
  }

  return {
    accepted(messages) {
      for (const { message, recognised } of messages) {
        if (recognised !== "report") continue;
        const { name, tls } = message.peer.identity;
        traffic.countAccepted(name, message.receivedAt, tls?.protocol ?? null);
      }
    },
    became(fates) {
      for (const fate of fates) {
        if (fate.read !== null) countRead(fate.read);
        if (fate.kind === "duplicate") traffic.countDuplicate(fate.event.data.peer.name);
      }
    },
  };
}

type Counted = { -readonly [Name in keyof PeerTraffic]: PeerTraffic[Name] } & { warnings: Map<string, number> };

const NOTHING = {
  accepted: 0,
  firstAt: null,
  lastAt: null,
  lastTls: null,
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
    accepted: a.accepted + b.accepted,
    firstAt: earlier(a.firstAt, b.firstAt),
    lastAt: later(a.lastAt, b.lastAt),
    lastTls: later(a.lastAt, b.lastAt) === a.lastAt ? a.lastTls : b.lastTls,
    reports: a.reports + b.reports,
    successes: a.successes + b.successes,
    failures: a.failures + b.failures,
    duplicates: a.duplicates + b.duplicates,
    conflicts: a.conflicts + b.conflicts,
    unlistedCodes: a.unlistedCodes + b.unlistedCodes,
    quarantined: a.quarantined + b.quarantined,
    warnings: merged([a.warnings, b.warnings], (one, other) => one + other),
  };
}

function earlier(a: Date | null, b: Date | null): Date | null {
  if (a === null || b === null) return a ?? b;
  return a < b ? a : b;
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
