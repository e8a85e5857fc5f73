/**
 * What is live on a page: one stream of server-sent events for each page that is open. What they show is found once
 * for all of them, and sent where it has changed.
 *
 *   title    how the service is, for the tab's title, its icon and the count beside Quarantine (JSON)
 *   PART     a part of a page, as HTML, that asked for it: `/live?parts=banner,figures`
 *   chart    there is something new to draw
 *   rows     reports that came, as rows of a table (JSON: html, and how many were skipped): `/live?rows=FILTER`
 */
import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { BOUNDS } from "../bounds/bounds.ts";
import type { ReportRow } from "../views/report-row.ts";
import type { Views } from "../views/views.ts";
import { frameOf, type Glance } from "./layout.ts";
import type { Login, PageEnv } from "./login.ts";

const EVERY_MS = 2_000;
/** Something is sent at least so often, so that one that has gone is noticed. */
const SIGN_OF_LIFE_MS = 15_000;

/** What a page's rows must be, and how they are shown to who looks. */
export type RowsLive = (c: Context<PageEnv>, query: string) => (rows: readonly ReportRow[]) => string;

export interface LiveOptions {
  readonly login: Pick<Login, "mayStillLook">;
  readonly glance: () => Promise<Glance>;
  /** Parts of pages by their names, as HTML, or as a text that changes when something is new. Each is asked for often. */
  readonly parts: Readonly<Record<string, () => Promise<string>>>;
  readonly follow: Views["follow"];
  readonly rowsLive: RowsLive;
}

export function livePage({ login, glance, parts, follow, rowsLive }: LiveOptions): Hono<PageEnv> {
  let streams = 0;
  const routes = new Hono<PageEnv>();

  routes.get("/live", (c) => {
    // Hono calls this for HEAD too, and then nothing would read the stream.
    if (c.req.method !== "GET") return c.body(null);
    if (streams >= BOUNDS.httpStreams.value) return c.text("Too many pages are open\n", 503);
    streams += 1;
    const rows = c.req.query("rows");
    const wanted = (c.req.query("parts") ?? "").split(",").filter((name) => Object.hasOwn(parts, name));
    return streamSSE(c, async (stream) => {
      const sent = new Map<string, string>();
      let sentMs = performance.now();
      async function send(event: string, data: string): Promise<void> {
        if (sent.get(event) === data) return;
        sent.set(event, data);
        sentMs = performance.now();
        await stream.writeSSE({ event, data });
      }
      const unfollow = rows === undefined ? () => {} : follow(tell(rowsLive(c, rows)));
      function tell(htmlOf: ReturnType<RowsLive>): Parameters<Views["follow"]>[0] {
        let taken = true;
        let missed = 0;
        async function give(html: string): Promise<void> {
          taken = false;
          sentMs = performance.now();
          const data = JSON.stringify({ html, skipped: missed });
          missed = 0;
          await stream.writeSSE({ event: "rows", data });
          taken = true;
          if (missed > 0) await give("");
        }
        return ({ rows, skipped }) => {
          // What a client does not read waits in memory, so it is given no more until it has read what it was given.
          if (!taken) {
            missed += rows.length + skipped;
            return;
          }
          const html = htmlOf(rows);
          if (html === "") return;
          missed = skipped;
          void give(html);
        };
      }
      try {
        while (!stream.aborted && (await login.mayStillLook(c))) {
          await send("title", JSON.stringify(frameOf(await glance())));
          for (const name of new Set(wanted)) await send(name, (await parts[name]?.()) ?? "");
          if (performance.now() - sentMs > SIGN_OF_LIFE_MS) {
            sentMs = performance.now();
            await stream.write(": \n\n");
          }
          await stream.sleep(EVERY_MS);
        }
      } finally {
        unfollow();
        streams -= 1;
      }
    });
  });

  // For pages that are open and not seen.
  routes.get("/glance", async (c) => c.json(frameOf(await glance())));
  return routes;
}
