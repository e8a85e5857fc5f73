import { execFileSync } from "node:child_process";
import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BOUNDS } from "../src/bounds/bounds.ts";
import { loadConfig, maskUrl, SETTINGS } from "../src/config.ts";

const load = (env: Record<string, string>) => {
  const loaded = loadConfig(env);
  if (!loaded.ok) throw new Error(loaded.error.join("\n"));
  return loaded.value;
};
const faults = (env: Record<string, string>) => {
  const loaded = loadConfig(env);
  return loaded.ok ? [] : loaded.error;
};

test("without an environment the defaults hold", () => {
  const { config, origins } = load({});
  expect(config).toMatchObject({
    redisUrl: null,
    smtpHost: "127.0.0.1",
    smtpPort: 2525,
    adminHost: "127.0.0.1",
    adminPort: 8025,
    domain: [],
    peers: [],
    dataDir: "./data",
    queue: "mm4-delivery-events",
    queuePrefix: "bull",
    dedupeHours: 24,
    jobAttempts: 10,
    logLevel: "info",
    logNumbers: "masked",
  });
  expect(new Set(Object.values(origins))).toEqual(new Set(["default"]));
});

test("values are read from the environment, and an empty one counts as not set", () => {
  const { config, origins } = load({
    MM4D_SMTP_PORT: "0",
    MM4D_ADMIN_PORT: "",
    MM4D_DOMAIN: "MMS.example.net, example.org",
  });
  expect([config.smtpPort, config.adminPort, config.domain]).toEqual([0, 8025, ["mms.example.net", "example.org"]]);
  expect([origins.smtpPort, origins.adminPort]).toEqual(["environment", "default"]);
});

test("a name with the dot of the root is the name without it, and an address of ours may stand among the domains", () => {
  const { config } = load({
    MM4D_DOMAIN: "MMS.Example.NET., [127.0.0.1],192.0.2.1, [IPv6:2001:DB8::1]",
    MM4D_HOSTNAME: "MM4.Example.NET.",
    MM4D_SYSTEM_ADDRESS: "system-user@mms.example.net.",
  });
  expect([config.domain, config.hostname, config.systemAddress]).toEqual([
    ["mms.example.net", "[127.0.0.1]", "192.0.2.1", "[ipv6:2001:db8::1]"],
    "MM4.Example.NET",
    "system-user@mms.example.net",
  ]);
  for (const domain of [".", "mms.example.net..", "[127.0.0]", "[IPv6:127.0.0.1x]", "[]", "mms.example.net,"]) {
    expect(faults({ MM4D_DOMAIN: domain })).toEqual([expect.stringContaining("must be host names or addresses")]);
  }
});

test("every fault is told at once, in a sentence with the value and what it must be", () => {
  expect(
    faults({ MM4D_SMTP_PORT: "64k", MM4D_DEDUPE_HOURS: "0", MM4D_QUEUE: "a:b", REDIS_URL: "http://x:secret@y" }),
  ).toEqual([
    "REDIS_URL is a value that is not shown, must be a URL that begins with redis:// or rediss://",
    'MM4D_SMTP_PORT is "64k", must be a whole number from 0 to 65535',
    'MM4D_QUEUE is "a:b", must be a name without a colon',
    'MM4D_DEDUPE_HOURS is "0", must be a whole number from 1 to 8784',
  ]);
});

test.each([
  [{ MM4D_PEERS: "a=192.0.2.1", MM4D_PEERS_FILE: "x" }, "MM4D_PEERS and MM4D_PEERS_FILE are both set"],
  [{ MM4D_TLS_CERT_FILE: "x" }, "MM4D_TLS_CERT_FILE and MM4D_TLS_KEY_FILE are not both set, must be both or none"],
  [{ MM4D_TLS_KEY_FILE: "x" }, "MM4D_TLS_CERT_FILE and MM4D_TLS_KEY_FILE are not both set, must be both or none"],
  [{ MM4D_SMTPS_PORT: "465" }, "MM4D_SMTPS_PORT is set without MM4D_TLS_CERT_FILE, must be with it"],
  [{ MM4D_PROXIES: "balancer" }, 'MM4D_PROXIES is "balancer", must be IP addresses or networks'],
  [{ MM4D_PEERS: "a=; b=192.0.2.1" }, 'MM4D_PEERS is "a=; b=192.0.2.1", must be'],
  [{ MM4D_PEERS: "a=192.0.2.1; a=192.0.2.2" }, "with each name once"],
])("settings that do not go together, or cannot be, are told: %j", (env, sentence) => {
  expect(faults(env)).toEqual([expect.stringContaining(sentence)]);
});

