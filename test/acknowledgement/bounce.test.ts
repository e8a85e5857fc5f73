/** Bounces as mail systems write them, tied to the acknowledgement that they concern. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readBounce } from "../../src/acknowledgement/bounce.ts";
import { createBounceRoom } from "../../src/acknowledgement/bounce-room.ts";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import type { Recognised } from "../../src/delivery/accepted.ts";
import type { Refused } from "../../src/delivery/fate.ts";
import type { JournalRecord } from "../../src/journal/record.ts";
import { acceptInto, receivedFrom } from "../support/accept.ts";
import { bounce, ID, MAIL_ID, type Parts } from "../support/bounce.ts";
import { PEER } from "../support/report.ts";

const DOMAIN = "mms.example.net";
const read = (bytes: Uint8Array) => readBounce(bytes, DOMAIN);
const SAVED = new URL("../bounces/", import.meta.url);
const saved = (name: string) => readFileSync(new URL(name, SAVED));

test.each(readdirSync(SAVED).filter((file) => file.endsWith(".eml")))("as a mail system wrote it: %s", async (file) => {
  const { bounce: wanted } = JSON.parse(saved(file.replace(".eml", ".json")).toString());
  expect(await read(saved(file))).toEqual(wanted);
  // The returned mail's parts stand in another way in each. What is forwarded with LF alone reads the same.
  const withLineFeeds = saved(file).toString("latin1").replaceAll("\r\n", "\n");
  expect(await read(Buffer.from(withLineFeeds, "latin1"))).toEqual(wanted);
});

describe("a bounce is tied by what it names", () => {
  test("the mail that it returns the header of (Postfix)", async () => {
    expect(await read(bounce())).toEqual({
      acknowledgementId: ID,
      action: "failed",
      status: "5.1.1",
      diagnostic: "smtp; 550 5.1.1 <system-user@mmsc.example>: Recipient address rejected: User unknown",
    });
  });

  const inMixed = (text: string) =>
    text.replace("multipart/report; report-type=delivery-status;", "multipart/MIXED ;").replaceAll('"b"', "b");
  const inWrapper = (text: string) =>
    text
      .replace(/Content-Type: multipart\/report[^\n]*\n/, 'Content-Type: multipart/mixed; boundary="outer"\r\n')
      .replace(
        "\r\n\r\n--b",
        '\r\n\r\n--outer\r\nContent-Type: text/plain\r\n\r\nA gateway says so\r\n--outer\r\nContent-Type: multipart/report; boundary="b"\r\n\r\n--b',
      );
  test.each<[string, Buffer]>([
    ["the whole mail (Exim, sendmail)", bounce({ returnedAs: "message/rfc822" })],
    [
      "the envelope's id",
      bounce({ message: ["Reporting-MTA: dns; x", `Original-Envelope-Id: ${ID}`], returned: ["Subject: x"] }),
    ],
    ["what it answers", bounce({ top: [`In-Reply-To: ${MAIL_ID}`], returned: [] })],
    ["what it refers to", bounce({ top: [`References: <other@x.example> ${MAIL_ID}`], returned: [] })],
    ["in capitals, with blanks", bounce({ returned: [`MESSAGE-ID:   ${MAIL_ID}  `] })],
    ["folded", bounce({ returned: ["Message-ID:", `  ${MAIL_ID}`] })],
    ["in parts of a mixed one (OpenSMTPD)", Buffer.from(inMixed(bounce().toString()))],
    ["in parts of a part", Buffer.from(inWrapper(bounce().toString()))],
    ["in words alone", Buffer.from(`Subject: Undeliverable\r\n\r\nSorry\r\n> Message-ID: ${MAIL_ID}\r\n`)],
    ["at our domain in capitals", Buffer.from(`Subject: x\r\n\r\n<${ID}@MMS.Example.NET>.\r\n`)],
    [
      "of several ids that which is the mail's own",
      Buffer.from(
        `Subject: x\r\n\r\nX-Mms-Transaction-ID: "a${"9".repeat(32)}@${DOMAIN}"\r\nMessage-ID: ${MAIL_ID}\r\n`,
      ),
    ],
  ])("%s", async (_, bytes) => {
    expect((await read(bytes)).acknowledgementId).toBe(ID);
  });

  test.each<[string, Parts]>([
    ["another mail", { returned: ["Message-ID: <1@mms.example.net>"] }],
    [
      "another mail, though ours is spoken of",
      { top: [`Subject: ${MAIL_ID}`], returned: ["Message-ID: <1@x.example>"] },
    ],
    ["nothing", { returned: [] }],
    ["an id that only begins as ours do", { returned: [`Message-ID: <${ID}0@mms.example.net>`] }],
    ["an id that only ends as ours do", { returned: [`X: <0${ID}@mms.example.net>`] }],
    [
      "another domain that begins as ours does",
      { returned: [`X: <${ID}@mms.example.network>, <${ID}@mms.example.net.example>`] },
    ],
    ["an id in the text", { top: [`Subject: ${ID}`], returned: [] }],
  ])("to none: %s", async (_, parts) => {
    expect((await read(bounce(parts))).acknowledgementId).toBe(null);
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
  expect(await read(bounce(parts))).toMatchObject({ acknowledgementId: ID, ...wanted });
});

test.each([
  ["failed", "Delivery Status Notification (Failure)", "Address not found"],
  ["failed", "Undeliverable: x", "It was rejected"],
  ["failed", "x", "Your message could not be delivered because of 451 4.4.1, Deferred: no answer. I gave up."],
  [
    "unknown",
    "Delayed mail",
    "Your message could not be delivered for 4 hours. It will be retried until it is 5 days old.",
  ],
  ["unknown", "WARNING: delivery failed so far", "I will try again"],
  ["unknown", "Delivery status", "This is a delay: your message cannot be delivered now"],
  ["unknown", "Your mail", "Thank you, it was delivered"],
])("words alone are %s only when that is certain: %s", async (action, subject, text) => {
  const bytes = Buffer.from(
    `Subject: ${subject}\r\n\r\n${text}\r\n\r\nMessage-ID: ${MAIL_ID}\r\nX: permanent error\r\n`,
  );
  expect(await read(bytes)).toMatchObject({ acknowledgementId: ID, action });
});

test("cut off at any byte, or nothing at all, it is read as far as it goes and never fails", async () => {
  for (const whole of [bounce(), saved("opensmtpd-failed.eml"), saved("dma-failed.eml")]) {
    for (let length = 0; length < whole.length; length += 7) {
      const found = await read(whole.subarray(0, length));
      expect([null, ID]).toContain(found.acknowledgementId);
    }
  }
  expect(await read(Buffer.alloc(200_000, 0xff))).toMatchObject({ acknowledgementId: null, action: "unknown" });
});

test("of parts only the first are read, and what is behind the bound of bytes is not", async () => {
  const many = (count: number) =>
    Buffer.from(
      bounce()
        .toString()
        .replace("\r\n--b\r\n", `\r\n${"--b\r\n\r\n".repeat(count)}--b\r\n`),
    );
  expect(await read(many(BOUNDS.bounceParts.value - 3))).toMatchObject({ acknowledgementId: ID, action: "failed" });
  expect(await read(many(BOUNDS.bounceParts.value - 2))).toMatchObject({ acknowledgementId: ID, action: "failed" });
  expect(await read(many(BOUNDS.bounceParts.value))).toMatchObject({ status: null, diagnostic: null });
  const far = Buffer.concat([Buffer.alloc(BOUNDS.bounceBytes.value, "x"), Buffer.from(MAIL_ID)]);
  expect((await read(far)).acknowledgementId).toBe(null);
});

test("hostile ones cost no more than harmless ones of their size, and let other work through", async () => {
  const SIZE = BOUNDS.bounceBytes.value;
  const filled = (head: string, line: string) =>
    Buffer.from((head + line.repeat(Math.ceil(SIZE / line.length))).slice(0, SIZE), "latin1");
  const report = 'Content-Type: multipart/report; boundary="b"\r\n';
  const status = `${report}\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n`;
  const harmless = Buffer.concat([bounce(), Buffer.alloc(SIZE, "x\r\n")]);
  /** The least of some: a machine that is busy makes no difference. */
  const tookMs = async (bytes: Buffer) => {
    const took: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      const startedMs = performance.now();
      await read(bytes);
      took.push(performance.now() - startedMs);
    }
    return Math.min(...took);
  };
  await tookMs(harmless);
  const floorMs = Math.max(1, await tookMs(harmless));
  for (const [name, bytes] of Object.entries({
    "empty parts": filled(`${report}\r\n`, `--b\r\n\r\n`),
    "empty parts of an id": filled(`${report}X: ${MAIL_ID}\r\n\r\n`, `--b\r\n\r\n`),
    "delimiters of nothing": filled(`${report}\r\n`, "--\n"),
    "parts within parts": filled(`${report}\r\n`, '--b\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'),
    "blank lines in a status": filled(status, "\r\n"),
    "groups in a status": filled(status, "A: b\r\n\r\n"),
    "a boundary of blanks": filled('Content-Type: multipart/report; boundary="', " "),
    semicolons: filled("Content-Type: multipart/report", "; boundary "),
    addresses: filled(`${report}From: `, "a,"),
    brackets: filled(`${report}To: `, "<"),
    references: filled(`${report}References: `, "<a> "),
    "ids of others": filled(`${report}\r\n`, `${"a".repeat(33)}@`),
    "our domain": filled(`${report}\r\n`, `@${DOMAIN}`),
    "ids at our domain": filled(`${report}\r\n`, `a${"a".repeat(32)}@${DOMAIN} `),
    "ids at our domain, behind names": filled(`${report}\r\n`, `> > message-id: <a${"a".repeat(32)}@${DOMAIN}0`),
    "words of a reply": filled("Subject: x\r\n\r\n", "550 "),
    "base64 of nothing": filled(`${report}\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\n`, "="),
    "quoted-printable ends of lines": filled(
      `${report}\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n`,
      "=  ",
    ),
    "quotes in a type": filled("Content-Type: multipart/report", ';a="\\"'),
    "sections of a boundary": filled("Content-Type: multipart/report", ";boundary*0*=%41"),
    "quoted nothing": filled("Subject: x\r\n\r\n", "> "),
  })) {
    expect([name, (await tookMs(bytes)) < 20 * floorMs]).toEqual([name, true]);
  }
  let turns = 0;
  let turning = setImmediate(function turn() {
    turns += 1;
    turning = setImmediate(turn);
  });
  await Promise.all(Array.from({ length: 20 }, () => read(harmless)));
  clearImmediate(turning);
  expect(turns).toBeGreaterThanOrEqual(20);
});

