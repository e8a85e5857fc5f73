/** What a page that stays open is sent, and what it is not. */
import { Hono } from "hono";
import { expect, test } from "vitest";
import { livePage } from "../../src/admin/live.ts";
import type { PageEnv } from "../../src/admin/login.ts";
import type { LiveRows } from "../../src/views/views.ts";

const GLANCE = { state: "well", quarantined: 0 } as const;

test("a page that does not read is sent nothing further, and is told how many came when it reads again", async () => {
  let tell = (_: LiveRows): void => {};
  const app = new Hono<PageEnv>().route(
    "/",
    livePage({
      login: { mayStillLook: async () => true },
      glance: async () => GLANCE,
      parts: {},
      follow(onRows) {
        tell = onRows;
        return () => {};
      },
      rowsLive: () => () => "<tr></tr>",
    }),
  );
  const { body } = await app.request("/live?rows=");
  const reader = (body as ReadableStream<Uint8Array>).getReader();
  const came = { rows: [{}], skipped: 2 } as unknown as LiveRows;
  // Each a turn of its own, as they come in the service.
  for (let count = 0; count < 100; count += 1) {
    tell(came);
    await new Promise(setImmediate);
  }

  let text = "";
  const told = () =>
    [...text.matchAll(/event: rows\ndata: (.*)\n/g)].map(
      ([, data = ""]) => JSON.parse(data) as { html: string; skipped: number },
    );
  const reports = () => told().reduce((sum, { html, skipped }) => sum + (html === "" ? 0 : 1) + skipped, 0);
  while (reports() < 300) text += new TextDecoder().decode((await reader.read()).value);
  expect(reports()).toBe(300);
  expect(told().length).toBeLessThan(10);
  await reader.cancel();
});
