/** Bounces as mail systems write them, tied to the acknowledgement that they concern. */
import { describe, expect, test } from "vitest";
import { readBounce } from "../../src/smtp/bounce.ts";
import { bounce, ID, MAIL_ID, type Parts } from "../support/bounce.ts";

describe("a bounce is tied by what it names", () => {
  test("the mail that it returns the header of (Postfix)", async () => {
    expect(await readBounce(bounce())).toEqual({
      acknowledgementId: ID,
      action: "failed",
      status: "5.1.1",
      diagnostic: "smtp; 550 5.1.1 <system-user@mmsc.example>: Recipient address rejected: User unknown",
    });
  });

  test.each<[string, Parts]>([
    ["the whole mail (Exim, sendmail)", { returnedAs: "message/rfc822" }],
    [
      "the envelope's id",
      { message: ["Reporting-MTA: dns; x", `Original-Envelope-Id: ${ID}`], returned: ["Subject: x"] },
    ],
    ["what it answers", { top: [`In-Reply-To: ${MAIL_ID}`], returned: [] }],
    ["what it refers to", { top: [`References: <other@x.example> ${MAIL_ID}`], returned: [] }],
    ["in capitals, with blanks", { returned: [`MESSAGE-ID:   ${MAIL_ID}  `] }],
  ])("%s", async (_, parts) => {
    expect((await readBounce(bounce(parts))).acknowledgementId).toBe(ID);
  });

  test.each<[string, Parts]>([
    ["another mail", { returned: ["Message-ID: <1@mms.example.net>"] }],
    ["nothing", { returned: [] }],
    ["an id that only begins as ours do", { returned: [`Message-ID: <${ID}0@mms.example.net>`] }],
    ["an id in the text", { top: [`Subject: ${ID}`], returned: [] }],
  ])("to none: %s", async (_, parts) => {
    expect((await readBounce(bounce(parts))).acknowledgementId).toBe(null);
  });
});

test.each<[string, Parts, object]>([
  [
    "delayed",
    { recipient: ["Action: Delayed", "Status: 4.4.1"] },
    { action: "delayed", status: "4.4.1", diagnostic: null },
  ],
  ["without a status", { recipient: ["Action: failed"] }, { action: "failed", status: null }],
  [
    "with a comment",
    { recipient: ["Action: failed (at last)", "Status: 5.0.0 (undefined)"] },
    { action: "failed", status: "5.0.0" },
  ],
  ["without anything", { recipient: [] }, { action: "unknown", status: null, diagnostic: null }],
])("what it says: %s", async (_, parts, wanted) => {
  expect(await readBounce(bounce(parts))).toMatchObject({ acknowledgementId: ID, ...wanted });
});

test("cut off at any byte, or nothing at all, it is read as far as it goes and never fails", async () => {
  const whole = bounce();
  for (let length = 0; length < whole.length; length += 7) {
    const read = await readBounce(whole.subarray(0, length));
    expect([null, ID]).toContain(read.acknowledgementId);
  }
  expect(await readBounce(Buffer.alloc(200_000, 0xff))).toMatchObject({ acknowledgementId: null, action: "unknown" });
});

test("hostile ones cost no more than harmless ones of their size, and let other work through", async () => {
  const hostile = (line: string) => Buffer.from(`Content-Type: multipart/report; boundary=b\r\n${line}\r\n\r\n--b--`);
  const harmless = Buffer.concat([bounce(), Buffer.alloc(32_768, "x")]);
  const tookMs = async (bytes: Buffer) => {
    const startedMs = performance.now();
    await readBounce(bytes);
    return performance.now() - startedMs;
  };
  await tookMs(harmless);
  const floorMs = Math.max(1, await tookMs(harmless));
  for (const line of [
    `From: ${"a,".repeat(30_000)}`,
    `To: ${"<".repeat(60_000)}`,
    `References: ${"<a> ".repeat(15_000)}`,
  ]) {
    expect(await tookMs(hostile(line)), line.slice(0, 10)).toBeLessThan(20 * floorMs);
  }
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 0);
  await Promise.all(Array.from({ length: 20 }, () => readBounce(harmless)));
  clearInterval(timer);
  expect(turns).toBeGreaterThanOrEqual(10);
});
