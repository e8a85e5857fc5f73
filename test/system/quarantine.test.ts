/** Messages nobody could read: kept whole, bounded, and in a person's hands. */

import { Queue } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import { QUARANTINE_QUEUE } from "../../src/settings/queue-names.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport, eventOf, PEER } from "../support/report.ts";
import { rowsOf, type ServiceWithin, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

let redis: TestRedis;
let service: ServiceWithin;

beforeAll(async () => {
  redis = await startRedis();
  service = await startServiceWithin({
    REDIS_URL: redis.url,
    MM4D_PEERS: "carrier=127.0.0.1;other=127.0.0.2;third=127.0.0.3",
    MM4D_QUARANTINE_MAX_MESSAGES: "6",
  });
});
afterAll(async () => {
  await service.stop();
  await redis.stop();
});

const MENDED = `j${"0".repeat(32)}`;
const quarantine = (...args: string[]) => runCommandWithin(["quarantine", ...args], service.env);
const ids = async () => rowsOf<{ id: string }>((await quarantine("list", "--json")).stdout).map(({ id }) => id);
const unreadable = (id: string) => deliveryReport({ "X-Mms-MM-Status-Code": undefined, "X-Mms-Message-ID": id });

test("an unreadable message is kept whole, told and shown without harm to the terminal, and dropped", async () => {
  const client = await openSession(service.smtpPort);
  const hostile = Buffer.concat([unreadable("a\u001b[2Jb"), Buffer.from("body \u001b]0;title\u0007\r\n")]);
  expect(await client.deliver(hostile)).toBe("250 2.0.0 Message stored for inspection");
  client.end();
  const [id = ""] = await eventually(ids, (found) => found.length === 1);
  expect((await quarantine("list")).stdout).toMatch(
    new RegExp(`^${id}\n {2}20.*Z {2}no-status {2}carrier {2}\\d+ bytes\n$`),
  );
  const { code, stdout } = await quarantine("show", id);
  expect(code).toBe(0);
  expect(stdout).toContain("X-Mms-Message-Type: MM4_delivery_report.REQ");
  expect(stdout).toContain("a\\x1b[2Jb");
  expect(stdout).toContain("body \\x1b]0;title\\x07");
  expect(stdout).not.toContain("\u001b");
  expect(stdout).toMatch(/^From: \+\*{7}0100\//m);
  expect((await quarantine("show", id, "--full-numbers")).stdout).toMatch(/^From: \+12025550100\//m);
  expect(await quarantine("replay", id)).toMatchObject({ code: 1, stdout: `${id}  still makes no event: no-status\n` });
  expect(await quarantine("drop", id)).toMatchObject({ code: 0 });
  expect(await quarantine("drop", id)).toMatchObject({
    code: 1,
    stderr: `Cannot drop "${id}": there is no such message in quarantine\n`,
  });
  expect(await ids()).toEqual([]);
});

test("a report that holds more than an event may is kept whole, and show and replay say why", async () => {
  const recipients = "a,".repeat(30_000);
  const bytes = deliveryReport({
    "X-Mms-Message-Type": "MM4_forward.RES",
    "X-Mms-Request-Status-Code": "Ok",
    "X-Mms-Request-Recipients": recipients,
  });
  const client = await openSession(service.smtpPort);
  expect(await client.deliver(bytes)).toBe("250 2.0.0 Report stored");
  client.end();
  const [row] = await eventually(
    async () => rowsOf((await quarantine("list", "--json")).stdout),
    (rows) => rows.length === 1,
  );
  const id = String(row?.id);
  const detail = "It names more than 500 recipients";
  expect(row).toMatchObject({ reason: "event-too-large", detail, bytes: bytes.length });
  const { stdout } = await quarantine("show", id, "--full-numbers");
  expect(stdout).toContain(`${detail}\n`);
  expect(stdout).toContain(recipients);
  expect(await quarantine("replay", id)).toMatchObject({
    code: 1,
    stdout: `${id}  still makes no event: event-too-large (${detail})\n`,
  });
  expect(service.log().find(({ event, id: logged }) => event === "message.quarantined" && logged === id)).toMatchObject(
    {
      reason: "event-too-large",
      detail,
    },
  );
  expect((await service.get("/metrics")).text).toContain(
    'mm4d_quarantined_total{peer="carrier",reason="event-too-large"} 1',
  );
  await quarantine("drop", id);
});

test("a report behind an empty line is kept for a person: a replay does not guess where it begins", async () => {
  const client = await openSession(service.smtpPort);
  const bytes = Buffer.concat([Buffer.from("\r\n"), deliveryReport({ "X-Mms-Ack-Request": "Yes" })]);
  expect(await client.deliver(bytes)).toBe("250 2.0.0 Message stored for inspection");
  client.end();
  const [id = ""] = await eventually(ids, (found) => found.length === 1);
  expect((await quarantine("list")).stdout).toContain("type-outside-header");
  expect((await quarantine("show", id)).stdout).toContain("X-Mms-Message-Type: MM4_delivery_report.REQ");
  expect(await quarantine("replay", id)).toMatchObject({
    code: 1,
    stdout: `${id}  still makes no event: type-outside-header\n`,
  });
  expect(await quarantine("drop", id)).toMatchObject({ code: 0 });
});

test("a message that today's program can read is queued under its ordinary id, with the time it was received at first", async () => {
  const bytes = deliveryReport({ "X-Mms-Message-ID": "mended" });
  const message = {
    reason: "internal-error",
    detail: "Error: x",
    peer: PEER,
    receivedAt: "2026-01-02T03:04:05.678Z",
    raw: Buffer.from(bytes).toString("base64"),
  };
  const connection = { url: redis.url, maxRetriesPerRequest: null };
  const kept = new Queue(QUARANTINE_QUEUE, { connection });
  await kept.add("internal-error", message, { jobId: MENDED });
  await kept.close();
  expect(await quarantine("replay", "--all", "--reason", "no-status")).toMatchObject({ code: 0, stdout: "" });
  const expected = eventOf(bytes);
  expect(await quarantine("replay", "--all", "--reason", "internal-error")).toMatchObject({
    code: 0,
    stdout: `${MENDED}  queued as ${expected.id}\n`,
  });
  expect(await ids()).toEqual([]);
  const queue = new Queue("mm4-delivery-events", { connection });
  const events = (await queue.getWaiting()).map(({ data }) => data as DeliveryEvent);
  await queue.close();
  expect(events).toEqual([JSON.parse(JSON.stringify(expected))]);
});

test("what is not kept of a body is told, and changes nothing; what ended the service is replayed by name only", async () => {
  const bytes = deliveryReport({ "X-Mms-Message-ID": "cut" });
  const message = { peer: PEER, receivedAt: "2026-01-02T03:04:05.678Z", raw: Buffer.from(bytes).toString("base64") };
  const [cut, ended] = [`j${"1".repeat(32)}`, `j${"2".repeat(32)}`];
  const detail = "Reading it ended the process 3 times";
  const kept = new Queue(QUARANTINE_QUEUE, { connection: { url: redis.url, maxRetriesPerRequest: null } });
  await kept.add("internal-error", { ...message, reason: "internal-error", detail: "x", notKept: 7 }, { jobId: cut });
  await kept.add("not-read", { ...message, reason: "not-read", detail }, { jobId: ended });
  await kept.close();
  expect((await quarantine("list")).stdout).toContain(`${bytes.length} bytes; 7 further bytes of its body not kept\n`);
  expect(rowsOf((await quarantine("list", "--json")).stdout).map(({ notKept }) => notKept)).toEqual([7, 0]);
  expect((await quarantine("show", cut)).stdout).toContain("; 7 further bytes of its body not kept]\n");
  expect((await quarantine("show", ended)).stdout.replace(/\s+/g, " ")).toContain(
    "ended the process three times while it was read. Please report it, and replay it after an upgrade",
  );
  const { id } = eventOf(bytes);
  expect(await quarantine("replay", "--all")).toMatchObject({
    code: 0,
    stdout: `${cut}  queued as ${id}\n${ended}  not tried, because reading it may end this command: name it, or --reason not-read\n`,
  });
  expect(await quarantine("replay", ended)).toMatchObject({
    code: 0,
    stdout: `${ended}  was queued before as ${id}\n`,
  });
});

test("what is no report is dropped in bulk, by reason and by peer", async () => {
  const client = await openSession(service.smtpPort);
  for (const id of ["bulk-1", "bulk-2"]) {
    // What was dropped before makes room within seconds.
    await eventually(
      () => client.deliver(deliveryReport({ "X-Mms-Message-ID": id, "X-Mms-MM-Status-Code": undefined })),
      (reply) => reply.startsWith("250"),
    );
  }
  client.end();
  const kept = async () => rowsOf((await quarantine("list", "--json")).stdout).length;
  await eventually(kept, (count) => count === 2);
  expect(await quarantine("drop", "--all", "--reason", "unknown-type")).toMatchObject({
    stdout: "0 messages removed\n",
  });
  expect(await quarantine("drop", "--all", "--peer", "somebody")).toMatchObject({ stdout: "0 messages removed\n" });
  expect(await quarantine("drop", "--all", "--reason", "no-status")).toMatchObject({
    code: 0,
    stdout: "2 messages removed\n",
  });
  expect(await kept()).toBe(0);
  expect(await quarantine("drop")).toMatchObject({ code: 1, stderr: "Cannot drop: one id or --all must be given\n" });
});

test("a peer that fills up its share gets 451, which is said once, and nobody else does; room is used again", async () => {
  const metrics = async () => (await service.get("/metrics")).text;
  // What a person removed is noticed some seconds later.
  await eventually(metrics, (text) => text.includes("mm4d_quarantine_messages 0"));
  // The tests before this one may have found it full for a moment, of what they had just dropped.
  const told = () => service.log().filter(({ event }) => event === "quarantine.full");
  const refused = async (peer: string) =>
    Number(new RegExp(`mm4d_quarantine_full_total\\{peer="${peer}"\\} (\\d+)`).exec(await metrics())?.[1] ?? 0);
  const [toldBefore, refusedBefore] = [told().length, await refused("carrier")];
  const [carrier, other, third] = await Promise.all(
    ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map((from) => openSession(service.smtpPort, { from })),
  );
  const kept = async (client: typeof carrier, ...names: readonly string[]) => {
    const replies: (string | undefined)[] = [];
    for (const name of names) replies.push((await client?.deliver(unreadable(name)))?.slice(0, 3));
    return replies;
  };
  expect(await kept(carrier, "1", "2", "3", "4", "5")).toEqual(["250", "250", "250", "451", "451"]);
  // Half of what is left.
  expect(await kept(other, "6", "7", "8")).toEqual(["250", "451", "451"]);
  expect(await kept(third, "9", "10")).toEqual(["250", "451"]);
  expect(await carrier?.deliver(unreadable("4"))).toBe("451 4.3.0 Cannot store the report now, try again later");
  expect(await carrier?.deliver(deliveryReport({ "X-Mms-Message-ID": "ordinary" }))).toBe("250 2.0.0 Report stored");
  const toldNow = told().slice(toldBefore);
  expect(toldNow.map(({ peer, messages }) => [peer, messages])).toEqual([
    ["carrier", 3],
    ["other", 1],
    ["third", 1],
  ]);
  expect(await metrics()).toContain("mm4d_quarantine_messages 5");
  expect(await refused("carrier")).toBe(refusedBefore + 3);
  expect(await refused("other")).toBe(2);
  await eventually(
    async () => (await ids()).length,
    (length) => length === 5,
  );
  // The others leave four places by now, and half of them is two.
  for (const id of (await ids()).slice(0, 2)) await quarantine("drop", id);
  await eventually(
    () => carrier?.deliver(unreadable("11")),
    (reply) => reply?.startsWith("250") === true,
  );
  expect(await kept(carrier, "12")).toEqual(["451"]);
  // After a restart nothing is known but what stands in Redis.
  for (const client of [carrier, other, third]) client?.end();
  await service.restart();
  await eventually(metrics, (text) => text.includes("mm4d_quarantine_messages 4"));
  const again = await openSession(service.smtpPort);
  expect(await kept(again, "13")).toEqual(["451"]);
  again.end();
});

test("usage: one id or --all", async () => {
  expect(await quarantine("replay")).toMatchObject({
    code: 1,
    stderr: "Cannot replay: one id or --all must be given\n",
  });
  expect(await quarantine("show", "nothing")).toMatchObject({
    code: 1,
    stderr: 'Cannot find "nothing": there is no such message in quarantine\n',
  });
  expect((await quarantine()).code).toBe(2);
});
