/** Clients that send a byte now and then, for ever: a deadline that every byte puts off is none. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Certificates, createCertificates } from "../support/certificates.ts";
import { deliveryReport } from "../support/report.ts";
import { connectSmtp, openData, openSession, type SmtpClient } from "../support/smtp-client.ts";
import { ATTACKER, STRANGER, startVictim, type Victim } from "./victim.ts";

let victim: Victim;
let certificates: Certificates;

beforeAll(async () => {
  certificates = createCertificates();
  const { certFile, keyFile } = certificates.make("mm4d.test");
  victim = await startVictim({
    MM4D_TLS_CERT_FILE: certFile,
    MM4D_TLS_KEY_FILE: keyFile,
    MM4D_SMTPS_PORT: "0",
    MM4D_PROXIES: "127.0.0.8",
    MM4D_FIRST_COMMAND_SECONDS: "1",
    MM4D_LINE_SECONDS: "1",
    MM4D_DATA_SECONDS: "1",
    MM4D_PEER_IDLE_SECONDS: "1",
  });
});
afterAll(async () => {
  await victim.stop();
  certificates.remove();
});

const TRICKLE_EVERY_MS = 50;

/** Sends a byte every so often until the server has had enough; everything it said. */
async function trickle(client: SmtpClient, bytes: string | Uint8Array): Promise<string> {
  let at = 0;
  const timer = setInterval(
    () => client.write(Buffer.from([Buffer.from(bytes)[at++ % bytes.length] ?? 0])),
    TRICKLE_EVERY_MS,
  );
  const said: string[] = [];
  try {
    for (;;) said.push(await client.reply());
  } catch {
    return said.at(-1) ?? "";
  } finally {
    clearInterval(timer);
    client.end();
  }
}

test("whatever it trickles, and wherever, a client is cut when its time is over", async () => {
  const { smtpPort: port } = victim.service;
  const smtps = victim.service.facts().smtps?.port ?? 0;
  const from = { from: ATTACKER };
  await victim.endures(async () => {
    const [first, line, message, proxy, handshake, later, ...busy] = await Promise.all([
      trickle(connectSmtp(port, from), "EHLO mmsc.example.net"),
      trickle(await openSession(port, from), "NOOP "),
      trickle(await openData(port, from), deliveryReport()),
      trickle(connectSmtp(port, { from: "127.0.0.8" }), "PROXY TCP4 "),
      trickle(connectSmtp(smtps, from), "\x16\x03\x01"),
      openSession(port, from).then(async (client) => {
        await client.command("STARTTLS");
        return trickle(client, "\x16\x03\x01");
      }),
      ...Array.from({ length: 50 }, async () => trickle(await openData(port, from), "X: y\r\n")),
    ]);
    expect(first).toBe("421 4.4.2 No command came in time");
    expect(line).toBe("421 4.4.2 The command line took too long");
    for (const reply of [message, ...busy]) expect(reply).toBe("421 4.4.2 The message took too long");
    // Nothing can be said to these that they would understand.
    expect([proxy, handshake, later]).toEqual(["", "", ""]);
  });
  const reasons = ["first-command-late", "line-late", "data-late"];
  const counts = await Promise.all(
    reasons.map((reason) => victim.service.metric(`mm4d_sessions_refused_total{reason="${reason}"}`)),
  );
  expect(counts).toEqual([2, 2, 51]);
});

test("strangers who want a hundred handshakes at once get a few", async () => {
  const port = victim.service.facts().smtps?.port ?? 0;
  await victim.endures(async () => {
    const said = await Promise.all(
      Array.from({ length: 100 }, () =>
        connectSmtp(port, { from: STRANGER, tls: {} })
          .reply()
          .catch(() => "nothing"),
      ),
    );
    expect(new Set(said)).toEqual(new Set(["554 5.7.1 Your address is not a known peer's", "nothing"]));
  });
  // How many depends on how fast they came; each of them counts.
  const [told, dropped] = await Promise.all(
    ["unknown-peer", "flood"].map((reason) => victim.service.metric(`mm4d_sessions_refused_total{reason="${reason}"}`)),
  );
  expect((told ?? 0) + (dropped ?? 0)).toBe(100);
});
