/** What an earlier process left in the journal takes its peer's room, from before the first message is taken. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { openJournal } from "../../src/journal/journal.ts";
import { recordOf } from "../support/journal.ts";
import { freePort } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceWithin } from "../support/service.ts";
import { announce, openSession } from "../support/smtp-client.ts";

const STORED = "250 2.0.0 Report stored";
const LATER = "451 4.3.0 Cannot store the report now, try again later";
const BOUNCE = 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n--b--\r\n';

test("bounces and unreadable messages that wait for Redis are counted after a restart; another peer has its room", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-left-"));
  const journal = await openJournal({
    directory: join(directory, "journal"),
    maxBytes: 100_000_000,
    onFault: () => {},
  });
  const left = [
    ...Array.from(
      { length: 100 },
      () => ({ kind: "bounce", text: "x".repeat(BOUNDS.bouncesWaiting.value / 99) }) as const,
    ),
    ...Array.from({ length: 3 }, () => ({ kind: "quarantine", text: "x" }) as const),
  ];
  await Promise.all(
    left.map((content, index) => journal.append(recordOf(`j${`${index}`.padStart(32, "0")}`, content))),
  );
  await journal.close();

  const service = await startServiceWithin({
    MM4D_DATA_DIR: directory,
    // Nobody is there.
    REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
    MM4D_PEERS: "carrier=127.0.0.2;other=127.0.0.3",
    MM4D_QUARANTINE_MAX_MESSAGES: "6",
  });
  try {
    const replies = async (from: string): Promise<readonly string[]> => {
      const client = await openSession(service.smtpPort, { from });
      await announce(client, undefined, "");
      client.write(`${BOUNCE}.\r\n`);
      const bounce = await client.reply();
      const unreadable = await client.deliver(deliveryReport({ "X-Mms-MM-Status-Code": undefined }));
      const report = await client.deliver(deliveryReport({ "X-Mms-Message-ID": from }));
      client.end();
      return [bounce, unreadable, report];
    };
    expect(await replies("127.0.0.2")).toEqual([LATER, LATER, STORED]);
    expect(await replies("127.0.0.3")).toEqual([
      expect.stringMatching(/^250 /),
      "250 2.0.0 Message stored for inspection",
      STORED,
    ]);
  } finally {
    await service.stop();
    rmSync(directory, { recursive: true });
  }
});
