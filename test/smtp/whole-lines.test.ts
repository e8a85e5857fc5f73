/** A command whose line comes alone and whole is read in a shorter way than others, and must be taken for the same. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { peerAt, startTestListener, type TestListener } from "../support/listener.ts";
import { connectSmtp } from "../support/smtp-client.ts";

const UNLISTED = "127.0.0.9";
let listener: TestListener;

beforeAll(async () => {
  listener = await startTestListener({
    domains: ["mms.example.net"],
    peers: [peerAt("carrier", "127.0.0.1"), peerAt("unlisted", UNLISTED, { listed: false })],
  });
});
afterAll(() => listener.stop(0));

/** What is said to a line that comes in these pieces, and whether the next one is still heard. */
async function replies(from: string, before: readonly string[], pieces: readonly string[]): Promise<string> {
  const client = connectSmtp(listener.port, { from });
  await client.reply();
  for (const line of before) await client.command(line);
  for (const piece of pieces) {
    client.write(piece);
    // The pieces are to arrive one by one.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const reply = await client.reply();
  const next = await client.command("NOOP").catch(() => "closed");
  client.end();
  return `${reply} / ${next}`;
}

const line = fc
  .tuple(
    fc.constantFrom(
      "MAIL FROM:",
      "mail from: ",
      "RCPT TO:",
      "RCPT\tTO :",
      "DATA",
      "NOOP",
      "VRFY",
      "EHLO",
      "GET / ",
      "",
    ),
    fc.array(
      fc.constantFrom(
        "<a@b>",
        "<>",
        "<a",
        "a@mms.example.net",
        " ",
        "\t",
        "\r",
        "\0",
        "\xd0",
        "SIZE=1",
        "SIZE=x",
        "X=1",
        '"',
      ),
      { maxLength: 4 },
    ),
  )
  .map(([verb, rest]) => verb + rest.join(""));
const before = fc.constantFrom([], ["EHLO gw"], ["EHLO gw", "MAIL FROM:<a@b>"]);

test("a line is answered alike, whether it comes alone, in pieces, or with another behind it", {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(line, before, fc.constantFrom("127.0.0.1", UNLISTED), async (said, first, from) => {
      const alone = await replies(from, first, [`${said}\r\n`]);
      expect(await replies(from, first, [`${said}\r`, "\n"])).toBe(alone);
      expect(await replies(from, first, [`${said}\r\nNOOP\r\n`])).toBe(alone);
    }),
    { numRuns: 25 },
  );
});
