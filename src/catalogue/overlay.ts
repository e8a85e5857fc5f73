/**
 * An operator's own entries, wordings and precedence rows: laid over ours, or alone as a peer's own table.
 *
 * A row replaces only the columns that it names. settings/catalogue-schema.ts checks the file.
 */
import type { CodeEntry } from "../delivery/code.ts";
import type { PrecedenceRow } from "../delivery/precedence.ts";

/** One row of such a file. */
export type CodeOverlay = Pick<CodeEntry, "code"> & Partial<Omit<CodeEntry, "code" | "known" | "documented">>;

/** What such a file says. */
export interface Overlay {
  readonly codes: readonly CodeOverlay[];
  /** Tried before ours, in order. */
  readonly precedence: readonly PrecedenceRow[];
}
