/** What has come since the start, by peer: for whoever asks how things are. As many entries as there are peers. */
import type { DeliveryEvent } from "../delivery/event.ts";

export interface PeerTraffic {
  readonly reports: number;
  readonly successes: number;
  readonly failures: number;
  /** When its last report came. */
  readonly lastAt: Date;
}

export interface Traffic {
  note(event: DeliveryEvent): void;
  byPeer(): ReadonlyMap<string, PeerTraffic>;
  /** In the minute before now. */
  lastMinute(): number;
}

const MINUTE_SECONDS = 60;

export function createTraffic(): Traffic {
  const peers = new Map<string, PeerTraffic>();
  /** Reports of each of the last seconds, and which second that was. */
  const seconds = Array.from({ length: MINUTE_SECONDS }, () => ({ second: 0, reports: 0 }));
  const now = (): number => Math.floor(performance.now() / 1000);

  return {
    note({ data }) {
      const { name } = data.peer;
      const { reports = 0, successes = 0, failures = 0 } = peers.get(name) ?? {};
      peers.set(name, {
        reports: reports + 1,
        successes: successes + (data.disposition === "success" ? 1 : 0),
        failures: failures + (data.disposition === "failure" ? 1 : 0),
        lastAt: new Date(data.receivedAt),
      });
      const second = now();
      const slot = seconds[second % MINUTE_SECONDS];
      if (!slot) return;
      if (slot.second !== second) slot.reports = 0;
      slot.second = second;
      slot.reports += 1;
    },
    byPeer: () => peers,
    lastMinute: () => {
      const since = now() - MINUTE_SECONDS;
      return seconds.reduce((sum, { second, reports }) => sum + (second > since ? reports : 0), 0);
    },
  };
}
