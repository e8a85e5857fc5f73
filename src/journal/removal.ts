/** Takes segments out of the journal, once everything in them has settled. */
import type { OnFault } from "./fault.ts";
import type { Keeping } from "./keeping.ts";
import { isBefore, type Position } from "./segments.ts";
import type { Shares } from "./shares.ts";
import type { Sizes } from "./sizes.ts";

export interface RemovalOptions {
  /** Who takes them. */
  readonly keeping: Pick<Keeping, "take" | "setAside">;
  readonly sizes: Sizes;
  readonly shares: Shares;
  readonly onFault: OnFault;
}

export interface Removal {
  /** Marks a segment that cannot be read. Once it has settled it is set aside for a person instead of removed. */
  setAsideLater(segment: number): void;
  /**
   * Removes the settled segments that are not being written. Never rejects: a failure is reported once, and tried
   * again next time.
   */
  removeSettled(settled: Position, isOpen: (segment: number) => boolean): Promise<void>;
  /** Removes every segment. Rejects when one cannot be removed. */
  removeAll(): Promise<void>;
}

export function createRemoval({ keeping, sizes, shares, onFault }: RemovalOptions): Removal {
  const unreadable = new Set<number>();
  /** Segments whose failed removal was reported. */
  const notRemoved = new Set<number>();

  function removed(segment: number): void {
    sizes.removed(segment);
    shares.removed(segment);
  }

  return {
    setAsideLater: (segment) => void unreadable.add(segment),

    async removeSettled(settled, isOpen) {
      for (const segment of sizes.segments()) {
        // Asked only now: while the last segment was removed, more may have been written to this one.
        if (isOpen(segment) || isBefore(settled, { segment, offset: sizes.of(segment) })) continue;
        try {
          if (unreadable.has(segment)) await keeping.setAside(segment);
          else await keeping.take(segment);
        } catch (cause) {
          if (!notRemoved.has(segment)) onFault({ kind: "remove-failed", segment, cause: cause as Error });
          notRemoved.add(segment);
          continue;
        }
        notRemoved.delete(segment);
        removed(segment);
      }
    },

    async removeAll() {
      for (const segment of sizes.segments()) {
        await keeping.take(segment);
        removed(segment);
      }
    },
  };
}
