/** What has become of a record that was published. */
import type { TiedBounce } from "../delivery/bounced.ts";
import type { Fate } from "../delivery/fate.ts";
import type { JournalRecord } from "../journal/record.ts";

/** What publishing a record gives: for a bounce what it was tied to, else the job that stood for the same before. */
export type PublishResult = { readonly earlierJob: string | null } | TiedBounce;

export function fateOf(record: JournalRecord, published: PublishResult): Fate {
  const { id } = record;
  switch (record.kind) {
    case "event": {
      const { event } = record;
      const duplicateOf = "earlierJob" in published ? published.earlierJob : null;
      return duplicateOf === null ? { kind: "queued", id, event } : { kind: "duplicate", id, event, duplicateOf };
    }
    case "quarantine":
      return { kind: "quarantined", id, message: record.message };
    case "acknowledgement":
      return { kind: "ignored", id };
    case "bounce":
      if (!("bounce" in published)) throw new Error("A bounce is tied, not published");
      return { kind: "bounce", id, tied: published };
  }
}
