/** Who may talk to the whole service, and how that changes while it runs. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hashPassword } from "../../src/smtp/password.ts";
import { type Certificates, createCertificates, type TestCertificate } from "../support/certificates.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer, type TestConsumer } from "../support/consumer.ts";
import { MAY_MOUNT } from "../support/mounts.ts";
import { startNginx } from "../support/nginx.ts";
import { startPostfix } from "../support/postfix.ts";
import { proxyHeader } from "../support/proxy-header.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import {
  runCommand,
  type ServiceUnderTest,
  startServiceProcess,
  startServiceWithin,
  type TestService,
} from "../support/service.ts";
import { type ConnectOptions, connectSmtp, openData, openSession } from "../support/smtp-client.ts";

const STORED = "250 2.0.0 Report stored";
const UNKNOWN = "554 5.7.1 Your address is not a known peer's";

let redis: TestRedis;
let consumer: TestConsumer;
let certificates: Certificates;
const directory = mkdtempSync(join(tmpdir(), "mm4d-edge-"));
const running: ServiceUnderTest[] = [];

beforeAll(async () => {
  redis = await startRedis();
  consumer = startConsumer(redis.url);
  certificates = createCertificates();
});
afterAll(async () => {
  for (const service of running) await service.stop();
  await consumer.stop();
  await redis.stop();
  certificates.remove();
  rmSync(directory, { recursive: true });
});

async function serve(settings: Readonly<Record<string, string>>): Promise<ServiceUnderTest> {
  const service = await startServiceWithin({ REDIS_URL: redis.url, ...settings });
  running.push(service);
  return service;
}

/** As a process of its own, which hears signals and says things. */
async function serveAlone(settings: Readonly<Record<string, string>>): Promise<TestService> {
  const service = await startServiceProcess({ REDIS_URL: redis.url, ...settings });
  running.push(service);
  return service;
}

function peersFile(name: string, peers: readonly object[]): string {
  const file = join(directory, name);
  writeFileSync(file, JSON.stringify({ peers }));
  return file;
}

const withCertificate = ({ certFile, keyFile }: TestCertificate) => ({
  MM4D_TLS_CERT_FILE: certFile,
  MM4D_TLS_KEY_FILE: keyFile,
});

let reports = 0;
/** A whole visit: greeting, one report, and what it was answered. */
async function visit(port: number, options: ConnectOptions = {}): Promise<string> {
  const client = await openSession(port, options);
  reports += 1;
  return client.deliver(deliveryReport({ "X-Mms-Message-ID": `visit-${reports}` })).finally(client.end);
}

async function greeting(port: number, options: ConnectOptions = {}, first: Uint8Array | string = ""): Promise<string> {
  const client = connectSmtp(port, options);
  client.write(first);
  return client.reply().finally(client.end);
}

