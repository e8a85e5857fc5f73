/** What a service with a fault shows. */
import { expect } from "vitest";
import { eventually } from "../support/redis.ts";
import type { TestService } from "../support/service.ts";
import type { Stage } from "./stage.ts";

export async function isNotReady({ service }: Stage, why: RegExp): Promise<void> {
  await eventually(
    () => service.get("/readyz"),
    ({ status, text }) => status === 503 && why.test(text),
  );
}

/** One line for each start on which it happened. That a slow disk is told besides is another thing. */
export function told({ service }: { service: TestService }, event: string, reason: RegExp, times = 1): void {
  const lines = service.log().filter((line) => line.event === event && !/has not answered/.test(String(line.reason)));
  expect(lines.length).toBe(times);
  for (const line of lines) expect(JSON.stringify(line)).toMatch(reason);
}