test("an unknown name is a fault, with the nearest known one", () => {
  expect(faults({ MM4D_SMPT_PORT: "1", OTHER: "x" })).toEqual([
    "MM4D_SMPT_PORT is no setting of mm4d, must be a known one; the nearest is MM4D_SMTP_PORT",
  ]);
});

test("peers are read with their networks, and a faulty list is a fault", () => {
  expect(load({ MM4D_PEERS: "a=192.0.2.0/24,2001:db8::/32; b=198.51.100.7" }).config.peers).toEqual([
    {
      name: "a",
      networks: [
        { address: "192.0.2.0", prefix: 24, family: "ipv4" },
        { address: "2001:db8::", prefix: 32, family: "ipv6" },
      ],
    },
    { name: "b", networks: [{ address: "198.51.100.7", prefix: 32, family: "ipv4" }] },
  ]);
  for (const peers of [
    "a",
    "a=",
    "a=x",
    "a=192.0.2.0/33",
    "a=192.0.2.1; a=192.0.2.2",
    "loopback=127.0.0.1",
    "=192.0.2.1",
  ]) {
    expect([peers, faults({ MM4D_PEERS: peers }).length]).toEqual([peers, 1]);
  }
});

test("a secret may stand in a file, and is never shown", () => {
  const file = join(mkdtempSync(join(tmpdir(), "mm4d-config-")), "url");
  writeFileSync(file, "rediss://user:secret@redis.example.net:6380/1\n");
  const { config, origins } = load({ REDIS_URL_FILE: file });
  expect([config.redisUrl, origins.redisUrl]).toEqual(["rediss://user:secret@redis.example.net:6380/1", "file"]);
  expect(maskUrl(config.redisUrl ?? "")).toBe("rediss://user:***@redis.example.net:6380/1");
  expect(faults({ REDIS_URL_FILE: "/nowhere" })).toEqual([
    expect.stringContaining('REDIS_URL_FILE is "/nowhere", must be a file that can be read'),
  ]);
  expect(faults({ REDIS_URL: "redis://x", REDIS_URL_FILE: file }).length).toBe(1);
});

describe("a file that is none, or too large, is refused with a sentence, for each secret", () => {
  const directory = mkdtempSync(join(tmpdir(), "mm4d-config-"));
  const [pipe, large] = [join(directory, "pipe"), join(directory, "large")];
  execFileSync("mkfifo", [pipe]);
  writeFileSync(large, "x".repeat(BOUNDS.secretFileBytes.value + 1));
  const linked = join(directory, "linked");
  symlinkSync("/dev/zero", linked);
  test.each([
    [pipe, "it is a pipe, must be a file"],
    ["/dev/zero", "it is a device, must be a file"],
    [linked, "it is a device, must be a file"],
    [directory, "it is a directory, must be a file"],
    [large, `it is larger than ${BOUNDS.secretFileBytes.value} bytes, must be smaller`],
  ])("%s", (file, why) => {
    const secrets = Object.values(SETTINGS).flatMap((setting) => ("secret" in setting ? [`${setting.env}_FILE`] : []));
    expect(secrets.length).toBeGreaterThan(2);
    for (const name of secrets)
      expect(faults({ [name]: file })).toEqual([`${name} is "${file}", must be a file that can be read: ${why}`]);
  });

  test("a link to a file is as good as the file, and so is one whose size is not told", () => {
    const [file, link] = [join(directory, "token"), join(directory, "..token")];
    writeFileSync(file, "sixteen letters!\n");
    symlinkSync(file, link);
    expect(load({ MM4D_ADMIN_TOKEN_FILE: link }).config.adminToken).toBe("sixteen letters!");
    expect(load({ MM4D_ADMIN_TOKEN_FILE: "/proc/version" }).config.adminToken).toMatch(/^Linux version /);
  });
});