test.concurrent("a balancer's PROXY header, of either version, tells whose the connection is, and nobody else's does", async () => {
  const service = await serve({
    MM4D_PEERS: "carrier=192.0.2.0/24,2001:db8::/32; direct=127.0.0.4",
    MM4D_PROXIES: "127.0.0.2, 127.0.0.3/32",
    MM4D_FIRST_COMMAND_SECONDS: "2",
  });
  const proxied = (from: string, header: Uint8Array | string) => greeting(service.smtpPort, { from }, header);
  for (const version of [1, 2] as const) {
    for (const from of ["127.0.0.2", "127.0.0.3"]) {
      expect(await proxied(from, proxyHeader({ version, address: "192.0.2.7" }))).toMatch(/^220 /);
      expect(await proxied(from, proxyHeader({ version, address: "2001:db8::7" }))).toMatch(/^220 /);
      expect(await proxied(from, proxyHeader({ version, address: "198.51.100.7" }))).toBe(UNKNOWN);
    }
  }
  // The balancer for itself is greeted, as a health check, and whoever claims to be a balancer is nobody's peer.
  expect(await proxied("127.0.0.2", "PROXY UNKNOWN\r\n")).toMatch(/^220 /);
  expect(await proxied("127.0.0.9", proxyHeader({ version: 1, address: "192.0.2.7" }))).toBe(UNKNOWN);
  const liar = connectSmtp(service.smtpPort, { from: "127.0.0.4" });
  liar.write(proxyHeader({ version: 1, address: "192.0.2.7" }));
  expect([await liar.reply(), await liar.reply()]).toEqual([
    expect.stringMatching(/^220 /),
    expect.stringMatching(/^500 /),
  ]);
  liar.end();

  // What comes in pieces, and what the client has said already, is understood.
  const client = connectSmtp(service.smtpPort, { from: "127.0.0.2" });
  const header = proxyHeader({ version: 2, address: "192.0.2.7" });
  client.write(header.subarray(0, 10));
  await new Promise((resolve) => setTimeout(resolve, 20));
  client.write(Buffer.concat([header.subarray(10), Buffer.from("EHLO mmsc.example.net\r\n")]));
  expect([await client.reply(), await client.reply()]).toEqual([
    expect.stringMatching(/^220 /),
    expect.stringMatching(/^250-/),
  ]);
  expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": "behind-a-balancer" }))).toBe(STORED);
  client.end();

  // One that listens on "::" tells IPv4 clients in the form of IPv6.
  const mapped = [
    [proxyHeader({ version: 1, address: "::ffff:192.0.2.7" }), "mapped-1"],
    [proxyHeader({ version: 2, address: "::ffff:c000:207" }), "mapped-2"],
  ] as const;
  for (const [said, id] of mapped) {
    const other = connectSmtp(service.smtpPort, { from: "127.0.0.2" });
    other.write(said);
    await other.reply();
    await other.command("EHLO mmsc.example.net");
    expect(await other.deliver(deliveryReport({ "X-Mms-Message-ID": id }))).toBe(STORED);
    other.end();
  }

  // No header, or none that can be read, is no connection.
  const mutes = ["EHLO mmsc.example.net\r\n", "", "PROXY TCP4 192."].map(async (said) => {
    const mute = connectSmtp(service.smtpPort, { from: "127.0.0.2" });
    mute.write(said);
    await mute.closed();
    return mute.unread();
  });
  expect(await Promise.all(mutes)).toEqual(["", "", ""]);
  for (const id of ["behind-a-balancer", "mapped-1", "mapped-2"]) {
    const event = await eventually(
      () => consumer.events.find(({ subject }) => subject === id),
      (found) => found !== undefined,
    );
    expect([id, event?.data.peer]).toMatchObject([id, { name: "carrier", address: "192.0.2.7" }]);
  }
});

test.concurrent("SMTP with TLS from the beginning: peers get in, strangers get their line, old protocols nothing", async () => {
  const certificate = certificates.make("mm4d.test");
  const service = await serveAlone({
    ...withCertificate(certificate),
    MM4D_SMTPS_PORT: "0",
    MM4D_PEERS: "carrier=127.0.0.2",
    MM4D_PROXIES: "127.0.0.3",
  });
  const port = service.facts().smtps?.port ?? 0;
  expect(await visit(port, { from: "127.0.0.2", tls: {} })).toBe(STORED);
  expect(await greeting(port, { from: "127.0.0.9", tls: {} })).toBe(UNKNOWN);
  // Newer OpenSSLs speak 1.1 at the lowest level of security only.
  for (const maxVersion of ["TLSv1.1", "TLSv1.2", "TLSv1.3"] as const) {
    const client = connectSmtp(port, {
      from: "127.0.0.2",
      tls: { maxVersion, minVersion: "TLSv1", ciphers: "DEFAULT:@SECLEVEL=0" },
    });
    const said = await client.reply().catch((cause: Error) => cause.message);
    if (maxVersion === "TLSv1.1") expect(said).toMatch(/protocol version|closed|EPROTO/i);
    else expect(said).toMatch(/^220 /);
    client.end();
  }
  // The header comes before TLS does.
  const client = connectSmtp(port, { from: "127.0.0.3" });
  client.write(proxyHeader({ version: 2, address: "127.0.0.2" }));
  await client.startTls();
  expect(await client.reply()).toMatch(/^220 /);
  client.end();
  expect(await service.metric("mm4d_tls_certificate_expiry_timestamp_seconds")).toBeGreaterThan(Date.now() / 1000);
  expect(service.said()).toContain(`smtps://127.0.0.1:${port}`);
  const { stdout } = await runCommandWithin(["refusals"], service.env);
  expect(stdout).toContain("tls-handshake (ERR_SSL_UNSUPPORTED_PROTOCOL): the TLS handshake failed");
  expect(await service.metric('mm4d_sessions_refused_total{reason="tls-handshake"}')).toBe(1);
});

test.concurrent("what is said between STARTTLS and the handshake is thrown away, and the session begins anew", async () => {
  const service = await serve({
    ...withCertificate(certificates.make("mm4d.test")),
    MM4D_PEERS: "carrier=127.0.0.0/8",
  });
  const client = await openSession(service.smtpPort);
  expect(await client.command("MAIL FROM:<before@mmsc.example.net>")).toMatch(/^250/);
  client.write("STARTTLS\r\nRCPT TO:<injected@mms.example.net>\r\nNOOP\r\n");
  expect(await client.reply()).toMatch(/^220/);
  expect(client.unread()).toBe("");
  // The handshake cannot succeed, because what was injected comes before it; all the less is it executed.
  await client.startTls().then(
    async () => {
      expect(await client.command("RCPT TO:<x@mms.example.net>")).toMatch(/^503/);
    },
    () => {},
  );
  client.end();
  expect(await visit(service.smtpPort)).toBe(STORED);
});

