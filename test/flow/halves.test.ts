/** The two halves of the flow, joined by a real journal. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startDrain } from "../../src/flow/drain.ts";
import { fateOf } from "../../src/flow/fate-of.ts";
import { openJournal } from "../../src/journal/journal.ts";
import { acceptInto, receivedFrom } from "../support/accept.ts";
import { partsOf, UNHEARD } from "../support/drain.ts";
import { eventually } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";

test("a message is told to be accepted before it is told where it ended, also where nothing is put on a queue for it", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-halves-"));
  const journal = await openJournal({ directory, maxBytes: 100_000_000, onFault: () => {} });
  const told: string[] = [];
  let ended = 0;
  const drain = startDrain({
    journal,
    ...partsOf(journal),
    ...UNHEARD,
    publish: async (jobs) => jobs.map(() => ({ earlierJob: null })),
    onPublished(done) {
      ended += done.length;
      for (const one of done) told.push(`${one.record.id} ${fateOf(one, one.published).kind}`);
    },
  });
  let id = 0;
  const accept = acceptInto([], {
    store: { journal },
    recordId: () => `j${id++}`,
    observer: { accepted: (messages) => void told.push(...messages.map((message) => `${message.id} accepted`)) },
  });
  const declining = deliveryReport({ "X-Mms-Message-Type": "MM4_forward.REQ", "X-Mms-Ack-Request": "No" });
  const deliver = async (bytes: Uint8Array) => (await accept(receivedFrom(bytes))).onAnswered(true);
  for (const bytes of [declining, deliveryReport(), declining]) await deliver(bytes);
  await Promise.all(Array.from({ length: 20 }, (_, index) => deliver(index % 2 === 0 ? declining : deliveryReport())));
  await eventually(
    () => ended,
    (count) => count === id,
  );
  for (let number = 0; number < id; number += 1) {
    const mine = told.filter((line) => line.startsWith(`j${number} `)).map((line) => line.split(" ")[1]);
    expect(mine).toEqual(["accepted", expect.stringMatching(/^(queued|ignored)$/)]);
  }
  await drain.stop(1_000);
  await journal.close();
  rmSync(directory, { recursive: true });
});
