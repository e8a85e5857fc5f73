/** Starts the second half of the flow: what is stored is put where it belongs, and told of. */
import type { Acknowledgements } from "../acknowledgement/acknowledgements.ts";
import type { Keeper } from "../archive/keeper.ts";
import type { Store } from "../flow/accept.ts";
import { type Aside, createAside } from "../flow/aside.ts";
import { startDrain } from "../flow/drain.ts";
import { fateOf, type PublishResult } from "../flow/fate-of.ts";
import type { Observer } from "../flow/observer.ts";
import type { ReadRecords } from "../flow/ready.ts";
import { createQueueStore } from "../flow/without-journal.ts";
import type { Journal } from "../journal/journal.ts";
import type { ReadRecord } from "../journal/record.ts";
import type { Log } from "../monitoring/log.ts";
import type { Metrics } from "../monitoring/metrics.ts";
import type { Outages } from "../monitoring/outages.ts";
import type { Releaser } from "../process/releasers.ts";
import type { QuarantineRoom } from "../quarantine/room.ts";
import { type Publisher, QueueRefusedError } from "../queue/publisher.ts";
import type { RedisWatch } from "../queue/redis-watch.ts";
import type { Config } from "../settings/config.ts";
import { tellKeeper } from "./start-archive.ts";
import { type JournalWatch, watchJournal } from "./upkeep.ts";

export interface SecondHalfOptions {
  readonly config: Pick<Config, "accept" | "shutdownGraceMs">;
  /** Undefined where there is none, not even of an earlier run. */
  readonly journal: Journal | undefined;
  /** Who keeps what has settled; null where it is removed. */
  readonly keeper: Keeper | null;
  readonly read: ReadRecords;
  readonly quarantine: QuarantineRoom;
  readonly watch: Pick<RedisWatch, "refusal">;
  readonly acknowledgements: Pick<Acknowledgements, "tie">;
  readonly publisher: Publisher;
  readonly observer: Observer;
  readonly outages: Outages;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly onEmptied: () => void;
}

export interface SecondHalf {
  readonly store: Store;
  /** Where messages wait that find no room in quarantine. Without a journal none does. */
  readonly aside: Pick<Aside, "has" | "use" | "full">;
  readonly journalWatch: JournalWatch | null;
  /** Why events cannot be put on the queue; null when they can. */
  trouble(): Error | null;
  /** Publishes what an operator replays from quarantine. */
  publishReplayed: Publisher["publish"];
}

const NONE_WAITS: SecondHalf["aside"] = { has: () => true, use: () => ({ records: 0, bytes: 0 }), full: () => [] };

export function startSecondHalf(options: SecondHalfOptions, releasers: Releaser[]): SecondHalf {
  const { config, journal, read, quarantine, watch, acknowledgements, publisher, observer, outages } = options;

  /** When Redis is one that keeps what it is given. */
  function checkRedis(): void {
    const refusal = watch.refusal();
    if (refusal !== null) throw new Error(refusal);
  }

  async function publish(records: readonly ReadRecord[]): Promise<readonly (PublishResult | Error)[]> {
    checkRedis();
    const [first] = records;
    // A bounce comes by itself.
    if (first?.kind === "bounce") return [await acknowledgements.tie(first.message)];
    return publisher.publish(records.filter((record) => record.kind !== "bounce"));
  }

  const queue = createQueueStore({
    read,
    publish,
    quarantine,
    onBecame: observer.became,
    onTrouble: outages.queue.begin,
    onRecovered: outages.queue.end,
    isRefusal: (cause) => cause instanceof QueueRefusedError,
  });
  // A journal that an earlier run left is drained in the other mode too.
  const drained = journal && startDraining(journal, publish, options, releasers);

  return {
    store: journal && config.accept === "journal" ? { journal } : { queue },
    aside: asideOf(drained?.aside, config),
    journalWatch: drained?.journalWatch ?? null,
    trouble: () => drained?.drain.trouble() ?? queue.trouble(),
    async publishReplayed(records) {
      checkRedis();
      const results = await publisher.publish(records);
      observer.became(
        records.flatMap((record, index) => {
          const result = results[index];
          return result === undefined || result instanceof Error
            ? []
            : [fateOf({ record, read: null, job: record }, result)];
        }),
      );
      return results;
    },
  };
}

/** Where the 250 waits for the second half, no further message comes to wait: what an earlier run left refuses nothing. */
function asideOf(aside: Aside | undefined, { accept }: Pick<Config, "accept">): SecondHalf["aside"] {
  if (!aside) return NONE_WAITS;
  return accept === "journal" ? aside : { ...NONE_WAITS, use: aside.use };
}

function startDraining(
  journal: Journal,
  publish: (records: readonly ReadRecord[]) => Promise<readonly (PublishResult | Error)[]>,
  { config, keeper, read, quarantine, watch, observer, outages, metrics, log, onEmptied }: SecondHalfOptions,
  releasers: Releaser[],
) {
  // The drain is named before it is made, because it asks whether the watch is ready, which publishes again by the drain.
  const journalWatch = watchJournal({ journal, drain: () => drain, log, onEmptied });
  const aside = createAside({
    journal,
    maxBytes: journal.status().maxBytes,
    quarantine,
    onWaits(peer, bytes) {
      if (quarantine.refused(peer, bytes)) log.quarantineFull(peer, quarantine.useOf(peer), quarantine.use());
    },
    onBegin: (peer) => {
      const { records: messages, bytes } = aside.use(peer);
      log.waitsAside({ peer, messages, bytes });
    },
    onOver: log.waitsAsideOver,
  });
  const drain = startDrain({
    journal,
    read,
    aside,
    publish: async (records) => {
      // Whatever keeps Redis from being used is told, rather than this.
      if (!journalWatch.isReady()) throw new Error(watch.refusal() ?? "Redis has not been looked at yet");
      return publish(records);
    },
    onPublished(done) {
      const fates = done.map((one) => fateOf(one, one.published));
      if (keeper) tellKeeper(keeper, done, fates);
      observer.became(fates);
    },
    onPublishedAgain: (count) => metrics.publishedAgain.inc(count),
    onFault: log.traceFailed,
    // The bounces of one peer delay no reports, and no other peer's bounces.
    laneOf: (record) => (record.kind === "bounce" ? record.message.peer.name : undefined),
    onTrouble: (cause) =>
      outages.drain.begin(() => ({ cause: drain.trouble() ?? cause, waiting: journal.status().records })),
    onRecovered: () => void outages.drain.end(),
  });
  releasers.push(() => drain.stop(config.shutdownGraceMs));
  return { drain, journalWatch, aside };
}
