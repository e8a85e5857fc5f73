/* Draws the charts of `data-chart`, and draws them again when live.js says that there is something new. */
import { isLocal } from "./times.js";

const COLOURS = ["success", "pending", "unknown", "failure"];
const FURTHER = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "others"];
const TIME = uPlot.fmtDate("{YYYY}-{MM}-{DD} {HH}:{mm}");
const REDRAWN_EVERY_MS = 30_000;
const AT_MOST_EVERY_MS = 4_000;
const charts = [...document.querySelectorAll("[data-chart]")].map(begin);
/* The page itself has just drawn them. */
let drawnMs = performance.now();
let soon;

/* At once, or as soon as it may be again. */
export function redraw() {
  clearTimeout(soon);
  const waitMs = drawnMs + AT_MOST_EVERY_MS - performance.now();
  if (waitMs > 0) {
    soon = setTimeout(redraw, waitMs);
    return;
  }
  drawnMs = performance.now();
  for (const draw of charts) void draw();
}

document.addEventListener("times", () => {
  for (const draw of charts) void draw();
});

function begin(place) {
  let plot;
  let drawing = 0;
  async function draw() {
    drawing += 1;
    const mine = drawing;
    const chart = await fetch(place.dataset.chart).then(
      (response) => (response.ok ? response.json() : { away: "Log in again" }),
      () => ({ away: "mm4d does not answer" }),
    );
    // A later one was asked for meanwhile; or somebody is reading the figures under the pointer.
    if (mine !== drawing || (plot !== undefined && place.matches(":hover"))) return;
    plot?.destroy();
    plot = undefined;
    place.textContent = chart.away === undefined ? "" : `No chart: ${chart.away}.`;
    if (chart.away === undefined) plot = stacked(place, chart);
  }
  void draw();
  setInterval(draw, REDRAWN_EVERY_MS);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => plot?.setSize(sizeOf(place))).observe(place);
  return draw;
}

function tzDate(seconds) {
  return isLocal() ? new Date(seconds * 1000) : uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC");
}

function sizeOf(place) {
  return { width: place.clientWidth, height: place.clientWidth < 600 ? 160 : 240 };
}

/* Each layer is drawn down to zero, the highest sum first, so that the next one covers the rest of it. */
function stacked(place, { times, series }) {
  const styles = getComputedStyle(document.documentElement);
  const colour = (name) => styles.getPropertyValue(`--${name}`).trim();
  const sums = times.map(() => 0);
  const layers = series
    .map(({ name, counts }, index) => {
      for (const [bar, count] of counts.entries()) sums[bar] += count;
      const css = COLOURS.includes(name) ? name : FURTHER[Math.min(index, FURTHER.length - 1)];
      const total = counts.reduce((sum, count) => sum + count, 0);
      return { name, counts, css, total, tops: [...sums] };
    })
    .reverse();
  const bar = times[1] - times[0];
  const axis = {
    stroke: colour("soft"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line") },
  };
  const plot = new uPlot(
    {
      ...sizeOf(place),
      cursor: { y: false },
      tzDate,
      scales: {
        x: { range: [times[0], times.at(-1) + bar] },
        y: { range: (_, __, most) => [0, Math.max(5, most * 1.05)] },
      },
      axes: [
        // One label a day at most, where a label is a day.
        bar < 3_600 || times.length <= 24
          ? { ...axis, values: "{HH}:{mm}" }
          : { ...axis, values: "{MM}-{DD}", incrs: [86_400, 172_800] },
        { ...axis, size: 60 },
      ],
      series: [
        {
          label: isLocal() ? "Local time" : "UTC",
          value: (_, seconds) => (seconds === null ? "all bars" : TIME(tzDate(seconds))),
        },
        ...layers.map(({ name, counts, css, total }) => ({
          label: name,
          stroke: colour(css),
          fill: colour(css),
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars({ size: [1, 100], align: 1 }),
          // At rest the sum of all bars, so that the legend is never empty.
          value: (_, __, ___, index) =>
            (index === null || index === undefined ? total : counts[index]).toLocaleString("en"),
        })),
      ],
    },
    [times, ...layers.map(({ tops }) => tops)],
    place,
  );
  // A bar leads to the reports from its time on.
  plot.over.addEventListener("click", () => {
    const { idx } = plot.cursor;
    if (idx === null || idx === undefined || place.dataset.reports === undefined) return;
    const address = new URL(place.dataset.reports, location.href);
    address.searchParams.set("since", new Date(times[idx] * 1000).toISOString());
    location.assign(address);
  });
  return plot;
}