test("of each peer some bounces may wait, whatever the others do, and one always", () => {
  const room = createBounceRoom();
  const half = BOUNDS.bouncesWaiting.value / 2;
  expect(room.has("a", 3 * half)).toBe(true);
  room.promised("1", { peer: "a", bytes: half });
  expect([room.has("a", half), room.has("a", 1), room.has("b", half)]).toEqual([false, true, true]);
  room.promised("2", { peer: "a", bytes: half });
  expect([room.has("a", 1), room.has("b", 1)]).toEqual([false, true]);
  for (const id of ["2", "2", "unknown", "1"]) room.broken(id);
  expect(room.has("a", 3 * half)).toBe(true);
});

describe("what comes in", () => {
  const stored: JournalRecord[] = [];
  const room = createBounceRoom();
  const quarantine = { has: () => true, promised() {}, broken() {} };
  /** What becomes of a message, by its reply. */
  const receiving = async (bytes: Uint8Array, mailFrom: string, systemAddress = `system-user@${DOMAIN}`) => {
    const told: (Recognised | Refused["kind"])[] = [];
    const accept = acceptInto(stored, {
      systemAddress,
      rooms: { quarantine, bounces: room, aside: { has: () => true } },
      observer: {
        accepted: (messages) => void told.push(...messages.map(({ recognised }) => recognised)),
        refused: (messages) => void told.push(...messages.map(({ refused }) => refused.kind)),
      },
    });
    await accept(receivedFrom(bytes, mailFrom));
    expect(told.length).toBe(1);
    return told[0];
  };

  test("is a bounce when it has the null sender, and is a DSN or holds an id at our domain", async () => {
    for (const file of readdirSync(SAVED).filter((name) => name.endsWith(".eml"))) {
      expect([file, await receiving(saved(file), "")]).toEqual([file, "bounce"]);
      expect(await receiving(saved(file), "MAILER-DAEMON@mmsc.example")).not.toBe("bounce");
    }
    expect(await receiving(saved("dma-failed.eml"), "", "system-user@other.example")).not.toBe("bounce");
    expect(await receiving(bounce({ returned: [] }), "", "system-user@other.example")).toBe("bounce");
    const onlyEnvelope = bounce({ message: ["Reporting-MTA: dns; x", `Original-Envelope-ID: ${ID}`], returned: [] });
    const inMixed = onlyEnvelope.toString().replace("multipart/report; report-type=delivery-status", "multipart/mixed");
    expect(await receiving(Buffer.from(inMixed), "")).toBe("bounce");
    expect(await receiving(Buffer.from(inMixed.replace(ID, `${ID}0`)), "")).toBe("refused");
    expect(await receiving(Buffer.from("Subject: News\r\n\r\nBuy now\r\n"), "")).toBe("refused");
  });

  test("is kept as far as it is read; where too much of one peer waits, it is asked to come again", async () => {
    const long = Buffer.concat([bounce(), Buffer.alloc(200_000, "x\r\n")]);
    expect(await receiving(long, "")).toBe("bounce");
    const last = stored.at(-1);
    const raw = Buffer.from(last?.kind === "bounce" ? last.message.raw : "", "base64");
    expect(raw.equals(long.subarray(0, BOUNDS.bounceBytes.value))).toBe(true);
    room.promised("much", { peer: PEER.name, bytes: BOUNDS.bouncesWaiting.value });
    expect(await receiving(bounce(), "")).toBe("not-stored");
    for (const id of ["much", ...stored.map((record) => record.id)]) room.broken(id);
    expect(await receiving(bounce(), "")).toBe("bounce");
  });
});
