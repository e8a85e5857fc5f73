/** What the build made of a module: Node.js 20 cannot start a thread of TypeScript. */
import type * as views from "../../src/views/start-views.ts";

/** As `src/views/start-views.ts`, with its thread. */
export async function builtViews(): Promise<typeof views> {
  return import(new URL("../../dist/views/start-views.js", import.meta.url).href);
}
