/** Connections that are kept open: by whatever is said on them, as long as it is less than ten commands a second. */
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { hashPassword, type PasswordHash, readPasswordHash } from "../../src/smtp/password.ts";
import { type Certificates, createCertificates } from "../support/certificates.ts";
import { peerAt, startTestListener, type TestListener } from "../support/listener.ts";
import { deliveryReport } from "../support/report.ts";
import { connectSmtp, type SmtpClient } from "../support/smtp-client.ts";

const OTHER = "127.0.0.12";
const USER = "127.0.0.13";
const STRANGE = "127.0.0.14";
const TOO_MANY = "421 4.7.0 Too many commands without a message, connect again";
const TOO_MANY_BAD = "421 4.7.0 Too many bad commands";

let certificates: Certificates;
let listener: TestListener;
let clients: SmtpClient[] = [];

beforeAll(async () => {
  certificates = createCertificates();
  const { certFile, keyFile } = certificates.make("mm4d.test");
  const password = readPasswordHash(await hashPassword("s3cret")) as PasswordHash;
  const soon = { connections: null, messagesPerSecond: null, commands: 20 };
  listener = await startTestListener({
    peers: [
      peerAt("carrier", "127.0.0.1"),
      peerAt("other", OTHER, { limits: soon }),
      peerAt("user", USER, { auth: { user: "carrier", password } }),
      { ...peerAt("loopback", STRANGE), listed: false },
    ],
    certificate: {
      cert: readFileSync(certFile, "utf8"),
      key: readFileSync(keyFile, "utf8"),
      ca: undefined,
      validFrom: "",
      expiresAt: new Date(),
      subject: "",
    },
    limits: { sessionMs: 86_400_000, peerIdleMs: 300_000 },
  });
});
afterAll(async () => {
  await listener.stop(0);
  certificates.remove();
});
// The clock goes as fast as a test likes, so that none waits for it and none depends on the machine.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
  for (const client of clients) client.end();
  clients = [];
});

async function connect(from = "127.0.0.1"): Promise<SmtpClient> {
  const client = connectSmtp(listener.port, { from });
  clients.push(client);
  expect(await client.reply()).toMatch(/^220 /);
  return client;
}

/** Says commands in turn, with a pause before each. The last reply, and how many came before it. */
async function say(client: SmtpClient, commands: readonly string[], count: number, pauseMs: number) {
  for (let said = 0; said < count; said++) {
    vi.advanceTimersByTime(pauseMs);
    const reply = await client.command(commands[said % commands.length] ?? "");
    if (reply.startsWith("421")) return { reply, before: said };
  }
  return { reply: null, before: count };
}

test.each<[string, readonly string[], number]>([
  ["HELO every ten seconds, as mmsgw does", ["HELO gw.example"], 10_000],
  ["EHLO", ["EHLO gw.example"], 101],
  ["NOOP behind an EHLO", ["NOOP"], 101],
  ["RSET", ["RSET"], 101],
  ["an empty line", [""], 101],
  ["an unknown command", ["PING"], 101],
  ["a command that is not done here", ["VRFY x", "HELP"], 101],
  ["commands out of order", ["DATA", "RCPT TO:<a@b>"], 101],
  ["transactions that come to nothing", ["MAIL FROM:<>", "RCPT TO:<a@b>", "RSET"], 101],
  ["AUTH that is not offered", ["AUTH PLAIN AGEAYg=="], 101],
])("fewer than ten commands a second never end a listed peer's connection: %s", async (_, commands, pauseMs) => {
  const client = await connect();
  await client.command("EHLO gw.example");
  expect(await say(client, commands, 402, pauseMs)).toEqual({ reply: null, before: 402 });
  expect(await client.deliver(Buffer.from(deliveryReport()))).toMatch(/^250 /);
});

test("nine at once, every second, do not end it either; after the login neither", async () => {
  const client = await connect(USER);
  await client.command("EHLO gw.example");
  await client.command("STARTTLS");
  await client.startTls();
  await client.command("EHLO gw.example");
  expect(await client.command(`AUTH PLAIN ${Buffer.from("\0carrier\0s3cret").toString("base64")}`)).toMatch(/^235 /);
  for (let second = 0; second < 20; second++) {
    expect(await say(client, ["NOOP", "NONSENSE"], 9, 0)).toMatchObject({ reply: null });
    vi.advanceTimersByTime(1_000);
  }
});

test("a flood ends it: so many at once as the settings or its entry say, or more than ten a second for long", async () => {
  expect(await say(await connect(), ["NOOP"], 1_000, 0)).toEqual({ reply: TOO_MANY, before: 100 });
  expect(await say(await connect(OTHER), ["NOOP"], 1_000, 0)).toEqual({ reply: TOO_MANY, before: 20 });
  expect(await say(await connect(), ["NONSENSE"], 1_000, 0)).toEqual({ reply: TOO_MANY_BAD, before: 9 });
  const { reply, before } = await say(await connect(), ["RSET", "NOOP"], 1_000, 50);
  expect(reply).toBe(TOO_MANY);
  expect(before).toBeGreaterThan(150);
});

test("who is not listed may say so many without a message, however slowly", async () => {
  expect(await say(await connect(STRANGE), ["NOOP"], 1_000, 10_000)).toEqual({ reply: TOO_MANY, before: 100 });
  expect(await say(await connect(STRANGE), ["NONSENSE"], 1_000, 10_000)).toEqual({ reply: TOO_MANY_BAD, before: 9 });
});

test("a message makes room for as many again", async () => {
  const client = await connect();
  await client.command("HELO gw.example");
  for (let message = 0; message < 3; message++) {
    expect(await say(client, ["NOOP"], 90, 0)).toMatchObject({ reply: null });
    expect(await client.deliver(Buffer.from(deliveryReport()))).toMatch(/^250 /);
  }
});
