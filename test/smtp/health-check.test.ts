/** Health checks of balancers: a real HAProxy's, and what it could say besides. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHaproxyThatSpeaksSmtp } from "../support/haproxy.ts";
import { peerAt, startTestListener, type TestListener } from "../support/listener.ts";
import { eventually } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { connectSmtp, openSession } from "../support/smtp-client.ts";

/** What HAProxy says of its own checks: LOCAL, with and without addresses behind it. */
const LOCAL = Buffer.from("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "latin1");
const LOCAL_WITH_ADDRESSES = Buffer.concat([
  Buffer.from("\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x0c", "latin1"),
  Buffer.from([192, 0, 2, 7, 192, 0, 2, 1, 0, 1, 0, 25]),
]);

let listener: TestListener;
beforeAll(async () => {
  // Full with one connection, so that it is seen that checks take nobody's place.
  listener = await startTestListener({
    peers: [peerAt("carrier", "127.0.0.7")],
    proxies: ["127.0.0.1"],
    limits: { clients: 1 },
  });
});
afterAll(() => listener.stop(0));

test.each(["option smtpchk", "option smtpchk EHLO check.example", "option smtpchk HELO check.example"])(
  "a real HAProxy takes us for ready by what we answer, and passes reports on: %s",
  async (check) => {
    const before = listener.sessions();
    const haproxy = await startHaproxyThatSpeaksSmtp(listener.port, check);
    try {
      const client = await openSession(haproxy.port, { from: "127.0.0.7" });
      expect(await client.deliver(Buffer.from(deliveryReport()))).toBe("250 2.0.0 Report stored");
      const goodbyes = () => listener.codes.filter((code) => code === 221).length;
      const enough = goodbyes() + 6;
      await eventually(
        async () => goodbyes(),
        (count) => count >= enough,
      );
      for (const name of ["v1", "v2"]) expect(await haproxy.server(name)).toMatchObject({ status: "UP", chkfail: "0" });
      client.end();
      await client.closed();
    } finally {
      await haproxy.stop();
    }
    expect(listener.sessions() - before).toBe(1);
    expect(listener.refusals).toEqual([]);
  },
);

test.each([
  ["version 1", "PROXY UNKNOWN\r\n"],
  ["version 1 with addresses", "PROXY UNKNOWN 192.0.2.7 192.0.2.1 1 25\r\n"],
  ["version 1 in its own name", "PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n"],
  ["version 2", LOCAL],
  ["version 2 with addresses", LOCAL_WITH_ADDRESSES],
])("a balancer for itself is greeted at once and answered, and sends no mail: %s", async (_, header) => {
  const [sessions, refusals] = [listener.sessions(), listener.refusals.length];
  const client = connectSmtp(listener.port);
  client.write(header);
  // With its first words behind the header: it is no early talker.
  client.write("EHLO check.example\r\n");
  expect(await client.reply()).toMatch(/^220 /);
  expect(await client.reply()).toMatch(/^250-/);
  for (const command of ["HELO check.example", "NOOP", "RSET"]) expect(await client.command(command)).toMatch(/^250 /);
  expect(listener.refusals.length).toBe(refusals);
  expect(await client.command("MAIL FROM:<>")).toMatch(/^451 4\.7\.1 A balancer may not send mail for itself/);
  expect(await client.command("RCPT TO:<a@b>")).toMatch(/^503 /);
  expect(await client.command("DATA")).toMatch(/^503 /);
  expect(await client.command("QUIT")).toMatch(/^221 /);
  await client.closed();
  expect(listener.sessions()).toBe(sessions);
  expect(listener.refusals.slice(refusals)).toMatchObject([
    { address: "127.0.0.1", peer: null, reason: "balancer-itself" },
  ]);
});

test("where nobody is listed, a balancer on this machine still sends no mail for itself; what it passes on is this machine's", async () => {
  const alone = await startTestListener({
    peers: [{ ...peerAt("loopback", "127.0.0.1"), listed: false }],
    proxies: ["127.0.0.1"],
  });
  const mail = async (header: Uint8Array | string) => {
    const client = connectSmtp(alone.port);
    client.write(header);
    await client.reply();
    await client.command("EHLO check.example");
    return client.command("MAIL FROM:<>").finally(client.end);
  };
  expect(await mail(LOCAL)).toMatch(/^451 /);
  expect(await mail("PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n")).toMatch(/^250 /);
  await alone.stop(0);
});

test("checks at a time are bounded, take nobody's place, and outlast a change of the peers", async () => {
  const checks = Array.from({ length: 100 }, () => connectSmtp(listener.port));
  for (const check of checks) check.write(LOCAL);
  for (const check of checks) expect(await check.reply()).toMatch(/^220 /);
  const further = connectSmtp(listener.port);
  further.write(LOCAL);
  await further.closed();
  expect(further.unread()).toBe("");
  expect(listener.connections()).toBe(0);
  listener.usePeers(() => undefined);
  expect(await checks[0]?.command("NOOP")).toMatch(/^250 /);
  for (const check of checks) check.end();
});
