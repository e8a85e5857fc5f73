/** What charts.js asks for: the data of a chart. */
import { Hono } from "hono";
import { chartOf, layersIn, SPANS, spanIn } from "./chart-data.ts";
import type { PageEnv } from "./login.ts";
import type { Operations } from "./operations.ts";

/** `/chart?span=SPAN&by=LAYERS`, of one code or peer where it is named. */
export function chartRoutes(operations: Pick<Operations, "redisAway" | "tallies">): Hono<PageEnv> {
  const routes = new Hono<PageEnv>();
  routes.get("/chart", async (c) => {
    const away = operations.redisAway();
    if (away !== null) return c.json({ away });
    const span = spanIn(c.req.query("span"));
    const { code = "", peer = "" } = c.req.query();
    const { ms, resolution } = SPANS[span];
    const tallies = await operations.tallies(ms, resolution);
    const wanted = tallies.filter(
      (tally) => (code === "" || tally.code === code) && (peer === "" || tally.peer === peer),
    );
    return c.json(chartOf(wanted, span, new Date(), layersIn(c.req.query("by"))));
  });
  return routes;
}
