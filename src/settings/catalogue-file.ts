/** Files with codes: what is laid over our catalogue, and the tables of peers that use another. */
import { type Catalogue, createCatalogue } from "../catalogue/catalogue.ts";
import type { Overlay } from "../catalogue/overlay.ts";
import { createNoTable, createOwnTable } from "../catalogue/own-table.ts";
import { NO_TABLE, VENDORS_TABLE } from "../delivery/code.ts";
import type { Result } from "../result.ts";
import { readOverlay, readOwnTable } from "./catalogue-schema.ts";
import { readJsonFile } from "./json-file.ts";

/** The catalogue in force: ours, with the operator's file over it. An empty path stands for no file. */
export function loadCatalogue(path: string): Catalogue {
  return path === "" ? createCatalogue() : createCatalogue(inFile(path, readOverlay));
}

/** The table that a peer's entry names by its file. */
export function loadOwnTable(path: string): Catalogue {
  return createOwnTable(inFile(path, readOwnTable));
}

/** Throws one sentence for each fault of the file. */
function inFile(path: string, read: (json: unknown) => Result<Overlay, readonly string[]>): Overlay {
  const overlay = read(readJsonFile(path));
  if (overlay.ok) return overlay.value;
  throw new Error(overlay.error.map((fault) => `Cannot use ${path}: ${fault}`).join("\n"));
}

/** Own tables by the absolute paths of their files. */
export type OwnTables = ReadonlyMap<string, Catalogue>;

/**
 * Finds the table that a peer's rules name. A file that no entry names any more is read when a message of then asks for
 * it; when that fails, its codes are told as they are, and `onUnread` hears of it once.
 */
export function tablesBeside(catalogue: Catalogue, own: OwnTables, onUnread: (cause: Error) => void) {
  const noTable = createNoTable();
  const former = new Map<string, Catalogue>();
  return (name: string): Catalogue => {
    if (name === VENDORS_TABLE) return catalogue;
    if (name === NO_TABLE) return noTable;
    const known = own.get(name) ?? former.get(name);
    if (known) return known;
    const table = tableOr(noTable, name, onUnread);
    former.set(name, table);
    return table;
  };
}

function tableOr(otherwise: Catalogue, path: string, onUnread: (cause: Error) => void): Catalogue {
  try {
    return loadOwnTable(path);
  } catch (cause) {
    onUnread(cause as Error);
    return otherwise;
  }
}