test.concurrent("a client that wants to begin the handshake anew is refused", async () => {
  const service = await serve({
    ...withCertificate(certificates.make("mm4d.test")),
    MM4D_PEERS: "carrier=127.0.0.0/8",
  });
  const client = await openSession(service.smtpPort);
  await client.command("STARTTLS");
  const socket = await client.startTls({ maxVersion: "TLSv1.2" });
  const refused = await new Promise((resolve) => {
    socket.once("error", resolve);
    socket.renegotiate({}, resolve);
  });
  expect(String(refused)).toMatch(/no renegotiation/i);
  client.end();
});

test.concurrent("a client certificate: by fingerprint, or by a name that a known authority has signed", async () => {
  const authority = certificates.make("authority.test");
  const [pinned, named, foreign] = [
    certificates.make("pinned.test"),
    certificates.make("mmsc.example.net", { by: authority }),
    certificates.make("mmsc.example.net"),
  ];
  const service = await serve({
    ...withCertificate(certificates.make("mm4d.test")),
    MM4D_TLS_CA_FILE: authority.certFile,
    MM4D_PEERS_FILE: peersFile("certificates.json", [
      { name: "pinned", addresses: ["127.0.0.2"], clientCertificate: { fingerprint: pinned.fingerprint } },
      { name: "named", addresses: ["127.0.0.3"], clientCertificate: { subject: "mmsc.example.net" } },
    ]),
  });
  const mail = async (from: string, shown?: TestCertificate) => {
    const client = await openSession(service.smtpPort, { from });
    await client.command("STARTTLS");
    await client.startTls(shown && { cert: shown.cert, key: shown.key });
    await client.command("EHLO mmsc.example.net");
    return client.command("MAIL FROM:<>").finally(client.end);
  };
  expect(await mail("127.0.0.2", pinned)).toMatch(/^250/);
  expect(await mail("127.0.0.2", named)).toMatch(/^554 5\.7\.1/);
  expect(await mail("127.0.0.2")).toMatch(/^554 5\.7\.1/);
  expect(await mail("127.0.0.3", named)).toMatch(/^250/);
  // Whoever makes a certificate can write any name into it.
  expect(await mail("127.0.0.3", foreign)).toMatch(/^554 5\.7\.1/);
  expect(await mail("127.0.0.3", pinned)).toMatch(/^554 5\.7\.1/);
});

test.concurrent("peers are read again when their file changes and at SIGHUP; a file with a fault changes nothing", async () => {
  const here = { name: "carrier", addresses: ["127.0.0.2"] };
  const file = peersFile("changing.json", [here, { name: "leaving", addresses: ["127.0.0.3"] }]);
  const service = await serveAlone({ MM4D_PEERS_FILE: file });
  const reloads = (event: string) =>
    service.log().filter((line) => line.event === event && line.what === "peers").length;
  const idle = await openSession(service.smtpPort, { from: "127.0.0.3" });
  const busy = await openData(service.smtpPort, { from: "127.0.0.3" });
  const staying = await openSession(service.smtpPort, { from: "127.0.0.2" });

  peersFile("changing.json", [here, { name: "coming", addresses: ["127.0.0.4"] }]);
  await eventually(
    () => reloads("settings.reloaded"),
    (count) => count === 1,
  );
  expect(await idle.reply()).toBe("421 4.7.0 Access was changed, connect again");
  await idle.closed();
  // A message under way is still taken.
  busy.write(deliveryReport({ "X-Mms-Message-ID": "the last one" }));
  busy.write(".\r\n");
  expect([await busy.reply(), await busy.reply()]).toEqual([STORED, "421 4.7.0 Access was changed, connect again"]);
  expect(await staying.command("NOOP")).toBe("250 2.0.0 OK");
  expect(await visit(service.smtpPort, { from: "127.0.0.4" })).toBe(STORED);
  expect(await greeting(service.smtpPort, { from: "127.0.0.3" })).toBe(UNKNOWN);

  writeFileSync(file, '{"peers":[{"name":"carrier","addresses":["nowhere"]}]}');
  await eventually(
    () => reloads("settings.not-reloaded"),
    (count) => count === 1,
  );
  expect(service.log().find(({ event }) => event === "settings.not-reloaded")?.reason).toContain(
    "peers[0].addresses[0]",
  );
  service.signal("SIGHUP");
  await eventually(
    () => reloads("settings.not-reloaded"),
    (count) => count === 2,
  );
  expect(await visit(service.smtpPort, { from: "127.0.0.2" })).toBe(STORED);
  staying.end();
  // Whoever looks sees that it is so, until it is mended.
  const { status, text } = await service.get("/healthz");
  expect([status, text]).toEqual([
    503,
    expect.stringMatching(/^The peers file has an error, .*peers\[0\]\.addresses\[0\]/),
  ]);
  peersFile("changing.json", [here]);
  await eventually(
    async () => (await service.get("/healthz")).status,
    (now) => now === 200,
  );
});

