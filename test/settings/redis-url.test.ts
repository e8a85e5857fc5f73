import { expect, test } from "vitest";
import { readRedisUrl } from "../../src/settings/redis-url.ts";
import { faults, load } from "../support/load-settings.ts";

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
