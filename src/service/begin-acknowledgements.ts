/** Begins to send the acknowledgements that peers are owed. */
import { type Acknowledgements, startAcknowledgements } from "../acknowledgement/acknowledgements.ts";
import { type Releaser, within } from "../process/releasers.ts";
import type { KeptMessage } from "../quarantine/room.ts";
import type { RedisPlace } from "../queue/redis.ts";
import { type Config, systemAddressOf } from "../settings/config.ts";
import { observerOfAcknowledgements, type Recorders } from "./recorders.ts";
import type { RedisRooms } from "./redis-rooms.ts";
import type { SettingsInForce } from "./settings-in-force.ts";
import { REDIS_STOP_MS } from "./start-redis.ts";

export interface BeginAcknowledgementsOptions {
  readonly config: Config;
  readonly place: RedisPlace;
  readonly files: SettingsInForce;
  readonly rooms: Pick<RedisRooms, "publisher" | "ackWaitsMs">;
  readonly recorders: Recorders;
  /** Bounces that an earlier process left in the journal, by the ids of their records. */
  readonly bounces: ReadonlyMap<string, KeptMessage>;
}

export function beginAcknowledgements(
  { config, place, files, rooms, recorders, bounces }: BeginAcknowledgementsOptions,
  releasers: Releaser[],
): Acknowledgements {
  const { shutdownGraceMs } = config;
  const acknowledgements = startAcknowledgements({
    settings: { ...config, systemAddress: systemAddressOf(config) },
    redis: place,
    publisher: rooms.publisher,
    waitsMs: rooms.ackWaitsMs,
    peers: files.peers(),
    observer: observerOfAcknowledgements(recorders, releasers),
    onError: recorders.log.redisError,
  });
  files.newPeers.follow(acknowledgements.usePeers);
  for (const [id, bounce] of bounces) acknowledgements.bounceRoom.promised(id, bounce);
  releasers.push(() => within(shutdownGraceMs + REDIS_STOP_MS, acknowledgements.stop(shutdownGraceMs)));
  return acknowledgements;
}
