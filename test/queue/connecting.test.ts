/** What a Redis, or a sentinel, asks for at the door; and what is told when it does not let us in. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import { followQueue } from "../../src/queue/follow.ts";
import { connectionOptions, connectRedis, type RedisPlace, redisAt, withRedis } from "../../src/queue/redis.ts";
import { redisFault } from "../../src/queue/redis-faults.ts";
import { type Certificates, createCertificates, type TestCertificate } from "../support/certificates.ts";
import { eventually, freePort, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

let certificates: Certificates;
let authority: TestCertificate;
let ours: TestCertificate;
let redis: TestRedis;
/** Its port for TLS, where it asks for a certificate. */
let tlsPort: number;

beforeAll(async () => {
  certificates = createCertificates();
  authority = certificates.make("authority");
  ours = certificates.make("mm4d", { by: authority });
  tlsPort = await freePort();
  redis = await startRedis([
    "--tls-port",
    String(tlsPort),
    ...tlsFiles(certificates.make("localhost", { by: authority })),
    ...["--tls-ca-cert-file", authority.certFile, "--tls-auth-clients", "yes"],
  ]);
  await redis.call("ACL", "SETUSER", "mm4d", "on", ">right", "~*", "&*", "+@all");
});
afterAll(async () => {
  await redis.stop();
  certificates.remove();
});

const tlsFiles = ({ certFile, keyFile }: TestCertificate) => ["--tls-cert-file", certFile, "--tls-key-file", keyFile];

/** As the settings would say it. */
const place = (url: string, changes: Partial<RedisPlace> = {}): RedisPlace => ({ ...redisAt(url), ...changes });
const showing = ({ certFile, keyFile }: TestCertificate) => ({
  redisTlsCertFile: certFile,
  redisTlsKeyFile: keyFile,
  redisTlsCaFile: authority.certFile,
});

/** Why it cannot be reached. */
async function refusal(where: RedisPlace): Promise<string> {
  try {
    return `reached: ${await withRedis(where, (client) => client.ping())}`;
  } catch (cause) {
    return (cause as Error).message;
  }
}

test("with our certificate Redis is reached by each kind of connection, and a renewed one is taken at the next", async () => {
  const kept = certificates.make("mm4d", { by: authority });
  const where = place(`rediss://mm4d:right@localhost:${tlsPort}`, showing(kept));
  expect(await refusal(where)).toBe("reached: PONG");

  // As BullMQ connects, whose queues and workers have connections of their own.
  const queue = new Queue("q", { connection: { ...connectionOptions(where), maxRetriesPerRequest: null } });
  const seen: string[] = [];
  const following = await followQueue({
    address: { redis: where, prefix: "bull" },
    queue: "q",
    onEvent: ({ id }) => seen.push(id),
    onGone: () => {},
    onError: () => {},
  });
  const event = eventOf(deliveryReport());
  await queue.add("x", event);
  await eventually(
    () => seen,
    ([id]) => id === event.id,
  );
  await following.stop();
  await queue.close();

  const client = connectRedis(where);
  client.on("error", () => {});
  await client.ping();
  certificates.replace(kept, certificates.make("renewed", { by: authority }));
  const subjects = async () => {
    const ready = new Promise((resolve) => client.once("ready", resolve));
    client.disconnect(true);
    await ready;
    // biome-ignore lint/suspicious/noExplicitAny: ioredis calls its stream private.
    return (client as any).stream.getCertificate().subject.CN as string;
  };
  expect(await subjects()).toBe("renewed");
  // In the middle of being replaced: what was read before does.
  writeFileSync(kept.certFile, "-----BEGIN CERT");
  expect(await subjects()).toBe("renewed");
  client.disconnect();
  expect(await refusal(where)).toMatch(/^Cannot use MM4D_REDIS_TLS_CERT_FILE and MM4D_REDIS_TLS_KEY_FILE: /);
});

