/** How a person on this machine calls mm4d. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** By its name if that is on PATH, else by npx, as in a checkout. Directories that npm adds to PATH do not count: only its scripts have them. */
export function ownName(): string {
  const places = (process.env.PATH ?? "").split(delimiter).filter((place) => !place.endsWith("node_modules/.bin"));
  return places.some((place) => existsSync(join(place, "mm4d"))) ? "mm4d" : "npx mm4d";
}
