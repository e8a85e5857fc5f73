/** What a service with a fault shows. */
import { expect } from "vitest";
import { eventually } from "../support/redis.ts";
import type { TestService } from "../support/service.ts";
import { LONG, type Stage } from "./stage.ts";

/** In the long version it may take until a journal of 128 MiB is full. */
const LIMIT_MS = LONG ? 600_000 : 60_000;

export async function isNotReady({ service }: Stage, why: RegExp): Promise<void> {
  await eventually(
    () => service.get("/readyz"),
    ({ status, text }) => status === 503 && why.test(text),
    LIMIT_MS,
  );
}

/** One line for each start on which it happened. That a slow disk is told besides is another thing. */
export function told({ service }: { service: TestService }, event: string, reason: RegExp, times = 1): void {
  const lines = service.log().filter((line) => line.event === event && !/has not answered/.test(String(line.reason)));
  expect(lines.length).toBe(times);
  for (const line of lines) expect(JSON.stringify(line)).toMatch(reason);
}