test.concurrent("an entry that asks for more proof ends the sessions that have not given it, and they come again", async () => {
  const passwordFile = join(directory, "changing-password");
  writeFileSync(passwordFile, await hashPassword("old"));
  const plain = { name: "plain", addresses: ["127.0.0.2"] };
  const user = { name: "user", addresses: ["127.0.0.3"], auth: { user: "user", passwordFile } };
  const service = await serve({
    ...withCertificate(certificates.make("mm4d.test")),
    MM4D_PEERS_FILE: peersFile("proof.json", [plain, user]),
  });
  const login = async (password: string) => {
    const client = await openSession(service.smtpPort, { from: "127.0.0.3" });
    await client.command("STARTTLS");
    await client.startTls();
    await client.command("EHLO mmsc.example.net");
    const token = Buffer.from(`\0user\0${password}`).toString("base64");
    return [client, await client.command(`AUTH PLAIN ${token}`)] as const;
  };
  const reloads = () =>
    service.log().filter(({ event, what }) => event === "settings.reloaded" && what === "peers").length;
  const [known, loggedIn] = await login("old");
  expect(loggedIn).toMatch(/^235 /);
  const [idle, sending] = [
    await openSession(service.smtpPort, { from: "127.0.0.2" }),
    await openSession(service.smtpPort, { from: "127.0.0.2" }),
  ];
  expect(await sending.command("MAIL FROM:<>")).toMatch(/^250 /);
  expect(await sending.command("RCPT TO:<x@mms.example.net>")).toMatch(/^250 /);

  peersFile("proof.json", [{ ...plain, tls: "required" }, user]);
  await eventually(reloads, (count) => count === 1);
  expect(await idle.reply()).toBe("421 4.7.0 Access was changed, connect again");
  // What was begun under the old entry is finished under it.
  expect(await sending.command("DATA")).toMatch(/^354 /);
  sending.write(deliveryReport({ "X-Mms-Message-ID": "begun-before" }));
  sending.write(".\r\n");
  expect([await sending.reply(), await sending.reply()]).toEqual([
    STORED,
    expect.stringMatching(/^421 4\.7\.0 Access/),
  ]);
  expect(await known.command("NOOP")).toBe("250 2.0.0 OK");

  // A password that has changed is no longer known, nor is who knew it.
  writeFileSync(passwordFile, await hashPassword("new"));
  await eventually(reloads, (count) => count === 2);
  expect(await known.reply()).toMatch(/^421 4\.7\.0 Access/);
  expect((await login("new"))[1]).toMatch(/^235 /);
  expect((await login("old"))[1]).toMatch(/^535 /);
});

test.concurrent("a password file that comes after the entry that names it is noticed", async () => {
  const passwordFile = join(directory, "late-password");
  const here = { name: "here", addresses: ["127.0.0.2"] };
  const service = await serve({
    ...withCertificate(certificates.make("mm4d.test")),
    MM4D_PEERS_FILE: peersFile("late.json", [here]),
  });
  peersFile("late.json", [here, { name: "late", addresses: ["127.0.0.3"], auth: { user: "late", passwordFile } }]);
  await eventually(
    async () => (await service.get("/healthz")).text,
    (text) => text.includes("peers[1].auth.passwordFile"),
  );
  expect(await greeting(service.smtpPort, { from: "127.0.0.3" })).toBe(UNKNOWN);
  writeFileSync(passwordFile, await hashPassword("s3cret"));
  await eventually(
    async () => (await service.get("/healthz")).status,
    (status) => status === 200,
  );
  expect(await greeting(service.smtpPort, { from: "127.0.0.3" })).toMatch(/^220 /);
});

