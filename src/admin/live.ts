/**
 * What is live on a page: one stream of server-sent events for each page that is open. What they show is found once
 * for all of them, and sent where it has changed.
 *
 *   title    how the service is, for the tab's title, its icon and the count beside Quarantine (JSON)
 *   PART     a part of a page, as HTML, that asked for it: `/live?parts=banner,figures`; `&of=` says what it is of,
 *            and `&at=` when the page was made: what was found before that is older than what stands there
 *   chart    there is something new to draw
 *   rows     reports that came, as rows of a table, and jobs that changed (JSON: html, how many were skipped, and of each
 *            job the HTML by its id): `/live?rows=FILTER`
 */
import { setTimeout as wait } from "node:timers/promises";
import { type Context, Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { BOUNDS } from "../bounds/bounds.ts";
import type { ReportFilter } from "../views/report-row.ts";
import type { LiveRows, Views } from "../views/views.ts";
import { frameOf, type Html } from "./layout.ts";
import type { Login, PageEnv } from "./login.ts";
import type { Glance, Operator } from "./operator.ts";
import { rememberingFor } from "./remembering.ts";

const EVERY_MS = 2_000;
/** Pages of one kind, which are open at the same time, get one answer. */
const SHARED_MS = 1_500;
const PART_MS = 1_000;
/** Something is sent at least so often, so that one that has gone is noticed. */
const SIGN_OF_LIFE_MS = 15_000;

/** Which rows a page shows, and how they are shown to who looks. */
export type RowsLive = (
  c: Context<PageEnv>,
  query: string,
) => { readonly filter: ReportFilter; readonly shown: RowsShown };

/** `isGiven`: whether the page is given the rows; otherwise it is told of the jobs of those that it has been given. */
export type RowsShown = (news: LiveRows, isGiven: boolean) => ShownRows;

/** Rows as HTML, and what jobs have become, by their ids. */
export interface ShownRows {
  /** Empty where they are not given. */
  readonly html: string;
  readonly jobs: Readonly<Record<string, string>>;
}

/** Who looks, as far as a part differs by it. */
export type Look = Pick<Operator, "loggedIn" | "numbers">;

/** A part of a page, as HTML, or as a text that changes when something is new. It is asked for often. `of`: an address, such as of the peer that it is of. */
export type Part = (of: string, look: Look) => Promise<Html | string>;

export interface LiveOptions {
  readonly login: Pick<Login, "mayStillLook">;
  readonly glance: () => Promise<Glance>;
  /** Parts of pages by their names. */
  readonly parts: Readonly<Record<string, Part>>;
  readonly follow: Views["follow"];
  readonly rowsLive: RowsLive;
}

export function livePage({ login, glance, parts, follow, rowsLive }: LiveOptions): Hono<PageEnv> {
  let streams = 0;
  const shared = rememberingFor(
    async (name: string, numbers: Look["numbers"], who: "operator" | "anybody", of: string) =>
      String(await parts[name]?.(of, { numbers, loggedIn: who === "operator" })),
  );
  const routes = new Hono<PageEnv>();

  routes.get("/live", (c) => {
    // Hono calls this for HEAD too, and then nothing would read the stream.
    if (c.req.method !== "GET") return c.body(null);
    if (streams >= BOUNDS.httpStreams.value) return c.text("Too many pages are open\n", 503);
    streams += 1;
    const rows = c.req.query("rows");
    const { loggedIn, numbers } = c.var.operator;
    const of = c.req.query("of") ?? "";
    // A page was made before it asks. Of one that says otherwise all would be found anew at each look.
    const madeAt = Math.min(Number(c.req.query("at")) || 0, Date.now());
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
      async function sendRows(data: string): Promise<void> {
        sentMs = performance.now();
        await stream.writeSSE({ event: "rows", data });
      }
      let unfollow = (): void => {};
      try {
        if (rows !== undefined) {
          const { filter, shown } = rowsLive(c, rows);
          unfollow = follow(filter, telling(shown, sendRows));
        }
        while (!stream.aborted && (await login.mayStillLook(c))) {
          await send("title", JSON.stringify(frameOf(await glance())));
          for (const name of new Set(wanted)) {
            const keptMs = Math.min(SHARED_MS, Math.max(0, Date.now() - madeAt));
            const part = await soon(shared(keptMs, name, numbers, loggedIn ? "operator" : "anybody", of));
            // What cannot be found now stands on the page as it was, and the frame tells what is wrong.
            if (part !== null) await send(name, part);
          }
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

/**
 * Tells a page of rows. What it does not read waits in memory: so it is given no more until it has taken what it was
 * given, and is told then how many came meanwhile, and what has become of the jobs of its rows.
 */
function telling(shown: RowsShown, send: (data: string) => Promise<void>): Parameters<Views["follow"]>[1] {
  let isTaken = true;
  let next = NOTHING;
  async function give(): Promise<void> {
    isTaken = false;
    while (next.html !== "" || next.skipped > 0 || Object.keys(next.jobs).length > 0) {
      const data = JSON.stringify(next);
      next = NOTHING;
      await send(data);
    }
    isTaken = true;
  }
  return (news) => {
    const { html, jobs } = shown(news, isTaken);
    const skipped = next.skipped + news.skipped + (isTaken ? 0 : news.rows.length);
    next = { html, skipped, jobs: { ...next.jobs, ...jobs } };
    if (isTaken) void give();
  };
}

const NOTHING = { html: "", skipped: 0, jobs: {} };

/** Null when it is not found at once: the frame must not wait for a Redis that hangs, of which it tells. */
async function soon(part: Promise<string>): Promise<string | null> {
  return Promise.race([part.catch(() => null), wait(PART_MS, null, { ref: false })]);
}
