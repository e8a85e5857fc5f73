/** What clients do that no dialog shows: bytes, limits, time. Against the whole service. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { type ServiceUnderTest, startServiceWithin } from "../support/service.ts";
import { connectSmtp, openData, openSession } from "../support/smtp-client.ts";

let service: ServiceUnderTest;
beforeAll(async () => {
  service = await startServiceWithin({ MM4D_MAX_MESSAGE_BYTES: "100000", MM4D_MAX_CLIENTS: "20" });
});
afterAll(() => service.stop());

test("a listed peer is greeted at once, and nobody else before 100 ms have gone by", async () => {
  const listed = await startServiceWithin({ MM4D_PEERS: "carrier=127.0.0.0/8" });
  const waits = async (port: number): Promise<readonly number[]> => {
    const all: number[] = [];
    for (let i = 0; i < 5; i++) {
      const startedMs = performance.now();
      const client = connectSmtp(port);
      await client.reply();
      all.push(performance.now() - startedMs);
      client.end();
    }
    return all;
  };
  // The wait is a timer: on the slowest machine the fastest of five would still have had all of it.
  expect(Math.min(...(await waits(listed.smtpPort)))).toBeLessThan(90);
  expect(Math.min(...(await waits(service.smtpPort)))).toBeGreaterThan(90);
  await listed.stop();
});

test("a message of exactly the limit is taken; one byte more is not, and nobody waits for its end", async () => {
  const head = Buffer.from(deliveryReport({ "X-Mms-Message-ID": "limit" }));
  const sized = (bytes: number) =>
    Buffer.concat([head, Buffer.alloc(bytes - head.byteLength - 2, "x"), Buffer.from("\r\n")]);
  const deliver = async (message: Uint8Array) => {
    const client = await openSession(service.smtpPort);
    return client.deliver(message).finally(client.end);
  };
  expect(await deliver(sized(100_000))).toBe("250 2.0.0 Report stored");
  expect(await deliver(sized(100_001))).toBe("552 5.3.4 The message is too large");
  expect(await deliver(sized(5_000_000))).toBe("552 5.3.4 The message is too large");

  const endless = await openData(service.smtpPort);
  endless.write(sized(200_000));
  expect(await endless.reply()).toBe("552 5.3.4 The message is too large");
  await endless.closed();
});

test("a header beyond its bounds is refused with 552 5.3.4", async () => {
  const client = await openSession(service.smtpPort);
  expect(await client.deliver(Buffer.from(`X-Mms-Message-Type: ${"x".repeat(70_000)}\r\n\r\n`))).toMatch(
    /^552 5\.3\.4 /,
  );
  expect(await client.deliver(Buffer.from(`${"A: 1\r\n".repeat(1_001)}\r\n`))).toMatch(/^552 5\.3\.4 /);
  client.end();
});

test("a line that begins with a dot arrives without the one SMTP added", async () => {
  const client = await openSession(service.smtpPort);
  const message = Buffer.concat([
    Buffer.from(deliveryReport({ "X-Mms-Message-ID": "dots" })),
    Buffer.from(".\r\n..\r\nend\r\n"),
  ]);
  expect(await client.deliver(message)).toBe("250 2.0.0 Report stored");
  client.end();
});

test("clients that break off, at any point, leave the service as it was", async () => {
  const lines = ["EHLO x", "MAIL FROM:<>", "RCPT TO:<x@y>", "DATA", "X-Mms-Message-Type: MM4_delivery_report.REQ"];
  for (let until = 0; until <= lines.length; until++) {
    const client = connectSmtp(service.smtpPort);
    await client.reply();
    for (const line of lines.slice(0, until)) client.write(`${line}\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 10));
    client.socket.resetAndDestroy();
  }
  const client = await openSession(service.smtpPort);
  expect(await client.deliver(deliveryReport({ "X-Mms-Message-ID": "still" }))).toBe("250 2.0.0 Report stored");
  client.end();
  await service.metric("mm4d_smtp_connections", (value) => value === 0);
});

test("pipelined commands are answered each, in order", async () => {
  const client = await openSession(service.smtpPort);
  client.write("MAIL FROM:<>\r\nRCPT TO:<x@y>\r\nDATA\r\n");
  expect([await client.reply(), await client.reply(), await client.reply()]).toEqual([
    "250 2.1.0 Sender accepted",
    "250 2.1.5 Recipient accepted",
    "354 End data with <CR><LF>.<CR><LF>",
  ]);
  client.end();
});

test("more connections than MM4D_MAX_CLIENTS hear 421 and are closed", async () => {
  await service.metric("mm4d_smtp_connections", (value) => value === 0);
  const clients = await Promise.all(Array.from({ length: 20 }, () => openSession(service.smtpPort)));
  const extra = connectSmtp(service.smtpPort);
  expect(await extra.reply()).toBe("421 4.3.2 Too many connections, try again later");
  await extra.closed();
  for (const client of clients) client.end();
});

test("a peer's name is in its events, and in the metrics", async () => {
  const named = await startServiceWithin({ MM4D_PEERS: "carrier=127.0.0.0/8" });
  const client = await openSession(named.smtpPort);
  await client.deliver(deliveryReport());
  client.end();
  await eventually(
    () => named.log().find(({ event }) => event === "report.published")?.peer,
    (peer) => peer === "carrier",
  );
  expect((await named.get("/metrics")).text).toContain(
    'mm4d_reports_total{peer="carrier",type="mm4d.delivery-report.v1",outcome="delivered",disposition="success"} 1',
  );
  await named.stop();
});
