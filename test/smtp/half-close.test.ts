/** Clients that close their sending side and read on (RFC 1122 §4.2.2.13), at every place of a session. */
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Certificate } from "../../src/settings/certificate.ts";
import { loadCertificate } from "../../src/settings/certificate.ts";
import { hashPassword, readPasswordHash } from "../../src/smtp/password.ts";
import { type Certificates, createCertificates } from "../support/certificates.ts";
import { peerAt, startTestListener, type TestListener } from "../support/listener.ts";
import { proxyHeader } from "../support/proxy-header.ts";
import { eventually } from "../support/redis.ts";
import { connectSmtp, openData, openSession, type SmtpClient } from "../support/smtp-client.ts";

const ENVELOPE = "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
const MESSAGE = "X: 1\r\n\r\n.\r\n";
const ANSWERED = "250 250 354 250";
const BALANCER = "127.0.0.6";
const WITH_USER = "127.0.0.4";
const STRANGER = "127.0.0.9";

let certificates: Certificates;
let certificate: Certificate;
let listener: TestListener;
/** Holds back what is stored until it is called. */
let sync: (() => void) | undefined;
let slow = false;

beforeAll(async () => {
  certificates = createCertificates();
  certificate = loadCertificate({ ...certificates.make("mm4d.test"), caFile: "" });
  const password = readPasswordHash(await hashPassword("s3cret"));
  if (!password) throw new Error("A hash of ours should be read");
  listener = await startTestListener({
    certificate,
    smtps: true,
    proxies: [BALANCER],
    peers: [peerAt("carrier", "127.0.0.1"), peerAt("with-user", WITH_USER, { auth: { user: "carrier", password } })],
    store: () =>
      new Promise((resolve) => {
        if (slow) sync = resolve;
        else resolve();
      }),
  });
});
afterAll(async () => {
  await listener.stop(0);
  certificates.remove();
});

/** The codes of everything that the server says until it closes. */
async function codesOf(client: SmtpClient): Promise<string> {
  const codes: string[] = [];
  for (;;) {
    const reply = await client.reply().catch(() => undefined);
    if (reply === undefined) break;
    codes.push(reply.slice(0, 3));
  }
  await client.closed();
  return codes.join(" ");
}

const KINDS: Readonly<Record<string, () => Promise<SmtpClient>>> = {
  "in clear": () => openSession(listener.port),
  async "after STARTTLS"() {
    const client = await openSession(listener.port);
    await client.command("STARTTLS");
    await client.startTls();
    await client.command("EHLO x");
    return client;
  },
  "with TLS from the beginning": () => openSession(listener.smtpsAddress?.port ?? 0, { tls: {} }),
  async "behind a PROXY header"() {
    const client = connectSmtp(listener.port, { from: BALANCER });
    client.write(proxyHeader({ version: 2, address: "127.0.0.1" }));
    await client.reply();
    await client.command("EHLO x");
    return client;
  },
};

describe.each(Object.keys(KINDS))("%s", (kind) => {
  const open = KINDS[kind] as () => Promise<SmtpClient>;
  /** Writes, closes the sending side, and reads to the end. */
  const last = async (bytes: string): Promise<string> => {
    const client = await open();
    client.write(bytes);
    client.socket.end();
    return codesOf(client);
  };

  test.each([
    ["the final dot", `${ENVELOPE}${MESSAGE}`, ANSWERED],
    ["the final dot and QUIT, as Exim does", `${ENVELOPE}${MESSAGE}QUIT\r\n`, `${ANSWERED} 221`],
    ["two messages", `${ENVELOPE}${MESSAGE}${ENVELOPE}${MESSAGE}`, `${ANSWERED} ${ANSWERED}`],
    ["some commands", "NOOP\r\nMAIL FROM:<a@b>\r\nXYZZY\r\n", "250 250 500"],
    ["QUIT", "QUIT\r\n", "221"],
    ["nothing", "", ""],
    ["half a command, which is none", "NOOP\r\nQUI", "250"],
    ["a whole command without a line end, which is none", "NOOP\r\nNOOP", "250"],
  ])("whoever closes its sending side behind %s hears every reply, and is closed", async (_, bytes, codes) => {
    const before = listener.messages.length;
    expect(await last(bytes)).toBe(codes);
    expect(listener.messages.length - before).toBe(bytes.split(".\r\n").length - 1);
    await eventually(listener.connections, (open) => open === 0);
  });

  test("a message whose end did not come is not stored, and its connection is closed", async () => {
    const before = listener.messages.length;
    for (const cut of [1, 2, 3, 4, 5, MESSAGE.length]) {
      expect(await last(`${ENVELOPE}${MESSAGE.slice(0, -cut)}`)).toBe("250 250 354");
    }
    expect(listener.messages.length).toBe(before);
  });

  test("a disk that is still at it when the client has closed its sending side is waited for", async () => {
    slow = true;
    const handed = listener.handed.length;
    const client = await open();
    client.write(`${ENVELOPE}${MESSAGE}QUIT\r\n`);
    client.socket.end();
    const codes = codesOf(client);
    await eventually(
      () => sync,
      (waits) => waits !== undefined,
    );
    // Its end has come by now, or comes while it is stored.
    await new Promise((resolve) => setTimeout(resolve, 50));
    slow = false;
    sync?.();
    sync = undefined;
    expect(await codes).toBe(`${ANSWERED} 221`);
    expect(listener.handed.slice(handed)).toEqual([true]);
  });
});

