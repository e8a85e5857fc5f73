/** Forgetting in a data directory whose records move from the journal into the archive meanwhile. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { forgetOnDisk } from "../../src/cli/forget-on-disk.ts";
import type { QueueFound } from "../../src/cli/running-service.ts";
import { redisAt } from "../../src/queue/redis.ts";
import { loadConfig } from "../../src/settings/load.ts";
import { type PartySought, readPartySought } from "../../src/text/party-sought.ts";
import { archiveFile, journalSegment, type Kept } from "../support/archived.ts";
import { deliveryReport } from "../support/report.ts";
import { saidRecord } from "../support/said-message.ts";

const KIM = "+12025550155";
const RECEIVED_AT = "2026-01-02T03:04:05.678Z";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "mm4d-forget-"));
});
afterEach(() => rmSync(dataDir, { recursive: true }));

test("what moves while it looks is found in one of both, or in both, and gone when it looks again", async () => {
  const theirs = reportFrom("j1", KIM);
  const segment = journalSegment(dataDir, [theirs]);
  archiveFile(dataDir, [reportFrom("j0", "+12025550156")], { segment: 2 });
  const first = await forgetOnDisk(
    queue(),
    partyThat(() => {
      archiveFile(dataDir, [theirs]);
      rmSync(segment);
    }),
    false,
  );
  expect(first.left).toEqual([expect.objectContaining({ what: "record", count: 1 })]);
  expect(first.removed).toEqual([expect.objectContaining({ where: join(dataDir, "archive"), count: 1 })]);
  expect(await forgetOnDisk(queue(), partyThat(), false)).toMatchObject({ removed: [], left: [] });
});

function reportFrom(id: string, number: string): Kept {
  const said = deliveryReport({ "X-Mms-Message-ID": id, From: `${number}/TYPE=PLMN` });
  return { record: saidRecord(id, said, { receivedAt: RECEIVED_AT }), became: null };
}

/** Kim, of whom something moves once when she is looked for first. */
function partyThat(moves: () => void = () => {}): PartySought {
  const kim = readPartySought(KIM);
  if (!kim) throw new Error("It is no number");
  let moved = false;
  return {
    ...kim,
    mentions(text) {
      if (!moved) moves();
      moved = true;
      return kim.mentions(text);
    },
  };
}

function queue(): QueueFound {
  const loaded = loadConfig({ MM4D_DATA_DIR: dataDir, REDIS_URL: "redis://127.0.0.1:1" });
  if (!loaded.ok) throw new Error(loaded.error.join());
  const { config } = loaded.value;
  const { queue: name, queues, queuePrefix: prefix } = config;
  return {
    settings: { ...loaded.value, files: {} },
    found: { kind: "apart", dataDir, redis: "" },
    address: { redis: redisAt(config.redisUrl ?? ""), prefix, queue: name, queues },
  };
}
