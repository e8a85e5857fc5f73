/** One report on its page: its ids can be copied, and its times are told as on every page. */
import { expect, test } from "vitest";
import { told } from "../../src/admin/report-told.ts";
import { reportOf } from "../../src/trace/note.ts";
import { KIM, queued, received } from "../support/notes.ts";

const FINISHED_AT = "2026-01-02T00:00:09.000Z";

function page(messageId: string): string {
  const first = received({ ...KIM, "X-Mms-Message-ID": messageId });
  const job = { state: "failed", attempts: 3, error: "no +12025550155 \u202e<b>", finishedAt: FINISHED_AT };
  const report = { ...reportOf([queued(first, "j7"), first]), said: null, today: null, job };
  return told(report, { loggedIn: true, numbers: "masked", queue: "events", address: "/reports/x" }).toString();
}

test("when a job failed is told as on every page, with its error harmless and masked", () => {
  const now = /<li>now <span>([\s\S]*?)<\/span><\/li>/.exec(page("mm-1"))?.[1];
  expect(now).toMatch(
    /^the job is failed after 3 attempts, <time datetime="2026-01-02T00:00:09\.000Z" data-ago title="2026-01-02 00:00:09\.000 UTC">\d+ d ago<\/time>: no \+\*{7}0155 \\u202e&lt;b&gt;$/,
  );
});

test("its ids can be copied: those of its message as they are, of its job, and of its session", () => {
  const shown = page("mm-\u200b1");
  expect(shown).toContain('data-copy="mm-\\u200b1" data-copy-json="&quot;mm-\\u200b1&quot;"');
  for (const id of ["j7", "s1"]) expect(shown).toContain(`data-copy="${id}"`);
});