test.concurrent("a session that never stands still between two messages is ended in time all the same", async () => {
  const service = await serve({ MM4D_PEERS: "carrier=127.0.0.0/8", MM4D_SESSION_SECONDS: "2" });
  const client = await openSession(service.smtpPort);
  const next = "MAIL FROM:<>\r\nRCPT TO:<x@mms.example.net>\r\nDATA\r\n";
  const said: string[] = [];
  client.write(next);
  for (let count = 0; !said.at(-1)?.startsWith("421"); count++) {
    const last = await client.reply();
    said.push(last);
    if (last.startsWith("354")) {
      client.write(deliveryReport({ "X-Mms-Message-ID": `busy-${count}` }));
      client.write(`.\r\n${next}`);
    }
  }
  expect(said.at(-1)).toBe("421 4.4.2 The connection has been open for long, connect again");
  expect(said.at(-2)).toBe(STORED);
});

test.concurrent("how a peer's reports are read follows its entry, also for a session that goes on, and for explain", async () => {
  const entry = { name: "carrier", addresses: ["127.0.0.2"] };
  const file = peersFile("rules.json", [entry]);
  const service = await serve({ MM4D_PEERS_FILE: file });
  const event = (id: string) =>
    eventually(
      () => consumer.events.find(({ subject }) => subject === id),
      (found) => found !== undefined,
    );
  const client = await openSession(service.smtpPort, { from: "127.0.0.2" });
  await client.deliver(deliveryReport({ "X-Mms-Message-ID": "ordinary" }));
  expect((await event("ordinary"))?.data).toMatchObject({ stage: "handset", recipient: { number: "+12025550100" } });
  peersFile("rules.json", [{ ...entry, localLongCode: true, swapAddresses: true }]);
  await eventually(() => service.log().some((line) => line.what === "peers"), Boolean);
  await client.deliver(deliveryReport({ "X-Mms-Message-ID": "odd" }));
  expect((await event("odd"))?.data).toMatchObject({ stage: "carrier", recipient: { number: "+12025550199" } });
  client.end();

  const report = Buffer.from(deliveryReport({ "X-Mms-Message-ID": "odd" })).toString();
  const explained = await runCommand(["explain", "-", "--peer", "carrier", "--json"], service.env, report);
  expect(JSON.parse(explained.stdout).id).toBe((await event("odd"))?.id);
});

test.concurrent("a certificate is read again when it changes; one that does not fit, or has expired, is not taken", async () => {
  const certificate = certificates.make("first.test");
  const service = await serveAlone({ ...withCertificate(certificate), MM4D_PEERS: "carrier=127.0.0.0/8" });
  const subject = async () => {
    const client = await openSession(service.smtpPort);
    await client.command("STARTTLS");
    const socket = await client.startTls();
    client.end();
    return socket.getPeerCertificate().subject.CN;
  };
  const told = (event: string) => service.log().filter((line) => line.event === event && line.what === "certificate");
  const staying = await openSession(service.smtpPort);
  await staying.command("STARTTLS");
  await staying.startTls();
  expect(await subject()).toBe("first.test");

  certificates.replace(certificate, certificates.make("second.test"));
  await eventually(
    () => told("settings.reloaded").length,
    (count) => count === 1,
  );
  expect(await subject()).toBe("second.test");
  expect(await staying.command("EHLO mmsc.example.net")).toMatch(/^250-/);
  staying.end();

  const other = certificates.make("third.test");
  writeFileSync(certificate.certFile, other.cert);
  await eventually(
    () => told("settings.not-reloaded").length,
    (count) => count === 1,
  );
  expect(told("settings.not-reloaded")[0]?.reason).toContain("its key is not the one in");
  certificates.replace(certificate, certificates.make("expired.test", { days: 0 }));
  await eventually(
    () => told("settings.not-reloaded").length,
    (count) => count === 2,
  );
  expect(told("settings.not-reloaded")[1]?.reason).toMatch(/it expired at .* must be valid now$/);
  expect(await subject()).toBe("second.test");
  service.signal("SIGHUP");
  await eventually(
    () => told("settings.not-reloaded").length,
    (count) => count === 3,
  );
  const { status, text } = await service.get("/healthz");
  expect([status, text]).toEqual([
    503,
    expect.stringContaining("The certificate file has an error, so what was read before is still in use ("),
  ]);
  expect((await service.get("/readyz")).status).toBe(200);
});

test.concurrent("an expired certificate does not keep the service from starting, and is told where one looks", async () => {
  const service = await serveAlone(withCertificate(certificates.make("expired.test", { days: 0 })));
  expect(service.said()).toContain("The TLS certificate expired at");
  const { status, text } = await service.get("/healthz");
  expect([status, text]).toEqual([503, expect.stringContaining("until MM4D_TLS_CERT_FILE is renewed")]);
  expect((await service.get("/readyz")).status).toBe(200);
});

