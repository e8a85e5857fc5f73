/** One call that puts records on the queue, what came of each, and who is told. */
import type { ReadRecord } from "../journal/record.ts";
import type { Position } from "../journal/segments.ts";
import type { Ready } from "./ready.ts";
import type { Attempt } from "./retries.ts";

export interface PublishingOptions<Outcome> {
  /**
   * Puts a batch on the queue, and gives for each record, in order, what came of it. An error, or a
   * rejection for all of them, says that this is not certain: then they are tried again.
   */
  readonly publish: (records: readonly ReadRecord[]) => Promise<readonly (Outcome | Error)[]>;
  /** Once a batch, and never for what is published again. */
  readonly onPublished: (done: readonly Done<Outcome>[]) => void;
  /** So many records, on the queue before Redis changed, are on the queue again. */
  readonly onPublishedAgain: (count: number) => void;
  /** What the two throw. The records are on the queue all the same, and are not published twice because of that. */
  readonly onFault: (cause: Error) => void;
}

/** A record that is on the queue, and what came of it there. */
export interface Done<Outcome> extends Ready {
  /** Where it stands in the journal; undefined where that is not known. */
  readonly start: Position | undefined;
  /** Null when nothing was put on a queue for it. */
  readonly published: Outcome | null;
}

/** A record that is tried. */
export interface Try extends Attempt {
  readonly ready: Ready;
  /** It had been on the queue before Redis changed. */
  readonly again: boolean;
  /** Where it stands in the journal; undefined for what is published again. */
  readonly start: Position | undefined;
}

export interface Publishing {
  /** Tries once. Gives for each why it is not on the queue, or null. Never rejects. */
  publish(tries: readonly Try[]): Promise<readonly (Error | null)[]>;
  /** How many records were published so far. */
  published(): number;
}

const NOT_SAID = new Error("It was not said what came of it");

export function createPublishing<Outcome>(options: PublishingOptions<Outcome>): Publishing {
  let published = 0;

  async function outcomesOf(jobs: readonly ReadRecord[]): Promise<readonly (Outcome | Error)[]> {
    try {
      return jobs.length === 0 ? [] : await options.publish(jobs);
    } catch (cause) {
      return jobs.map(() => cause as Error);
    }
  }

  return {
    async publish(tries) {
      const jobs = tries.flatMap(({ ready: { job } }) => (job === null ? [] : [job]));
      const outcomes = await outcomesOf(jobs);
      const done: Done<Outcome>[] = [];
      let doneAgain = 0;
      let answered = 0;
      const causes = tries.map(({ ready: { record, read, job }, again, start }) => {
        const published = job === null ? null : (outcomes[answered++] ?? NOT_SAID);
        if (published instanceof Error) return published;
        if (again) doneAgain += 1;
        else done.push({ record, read, job, published, start });
        return null;
      });
      published += done.length + doneAgain;
      try {
        if (doneAgain > 0) options.onPublishedAgain(doneAgain);
        if (done.length > 0) options.onPublished(done);
      } catch (cause) {
        options.onFault(cause as Error);
      }
      return causes;
    },
    published: () => published,
  };
}
