/**
 * SMTP conversations as text, each held with the real service over TCP:
 *
 *   <  what the server must say (a line that begins so)
 *   >  a line that the client sends
 *   >> bytes that the client sends, without a line end; \r, \n, \t, \0 and \xd0 are those
 *   @  from which address: whose that is, PEERS tells
 *   $  settings, for a service of its own
 *   *  TLS: the client goes on in TLS
 *   !  a signal for the service
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashPassword } from "../src/smtp/password.ts";
import { REPLIES } from "../src/smtp/replies.ts";
import { type Certificates, createCertificates, type TestCertificate } from "./support/certificates.ts";
import { startRedis, type TestRedis } from "./support/redis.ts";
import { startServiceProcess, type TestService } from "./support/service.ts";
import { connectSmtp } from "./support/smtp-client.ts";

const DIRECTORY = new URL("dialogs/", import.meta.url);
const DIALOGS = readdirSync(DIRECTORY).map((name) => ({
  name,
  lines: readFileSync(new URL(name, DIRECTORY), "utf8").split("\n"),
}));

/** Who has which address. 127.0.0.9 is a stranger's. */
const PEERS = [
  { name: "carrier", addresses: ["127.0.0.2"] },
  { name: "tls-only", addresses: ["127.0.0.3"], tls: "required" },
  { name: "with-user", addresses: ["127.0.0.4"], auth: { user: "carrier", passwordFile: "password" } },
  { name: "with-user-too", addresses: ["127.0.0.10"], auth: { user: "carrier", passwordFile: "password" } },
  { name: "with-certificate", addresses: ["127.0.0.5"], clientCertificate: { subject: "mmsc.example.net" } },
  { name: "sender", addresses: ["127.0.0.6"], mailFromDomains: ["mmsc.example.net"], bareNewlines: true },
  { name: "few", addresses: ["127.0.0.7"], limits: { connections: 1, messagesPerSecond: 1 } },
  { name: "never-tls", addresses: ["127.0.0.8"], tls: "off" },
];

const services = new Map<string, Promise<TestService>>();
let redis: TestRedis;
let certificates: Certificates;
let certificate: TestCertificate;

beforeAll(async () => {
  redis = await startRedis();
  certificates = createCertificates();
  certificate = certificates.make("mm4d.test");
  mkdirSync(join(certificates.directory, "peers"));
  writeFileSync(join(certificates.directory, "peers/password"), `${await hashPassword("s3cret")}\n`);
  writeFileSync(join(certificates.directory, "peers/peers.json"), JSON.stringify({ peers: PEERS }));
});
afterAll(async () => {
  for (const service of services.values()) await (await service).stop();
  await redis.stop();
  certificates.remove();
});

function serviceFor(settings: string): Promise<TestService> {
  const running =
    services.get(settings) ??
    startServiceProcess({
      REDIS_URL: redis.url,
      MM4D_HOSTNAME: "mm4d.test",
      MM4D_DOMAIN: "mms.example.net",
      MM4D_MAX_MESSAGE_BYTES: "100000",
      MM4D_PEERS_FILE: join(certificates.directory, "peers/peers.json"),
      MM4D_TLS_CERT_FILE: certificate.certFile,
      MM4D_TLS_KEY_FILE: certificate.keyFile,
      ...Object.fromEntries(settings.split(" ").map((setting) => setting.split("=", 2))),
    });
  services.set(settings, running);
  return running;
}

/** What stands behind a mark, on the first line that has it. */
function directive(lines: readonly string[], mark: string): string {
  return lines.find((line) => line.startsWith(`${mark} `))?.slice(2) ?? "";
}

for (const { name, lines } of DIALOGS) {
  test.concurrent(`${name}: ${lines[0]?.replace(/^# /, "")}`, async () => {
    const service = await serviceFor(directive(lines, "$"));
    const client = connectSmtp(service.smtpPort, { from: directive(lines, "@") || "127.0.0.2" });
    let reply: string[] = [];
    for (const line of lines) {
      if (line.startsWith("> ") || line.startsWith(">> ")) {
        expect(reply, `not expected before "${line}"`).toEqual([]);
        client.write(line.startsWith("> ") ? `${line.slice(2)}\r\n` : unescaped(line.slice(3)));
      } else if (line.startsWith("* ")) await client.startTls();
      else if (line.startsWith("! ")) service.signal(line.slice(2) as NodeJS.Signals);
      else if (line === "< (closed)") await client.closed();
      else if (line.startsWith("< ")) {
        if (reply.length === 0) reply = (await client.reply()).split("\r\n");
        const said = reply.shift() ?? "";
        expect(said.startsWith(line.slice(2)), `"${said}" instead of "${line}"`).toBe(true);
        expect(said.length).toBeLessThanOrEqual(510);
        // A short expectation stands for the whole of a reply of many lines.
        if (/^< \d{3}$/.test(line)) reply = [];
      }
    }
    expect(client.unread()).toBe("");
    client.end();
  });
}

test("every reply in the table has its dialog", () => {
  // Nothing that a client can do makes us fail in a way we should not have; and many clients at once are no dialog.
  const WITHOUT = ["internalError", "authBusy", "accessChanged", "tooManyClients", "tooManyOfPeer", "noRoom"];
  const said = DIALOGS.flatMap(({ lines }) => lines.filter((line) => line.startsWith("< ")));
  const missing = Object.entries(REPLIES).filter(([, { code, text }]) => !said.includes(`< ${code} ${text}`));
  expect(missing.map(([name]) => name).sort()).toEqual(WITHOUT.sort());
});

function unescaped(text: string): string {
  const meant: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", 0: "\0" };
  return text.replace(
    /\\(?:([rnt0])|x([0-9a-f]{2}))/g,
    (_, letter = "", hex = "") => meant[letter] ?? String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