test.concurrent.each([
  [{ MM4D_PEERS_FILE: "/nowhere" }, "Cannot use /nowhere: ENOENT"],
  [{ MM4D_PEERS_FILE: "/dev/zero" }, "Cannot use /dev/zero: it is a device, must be a file (MM4D_PEERS_FILE)"],
  [{ MM4D_TLS_CERT_FILE: "package.json", MM4D_TLS_KEY_FILE: "package.json" }, "package.json: "],
  [
    { MM4D_PEERS_FILE: peersFile("needy.json", [{ name: "needy", addresses: ["192.0.2.1"], tls: "required" }]) },
    "needy must use TLS, and MM4D_TLS_CERT_FILE is not set",
  ],
])("files that cannot be used stop the start with a sentence: %j", async (settings, sentence) => {
  const { code, stderr } = await runCommand(["serve"], {
    ...settings,
    PATH: process.env.PATH ?? "",
    MM4D_DATA_DIR: join(directory, "none"),
  });
  expect([code, stderr]).toEqual([1, expect.stringContaining(sentence)]);
});

test.concurrent("behind nginx a peer is known with our sample; without it nginx's XCLIENT is told of, with what to do", async () => {
  const service = await serve({ MM4D_PEERS: "carrier=127.0.0.2", MM4D_PROXIES: "127.0.0.1" });
  const nginx = await startNginx(service.smtpPort);
  expect(await visit(nginx.port, { from: "127.0.0.2" })).toBe(STORED);
  await nginx.stop();

  const direct = await serve({ MM4D_PEERS: "carrier=127.0.0.0/8" });
  const asItComes = await startNginx(direct.smtpPort, "");
  expect(await visit(asItComes.port, { from: "127.0.0.2" })).toMatch(/^451 /);
  const said = "500 5.5.2 XCLIENT is not taken here: switch it off and use the PROXY protocol (nginx: xclient off;";
  expect(asItComes.log()).toContain(`upstream sent invalid response: "${said}`);
  await asItComes.stop();
  const lines = direct.log().filter(({ event }) => String(event).startsWith("session."));
  expect(lines.map(({ event, reason, advice }) => [event, reason, advice])).toEqual([
    ["session.refused", "xclient", expect.stringContaining("nginx: xclient off; proxy_protocol on")],
  ]);
});

test.concurrent("limits of connections: of all, of each peer, and of one peer by its entry", async () => {
  const service = await serve({
    MM4D_MAX_CLIENTS: "6",
    MM4D_MAX_CLIENTS_PER_PEER: "3",
    MM4D_PEERS_FILE: peersFile("limits.json", [
      { name: "many", addresses: ["127.0.0.2"], limits: { connections: 5 } },
      { name: "usual", addresses: ["127.0.0.3"] },
    ]),
  });
  const open = async (count: number, from: string) => {
    const greetings: string[] = [];
    for (let index = 0; index < count; index++) {
      const client = connectSmtp(service.smtpPort, { from });
      greetings.push((await client.reply()).slice(0, 9));
      if (greetings.at(-1)?.startsWith("2")) clients.push(client);
    }
    return greetings.map((line) => (line.startsWith("220") ? "220" : line));
  };
  const clients: ReturnType<typeof connectSmtp>[] = [];
  const mailOfLast = async () => {
    await clients.at(-1)?.command("EHLO x");
    return (await clients.at(-1)?.command("MAIL FROM:<>"))?.slice(0, 9);
  };
  // Beyond its own limit a peer is greeted, so that its relay does not give up the whole destination.
  expect(await open(4, "127.0.0.3")).toEqual(["220", "220", "220", "220"]);
  expect(await mailOfLast()).toBe("450 4.7.0");
  expect(await open(4, "127.0.0.2")).toEqual(["220", "220", "220", "421 4.3.2"]);
  for (const client of clients.splice(0)) client.end();
  await service.metric("mm4d_smtp_connections", (value) => value === 0);
  expect(await open(6, "127.0.0.2")).toEqual(["220", "220", "220", "220", "220", "220"]);
  expect(await service.metric('mm4d_peer_connections{peer="many"}')).toBe(5);
  expect(await service.metric('mm4d_sessions_refused_total{reason="too-many-connections-of-peer"}')).toBe(1);
  expect(await service.metric('mm4d_sessions_refused_total{reason="too-many-connections"}')).toBe(1);
  for (const client of clients) client.end();
});

