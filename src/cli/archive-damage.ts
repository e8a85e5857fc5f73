/** What is damaged in the archive, and what is lost with it, in words. */
import type { ArchiveDamage } from "../archive/source.ts";
import { some } from "../text/quantities.ts";

/** One sentence, with the path of its file. */
export function describeArchiveDamage(damage: ArchiveDamage): string {
  const { path } = damage;
  switch (damage.kind) {
    case "damaged": {
      const where = `${path}, byte ${damage.start}: ${some(damage.bytes, "byte")} damaged`;
      if (path.endsWith(".journal")) return `${where}: a report at least is not told ("mm4d journal verify" says more)`;
      if (damage.head === null) return `${where}: the reports in them are lost here, and how many is not known`;
      const { firstMs, lastMs, count } = damage.head;
      return `${where}: ${some(count, "record")} received from ${timeOf(firstMs)} to ${timeOf(lastMs)} lost here`;
    }
    case "newer":
      return `${path}: ${some(damage.records, "record")} of a newer mm4d, which this one cannot read`;
    case "unreadable":
      return `${path} cannot be read: ${damage.cause.message}`;
    case "removed":
      return `${path} has left the archive while it was read (MM4D_ARCHIVE_HOURS, MM4D_ARCHIVE_MAX_BYTES)`;
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
