/** Memory of messages that are not finished: a sum, a share of each peer, and 452 beyond. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createUnfinished } from "../../src/smtp/unfinished.ts";
import { peerAt, startTestListener, type TestListener } from "../support/listener.ts";
import { eventually } from "../support/redis.ts";
import { openData, openSession, type SmtpClient } from "../support/smtp-client.ts";

const NO_ROOM = "452 4.3.1 Too many unfinished messages at a time, try again later";
const STORED = "250 2.0.0 Report stored";
const GREEDY = "127.0.0.2";
const OTHER = "127.0.0.3";
let listener: TestListener;
let finish = (): void => {};
let stored: Promise<void> = Promise.resolve();

beforeAll(async () => {
  listener = await startTestListener({
    limits: { unfinishedBytes: 1_048_600, commands: 100_000 },
    peers: [peerAt("greedy", GREEDY), peerAt("other", OTHER)],
    store: () => stored,
  });
});
afterAll(() => listener.stop(0));

const LARGE = `${"x".repeat(998)}\r\n`.repeat(254);

/** Resolves when there is no room for a message any more. */
async function refused(client: SmtpClient, command: string): Promise<void> {
  await eventually(
    async () => [await client.command(command), await client.command("RSET")][0],
    (reply) => reply === NO_ROOM,
  );
}

/** In the middle of large messages, all at a time. */
async function greedy(count: number): Promise<readonly SmtpClient[]> {
  const clients: SmtpClient[] = [];
  for (let index = 0; index < count; index++) clients.push(await openData(listener.port, { from: GREEDY }));
  for (const client of clients) client.write(LARGE);
  return clients;
}

test("createUnfinished() keeps the sum, and leaves each further peer as much as one has taken", () => {
  const room = createUnfinished(1_000);
  expect([room.hold("a", 501), room.hold("a", 500), room.hold("a", 1)]).toEqual([false, true, false]);
  expect([room.hold("b", 251), room.hold("b", 250), room.has("c", 126), room.has("c", 125)]).toEqual([
    false,
    true,
    false,
    true,
  ]);
  expect([room.hold("a", -500), room.has("a", 375), room.has("a", 376), room.has("b", 250)]).toEqual([
    true,
    true,
    false,
    true,
  ]);
});

test("createUnfinished() never holds more than its sum, whatever is asked for", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.integer({ min: -100, max: 400 })));
  fc.assert(
    fc.property(steps, (asked) => {
      const room = createUnfinished(1_000);
      const held = new Map<string, number>();
      for (const [peer, bytes] of asked) {
        const own = held.get(peer) ?? 0;
        if (own + bytes >= 0 && room.hold(peer, bytes)) held.set(peer, own + bytes);
        expect([...held.values()].reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(1_000);
      }
    }),
  );
});

test("what a peer cannot be given room for is answered 452 at its end, its connection goes on, and another peer's report is taken", async () => {
  const clients = await greedy(6);
  const other = await openSession(listener.port, { from: OTHER });
  expect(await other.deliver(Buffer.from("X: 1\r\n\r\n"))).toBe(STORED);
  for (const client of clients) client.write(".\r\n");
  const replies = await Promise.all(clients.map((client) => client.reply()));
  // Each takes 256 KiB in the end, and 512 KiB are a peer's half; which of them come so far is a matter of time.
  const taken = replies.filter((reply) => reply === STORED).length;
  expect([1, 2]).toContain(taken);
  expect(replies.filter((reply) => reply === NO_ROOM).length).toBe(6 - taken);
  for (const client of clients) expect(await client.deliver(Buffer.from("X: 2\r\n\r\n"))).toBe(STORED);
  expect(listener.refusals.map(({ peer, reason }) => [peer, reason])).toEqual(
    Array(6 - taken).fill(["greedy", "unfinished-messages"]),
  );
  for (const client of [...clients, other]) client.end();
  await eventually(listener.connections, (open) => open === 0);
});

test("what is used up is answered 452 at MAIL, and at DATA, and is there again when messages have been answered, or broken off", async () => {
  const waiting = await openSession(listener.port, { from: GREEDY });
  const sized = await openSession(listener.port, { from: GREEDY });
  for (const line of ["MAIL FROM:<a@b>", "RCPT TO:<c@d>"]) await waiting.command(line);
  stored = new Promise((resolve) => {
    finish = resolve;
  });
  const [whole, half] = await greedy(2);
  // It is whole, and held until it is stored.
  whole?.write(".\r\n");
  await refused(sized, "MAIL FROM:<a@b> SIZE=4097");
  expect(await waiting.command("DATA")).toBe(NO_ROOM);
  expect(await waiting.command("NOOP")).toBe("250 2.0.0 OK");
  half?.socket.resetAndDestroy();
  await eventually(listener.connections, (open) => open === 3);
  expect(await sized.command("MAIL FROM:<a@b> SIZE=262144")).toBe("250 2.1.0 Sender accepted");
  await sized.command("RSET");
  const [third] = await greedy(1);
  await refused(sized, "MAIL FROM:<a@b> SIZE=4097");
  third?.end();
  finish();
  expect(await whole?.reply()).toBe(STORED);
  await eventually(listener.connections, (open) => open === 3);
  expect(await waiting.command("DATA")).toMatch(/^354 /);
  waiting.write("X: 3\r\n\r\n.\r\n");
  expect(await waiting.reply()).toBe(STORED);
  for (const client of [waiting, sized, whole]) client?.end();
});

test("a client that reads no reply counts too, and one that there is no room for is closed", async () => {
  const own = await startTestListener({ limits: { unfinishedBytes: 300_000, commands: 100_000 } });
  const deaf = async (): Promise<SmtpClient> => {
    const client = await openSession(own.port);
    client.socket.pause();
    client.write(`${"EHLO x\r\n".repeat(90)}MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n`.repeat(1_000));
    return client;
  };
  const clients = [await deaf()];
  const other = await openSession(own.port);
  await refused(other, "MAIL FROM:<a@b> SIZE=100000");
  clients.push(await deaf());
  await eventually(own.connections, (open) => open === 2);
  for (const client of [...clients, other]) client.end();
  await own.stop(0);
});
