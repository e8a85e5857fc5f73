/**
 * What operators do on the page with what is in Redis: opened when it is first
 * asked for, because BullMQ waits for ever on a Redis that was never there.
 */

import { Queue } from "bullmq";
import { openAcknowledgements } from "../acknowledgement/desk.ts";
import type { AcknowledgementDesk, QuarantineDesk } from "../admin/operations.ts";
import { type Releaser, within } from "../process/releasers.ts";
import { openQuarantine } from "../quarantine/quarantine.ts";
import { type Replayer, replay, wouldBecome } from "../quarantine/replay.ts";
import { readSavedBodyAside } from "../quarantine/saved-body-aside.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import type { Config } from "../settings/config.ts";
import { rulesOf } from "../settings/peers.ts";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "../settings/queue-names.ts";
import type { SettingsInForce } from "./settings-in-force.ts";
import { REDIS_STOP_MS } from "./start-redis.ts";

export interface DesksOptions {
  readonly config: Pick<Config, "queue" | "queues">;
  readonly place: QueuePlace;
  readonly files: Pick<SettingsInForce, "peers" | "reading">;
  /** Why Redis cannot be used now; null when it can. */
  readonly redisAway: () => string | null;
  readonly publishReplayed: Replayer["publish"];
}

interface Openable {
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

/** They are closed with the service. */
export interface Desks {
  quarantine(): Promise<QuarantineDesk>;
  acknowledgements(): Promise<AcknowledgementDesk>;
  queues(): Promise<readonly Queue[]>;
}

export function createDesks(
  { config, place, files, redisAway, publishReplayed }: DesksOptions,
  releasers: Releaser[],
): Desks {
  const opened = new Set<Openable>();
  releasers.push(() => within(REDIS_STOP_MS, Promise.all([...opened].map((one) => one.close()))));
  const replayer = (): Omit<Replayer, "quarantine"> => ({
    publish: publishReplayed,
    reading: files.reading(),
    rulesOf: (peer) => rulesOf(files.peers(), peer),
  });

  /** A BullMQ queue whose start failed never works again, so it is opened anew. */
  function once<T extends Openable>(open: () => T): () => Promise<T> {
    let made: T | undefined;
    return async () => {
      const away = redisAway();
      if (away !== null) throw new Error(away);
      made ??= open();
      const mine = made;
      opened.add(mine);
      try {
        await mine.ready();
        return mine;
      } catch (cause) {
        if (made === mine) made = undefined;
        opened.delete(mine);
        void mine.close().catch(() => {}); // It has nothing to finish.
        throw cause;
      }
    };
  }

  const quarantine = once(() => openQuarantine(place));
  const acknowledgements = once(() => openAcknowledgements(place));
  const events = [config.queue, ...config.queues.map((further) => further.queue)];
  const queues = [...events, ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE].map((name) =>
    once(() => {
      const found = new Queue(name, { connection: place.redis, prefix: place.prefix });
      found.on("error", () => {}); // Whoever looks hears of it from the call that fails.
      return { queue: found, ready: () => found.waitUntilReady(), close: () => found.close() };
    }),
  );

  return {
    async quarantine() {
      const kept = await quarantine();
      return {
        ...kept,
        wouldBecome: (entry) => wouldBecome(entry, replayer()),
        replay: (entry) => replay(entry, { ...replayer(), quarantine: kept }),
        readBody: readSavedBodyAside,
      };
    },
    acknowledgements,
    queues: () => Promise.all(queues.map(async (open) => (await open()).queue)),
  };
}
