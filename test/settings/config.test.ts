import { execFileSync } from "node:child_process";
import { mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { SETTINGS } from "../../src/settings/config.ts";
import { loadConfig } from "../../src/settings/load.ts";
import { maskUrl, readRedisUrl } from "../../src/settings/redis-url.ts";

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

// The password is "s3cret" in all of them, or what is told would be a part of it.
test.each([
  ["redis://h/mm4d", /has something else than a number behind the host, must be the database's number/],
  ["redis://h/-1", /the database's number/],
  ["redis://h/1.5", /the database's number/],
  ["redis://h/99999999999", /the database's number/],
  ["redis:///var/run/redis.sock", /the path of a socket is none/],
  ["redis://:s3cret%@h", /has a "%" .*must be percent-encoded: .*%25/],
  ["redis://:s3cret%zz@h", /has a "%"/],
  ["redis://:s3cret%ff@h", /has a "%"/],
  ["redis://:s3cret#1@h", /has a "#" before an "@", must be percent-encoded: .*# as %23/],
  ["redis://u:12#s3cret@h", /has a "#" before an "@"/],
  ["redis://u:12?s3cret@h", /has a "\?" before an "@"/],
  ["redis://u:12/s3cret@h:6379/0", /has a "\/" before an "@"/],
  ["redis://u:s3cret@h/0#x", /has a "#"/],
  [
    "redis://u:s3cret@h?ssl_cert_reqs=none",
    /has an option behind "\?" that mm4d does not know, must be one of family, db, tls/,
  ],
  ["redis://h?commandTimeout=1", /does not know/],
  ["redis://h?keyPrefix=s3cret", /does not know/],
  ["redis://h?__proto__=x", /does not know/],
  ["redis://h?tls=false", /the option "tls" .*must be true/],
  ["redis://h?family=5", /the option "family"/],
  ["redis://h?db=x", /the option "db"/],
  ["redis://h?db=1&db=2", /the option "db" twice/],
  ["redis://h/1?db=2", /names two databases/],
  ["redis://s3cret@h", /names a user and no password, must be user:password@/],
  ["redis://:s3cret@", /names no host/],
  ["redis://u:s3cret@:6379", /names no host/],
  ["redis://u:s3cret@h:70000", /has a port that is none, must be a whole number from 1 to 65535/],
  ["redis://h:0", /has a port that is none/],
  ["redis://h:six", /has a port that is none/],
  ["redis://::1:6379", /has an IPv6 address without brackets/],
  ["redis://u:s3cret@a:1,b:2", /has more than one ":"/],
  ["redis://h st:6379", /has a character in its host/],
  ["redis://[::g]:6379", /cannot be read/],
  [" redis://h", /a blank at its beginning or end/],
  ["redis://u:s3cret@h\r", /has a line end/],
  ["redis://u:s3\tcret@h", /has a line end, a tab/],
  ["REDISS://h", /must begin with redis:\/\/ or rediss:\/\/, in small letters/],
  ["h:6379", /must begin with redis/],
  ['"redis://h"', /begins with a quotation mark/],
  ["redis:h", /must begin with redis/],
  ["unix:///run/redis.sock", /names a socket of the file system/],
  ["/run/redis.sock", /names a socket of the file system/],
  ["redis+sentinel://u:s3cret@h:26379/mymaster", /names sentinels, which stand in MM4D_REDIS_SENTINELS/],
])(
  "a REDIS_URL that would not do what it says is refused in one sentence without its password: %s",
  (url, sentence) => {
    const [told = "", ...more] = faults({ REDIS_URL: url });
    expect(more).toEqual([]);
    expect(told).toMatch(/^REDIS_URL [^\n]+, (?:must|or) /);
    expect(told).toMatch(sentence);
    expect(told).not.toContain("s3");
  },
);

test.each([
  ["redis://", { host: "localhost", port: 6379, tls: false, username: "", password: "", database: 0 }],
  ["rediss://h", { host: "h", tls: true }],
  ["redis://h?tls=true&family=6", { tls: true, family: 6 }],
  ["redis://[::1]:6380/15", { host: "::1", port: 6380, database: 15 }],
  ["redis://u:p%25%23%3F%2F%40@h:6379/", { username: "u", password: "p%#?/@", database: 0 }],
  ["redis://:p@ss w:rd@h", { username: "", password: "p@ss w:rd", host: "h" }],
  ["redis://nopass:@h", { username: "nopass", password: "" }],
  [
    "redis://h?db=3&connectionName=mm4d&username=u&password=p",
    { database: 3, connectionName: "mm4d", username: "u", password: "p" },
  ],
])("a REDIS_URL is read as it stands: %s", (url, address) => {
  expect(load({ REDIS_URL: url }).config.redisUrl).toBe(url);
  expect(readRedisUrl(url)).toMatchObject({ ok: true, value: address });
});

test("an unknown name is a fault, with the nearest known one", () => {
  expect(faults({ MM4D_SMPT_PORT: "1", OTHER: "x" })).toEqual([
    "MM4D_SMPT_PORT is no setting of mm4d, must be a known one; the nearest is MM4D_SMTP_PORT",
  ]);
});

/** What Kubernetes sets for a Service. */
const linksOf = (service: string, ports: Readonly<Record<string, number>>): Record<string, string> => {
  const base = service.toUpperCase().replaceAll("-", "_");
  const [[first = "", port = 0] = []] = [Object.entries(ports)[0] ?? []];
  expect(first).not.toBe("");
  const links: Record<string, string> = {
    [`${base}_SERVICE_HOST`]: "10.0.0.1",
    [`${base}_SERVICE_PORT`]: String(port),
    [`${base}_PORT`]: `tcp://10.0.0.1:${port}`,
  };
  for (const [name, number] of Object.entries(ports)) {
    links[`${base}_SERVICE_PORT_${name.toUpperCase().replaceAll("-", "_")}`] = String(number);
    for (const protocol of ["tcp", "udp"]) {
      const place = `${base}_PORT_${number}_${protocol.toUpperCase()}`;
      links[place] = `${protocol}://[fd00::1]:${number}`;
      Object.assign(links, { [`${place}_PROTO`]: protocol, [`${place}_PORT`]: String(number), [`${place}_ADDR`]: "x" });
    }
  }
  return links;
};

test("Kubernetes' links to Services pass with a note, whatever those are called", () => {
  for (const service of ["mm4d", "mm4d-web", "mm4d-smtp-eu-1"]) {
    const links = linksOf(service, { smtp: 25, "http-admin": 8025 });
    const { notes, config } = load(links);
    expect([service, notes]).toEqual([service, [expect.stringContaining(`and ${Object.keys(links).length - 1} more`)]]);
    expect(notes[0]).toContain("enableServiceLinks: false");
    expect(config).toEqual(load({}).config);
  }
  expect(load({ MM4D_PORT: "tcp://10.0.0.1:25" }).notes[0]).toContain("MM4D_PORT is of Kubernetes");
  expect(load({ REDIS_PORT: "tcp://10.0.0.2:6379", REDIS_SERVICE_HOST: "10.0.0.2" }).notes).toEqual([]);
  // What only looks a little like one is as wrong as ever.
  for (const name of ["MM4D_PORT", "MM4D_SMPT_PORT", "MM4D_SERVICE", "MM4D_PORT_25", "MM4D_PORT_SMTP_TCP"]) {
    expect([name, faults({ [name]: "2525" }).length]).toEqual([name, 1]);
  }
});

test("a link under a setting's name says what put it there, and how to be without", () => {
  for (const [service, env] of [
    ["mm4d-smtp", "MM4D_SMTP_PORT"],
    ["mm4d-admin", "MM4D_ADMIN_PORT"],
    ["mm4d-smtps", "MM4D_SMTPS_PORT"],
  ] as const) {
    const certificate = { MM4D_TLS_CERT_FILE: "c", MM4D_TLS_KEY_FILE: "k" };
    expect(faults({ ...linksOf(service, { main: 25 }), ...certificate })).toEqual([
      `${env} is "tcp://10.0.0.1:25", must be a whole number from 0 to 65535. Kubernetes put it there, for the Service "${service}": set enableServiceLinks: false in the pod's spec, or ${env} itself`,
    ]);
    // What the pod's spec says itself goes before a link.
    expect(load({ ...linksOf(service, { main: 25 }), ...certificate, [env]: "26" }).notes.length).toBe(1);
  }
});

test("what cannot be seen in a value, or in a name, is shown", () => {
  expect(faults({ MM4D_SMTP_PORT: "2525\r" })).toEqual([expect.stringContaining('is "2525\\x0d"')]);
  expect(faults({ MM4D_ACCEPT: "\ufeffqueue" })).toEqual([expect.stringContaining('is "\\ufeffqueue"')]);
  expect(faults({ MM4D_LOG_LEVEL: "in\u200bfo\tx\ny" })).toEqual([expect.stringContaining('is "in\\u200bfo\\tx\\ny"')]);
  expect(faults({ MM4D_HOSTNAME: "a\u001b[31m" })).toEqual([expect.stringContaining('is "a\\x1b[31m"')]);
  expect(faults({ "MM4D_SMTP_PORT\r": "1" })).toEqual([expect.stringMatching(/^MM4D_SMTP_PORT\\x0d is no setting/)]);
  expect(faults({ MM4D_ADMIN_TOKEN: "short\r\n" })).toEqual([
    "MM4D_ADMIN_TOKEN is a value that is not shown and holds \\x0d, \\n, must be at least 16 characters",
  ]);
  expect(faults({ REDIS_URL_FILE: "/no\r" })[0]).not.toMatch(/\p{Cc}/u);
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
