/* Keeps "Now" current, and draws the charts. Without it the pages are still whole. */

for (const live of document.querySelectorAll("[data-stream]")) {
  const source = new EventSource(live.dataset.stream);
  source.onmessage = ({ data }) => {
    // Whoever reads with the keyboard keeps their place.
    if (!live.contains(document.activeElement)) live.innerHTML = data; // The server has escaped it.
  };
}

const SERIES = [
  ["success", "success"],
  ["pending", "pending"],
  ["unknown", "unknown"],
  ["failure", "failure"],
];
const REDRAWN_EVERY_MS = 30_000;

for (const place of document.querySelectorAll("[data-chart]")) {
  let plot;
  async function draw() {
    const chart = await fetch(place.dataset.chart).then(
      (response) => (response.ok ? response.json() : { away: "Log in again" }),
      () => ({ away: "mm4d does not answer" }),
    );
    plot?.destroy();
    plot = undefined;
    place.textContent = chart.away === undefined ? "" : `No chart: ${chart.away}.`;
    if (chart.away === undefined) plot = stacked(place, chart);
  }
  draw();
  setInterval(draw, REDRAWN_EVERY_MS);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => plot?.setSize(sizeOf(place))).observe(place);
}

function sizeOf(place) {
  return { width: place.clientWidth, height: 240 };
}

/** Each layer is drawn down to zero, the highest sum first, so that the next one covers the rest of it. */
function stacked(place, chart) {
  const colours = getComputedStyle(document.documentElement);
  const colour = (name) => colours.getPropertyValue(`--${name}`).trim();
  const sums = chart.times.map(() => 0);
  const layers = SERIES.map(([name, css]) => {
    const own = chart[name];
    for (const [index, count] of own.entries()) sums[index] += count;
    return { name, own, css, tops: [...sums] };
  }).reverse();
  const bar = chart.times[1] - chart.times[0];
  const axis = {
    stroke: colour("soft"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line") },
  };
  return new uPlot(
    {
      ...sizeOf(place),
      cursor: { y: false },
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: {
        x: { range: [chart.times[0], chart.times.at(-1) + bar] },
        y: { range: (_, __, most) => [0, Math.max(5, most * 1.05)] },
      },
      axes: [
        { ...axis, values: bar < 3_600 ? "{HH}:{mm}" : "{MM}-{DD}" },
        { ...axis, size: 60 },
      ],
      series: [
        { label: "UTC", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" },
        ...layers.map(({ name, own, css }) => ({
          label: name,
          stroke: colour(css),
          fill: colour(css),
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars({ size: [1, 100], align: 1 }),
          value: (_, __, ___, index) => (index === null ? "" : String(own[index])),
        })),
      ],
    },
    [chart.times, ...layers.map(({ tops }) => tops)],
    place,
  );
}
