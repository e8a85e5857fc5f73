/** The catalogue in force: ours, with the operator's file laid over it. */
import { readFileSync } from "node:fs";
import { type Catalogue, createCatalogue } from "./catalogue/catalogue.ts";
import { readOverlay } from "./catalogue/overlay.ts";

/** Throws one sentence for each fault of the file. An empty path: there is none. */
export function loadCatalogue(path: string): Catalogue {
  if (path === "") return createCatalogue();
  const overlay = readOverlay(parse(path));
  if (overlay.ok) return createCatalogue(overlay.value);
  throw new Error(overlay.error.map((fault) => `Cannot use ${path}: ${fault}`).join("\n"));
}

function parse(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new Error(`Cannot use ${path}: ${(cause as Error).message}`);
  }
}