test
  .skipIf(!MAY_MOUNT)
  .concurrent(
    "Postfix with twice as many connections as its peer's limit brings everything, and does not give up the destination",
    async () => {
      const service = await serve({
        MM4D_PEERS_FILE: peersFile("postfix.json", [
          { name: "relay", addresses: ["127.0.0.1"], limits: { connections: 10 } },
        ]),
      });
      const file = join(directory, "postfix.eml");
      writeFileSync(file, deliveryReport({ "X-Mms-Message-ID": "by-postfix" }).toString().replaceAll("\r\n", "\n"));
      const postfix = await startPostfix(service.smtpPort);
      try {
        await postfix.send(file, 60);
        const sent = () => postfix.log().match(/ status=sent /g)?.length ?? 0;
        await eventually(sent, (count) => count >= 60);
        expect(sent()).toBe(60);
        expect(postfix.log()).not.toContain("refused to talk to me");
      } finally {
        await postfix.stop();
      }
    },
  );

test.concurrent("a peer that fills up its own places fills up nobody else's", async () => {
  const service = await serve({
    ...withCertificate(certificates.make("mm4d.test")),
    MM4D_SMTPS_PORT: "0",
    MM4D_MAX_CLIENTS: "120",
    MM4D_PEERS_FILE: peersFile("greedy.json", [
      { name: "greedy", addresses: ["127.0.0.2"], limits: { connections: 2 } },
      { name: "good", addresses: ["127.0.0.3"] },
    ]),
  });
  // Silent before the handshake, they are in no session yet.
  const port = service.facts().smtps?.port ?? 0;
  const greedy = Array.from({ length: 330 }, () => connectSmtp(port, { from: "127.0.0.2" }));
  await service.metric('mm4d_sessions_refused_total{reason="flood"}', (count) => count >= 228);
  expect(await visit(service.smtpPort, { from: "127.0.0.3" })).toBe(STORED);
  for (const client of greedy) client.end();
});

