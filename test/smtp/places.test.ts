/** Connections beyond a peer's limit: greeted, and given a place when one becomes free. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, expect, test } from "vitest";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { createPlaces, type Guest } from "../../src/smtp/places.ts";
import { peerAt, startTestListener, type TestListener, type TestListenerOptions } from "../support/listener.ts";
import { eventually } from "../support/redis.ts";
import { connectSmtp, openSession, type SmtpClient } from "../support/smtp-client.ts";

const TOO_MANY = "450 4.7.0 Too many connections from you, try again later";
const ACCEPTED = "250 2.1.0 Sender accepted";
const FEW = "127.0.0.2";
const OTHER = "127.0.0.3";
const MAIL = "MAIL FROM:<a@b>";

let listener: TestListener;
const clients: SmtpClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.end();
  await listener.stop(0);
});

async function listen(options: TestListenerOptions = {}): Promise<void> {
  const limits = { connections: 2, messagesPerSecond: null, commands: null };
  listener = await startTestListener({ peers: [peerAt("few", FEW, { limits }), peerAt("other", OTHER)], ...options });
}

async function open(from = FEW): Promise<SmtpClient> {
  const client = await openSession(listener.port, { from });
  clients.push(client);
  return client;
}

test("beyond its limit a peer is greeted; MAIL waits for a place, hears 450 when none becomes free, and is taken on the same connection when one is", async () => {
  await listen();
  const [first, second] = [await open(), await open()];
  expect([await first.command(MAIL), await second.command("NOOP")]).toEqual([ACCEPTED, "250 2.0.0 OK"]);
  const third = await open();
  const startedMs = performance.now();
  expect(await third.command(MAIL)).toBe(TOO_MANY);
  expect(performance.now() - startedMs).toBeGreaterThan(0.9 * BOUNDS.placeWaited.value);
  expect(await third.command("NOOP")).toBe("250 2.0.0 OK");
  expect(listener.refusals.map(({ peer, reason }) => [peer, reason])).toEqual([
    ["few", "too-many-connections-of-peer"],
  ]);
  expect([listener.connections(), listener.connectionsByPeer().get("few")]).toEqual([2, 2]);
  // Another peer's places are its own.
  expect(await (await open(OTHER)).command(MAIL)).toBe(ACCEPTED);
  // Said goodbye to, it may leave its side open: its place is free all the same.
  expect(await second.command("QUIT")).toBe("221 2.0.0 Bye");
  expect(listener.connectionsByPeer().get("few")).toBe(1);
  expect(await third.deliver(Buffer.from("X: 1\r\n\r\n"))).toBe("250 2.0.0 Report stored");
});

test("those that wait are given places in the order of coming, and whoever has gone waits no more", async () => {
  await listen();
  const holding = [await open(), await open()];
  const waiting = [await open(), await open(), await open()];
  const said: number[] = [];
  for (const [index, client] of waiting.entries()) {
    client.write(`${MAIL}\r\n`);
    void client.reply().then(
      (reply) => reply === ACCEPTED && said.push(index),
      () => {},
    );
    // The one before has been read.
    await (await open(OTHER)).command("NOOP");
  }
  waiting[0]?.end();
  await (await open(OTHER)).command("NOOP");
  for (const [count, client] of holding.entries()) {
    client.end();
    await eventually(
      () => said.length,
      (length) => length > count,
    );
  }
  expect(said).toEqual([1, 2]);
});

test("whoever waited and has gone is not remembered until its time would have been over", async () => {
  await listen();
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const places = createPlaces<Guest>({ max: 1, maxOf: () => 1, onTaken() {} });
  const guest = (): Guest => ({ peer: { name: "a" }, countedAs: undefined });
  const holding = guest();
  places.take(holding, 0, () => {});
  const told: boolean[] = [];
  const waitAndGo = (go: (one: Guest) => void): WeakRef<Guest> => {
    const one = guest();
    places.take(one, 3_600_000, (taken) => told.push(taken));
    go(one);
    return new WeakRef(one);
  };
  const gone = [
    waitAndGo(places.left),
    waitAndGo((one) => {
      places.left(holding);
      places.left(one);
    }),
  ];
  expect([told, places.taken()]).toEqual([[true], 0]);
  const remembered = () => {
    collect();
    return gone.filter((one) => one.deref()).length;
  };
  expect(await eventually(remembered, (count) => count === 0)).toBe(0);
});

test("what waits is told at a stop, and a limit that is raised is used at once", async () => {
  await listen();
  for (let count = 0; count < 2; count++) await open();
  const [third, fourth] = [await open(), await open()];
  third.write(`${MAIL}\r\n`);
  fourth.write(`${MAIL}\r\n`);
  const raised = peerAt("few", FEW, { limits: { connections: 3, messagesPerSecond: null, commands: null } });
  await (await open(OTHER)).command("NOOP");
  listener.usePeers((address) => (address === FEW ? raised : undefined));
  expect(await Promise.race([third.reply(), fourth.reply()])).toBe(ACCEPTED);
  const stopping = listener.stop(0);
  expect(await fourth.reply()).toBe("421 4.3.2 Shutting down, try again later");
  await stopping;
});

test("a flood of them is bounded, and closed without a word", async () => {
  await listen();
  const spare = BOUNDS.spareConnectionsOfPeer.value;
  const greetings = await Promise.all(
    Array.from({ length: 2 + spare + 10 }, () => {
      const client = connectSmtp(listener.port, { from: FEW });
      clients.push(client);
      return client.reply().catch(() => "closed");
    }),
  );
  const count = (begin: string) => greetings.filter((greeting) => greeting.startsWith(begin)).length;
  expect([count("220"), count("closed")]).toEqual([2 + spare, 10]);
  expect(listener.refusals.map(({ reason }) => reason)).toEqual(Array(10).fill("flood"));
  expect(await (await open(OTHER)).command(MAIL)).toBe(ACCEPTED);
});

test("a peer whose entry says nothing of connections leaves half of all places to the others", async () => {
  await listen({
    limits: { clients: 4, clientsPerPeer: 2_000 },
    peers: [
      peerAt("greedy", FEW),
      peerAt("other", OTHER),
      peerAt("told", "127.0.0.4", { limits: { connections: 3, messagesPerSecond: null, commands: null } }),
    ],
  });
  for (let count = 0; count < 6; count += 1) await open();
  expect(listener.connectionsByPeer().get("greedy")).toBe(2);
  for (let count = 0; count < 2; count += 1) expect(await (await open(OTHER)).command(MAIL)).toBe(ACCEPTED);
  for (const client of clients.splice(0)) client.end();
  await eventually(listener.connections, (count) => count === 0);
  for (let count = 0; count < 4; count += 1) await open("127.0.0.4");
  expect(listener.connectionsByPeer().get("told")).toBe(3);
});
