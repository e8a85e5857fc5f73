/** Some commands go to their handlers in a shorter way than the library's, and must be answered as in its own. */
import fc from "fast-check";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { loadCertificate } from "../../src/settings/certificate.ts";
import { Mm4Connection } from "../../src/smtp/connection.ts";
import { hashPassword, readPasswordHash } from "../../src/smtp/password.ts";
import { type Certificates, createCertificates } from "../support/certificates.ts";
import { peerAt, startTestListener, type TestListener } from "../support/listener.ts";
import { type ConnectOptions, connectSmtp } from "../support/smtp-client.ts";

const UNLISTED = "127.0.0.9";
const WITH_LOGIN = "127.0.0.5";
let certificates: Certificates;
let listener: TestListener;

beforeAll(async () => {
  certificates = createCertificates();
  const password = readPasswordHash(await hashPassword("s3cret"));
  if (!password) throw new Error("A hash of ours should be read");
  listener = await startTestListener({
    certificate: loadCertificate({ ...certificates.make("mm4d.test"), caFile: "" }),
    smtps: true,
    limits: { recipients: 2, badCommands: 6, commands: 12 },
    domains: ["mms.example.net"],
    peers: [
      peerAt("carrier", "127.0.0.1"),
      peerAt("unlisted", UNLISTED, { listed: false }),
      peerAt("login", WITH_LOGIN, { auth: { user: "carrier", password } }),
    ],
  });
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  await listener.stop(0);
  certificates.remove();
});

interface Told {
  readonly replies: string;
  readonly messages: readonly string[];
  readonly refusals: readonly string[];
  readonly errors: readonly string[];
}

/** All that comes of these pieces: written in one go, or each once the one before was answered. */
async function told(pieces: readonly string[], pipelined: boolean, options: ConnectOptions): Promise<Told> {
  const { messages, refusals, errors } = listener;
  for (const list of [messages, refusals, errors]) list.length = 0;
  const client = connectSmtp(options.tls ? (listener.smtpsAddress?.port ?? 0) : listener.port, options);
  const greeting = await client.reply();
  // What ends a message that was begun, and the session.
  const all = [...pieces, ".\r\n", "QUIT\r\n"];
  if (pipelined) client.write(all.join(""));
  else {
    for (const piece of all) {
      const before = client.unread();
      client.write(piece);
      for (let i = 0; i < 10 && client.unread() === before; i++) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
  // A handshake that was announced is never begun.
  await Promise.race([client.closed(), new Promise((resolve) => setTimeout(resolve, 300))]);
  client.end();
  return {
    replies: greeting + client.unread(),
    messages: [...messages],
    refusals: refusals.map(({ reason }) => reason),
    errors: errors.map(({ message }) => message),
  };
}

/** The same, in the library's own way. */
async function toldByLibrary(...args: Parameters<typeof told>): Promise<Told> {
  const own = vi.spyOn(Mm4Connection.prototype as unknown as { findHandler(): undefined }, "findHandler");
  own.mockReturnValue(undefined);
  const whole = await told(...args);
  own.mockRestore();
  return whole;
}

const COMMANDS = [
  "EHLO gw",
  "HELO gw",
  "HELO",
  "LHLO gw",
  "MAIL FROM:<a@b>",
  "mail from:<>",
  "MAIL FROM:<a",
  "MAIL FROM:<a@b> SIZE=1",
  "MAIL FROM:<a@b> SIZE=99999999",
  "MAIL FROM:<a@b> X=1",
  "MAIL",
  "MAIL\tFROM:<a@b>",
  "RCPT TO:<r@mms.example.net>",
  "RCPT TO:<s@mms.example.net>",
  "RCPT TO:<t@mms.example.net>",
  "RCPT TO:<r@elsewhere.example>",
  "RCPT TO:<\xd0@mms.example.net>",
  "Rcpt",
  "DATA",
  "DATA x",
  "data ",
  "x\r\n..\r\n.",
  "RSET",
  "NOOP",
  "VRFY a",
  "AUTH LOGIN",
  "POST / HTTP/1.1",
  "DATA / HTTP/1.1",
  "WIZ",
  "XCLIENT",
  "MA\u0131L",
  "",
];
const usual = [
  "EHLO gw\r\n",
  "MAIL FROM:<a@b>\r\n",
  "RCPT TO:<r@mms.example.net>\r\n",
  "DATA\r\n",
  "a: b\r\n\r\nx\r\n.\r\n",
];
/** Odd ones, and the usual ones with odd ones between them. */
const pieces = fc
  .tuple(
    fc.nat(usual.length),
    fc.array(
      fc.constantFrom(...COMMANDS).map((line) => `${line}\r\n`),
      { maxLength: 8 },
    ),
    fc.boolean(),
  )
  .map(([first, odd, more]) => [...usual.slice(0, first), ...odd, ...(more ? usual.slice(first) : [])]);

test("commands are answered alike in both ways", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(pieces, fc.boolean(), fc.constantFrom("127.0.0.1", UNLISTED), async (said, pipelined, from) => {
      expect(await told(said, pipelined, { from })).toEqual(await toldByLibrary(said, pipelined, { from }));
    }),
    { numRuns: 50 },
  );
});

test.each([
  ["answers to a challenge", ["EHLO gw\r\n", "AUTH LOGIN\r\n", "MAIL FROM:<a@b>\r\n", "DATA\r\n"], WITH_LOGIN, true],
  ["what needs a login", ["EHLO gw\r\n", "MAIL FROM:<a@b>\r\n", "DATA\r\n"], WITH_LOGIN, true],
  ["input during a handshake", ["EHLO gw\r\n", "STARTTLS\r\n", "MAIL FROM:<a@b>\r\n"], "127.0.0.1", false],
])("both ways agree about %s", async (_, said, from, isTls) => {
  const options = { from, ...(isTls ? { tls: {} } : {}) };
  const both = [await told(said, true, options), await toldByLibrary(said, true, options)];
  expect(both[0]).toEqual(both[1]);
  expect(both[0]?.replies).not.toContain("Sender accepted");
});

test.each(["handler_MAIL", "handler_RCPT"] as const)("a fault in %s is answered, and told of, alike", async (name) => {
  vi.spyOn(SMTPConnection.prototype, name).mockImplementation(() => {
    throw new Error("A fault");
  });
  const ours = await told(usual, false, {});
  expect(ours).toEqual(await toldByLibrary(usual, false, {}));
  expect(ours.replies).toContain("451 4.3.0 Internal error");
  expect(ours.errors).toContain("A fault");
});

test("the usual commands take the shorter way", async () => {
  const library = vi.spyOn(SMTPConnection.prototype, "_onCommand");
  const { messages } = await told(usual, false, {});
  expect(messages).toEqual(["a: b\r\n\r\nx\r\n"]);
  expect(library.mock.calls.map(([command]) => command.toString("latin1"))).toEqual(["."]);
});