const strange = () => certificates.make("stranger");
test.each<[string, () => RedisPlace, RegExp]>([
  [
    "no certificate of ours",
    () => place(`rediss://localhost:${tlsPort}`, { redisTlsCaFile: authority.certFile }),
    /asks for a client certificate.*MM4D_REDIS_TLS_CERT_FILE, MM4D_REDIS_TLS_KEY_FILE/,
  ],
  [
    "one that its authority has not signed",
    () => place(`rediss://localhost:${tlsPort}`, showing(strange())),
    /does not know the authority of our certificate: MM4D_REDIS_TLS_CERT_FILE|one that it knows/,
  ],
  [
    "one that has expired",
    () => place(`rediss://localhost:${tlsPort}`, showing(certificates.make("mm4d", { by: authority, days: 0 }))),
    /has expired: renew MM4D_REDIS_TLS_CERT_FILE|that has not expired/,
  ],
  [
    "an authority that is not named",
    () => place(`rediss://localhost:${tlsPort}`),
    /is signed by nobody we know \(.*\): name its authority in MM4D_REDIS_TLS_CA_FILE$/,
  ],
  [
    "another host than the certificate's",
    () => place(`rediss://127.0.0.1:${tlsPort}`, showing(ours)),
    /the certificate of Redis is of another name \(IP: 127\.0\.0\.1 is not in the cert's list:\): REDIS_URL must name it/,
  ],
  [
    "TLS on a port without",
    () => place(`rediss://127.0.0.1:${redis.port}`),
    /does not speak TLS .*REDIS_URL must begin with redis:\/\//,
  ],
  [
    "no TLS on a port with",
    () => place(`redis://localhost:${tlsPort}`),
    /breaks the connection off before it answers .*asks for TLS, and REDIS_URL must begin with rediss:\/\/$/,
  ],
  [
    "a wrong password",
    () => place(`redis://mm4d:wrong@127.0.0.1:${redis.port}`),
    /Redis refuses user or password \(WRONGPASS .*\): see to REDIS_URL$/,
  ],
  ["no such user", () => place(`redis://nobody:right@127.0.0.1:${redis.port}`), /Redis refuses user or password/],
  [
    "a database that is not there",
    () => place(`redis://127.0.0.1:${redis.port}/99`),
    /DB index is out of range: REDIS_URL names a database/,
  ],
  [
    "a CA file that is none",
    () => place(`rediss://localhost:${tlsPort}`, { redisTlsCaFile: ours.keyFile }),
    /Cannot use MM4D_REDIS_TLS_CA_FILE: .* has no certificate, must be PEM/,
  ],
  [
    "a key that is not the certificate's",
    () => place(`rediss://localhost:${tlsPort}`, { ...showing(ours), redisTlsKeyFile: authority.keyFile }),
    /they must be a certificate and its private key/,
  ],
  [
    "a file that is not there",
    () => place(`rediss://localhost:${tlsPort}`, { redisTlsCaFile: "/nowhere" }),
    /Cannot use MM4D_REDIS_TLS_CA_FILE: ENOENT/,
  ],
])("told in words, with what to do: %s", async (_, where, words) => {
  expect(await refusal(where())).toMatch(words);
});

// Of managed servers behind one endpoint, whose INFO does not tell that they are a cluster.
test.each([
  "MOVED 866 10.0.0.7:6379",
  "ASK 866 10.0.0.7:6379",
  "CROSSSLOT Keys in request don't hash to the same slot",
  "CLUSTERDOWN Hash slot not served",
  "ERR SELECT is not allowed in cluster mode",
  "ERR Script attempted to access a non local key in a cluster node",
  "ERR Script attempted to access keys that do not hash to the same slot script: 5ab432e88830d573e2fa33392ffbd4ad25a9b100, on @user_script:582.",
])("what only a cluster says is told as that: %s", (said) => {
  const told = redisFault(new Error(said));
  expect(told).toContain(said.slice(0, 40));
  expect(told).toContain("it is a node of a Redis Cluster, which cannot be used");
});

test("a Redis whose own certificate has expired is told as that", async () => {
  const port = await freePort();
  const expired = certificates.make("localhost", { by: authority, days: 0 });
  const old = await startRedis([
    "--tls-port",
    String(port),
    ...tlsFiles(expired),
    "--tls-ca-cert-file",
    authority.certFile,
  ]);
  try {
    expect(await refusal(place(`rediss://localhost:${port}`, showing(ours)))).toMatch(
      /the certificate of Redis has expired: renew it there$/,
    );
  } finally {
    await old.stop();
  }
});

test("sentinels with users: each reason is the sentinel's own", async () => {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-sentinel-users-"));
  const port = await freePort();
  const file = join(directory, "sentinel.conf");
  const lines = [
    `port 0`,
    `tls-port ${port}`,
    `tls-cert-file ${certificates.make("localhost", { by: authority }).certFile}`,
    "bind 127.0.0.1",
    `dir ${directory}`,
    "sentinel resolve-hostnames yes",
    "sentinel announce-hostnames yes",
    `sentinel monitor mymaster localhost ${tlsPort} 1`,
    "user default off",
    "user watcher on >right &* -@all +sentinel|get-master-addr-by-name +sentinel|sentinels +subscribe +client",
    "user blind on >right &* -@all +ping",
  ];
  lines.push(
    `tls-key-file ${lines[2]?.split(" ")[1]?.replace(/crt$/, "key")}`,
    `tls-ca-cert-file ${authority.certFile}`,
  );
  writeFileSync(file, `${lines.join("\n")}\n`);
  const child = spawn("redis-server", [file, "--sentinel"], { stdio: "ignore" });
  const by = (changes: Partial<RedisPlace>) =>
    refusal(
      place("rediss://mm4d:right@localhost", {
        ...showing(ours),
        redisSentinels: [{ host: "localhost", port }],
        redisMaster: "mymaster",
        redisSentinelUser: "watcher",
        redisSentinelPassword: "right",
        ...changes,
      }),
    );
  const told = (sentence: string) =>
    `Cannot reach Redis: no sentinel tells which Redis is the master "mymaster" (localhost:${port}: ${sentence}`;
  try {
    await eventually(
      () => by({}),
      (said) => said === "reached: PONG",
    );
    expect(await by({ redisSentinelPassword: "wrong" })).toContain(
      told("the sentinel refuses user or password (WRONGPASS invalid username-password pair"),
    );
    expect(await by({ redisSentinelPassword: "wrong" })).toContain(
      "see to MM4D_REDIS_SENTINEL_USER, MM4D_REDIS_SENTINEL_PASSWORD",
    );
    expect(await by({ redisSentinelUser: "", redisSentinelPassword: "" })).toContain(
      told("the sentinel asks for a password (NOAUTH Authentication required.): set it in MM4D_REDIS_SENTINEL_USER"),
    );
    expect(await by({ redisSentinelUser: "blind" })).toContain(
      told("the sentinel's user may not ask for the master (NOPERM "),
    );
    expect(await by({ redisMaster: "other" })).toContain(
      'the sentinels know no master "other": see to MM4D_REDIS_MASTER',
    );
    expect(await by({ redisTlsCertFile: "", redisTlsKeyFile: "" })).toContain("asks for a client certificate");
    expect(await by({ redisTlsCaFile: "" })).toContain(
      told("the certificate of the sentinel is signed by nobody we know"),
    );
    const dead = await freePort();
    expect(await by({ redisSentinels: [{ host: "127.0.0.1", port: dead }] })).toContain(
      `(127.0.0.1:${dead}: connect ECONNREFUSED`,
    );
  } finally {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true });
  }
});
