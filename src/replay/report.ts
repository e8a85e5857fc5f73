/** A report out of the archive, as far as replaying looks at it. */
import type { ArchivedReport } from "../archive/read-report.ts";

export type ReplayedReport = Pick<ArchivedReport, "receivedAt" | "peer" | "event" | "job" | "became" | "at">;
