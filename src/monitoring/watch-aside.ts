/** Tells the log of peers whose messages found no room in quarantine and wait aside in the journal: when that begins, and when it is over. */
import type { AsideUse, Log } from "./log.ts";
import { createOutage, type Outage } from "./outage.ts";

export interface AsideWatch {
  /** Messages of this peer wait. May be told again and again; `use` is asked when it goes into the log. */
  waits(peer: string, use: () => AsideUse): void;
  /** None of this peer waits any more. */
  over(peer: string): void;
  stop(): void;
}

/** So that the line says how many they are, and not that the first of them waits. */
const PATIENCE_MS = 2_000;

export function watchAside(log: Pick<Log, "waitsAside" | "waitsAsideOver">): AsideWatch {
  const outages = new Map<string, Outage<() => AsideUse>>();

  function outageOf(peer: string): Outage<() => AsideUse> {
    const known = outages.get(peer);
    if (known) return known;
    const outage = createOutage<() => AsideUse>({
      patienceMs: PATIENCE_MS,
      onBegin: (use) => log.waitsAside(peer, use()),
      onEnd: ({ lastedMs }) => log.waitsAsideOver(peer, { lastedMs }),
    });
    outages.set(peer, outage);
    return outage;
  }

  return {
    waits: (peer, use) => outageOf(peer).begin(use),
    over: (peer) => void outages.get(peer)?.end(),
    stop() {
      for (const outage of outages.values()) outage.stop();
    },
  };
}
