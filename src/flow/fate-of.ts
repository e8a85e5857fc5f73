/** What has become of a record that was published. */
import type { TiedBounce } from "../delivery/bounced.ts";
import type { Fate } from "../delivery/fate.ts";
import type { Ready } from "./ready.ts";

/** What publishing a record gives: for a bounce what it was tied to, else the job that stood for the same before. */
export type PublishResult = { readonly earlierJob: string | null } | TiedBounce;

/** `published` is null where nothing was to be published. */
export function fateOf({ record: { id }, read, job }: Ready, published: PublishResult | null): Fate {
  switch (job?.kind) {
    case "event": {
      const { event } = job;
      const duplicateOf = published !== null && "earlierJob" in published ? published.earlierJob : null;
      if (duplicateOf === null) return { kind: "queued", id, read, event };
      return { kind: "duplicate", id, read, event, duplicateOf };
    }
    case "quarantine":
      return { kind: "quarantined", id, read, message: job.message };
    case "acknowledgement":
    case undefined:
      return { kind: "ignored", id, read };
    case "bounce":
      if (published === null || !("bounce" in published)) throw new Error("A bounce is tied, not published");
      return { kind: "bounce", id, read, tied: published };
  }
}
