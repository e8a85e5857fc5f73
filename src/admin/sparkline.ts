/** A small line that shows how a count went: an inline SVG with attributes only, because the page allows no styles in it. */
import { html } from "hono/html";
import type { Html } from "./layout.ts";

const WIDTH = 96;
const HEIGHT = 20;
/** Half a line's width, so that no part of it is cut off. */
const EDGE = 1;

/** `says` is for those who cannot see it. */
export function sparkline(counts: readonly number[], says: string): Html {
  const most = Math.max(1, ...counts);
  const step = (WIDTH - 2 * EDGE) / Math.max(1, counts.length - 1);
  const points = counts
    .map(
      (count, at) =>
        `${(EDGE + at * step).toFixed(1)},${(HEIGHT - EDGE - (count / most) * (HEIGHT - 2 * EDGE)).toFixed(1)}`,
    )
    .join(" ");
  return html`<svg class="course" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${says}"><polyline points="${points}" fill="none" stroke="currentColor" stroke-width="1.5" /></svg>`;
}
