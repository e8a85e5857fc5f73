import { execFileSync } from "node:child_process";
import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { SETTINGS } from "../../src/settings/config.ts";
import { maskUrl } from "../../src/settings/redis-url.ts";
import { faults, load } from "../support/load-settings.ts";

test("values are read from the environment, and an empty one counts as not set", () => {
  const { config, origins } = load({
    MM4D_SMTP_PORT: "0",
    MM4D_ADMIN_PORT: "",
    MM4D_DOMAIN: "MMS.example.net, example.org",
  });
  expect([config.smtpPort, config.adminPort, config.domain]).toEqual([0, 8025, ["mms.example.net", "example.org"]]);
  expect([origins.smtpPort, origins.adminPort]).toEqual(["environment", "default"]);
});

test("every fault is told at once, in a sentence with the value and what it must be", () => {
  expect(
    faults({ MM4D_SMTP_PORT: "64k", MM4D_DEDUPE_HOURS: "0", MM4D_QUEUE: "a:b", REDIS_URL: "http://x:secret@y" }),
  ).toEqual([
    "REDIS_URL begins with something else, must begin with redis:// or rediss://, in small letters",
    'MM4D_SMTP_PORT is "64k", must be a whole number from 0 to 65535',
    'MM4D_QUEUE is "a:b", must be a name without a colon',
    'MM4D_DEDUPE_HOURS is "0", must be a whole number from 1 to 8784',
  ]);
});

test.each([
  [{ MM4D_PEERS: "a=192.0.2.1", MM4D_PEERS_FILE: "x" }, "MM4D_PEERS and MM4D_PEERS_FILE are both set"],
  [{ MM4D_TLS_CERT_FILE: "x" }, "MM4D_TLS_CERT_FILE and MM4D_TLS_KEY_FILE are not both set, must be both or none"],
  [{ MM4D_TLS_KEY_FILE: "x" }, "MM4D_TLS_CERT_FILE and MM4D_TLS_KEY_FILE are not both set, must be both or none"],
  [{ MM4D_REDIS_TLS_CERT_FILE: "x", REDIS_URL: "rediss://h" }, "MM4D_REDIS_TLS_KEY_FILE are not both set"],
  [{ MM4D_REDIS_TLS_CA_FILE: "x", REDIS_URL: "redis://h" }, "must be with a REDIS_URL that begins with rediss://"],
  [{ MM4D_REDIS_TLS_CA_FILE: "x" }, "must be with a REDIS_URL that begins with rediss://"],
  [{ MM4D_REDIS_SENTINEL_USER: "u", MM4D_REDIS_SENTINEL_PASSWORD: "p" }, "without MM4D_REDIS_SENTINELS"],
  [{ MM4D_SMTPS_PORT: "465" }, "MM4D_SMTPS_PORT is set without MM4D_TLS_CERT_FILE, must be with it"],
  [{ MM4D_PROXIES: "balancer" }, 'MM4D_PROXIES is "balancer", must be IP addresses or networks'],
  [{ MM4D_PEERS: "a=; b=192.0.2.1" }, 'MM4D_PEERS is "a=; b=192.0.2.1", must be'],
  [{ MM4D_PEERS: "a=192.0.2.1; a=192.0.2.2" }, "with each name once"],
])("settings that do not go together, or cannot be, are told: %j", (env, sentence) => {
  expect(faults(env)).toEqual([expect.stringContaining(sentence)]);
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
