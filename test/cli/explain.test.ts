/** `mm4d explain` answers and finds what the service would: the same functions decide in both. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { REPLIES } from "../../src/smtp/replies.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { deliveryReport, type FieldsOf } from "../support/report.ts";
import { cleanEnv } from "../support/service.ts";

const directory = mkdtempSync(join(tmpdir(), "mm4d-explain-"));
afterAll(() => rmSync(directory, { recursive: true }));

async function explain(bytes: Uint8Array, settings: Readonly<Record<string, string>> = {}) {
  const file = join(directory, "message.eml");
  writeFileSync(file, bytes);
  const { code, stdout, stderr } = await runCommandWithin(["explain", file], cleanEnv(settings));
  return { code, stdout, said: `${stdout}${stderr}`.replace(/\s+/g, " ") };
}

const repliedWith = ({ code, text }: { readonly code: number; readonly text: string }) => `${code} ${text}`;
const report = (fields: FieldsOf) => deliveryReport(fields);
const text = (...lines: readonly string[]) => Buffer.from(`${lines.join("\r\n")}\r\n`);

test("a report is answered before it is read, and its event is queued", async () => {
  const { code, stdout, said } = await explain(deliveryReport());
  expect(code).toBe(0);
  expect(said).toContain(`It is answered ${repliedWith(REPLIES.stored)}, and its event is queued`);
  for (const line of stdout.split("\n")) expect([line, line.length <= 80]).toEqual([line, true]);
});

const RECIPIENTS = {
  "X-Mms-Message-Type": "MM4_forward.RES",
  "X-Mms-Request-Status-Code": "Ok",
  "X-Mms-Request-Recipients": "a,".repeat(501),
};

test.each([
  ["no status", report({ "X-Mms-MM-Status-Code": undefined }), REPLIES.quarantined, "and kept in quarantine"],
  ["an unknown type", report({ "X-Mms-Message-Type": "MM4_odd.REQ" }), REPLIES.quarantined, "and kept in quarantine"],
  [
    "a type behind its header",
    text("", "X-Mms-Message-Type: MM4_forward.REQ"),
    REPLIES.quarantined,
    "not in its header",
  ],
  [
    "too much",
    report(RECIPIENTS),
    REPLIES.stored,
    "before it is read, then kept in quarantine. It names more than 500",
  ],
  ["another PDU", report({ "X-Mms-Message-Type": "MM4_forward.REQ" }), REPLIES.ignored, "counted and not queued"],
  ["ordinary mail", text("Subject: x", "", "Hello"), REPLIES.notMm4, "It is no MM4 message"],
  ["too many fields", report({ A: "1\r\nB: 2".repeat(1_100) }), REPLIES.headerTooLarge, "more fields than mm4d reads"],
  ["a long header", report({ A: "x".repeat(70_000) }), REPLIES.headerTooLarge, "longer than mm4d reads"],
] as const)("%s: no event, and how it is answered", async (_, bytes, reply, words) => {
  const { code, said } = await explain(bytes);
  expect([code, said]).toEqual([1, expect.stringMatching(/^There is no event\. /)]);
  expect(said).toContain(repliedWith(reply));
  expect(said).toContain(words);
  expect(said).not.toContain("null sender");
});

test("what comes back is refused, and a bounce with the null sender; by its type, or by the id of a mail of ours", async () => {
  const dsn = text("Content-Type: multipart/report; report-type=delivery-status; boundary=x", "", "--x--");
  const plain = text("Subject: Undelivered", "", `Message-ID: <a${"0".repeat(32)}@ours.example>`);
  for (const bytes of [dsn, plain]) {
    const { code, said } = await explain(bytes, { MM4D_DOMAIN: "ours.example" });
    expect(code).toBe(1);
    expect(said).toContain(`It is refused with ${repliedWith(REPLIES.notMm4)}. With the null sender`);
    expect(said).toContain(`It is a bounce. It is answered ${repliedWith(REPLIES.bounce)}`);
  }
  // The id of somebody else's mail says nothing.
  expect((await explain(plain, { MM4D_DOMAIN: "other.example" })).said).not.toContain("bounce");
});
