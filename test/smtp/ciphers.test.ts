/** MM4D_TLS_CIPHERS: relays that know old cipher suites only, over both ports. */
import type { ConnectionOptions } from "node:tls";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Certificate } from "../../src/settings/certificate.ts";
import { loadCertificate } from "../../src/settings/certificate.ts";
import { SETTINGS } from "../../src/settings/config.ts";
import { loadConfig } from "../../src/settings/load.ts";
import { type Certificates, createCertificates } from "../support/certificates.ts";
import { readDocument } from "../support/document.ts";
import { startTestListener, type TestListener } from "../support/listener.ts";
import { connectSmtp } from "../support/smtp-client.ts";

const DEFAULT = SETTINGS.tlsCiphers.fallback;
const DOCUMENTED = readDocument("docs/peers.md").block("ciphers").trim().replace("MM4D_TLS_CIPHERS=", "");

let certificates: Certificates;
let certificate: Certificate;
let listener: TestListener;
beforeAll(() => {
  certificates = createCertificates();
  certificate = loadCertificate({ ...certificates.make("mm4d.test", { rsa: true }), caFile: "" });
});
afterEach(() => listener?.stop(0));
afterAll(() => certificates.remove());

async function listen(setting: string): Promise<void> {
  const ciphers = SETTINGS.tlsCiphers.read(setting);
  if (ciphers === undefined) throw new Error(`${setting} should be taken`);
  listener = await startTestListener({ certificate, smtps: true, ciphers });
}

/** What a relay comes to on both ports: the suite, or that there is none. */
async function suites(options: ConnectionOptions): Promise<readonly string[]> {
  const relay = { rejectUnauthorized: false, ...options };
  const starting = connectSmtp(listener.port);
  await starting.reply();
  await starting.command("EHLO relay.example");
  await starting.command("STARTTLS");
  const started = await starting.startTls(relay).then(
    (socket) => socket.getCipher().name,
    () => "none",
  );
  const implicit = connectSmtp(listener.smtpsAddress?.port ?? 0, { tls: relay });
  const greeted = await implicit.reply().then(
    () => (implicit.socket as unknown as { getCipher?: () => { name: string } }).getCipher?.().name ?? "greeted",
    () => "none",
  );
  for (const client of [starting, implicit]) client.end();
  return [started, greeted];
}

const OLD: readonly [string, string, ConnectionOptions][] = [
  ["CBC", "ECDHE-RSA-AES128-SHA", {}],
  ["CBC with SHA-256", "ECDHE-RSA-AES256-SHA384", {}],
  ["RSA", "AES128-GCM-SHA256", {}],
  ["RSA and CBC", "AES256-SHA", {}],
  ["DHE", "DHE-RSA-AES128-GCM-SHA256", {}],
  ["signatures with SHA-1", "ECDHE-RSA-AES128-SHA", { sigalgs: "RSA+SHA1" }],
];

test.each(OLD)(
  "a TLS 1.2 relay that knows %s only cannot connect by default, and can where the suite is named",
  async (name, suite, options) => {
    const relay = { maxVersion: "TLSv1.2", ciphers: `${suite}:@SECLEVEL=0`, ...options } as const;
    await listen(DEFAULT);
    expect(await suites(relay)).toEqual(["none", "none"]);
    await listener.stop(0);
    await listen(`${DEFAULT}:${suite}${name.startsWith("signatures") ? ":@SECLEVEL=0" : ""}`);
    const [started, greeted] = await suites(relay);
    expect(started).toBe(suite);
    expect(greeted).not.toBe("none");
    // Who knows better gets better, and TLS 1.3 is there as before.
    const [better] = await suites({ maxVersion: "TLSv1.2" });
    expect(better).toMatch(/^ECDHE-RSA-.*(?:GCM|POLY1305)/);
    const [best] = await suites({ minVersion: "TLSv1.3" });
    expect(best).toMatch(/^TLS_/);
  },
);

test("what encrypts nothing, or proves nobody, is never taken, whatever is named", async () => {
  await listen("ALL:eNULL:aNULL@SECLEVEL=0");
  for (const ciphers of ["eNULL:@SECLEVEL=0", "ADH-AES128-SHA:@SECLEVEL=0", "AECDH-AES128-SHA:@SECLEVEL=0"]) {
    expect(await suites({ maxVersion: "TLSv1.2", ciphers })).toEqual(["none", "none"]);
  }
});

test("TLS 1.3's suites are its own: named ones alone are taken, and nothing else where only such are named", async () => {
  await listen("TLS_AES_256_GCM_SHA384");
  expect((await suites({ maxVersion: "TLSv1.2" }))[0]).toBe("none");
  expect((await suites({ ciphers: "TLS_AES_128_GCM_SHA256" }))[0]).toBe("none");
  expect((await suites({}))[0]).toBe("TLS_AES_256_GCM_SHA384");
});

test("the documentation's list begins with the default", () => {
  expect(DOCUMENTED.startsWith(`${DEFAULT}:`)).toBe(true);
});

test.each([
  DEFAULT,
  "AES128-SHA",
  "DHE-RSA-AES128-GCM-SHA256:AES128-SHA,AES256-SHA AES128-SHA256",
  "HIGH:!MD5:!3DES:-AES256-SHA",
  DOCUMENTED,
  "DEFAULT@SECLEVEL=0",
  "kRSA+AES:@SECLEVEL=1:@STRENGTH",
  "TLS_AES_128_GCM_SHA256:AES128-SHA",
])("MM4D_TLS_CIPHERS may be %s", (setting) => {
  const loaded = loadConfig({ MM4D_TLS_CIPHERS: setting });
  expect(loaded.ok).toBe(true);
});

test.each([
  "AES128-SAH",
  "AES128-SHA:ECDHE-RSA-AES128-GCM-SHA265",
  "TLS_AES_128_GCM_SHA257",
  "TLS_AES_128_GCM_SHA256:TLS_AES_129",
  "AES128-SHA:@SECLEVEL=x",
  "!AES",
  "eNULL",
  "@SECLEVEL=0",
  ":",
  "AES128-SHA:!AES",
])("MM4D_TLS_CIPHERS must not be %s, and that is told", (setting) => {
  const loaded = loadConfig({ MM4D_TLS_CIPHERS: setting });
  expect(loaded.ok ? [] : loaded.error).toEqual([
    expect.stringContaining(`MM4D_TLS_CIPHERS is "${setting}", must be names of cipher suites that OpenSSL knows`),
  ]);
});
