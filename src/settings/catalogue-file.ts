/** The catalogue in force: ours, with the operator's file laid over it. */
import { type Catalogue, createCatalogue } from "../catalogue/catalogue.ts";
import { readOverlay } from "../catalogue/overlay.ts";
import { readJsonFile } from "./json-file.ts";

/** Throws one sentence for each fault of the file. An empty path stands for no file. */
export function loadCatalogue(path: string): Catalogue {
  if (path === "") return createCatalogue();
  const overlay = readOverlay(readJsonFile(path));
  if (overlay.ok) return createCatalogue(overlay.value);
  throw new Error(overlay.error.map((fault) => `Cannot use ${path}: ${fault}`).join("\n"));
}
