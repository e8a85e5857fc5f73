/** Clients that nobody here wrote: each delivers reports, one and many a connection. TLS is none of this version's. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createTransport } from "nodemailer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startConsumer, type TestConsumer } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess, type TestService } from "../support/service.ts";

const FROM = "system-user@mmsc.example.net";
const TO = "system-user@mms.example.net";
const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), "mm4d-clients-"));

let redis: TestRedis;
let service: TestService;
let consumer: TestConsumer;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceProcess({ REDIS_URL: redis.url });
  consumer = startConsumer(redis.url);
});
afterAll(async () => {
  await consumer.stop();
  await service.stop();
  await redis.stop();
});

const report = (id: string) => Buffer.from(deliveryReport({ "X-Mms-Message-ID": id }));

/** The report as a file, with the line ends that Unix tools keep mail with. */
function saved(id: string): string {
  const path = join(directory, `${id}.eml`);
  writeFileSync(path, report(id).toString().replaceAll("\r\n", "\n"));
  return path;
}

async function expectEvents(...ids: readonly string[]): Promise<void> {
  const found = () => consumer.events.filter(({ subject }) => ids.includes(subject ?? ""));
  await eventually(
    () => found().length,
    (length) => length >= ids.length,
  );
  expect(
    found()
      .map(({ subject, data }) => [subject, data.outcome])
      .sort(),
  ).toEqual(ids.map((id) => [id, "delivered"]).sort());
}

const numbered = (client: string) => Array.from({ length: 50 }, (_, index) => `${client}-${index}`);

test("swaks", async () => {
  const data = report("by-swaks").toString();
  const { stdout } = await run("swaks", [
    "--server",
    "127.0.0.1",
    "--port",
    String(service.smtpPort),
    "--from",
    FROM,
    "--to",
    TO,
    "--data",
    data,
  ]);
  expect(stdout).toContain("250 2.0.0 Report stored");
  await expectEvents("by-swaks");
});

test("curl", async () => {
  const url = `smtp://127.0.0.1:${service.smtpPort}/mmsc.example.net`;
  await run("curl", [
    "--silent",
    "--show-error",
    url,
    "--mail-from",
    FROM,
    "--mail-rcpt",
    TO,
    "--crlf",
    "--upload-file",
    saved("by-curl"),
  ]);
  await expectEvents("by-curl");
});

test("msmtp", async () => {
  const settings = ["--host=127.0.0.1", `--port=${service.smtpPort}`, "--tls=off", "--auth=off", `--from=${FROM}`];
  await run("sh", ["-c", 'file=$1; shift; exec msmtp "$@" < "$file"', "sh", saved("by-msmtp"), ...settings, TO]);
  await expectEvents("by-msmtp");
});

test("Python's smtplib, many on one connection", async () => {
  const script = `
import smtplib, sys
with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "mmsc.example.net") as smtp:
    for path in sys.argv[2:]:
        smtp.sendmail("${FROM}", ["${TO}"], open(path, "rb").read())
`;
  await run("python3", ["-c", script, String(service.smtpPort), ...numbered("by-python").map(saved)]);
  await expectEvents(...numbered("by-python"));
});

test("nodemailer, many over pooled connections", async () => {
  const transport = createTransport({
    host: "127.0.0.1",
    port: service.smtpPort,
    pool: true,
    maxConnections: 3,
    ignoreTLS: true,
  });
  const ids = numbered("by-nodemailer");
  await Promise.all(ids.map((id) => transport.sendMail({ envelope: { from: FROM, to: [TO] }, raw: report(id) })));
  transport.close();
  await expectEvents(...ids);
});

test("Postfix's smtp-source: 200 times the same report over five connections is one event", async () => {
  const unpacked = fileURLToPath(new URL("../../node_modules/.cache/postfix/", import.meta.url));
  const program = existsSync(unpacked) ? `${unpacked}usr/sbin/smtp-source` : "smtp-source";
  const env = { ...process.env, LD_LIBRARY_PATH: `${unpacked}usr/lib/postfix` };
  for (const reuse of [[], ["-d"]]) {
    const load = ["-s", "5", "-m", "100", "-f", FROM, "-t", TO, "-F", saved("by-smtp-source")];
    await run(program, [...reuse, ...load, `127.0.0.1:${service.smtpPort}`], { env });
  }
  await expectEvents("by-smtp-source");
  const duplicates = async () =>
    Number(/mm4d_duplicates_total\{[^}]*\} (\d+)/.exec((await service.get("/metrics")).text)?.[1] ?? 0);
  expect(await eventually(duplicates, (count) => count >= 199)).toBe(199);
});
