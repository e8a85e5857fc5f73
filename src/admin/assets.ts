/** The page's own files, and those of uPlot. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { STYLES } from "./layout.ts";

/** page.js and what it is made of. */
const SCRIPTS = ["page.js", "charts.js", "copy.js", "filters.js", "keys.js", "live.js", "morph.js", "times.js"];

/** Served from here, so that the page works without the internet. */
export function readAssets(): Readonly<
  Record<string, { readonly type: string; readonly bytes: Uint8Array<ArrayBuffer> }>
> {
  const ours = (name: string) => new Uint8Array(readFileSync(new URL(`./assets/${name}`, import.meta.url)));
  const { resolve } = createRequire(import.meta.url);
  const theirs = (name: string) => new Uint8Array(readFileSync(resolve(name)));
  return {
    ...Object.fromEntries(
      STYLES.map((name) => [`/assets/${name}`, { type: "text/css; charset=utf-8", bytes: ours(name) }]),
    ),
    ...Object.fromEntries(
      SCRIPTS.map((name) => [`/assets/${name}`, { type: "text/javascript; charset=utf-8", bytes: ours(name) }]),
    ),
    "/assets/uplot.css": { type: "text/css; charset=utf-8", bytes: theirs("uplot/dist/uPlot.min.css") },
    "/assets/uplot.js": { type: "text/javascript; charset=utf-8", bytes: theirs("uplot/dist/uPlot.iife.min.js") },
  };
}
