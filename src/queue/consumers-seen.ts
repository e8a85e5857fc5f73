/**
 * When a consumer of each queue was last connected, as far as any process or replica has seen. It is kept in Redis,
 * because whoever asks since when there is none may have just started mm4d anew.
 */
import type { QueuePlace } from "./queue-place.ts";

export interface ConsumersSeen {
  /** Notes which queues have a consumer now, and finds out about the others. Rejects when Redis does not answer. */
  note(queues: ReadonlyMap<string, boolean>): Promise<void>;
  /** Null when none was seen for a month. */
  lastAt(queue: string): Date | null;
}

const KEPT_SECONDS = 30 * 86_400;

export function createConsumersSeen({ redis, prefix }: QueuePlace): ConsumersSeen {
  const key = `${prefix}:mm4d-consumers`;
  const lastAt = new Map<string, Date>();
  return {
    async note(queues) {
      const now = new Date();
      const names = [...queues.keys()];
      const connected = names.filter((name) => queues.get(name));
      for (const name of connected) lastAt.set(name, now);
      const pipeline = redis.pipeline();
      if (connected.length > 0) {
        pipeline.hset(key, ...connected.flatMap((name) => [name, now.toISOString()]));
        pipeline.expire(key, KEPT_SECONDS);
      }
      pipeline.hmget(key, ...names);
      const answers = (await pipeline.exec()) ?? [];
      for (const [cause] of answers) if (cause) throw cause;
      const times = answers.at(-1)?.[1] as readonly (string | null)[];
      for (const [index, name] of names.entries()) {
        const at = new Date(times[index] ?? "");
        const known = lastAt.get(name);
        if (!Number.isNaN(at.getTime()) && (known === undefined || at > known)) lastAt.set(name, at);
      }
    },
    lastAt: (queue) => lastAt.get(queue) ?? null,
  };
}