test.concurrent("refusals tells who was refused and why, without harm to the terminal", async () => {
  const service = await serve({
    MM4D_PEERS: "carrier=127.0.0.2",
    MM4D_DOMAIN: "mms.example.net",
    // Under one prefix those of every service are told.
    MM4D_QUEUE_PREFIX: "refusals",
  });
  await greeting(service.smtpPort, { from: "127.0.0.9" });
  await greeting(service.smtpPort, { from: "127.0.0.9" });
  const client = connectSmtp(service.smtpPort, { from: "127.0.0.2" });
  await client.reply();
  await client.command("EHLO m\u00c3\u00a4\u00e2\u0080\u00ae");
  await client.command("MAIL FROM:<>");
  await client.command("RCPT TO:<x@elsewhere.example>");
  client.end();

  const { stdout } = await runCommandWithin(["refusals"], service.env);
  expect(stdout.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")).toBe(`127.0.0.9  no peer
  unknown-peer: 554 5.7.1 Your address is not a known peer's
  2 times, from TIME to TIME
127.0.0.2  carrier, HELO mä\\u202e
  unknown-domain (elsewhere.example): 550 5.7.1 This server takes mail for its
    own domains only
  once, TIME
`);
  const [first] = (await runCommandWithin(["refusals", "--json"], service.env)).stdout.split("\n");
  expect(JSON.parse(first ?? "")).toMatchObject({ address: "127.0.0.9", peer: null, reason: "unknown-peer", count: 2 });
  expect(await service.metric('mm4d_sessions_refused_total{reason="unknown-peer"}')).toBe(2);
  expect(await service.metric('mm4d_sessions_total{peer="carrier"}')).toBe(1);
  // Told once a minute and address, not twice.
  expect(
    service.log().filter(({ event, address }) => event === "session.refused" && address === "127.0.0.9"),
  ).toHaveLength(1);
});

test.concurrent("peers test goes as far as MAIL with a peer's MMSC, and says what it found", async () => {
  const certificate = certificates.make("127.0.0.1");
  const password = join(directory, "plain");
  writeFileSync(password, "s3cret\n");
  const hash = join(directory, "hash");
  writeFileSync(hash, await hashPassword("s3cret"));
  const wrong = join(directory, "wrong");
  writeFileSync(wrong, "guessed\n");
  const mmsc = await serve({
    ...withCertificate(certificate),
    MM4D_HOSTNAME: "mmsc.test",
    MM4D_PEERS_FILE: peersFile("mmsc.json", [
      { name: "us", addresses: ["127.0.0.1"], auth: { user: "mm4d", passwordFile: hash } },
    ]),
  });
  const to = (acknowledge: object) => ({ host: "127.0.0.1", port: mmsc.smtpPort, ...acknowledge });
  const auth = { user: "mm4d", passwordFile: password };
  const file = peersFile("ours.json", [
    { name: "usual", addresses: ["192.0.2.1"], acknowledge: to({ auth }) },
    { name: "plain", addresses: ["192.0.2.2"], acknowledge: to({ tls: "off" }) },
    { name: "strict", addresses: ["192.0.2.3"], acknowledge: to({ tls: "required" }) },
    { name: "gone", addresses: ["192.0.2.4"], acknowledge: to({ port: 1 }) },
    { name: "locked", addresses: ["192.0.2.6"], acknowledge: to({ auth: { ...auth, passwordFile: wrong } }) },
    { name: "clear", addresses: ["192.0.2.7"], acknowledge: to({ auth, tls: "off" }) },
    { name: "none", addresses: ["192.0.2.5"] },
  ]);
  const tried = async (name: string) => {
    const { code, stdout, stderr } = await runCommandWithin(["peers", "test", name], {
      ...mmsc.env,
      MM4D_PEERS_FILE: file,
    });
    return [
      code,
      (stdout + stderr)
        .replace(/in \d+ ms/, "in N ms")
        .replace(/until .*? GMT/s, "until THEN")
        .replace(/\s+/g, " "),
    ];
  };
  expect(await tried("usual")).toEqual([
    0,
    `127.0.0.1:${mmsc.smtpPort} answers in N ms: 250-mmsc.test with TLSv1.3, TLS_AES_256_GCM_SHA384; certificate of 127.0.0.1 until THEN, not trusted (DEPTH_ZERO_SELF_SIGNED_CERT) logged in as mm4d nothing was sent `,
  ]);
  expect(await tried("plain")).toEqual([0, expect.stringContaining("without TLS without a login")]);
  expect(await tried("strict")).toEqual([1, expect.stringContaining("self-signed certificate")]);
  expect(await tried("gone")).toEqual([1, expect.stringMatching(/^Cannot reach 127\.0\.0\.1:1: .*ECONNREFUSED/)]);
  expect(await tried("locked")).toEqual([
    1,
    expect.stringMatching(/^Cannot use 127\.0\.0\.1:\d+: it refuses our login as mm4d: 535 .*; see acknowledge\.auth/),
  ]);
  expect(await tried("clear")).toEqual([1, expect.stringContaining("the password is not sent without TLS")]);
  expect(await tried("none")).toEqual([1, expect.stringContaining("its entry has no acknowledge.host")]);
  const checked = await runCommandWithin(["peers", "check", file], mmsc.env);
  expect(checked).toMatchObject({ code: 0, stdout: `${file} is in order: 7 peers.\n` });
  expect(checked.stderr.replace(/\s+/g, " ").match(/warning: \w+: /g)).toEqual([
    "warning: usual: ",
    "warning: locked: ",
    "warning: clear: ",
  ]);
  expect(await mmsc.metric("mm4d_reports_total")).toBe(0);
});

test.concurrent("SIGTERM: a balancer hears it first, transactions are finished, idle sessions are ended, and it ends in time", async () => {
  const service = await serveAlone({
    MM4D_PEERS: "carrier=127.0.0.0/8",
    MM4D_SHUTDOWN_DELAY_MS: "1500",
    MM4D_SHUTDOWN_GRACE_MS: "4000",
  });
  const idle = await Promise.all(Array.from({ length: 1_000 }, () => openSession(service.smtpPort)));
  const sending = await Promise.all(Array.from({ length: 50 }, () => openData(service.smtpPort)));
  const startedMs = performance.now();
  service.signal("SIGTERM");
  await eventually(
    async () => (await service.get("/readyz")).status,
    (status) => status === 503,
  );
  // Whoever comes before the balancer has seen it is served as ever.
  expect(await visit(service.smtpPort)).toBe(STORED);

  const said = await Promise.all(idle.map((client) => client.reply()));
  expect(new Set(said)).toEqual(new Set(["421 4.3.2 Shutting down, try again later"]));
  // All but the last ten finish their message.
  for (const [index, client] of sending.entries()) {
    client.write(deliveryReport({ "X-Mms-Message-ID": `finished-${index}` }));
    if (index < 40) client.write(".\r\n");
  }
  const replies = await Promise.all(sending.map((client) => client.reply()));
  expect(replies.filter((reply) => reply === STORED)).toHaveLength(40);
  expect(replies.filter((reply) => reply.startsWith("421"))).toHaveLength(10);
  expect(await service.exited()).toBe(0);
  // 1.5 s of delay, 4 s of grace, 1 s of goodbye, and what a slow machine needs besides.
  expect(performance.now() - startedMs).toBeLessThan(30_000);
  for (const client of [...idle, ...sending]) client.end();
});
