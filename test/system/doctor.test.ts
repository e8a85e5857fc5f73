/** `mm4d doctor`: what is in order is told to be, and each fault with what to do about it. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Certificates, createCertificates } from "../support/certificates.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, freePort, startRedis, type TestRedis } from "../support/redis.ts";
import { cleanEnv, rowsOf, startServiceWithin } from "../support/service.ts";

let directory: string;
let certificates: Certificates;
let redis: TestRedis;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "mm4d-doctor-"));
  certificates = createCertificates();
  redis = await startRedis(["--maxmemory", "1gb", "--maxmemory-policy", "noeviction"]);
});
afterAll(async () => {
  await redis.stop();
  certificates.remove();
  rmSync(directory, { recursive: true });
});

interface Finding {
  readonly about: string;
  readonly verdict: string;
  readonly text: string;
}

async function doctor(settings: Readonly<Record<string, string>>) {
  const { code, stdout } = await runCommandWithin(["doctor", "--json"], cleanEnv(settings));
  const findings = rowsOf<Finding>(stdout);
  // How fast this machine's disk is, is not for a test to say.
  const isDisk = ({ text }: Finding) => text.startsWith("a synced write takes");
  expect(findings.filter(isDisk).length).toBe(settings.MM4D_SMTP_PORT === "x" ? 0 : 1);
  const of = (verdict: string) => findings.filter((finding) => finding.verdict === verdict && !isDisk(finding));
  return { code, ok: of("ok"), warnings: of("warning"), faults: of("fault") };
}

const ports = async () => ({ MM4D_SMTP_PORT: String(await freePort()), MM4D_ADMIN_PORT: String(await freePort()) });

test("of a service that runs and is well, everything is ok, and nothing is left behind", async () => {
  const { certFile, keyFile } = certificates.make("mm4d.test");
  const service = await startServiceWithin({
    REDIS_URL: redis.url,
    MM4D_PEERS: "carrier=127.0.0.1",
    MM4D_TLS_CERT_FILE: certFile,
    MM4D_TLS_KEY_FILE: keyFile,
  });
  await eventually(
    () => service.get("/healthz"),
    ({ status }) => status === 200,
  );
  const { code, ok, warnings, faults } = await doctor(service.env);
  expect([code, warnings, faults]).toEqual([0, [], []]);
  const abouts = [
    "settings",
    "service",
    "Redis",
    "Redis memory",
    "duplicate window",
    "clock",
    "write to Redis",
    "SMTP",
  ];
  expect(ok.map(({ about }) => about)).toEqual(
    expect.arrayContaining([...abouts, "data directory", "disk", "certificate", "peers", "catalogue"]),
  );
  expect(ok.find(({ about }) => about === "service")?.text).toMatch(/^running, pid \d+; all is well$/);
  expect(ok.find(({ about }) => about === "certificate")?.text).toContain("CN=mm4d.test");
  expect(readdirSync(service.dataDir).filter((name) => name.startsWith("doctor"))).toEqual([]);

  // What is wrong with it is told in its own words.
  await redis.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
  await eventually(
    () => service.get("/healthz"),
    ({ status }) => status === 503,
  );
  const wrong = await doctor(service.env);
  expect(wrong.code).toBe(1);
  expect(wrong.faults.map(({ about }) => about)).toEqual(expect.arrayContaining(["health", "Redis"]));
  expect(wrong.faults.map(({ text }) => text).join()).toContain("CONFIG SET maxmemory-policy noeviction");
  await redis.call("CONFIG", "SET", "maxmemory-policy", "noeviction");
  await service.stop();
});

test("each fault is found, without a service", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const expired = certificates.make("old.test", { days: 0 });
  const dataDir = join(directory, "open");
  mkdirSync(dataDir);
  chmodSync(dataDir, 0o755);
  const peersFile = join(directory, "peers.json");
  writeFileSync(peersFile, '{ "peers": [{ "name": "a b", "addresses": [] }] }');
  const catalogueFile = join(directory, "catalogue.json");
  writeFileSync(catalogueFile, "{");
  const { code, warnings, faults } = await doctor({
    ...(await ports()),
    REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
    MM4D_SMTP_PORT: String((taken.address() as { port: number }).port),
    MM4D_DATA_DIR: dataDir,
    MM4D_JOURNAL_MAX_BYTES: "1099511627776",
    MM4D_TLS_CERT_FILE: expired.certFile,
    MM4D_TLS_KEY_FILE: expired.keyFile,
    MM4D_PEERS_FILE: peersFile,
    MM4D_CATALOGUE_FILE: catalogueFile,
  });
  taken.close();
  expect(code).toBe(1);
  const told = (about: string) => faults.filter((fault) => fault.about === about).map(({ text }) => text);
  expect(told("Redis")).toEqual([expect.stringContaining("Cannot reach Redis")]);
  expect(told("SMTP")).toEqual([expect.stringContaining("EADDRINUSE")]);
  expect(told("certificate")).toEqual([expect.stringContaining("it has expired")]);
  expect(told("peers").length).toBe(2);
  expect(told("catalogue")).toEqual([expect.stringContaining("catalogue.json")]);
  expect(warnings.map(({ about }) => about)).toEqual(["service", "data directory", "disk"]);
});

test("settings that cannot be read are told one by one; a line fits the terminal", async () => {
  const { code, faults } = await doctor({ MM4D_SMTP_PORT: "x", MM4D_NONSENSE: "1" });
  expect([code, faults.map(({ about }) => about)]).toEqual([1, ["settings", "settings"]]);
  const text = await runCommandWithin(["doctor"], cleanEnv({ ...(await ports()), MM4D_DATA_DIR: "./none" }));
  expect(text.code).toBe(0);
  expect(text.stdout).toContain("warning  peers: only this machine may connect.");
  for (const line of text.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});
