/** Somebody at a peer's address who does not know the peer's password. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashPassword } from "../../src/smtp/password.ts";
import { type Certificates, createCertificates } from "../support/certificates.ts";
import { deliveryReport } from "../support/report.ts";
import { openSession, type SmtpClient } from "../support/smtp-client.ts";
import { GOOD, STORED, startVictim, type Victim } from "./victim.ts";

const WITH_USER = "127.0.0.5";
const directory = mkdtempSync(join(tmpdir(), "mm4d-guessing-"));
let victim: Victim;
let certificates: Certificates;

beforeAll(async () => {
  certificates = createCertificates();
  const { certFile, keyFile } = certificates.make("mm4d.test");
  writeFileSync(join(directory, "password"), await hashPassword("s3cret"));
  const auth = { user: "carrier", passwordFile: "password" };
  const peers = [
    { name: "with-user", addresses: [WITH_USER], auth },
    { name: "good", addresses: [GOOD] },
  ];
  writeFileSync(join(directory, "peers.json"), JSON.stringify({ peers }));
  victim = await startVictim({
    MM4D_PEERS_FILE: join(directory, "peers.json"),
    MM4D_TLS_CERT_FILE: certFile,
    MM4D_TLS_KEY_FILE: keyFile,
  });
});
afterAll(async () => {
  await victim.stop();
  certificates.remove();
  rmSync(directory, { recursive: true });
});

async function encrypted(): Promise<SmtpClient> {
  const client = await openSession(victim.service.smtpPort, { from: WITH_USER });
  await client.command("STARTTLS");
  await client.startTls();
  await client.command("EHLO mmsc.example.net");
  return client;
}

const login = (password: string) => `AUTH PLAIN ${Buffer.from(`\0carrier\0${password}`).toString("base64")}`;

test("thirty that guess at the same time are slowed and sent away, and who knows the password gets in meanwhile", async () => {
  await victim.endures(async () => {
    const knowing = await encrypted();
    expect(await knowing.command(login("s3cret"))).toMatch(/^235 /);
    const guessers = await Promise.all(Array.from({ length: 30 }, encrypted));
    const guessing = guessers.map((client, index) => client.command(login(`guess ${index}`)));
    // While they are waiting, and being hashed one after the other.
    const again = await encrypted();
    expect(await again.command(login("s3cret"))).toMatch(/^235 /);
    expect(await again.deliver(deliveryReport({ "X-Mms-Message-ID": "from-who-knows" }))).toBe(STORED);
    await Promise.race(guessing);
    for (const client of [knowing, again, ...guessers]) client.end();
    await Promise.allSettled(guessing);
  });
  // It is read, and counted, behind its 250.
  expect(await victim.service.metric('mm4d_reports_total{peer="with-user"}', (count) => count > 0)).toBe(1);
  expect(
    await victim.service.metric('mm4d_sessions_refused_total{reason="auth-failed"}', (count) => count > 0),
  ).toBeGreaterThan(0);
});
