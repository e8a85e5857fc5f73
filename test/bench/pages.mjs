/** Opens the pages that operators keep open, and reads their live streams as `assets/live.js` does. Argument: the admin port. */
const base = `http://127.0.0.1:${process.argv[2]}`;
const PAGES = ["/", "/reports", "/queue", "/peers", "/codes"];

for (const page of PAGES) {
  const html = await (await fetch(base + page)).text();
  const stream = await fetch(`${base}/live?${wantedBy(html)}`);
  if (!stream.ok) throw new Error(`${page} has no live stream: HTTP ${stream.status}`);
  void readOn(stream, page);
}
process.send("open");

function wantedBy(html) {
  const all = (name) =>
    [...html.matchAll(new RegExp(`${name}="([^"]*)"`, "g"))].map(([, value]) => value.replaceAll("&amp;", "&"));
  const parts = [...new Set([...all("data-live"), ...(html.includes("data-chart=") ? ["chart"] : [])])];
  const wanted = new URLSearchParams({ at: all("data-live-at")[0], parts: parts.join() });
  for (const [name, attribute] of [
    ["of", "data-live-of"],
    ["rows", "data-live-rows"],
  ]) {
    const [value] = all(attribute);
    if (value !== undefined) wanted.set(name, value);
  }
  return wanted;
}

/** One that ends early would be measured as if it were open. */
async function readOn(stream, page) {
  for await (const _ of stream.body);
  throw new Error(`The live stream of ${page} has ended`);
}
