/** What has become of a report's event behind the queue, in a word or two, as rows of reports say it. */
import { html } from "hono/html";
import { durationInWords, some } from "../text/quantities.ts";
import type { JobSeen } from "../views/views.ts";
import type { Html } from "./layout.ts";

const SECOND_MS = 1_000;

/** Its words, and what they mean in their title. `job`: undefined where Redis was not asked. */
export function jobInWords(job: JobSeen | undefined): Html {
  const { words, means, look } = told(job);
  return html`<span class="job ${look}" title="${means}">${words}</span>`;
}

interface Told {
  readonly words: string;
  readonly means: string;
  /** Its class. */
  readonly look: string;
}

function told(job: JobSeen | undefined): Told {
  if (job === undefined) return { words: "–", means: "Redis was not asked for its job", look: "soft" };
  const { state, attempts, tookMs, nextAt } = job;
  const next = nextAt === null ? "" : `; the next is at ${nextAt.replace("T", " ").replace("Z", " UTC")}`;
  switch (state) {
    case "waiting": {
      const before = attempts === 0 ? "" : `, after ${some(attempts, "attempt")}`;
      return { words: "waiting", means: `It waits for a consumer to take it${before}`, look: "" };
    }
    case "active":
      return { words: "active", means: "A consumer has taken it", look: "" };
    case "delayed":
      return attempts === 0
        ? { words: "delayed", means: `A consumer has put it off${next}`, look: "" }
        : { words: `retry ${attempts}×`, means: `${some(attempts, "attempt")} failed${next}`, look: "retried" };
    case "done": {
      const took = tookMs === null ? "" : ` ${inShort(tookMs)}`;
      return { words: `done${took}`, means: `Consumed, at attempt ${attempts}`, look: "soft" };
    }
    case "failed":
      return {
        words: "failed",
        means: `Its consumer gave up after ${some(attempts, "attempt")}: the report tells the error`,
        look: "failed",
      };
    case "gone":
      return {
        words: "–",
        means:
          "Its job is no longer kept: it was consumed longer ago than MM4D_COMPLETED_KEEP_SECONDS and MM4D_COMPLETED_KEEP_COUNT allow, or was removed",
        look: "soft",
      };
  }
}

function inShort(ms: number): string {
  return ms < SECOND_MS ? `${ms} ms` : durationInWords(ms);
}
