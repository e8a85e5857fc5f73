/** A client that says anything in any order: each command is answered with exactly one well-formed reply. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deliveryReport } from "../support/report.ts";
import { connectSmtp, openSession } from "../support/smtp-client.ts";
import { ATTACKER, LENIENT_ATTACKER, STORED, startVictim, type Victim } from "./victim.ts";

let victim: Victim;
beforeAll(async () => {
  victim = await startVictim();
});
afterAll(() => victim.stop());

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
/** Without line ends: those are the client's to write. */
const junk = fc.string({ unit: byte, maxLength: 60 }).map((text) => text.replace(/[\r\n]/g, "?"));
const address = fc.oneof(
  fc.constantFrom(
    "<>",
    "<a@mms.example.net>",
    "<+12025550199/TYPE=PLMN>",
    "x@y",
    "<a@b@c>",
    '<"a b"@c>',
    "<@r:a@b>",
    "<[::1]>",
  ),
  junk.map((text) => `<${text}>`),
);
const command = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "EHLO mmsc.example.net",
      "HELO x",
      "MAIL FROM:<>",
      "RCPT TO:<x@mms.example.net>",
      "DATA",
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom("MAIL FROM:", "RCPT TO:", "mail from: ", "RCPT TO :"),
        address,
        fc.constantFrom("", " SIZE=10", " SIZE=", " BODY=8BITMIME", " X=1 X=2", " SMTPUTF8=1"),
      )
      .map((parts) => parts.join("")),
  },
  fc.constantFrom(
    "NOOP",
    "RSET",
    "VRFY x",
    "EXPN",
    "HELP me",
    "AUTH PLAIN AA==",
    "AUTH",
    "STARTTLS",
    "BDAT 5 LAST",
    "XCLIENT A=B",
    "ETRN x",
    "",
    " ",
    "QUIT ",
  ),
  fc.tuple(fc.constantFrom("EHLO ", "HELO ", "AUTH LOGIN ", "", "DATA "), junk).map((parts) => parts.join("")),
);
const text = fc.oneof(
  fc.constant(Buffer.from(deliveryReport()).toString("latin1")),
  fc.array(junk).map((lines) => lines.join("\r\n")),
);
const dialogue = fc.array(fc.record({ command, text }), { minLength: 1, maxLength: 25 });

/** RFC 5321 §4.2: three digits, and text that is printable; enhanced codes of the same class. */
const REPLY =
  /^(?:[2345]\d\d-[\x20-\x7e]*\r\n)*(?:220 [\x20-\x7e]+|250[ -][\x20-\x7e]+|354 [\x20-\x7e]+|334 [\x20-\x7e]*|([245])\d\d \1\.\d{1,3}\.\d{1,3} [\x20-\x7e]+)$/;

test("random dialogues", async () => {
  await victim.endures(() =>
    fc.assert(
      fc.asyncProperty(dialogue, fc.constantFrom(ATTACKER, LENIENT_ATTACKER), async (steps, from) => {
        const client = connectSmtp(victim.service.smtpPort, { from });
        const answered = async (said: string): Promise<string> => {
          expect(client.unread(), `before ${JSON.stringify(said)}`).toBe("");
          client.write(said);
          const reply = await client.reply();
          expect(reply).toMatch(REPLY);
          for (const line of reply.split("\r\n")) expect(line.length).toBeLessThanOrEqual(510);
          return reply;
        };
        try {
          await client.reply();
          for (const { command: line, text: message } of steps) {
            const reply = await answered(`${line}\r\n`);
            if (/^(?:221|421)/.test(reply)) return;
            if (!reply.startsWith("354")) continue;
            const stuffed = `${message}\r\n`.replace(/^\./gm, "..").replace(/\r(?!\n)/g, "");
            if (/^(?:421|554)/.test(await answered(`${stuffed}.\r\n`))) return;
          }
        } finally {
          client.end();
        }
      }),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 300) },
    ),
  );
});

test("a good report goes through afterwards", async () => {
  const client = await openSession(victim.service.smtpPort, { from: ATTACKER });
  expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": "afterwards" }))).toBe(STORED);
  client.end();
});
