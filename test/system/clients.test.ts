/** Clients that nobody here wrote: each delivers reports, one and many a connection, and after STARTTLS. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createTransport } from "nodemailer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Certificates, createCertificates } from "../support/certificates.ts";
import { startConsumer, type TestConsumer } from "../support/consumer.ts";
import { deliverByExim } from "../support/exim.ts";
import { MAY_MOUNT } from "../support/mounts.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { type ServiceUnderTest, startServiceWithin } from "../support/service.ts";

const FROM = "system-user@mmsc.example.net";
const TO = "system-user@mms.example.net";
const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), "mm4d-clients-"));

let redis: TestRedis;
let certificates: Certificates;
let service: ServiceUnderTest;
let consumer: TestConsumer;

beforeAll(async () => {
  redis = await startRedis();
  certificates = createCertificates();
  const { certFile, keyFile } = certificates.make("mm4d.test");
  service = await startServiceWithin({
    REDIS_URL: redis.url,
    MM4D_TLS_CERT_FILE: certFile,
    MM4D_TLS_KEY_FILE: keyFile,
  });
  consumer = startConsumer(redis.url);
});
afterAll(async () => {
  await consumer.stop();
  await service.stop();
  await redis.stop();
  certificates.remove();
});

const report = (id: string) => Buffer.from(deliveryReport({ "X-Mms-Message-ID": id }));

/** The report as a file, with the line ends that Unix tools keep mail with. */
function saved(id: string): string {
  const path = join(directory, `${id}.eml`);
  writeFileSync(path, report(id).toString().replaceAll("\r\n", "\n"));
  return path;
}

async function expectEvents(tls: boolean, ...ids: readonly string[]): Promise<void> {
  const found = () => consumer.events.filter(({ subject }) => ids.includes(subject ?? ""));
  await eventually(
    () => found().length,
    (length) => length >= ids.length,
  );
  expect(
    found()
      .map(({ subject, data }) => [subject, data.outcome, data.peer.tls !== null])
      .sort(),
  ).toEqual(ids.map((id) => [id, "delivered", tls]).sort());
}

test("swaks", async () => {
  const { stdout } = await run("swaks", [
    ...["--server", "127.0.0.1", "--port", String(service.smtpPort), "--from", FROM, "--to", TO],
    ...["--data", report("by-swaks").toString()],
  ]);
  expect(stdout).toContain("250 2.0.0 Report stored");
  await expectEvents(false, "by-swaks");
});

describe.each([
  ["", false],
  [" after STARTTLS", true],
])("%s", (how, tls) => {
  const id = (client: string) => `by-${client}${tls ? "-tls" : ""}`;
  const numbered = (client: string) => Array.from({ length: 50 }, (_, index) => `${id(client)}-${index}`);

  test(`curl${how}`, async () => {
    const url = `smtp://127.0.0.1:${service.smtpPort}/mmsc.example.net`;
    await run("curl", [
      ...["--silent", "--show-error", url, "--mail-from", FROM, "--mail-rcpt", TO, "--crlf"],
      ...(tls ? ["--ssl-reqd", "--insecure"] : []),
      "--upload-file",
      saved(id("curl")),
    ]);
    await expectEvents(tls, id("curl"));
  });

  test(`msmtp${how}`, async () => {
    const settings = ["--host=127.0.0.1", `--port=${service.smtpPort}`, "--auth=off", `--from=${FROM}`];
    const encryption = tls ? ["--tls=on", "--tls-certcheck=off"] : ["--tls=off"];
    const command = 'file=$1; shift; exec msmtp "$@" < "$file"';
    await run("sh", ["-c", command, "sh", saved(id("msmtp")), ...settings, ...encryption, TO]);
    await expectEvents(tls, id("msmtp"));
  });

  test.skipIf(!MAY_MOUNT)(`Exim, which closes its sending side behind the final dot and QUIT${how}`, async () => {
    const log = await deliverByExim({
      port: service.smtpPort,
      from: FROM,
      to: TO,
      tls,
      file: saved(id("exim")),
    });
    expect(log.match(/ (?:=>|==|\*\*|->) .*| Completed$/gm)).toEqual([
      expect.stringMatching(/^ => .*C="250 2\.0\.0 Report stored"/),
      " Completed",
    ]);
    expect(log.includes(" X=TLS")).toBe(tls);
    await expectEvents(tls, id("exim"));
  });

  test(`Python's smtplib, many on one connection${how}`, async () => {
    // Given bytes, it sends them as they are: lines must end in CRLF before.
    const script = `
import smtplib, ssl, sys
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "mmsc.example.net") as smtp:
    ${tls ? "smtp.starttls(context=ssl._create_unverified_context())" : "pass"}
    for path in sys.argv[2:]:
        smtp.sendmail("${FROM}", ["${TO}"], open(path, "rb").read().replace(b"\\n", b"\\r\\n"))
`;
    await run("python3", ["-c", script, String(service.smtpPort), ...numbered("python").map(saved)]);
    await expectEvents(tls, ...numbered("python"));
  });

  test(`nodemailer, many over pooled connections${how}`, async () => {
    const transport = createTransport({
      host: "127.0.0.1",
      port: service.smtpPort,
      pool: true,
      maxConnections: 3,
      ignoreTLS: !tls,
      requireTLS: tls,
      tls: { rejectUnauthorized: false },
    });
    const ids = numbered("nodemailer");
    await Promise.all(ids.map((each) => transport.sendMail({ envelope: { from: FROM, to: [TO] }, raw: report(each) })));
    transport.close();
    await expectEvents(tls, ...ids);
  });
});

test("Postfix's smtp-source: 200 times the same report over five connections is one event", async () => {
  const unpacked = fileURLToPath(new URL("../../node_modules/.cache/postfix/", import.meta.url));
  const program = existsSync(unpacked) ? `${unpacked}usr/sbin/smtp-source` : "smtp-source";
  const env = { ...process.env, LD_LIBRARY_PATH: `${unpacked}usr/lib/postfix` };
  for (const reuse of [[], ["-d"]]) {
    const load = ["-s", "5", "-m", "100", "-f", FROM, "-t", TO, "-F", saved("by-smtp-source")];
    await run(program, [...reuse, ...load, `127.0.0.1:${service.smtpPort}`], { env });
  }
  await expectEvents(false, "by-smtp-source");
  const duplicates = async () =>
    Number(/mm4d_duplicates_total\{[^}]*\} (\d+)/.exec((await service.get("/metrics")).text)?.[1] ?? 0);
  expect(await eventually(duplicates, (count) => count >= 199)).toBe(199);
});