test("a whole session in one packet is answered, and closed", async () => {
  const client = connectSmtp(listener.port);
  client.socket.end(`EHLO x\r\n${ENVELOPE}${MESSAGE}QUIT\r\n`);
  expect(await codesOf(client)).toBe(`220 250 ${ANSWERED} 221`);
  const behindBalancer = connectSmtp(listener.port, { from: BALANCER });
  const header = proxyHeader({ version: 1, address: "127.0.0.1" });
  behindBalancer.socket.end(Buffer.concat([header, Buffer.from(`EHLO x\r\n${ENVELOPE}${MESSAGE}`)]));
  expect(await codesOf(behindBalancer)).toBe(`220 250 ${ANSWERED}`);
});

test("a login is answered before the connection is closed, a right one and a wrong one", async () => {
  for (const [password, code] of [
    ["s3cret", "235"],
    ["guess", "535"],
  ]) {
    const client = await openSession(listener.smtpsAddress?.port ?? 0, { from: WITH_USER, tls: {} });
    client.write(`AUTH PLAIN ${Buffer.from(`\0carrier\0${password}`).toString("base64")}\r\n`);
    client.socket.end();
    expect(await codesOf(client)).toBe(code);
  }
});

test("a stranger, a client that says nothing, and half a PROXY header are closed", async () => {
  const stranger = connectSmtp(listener.port, { from: STRANGER });
  stranger.socket.end("EHLO x\r\n");
  expect(await codesOf(stranger)).toBe("554");
  const silent = connectSmtp(listener.port);
  silent.socket.end();
  expect(await codesOf(silent)).toBe("220");
  for (const piece of ["", "PROXY TCP4 127"]) {
    const balancer = connectSmtp(listener.port, { from: BALANCER });
    balancer.socket.end(piece);
    expect(await codesOf(balancer)).toBe("");
  }
});

test("a handshake that is broken off in its middle is closed at once", async () => {
  const after = await openSession(listener.port);
  await after.command("STARTTLS");
  after.socket.end();
  await after.closed();
  const inOnePacket = connectSmtp(listener.port);
  inOnePacket.socket.end("EHLO x\r\nSTARTTLS\r\n");
  expect(await codesOf(inOnePacket)).toBe("220 250 220");
  const implicit = connectSmtp(listener.smtpsAddress?.port ?? 0);
  implicit.socket.end(Buffer.from([0x16, 0x03, 0x01]));
  await implicit.closed();
  await eventually(listener.connections, (open) => open === 0);
});

test("a client that ends its TLS without a close_notify is answered", async () => {
  const client = connectSmtp(listener.smtpsAddress?.port ?? 0);
  // Its own TLS over the socket, whose end it does not tell.
  const secure = connectTls({ socket: client.socket, rejectUnauthorized: false });
  let said = "";
  secure.setEncoding("latin1").on("data", (text) => {
    said += text;
  });
  const closed = new Promise((resolve) => secure.once("close", resolve));
  await new Promise((resolve) => secure.once("secureConnect", resolve));
  await new Promise<unknown>((resolve) => secure.write(`EHLO x\r\n${ENVELOPE}${MESSAGE}QUIT\r\n`, resolve));
  client.socket.end();
  await closed;
  expect([...said.matchAll(/^(\d{3}) /gm)].map(([, code]) => code).join(" ")).toBe(`220 250 ${ANSWERED} 221`);
});

test("a reply that nobody can hear is not counted, and whoever asked for it is told so", async () => {
  slow = true;
  const [handed, stored] = [listener.handed.length, listener.messages.length];
  const replies = (): number => listener.codes.length;
  const client = await openData(listener.port);
  client.write(MESSAGE);
  await eventually(
    () => sync,
    (waits) => waits !== undefined,
  );
  client.socket.resetAndDestroy();
  await eventually(listener.connections, (open) => open === 0);
  const before = replies();
  slow = false;
  sync?.();
  sync = undefined;
  await eventually(
    () => listener.handed.slice(handed),
    (all) => all.length === 1,
  );
  expect(listener.handed.slice(handed)).toEqual([false]);
  expect([listener.messages.length - stored, replies() - before]).toEqual([1, 0]);
});

test("whoever has closed its sending side and reads nothing is not held for ever, at a stop neither", async () => {
  const hold = async (limits: { readonly peerIdleMs?: number; readonly dataMs?: number }): Promise<TestListener> => {
    const other = await startTestListener({ limits });
    const client = await openSession(other.port);
    client.socket.pause();
    // More replies than both systems together hold back, and those that are long.
    client.socket.end(`${"EHLO x\r\n".repeat(90)}${ENVELOPE}.\r\n`.repeat(1_000));
    await eventually(
      async () => {
        const before = other.codes.length;
        await new Promise((resolve) => setTimeout(resolve, 100));
        return other.codes.length - before;
      },
      (more) => more === 0,
    );
    // It stands still: what it said is not read to its end.
    expect(other.messages.length).toBeLessThan(1_000);
    return other;
  };
  const impatient = await hold({ peerIdleMs: 300, dataMs: 300 });
  const stopping = await hold({});
  await Promise.all([stopping.stop(100), eventually(impatient.connections, (open) => open === 0)]);
  await impatient.stop(0);
});
