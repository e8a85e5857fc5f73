/** The HTTP port, with clients that ask nothing, or read nothing: whoever asks is answered all the same. */
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { deadlines, HTTP_TIMES, type HttpTimes, keepDoor } from "../../src/admin/door.ts";
import { type Admin, startAdmin } from "../../src/admin/server.ts";
import { BOUNDS } from "../../src/bounds/bounds.ts";
import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { networkOf } from "../../src/smtp/access.ts";
import { statusOf } from "../support/http-client.ts";
import { eventually } from "../support/redis.ts";

const SHORT = "all is well";
const LARGE = "x".repeat(32_000_000);
const NEVER_MS = 3_600_000;
const QUICK: HttpTimes = { header: 300, request: 600, kept: 300, answerStands: NEVER_MS, answer: 2_500, look: 50 };
const LIVE = "HTTP/1.1 200";
const TRICKLED_EVERY_MS = 20;

let admin: Admin | undefined;
let sockets: Socket[];
/** What the page says of the service. */
let told: string;
/** What gathering metrics takes. */
let metrics: () => Promise<void>;

beforeEach(() => {
  sockets = [];
  told = SHORT;
  metrics = async () => {};
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await admin?.stop();
});

async function start(times: HttpTimes): Promise<void> {
  const none = () => Promise.reject(new Error("There is no Redis here"));
  const operations = {
    status: async () => ({
      healthy: true,
      state: "well" as const,
      headline: SHORT,
      reasons: [],
      reasonsInFull: [],
      workersUnknown: null,
      facts: [],
      lines: [],
    }),
    facts: async () => ({
      version: told,
      runningMs: 0,
      reasons: [],
      reportsLastMinute: 0,
      listed: [],
      peers: new Map(),
      connections: new Map(),
      journal: { records: 0, bytes: 0, waitingBytes: 0, maxBytes: 0, oldestAt: null },
      aside: 0,
      archive: null,
      redis: "",
      events: undefined,
      further: [],
      acknowledgements: undefined,
      quarantined: 0,
    }),
    peerNames: async () => [],
    latency: async () => ({ reply: null, queue: null }),
    refusals: async () => [],
    redisAway: () => "There is no Redis here",
    catalogueOf: () => createCatalogue(),
    tallies: none,
    eventQueues: () => [],
    queueRates: none,
    replays: async () => [],
    trace: none,
    traceOff: false,
    views: {
      reports: none,
      entries: none,
      listed: none,
      troubles: none,
      codes: none,
      peerWeeks: none,
      retry: none,
      follow: () => () => {},
      close: async () => {},
    },
    quarantine: none,
    quarantineFill: none,
    peers: async () => [],
    testMmsc: none,
    acknowledgements: none,
  };
  const options = {
    host: "127.0.0.1",
    port: 0,
    token: "",
    networkOf,
    notReady: async () => [],
    reasons: async () => [],
    stateOf: () => "well" as const,
    version: () => ({}),
    metrics: async () => {
      await metrics();
      return { contentType: "text/plain", text: SHORT };
    },
    operations,
    queues: none,
    onAction() {},
  };
  admin = await startAdmin(options, times);
}

const port = (): number => admin?.address.port ?? 0;

/** Of 127.0.0.0/8, all of which is this machine. */
async function open(from = "127.0.0.1", said = ""): Promise<Socket> {
  const socket = connect({ port: port(), host: "127.0.0.1", localAddress: from });
  sockets.push(socket);
  socket.on("error", () => {}); // Reset, where it had more to say.
  await once(socket, "connect");
  socket.write(said);
  return socket;
}

async function openMany(count: number, fromOf: (index: number) => string, said = ""): Promise<readonly Socket[]> {
  const opened: Socket[] = [];
  for (let index = 0; index < count; index += 1) opened.push(await open(fromOf(index), said));
  for (const socket of opened) socket.resume();
  return opened;
}

/** A page that is open, of which nothing more is read until it is resumed. */
async function openPage(from: string, path = "/live"): Promise<Socket> {
  for (;;) {
    const page = await open(from, ask("GET", path));
    await once(page, "readable");
    const first = page.read(LIVE.length) as Buffer | null;
    // On a slow machine its time may have been over before its request was read.
    if (first?.toString() === LIVE) return page;
  }
}

function ask(method: string, path: string, ...fields: readonly string[]): string {
  return [`${method} ${path} HTTP/1.1`, "Host: 127.0.0.1", ...fields, "", ""].join("\r\n");
}

/** Writes a byte now and then, for ever. */
function trickle(socket: Socket, byte: string): void {
  const timer = setInterval(() => socket.write(byte), TRICKLED_EVERY_MS);
  socket.once("close", () => clearInterval(timer));
}

/** Until the other side has ended it. */
async function ended(socket: Socket): Promise<void> {
  // Whoever still writes may hear a reset first.
  if (!socket.destroyed) await new Promise((resolve) => socket.once("close", resolve));
}

describe("when its time is over, a connection is ended", () => {
  test.each([
    { what: "that says nothing", said: "", trickled: "" },
    { what: "whose header trickles in", said: "GET /livez HTTP/1.1\r\nX: ", trickled: "x" },
    { what: "that sends empty lines", said: "", trickled: "\r\n" },
    { what: "whose body trickles in", said: ask("POST", "/login", "Content-Length: 99999"), trickled: "x" },
    { what: "that was answered and says nothing more", said: ask("GET", "/livez"), trickled: "" },
    { what: "that was answered and sends empty lines", said: ask("GET", "/livez"), trickled: "\r\n" },
    {
      what: "that was answered and has its next header trickle in",
      said: `${ask("GET", "/livez")}GET /`,
      trickled: "x",
    },
  ])("$what, and no page that is read", async ({ said, trickled }) => {
    // On a machine that stands still, the page is not read for as long.
    await start({ ...QUICK, answer: NEVER_MS });
    const page = (await openPage("127.0.0.1")).resume();
    const client = await open("127.0.0.1", said);
    client.resume();
    if (trickled !== "") trickle(client, trickled);
    await ended(client);
    expect(page.destroyed).toBe(false);
  });

  test.each([
    { what: "that does not read its answer", trickled: "", over: { answerStands: 300, answer: NEVER_MS } },
    {
      what: "that does not read its answer, and goes on sending",
      trickled: "\r\n",
      over: { answerStands: NEVER_MS, answer: 300 },
    },
  ])("$what", async ({ trickled, over }) => {
    // Whoever does not read is not told either: the server's own count tells.
    const times = { ...QUICK, ...over };
    const server = createServer(deadlines(times), (_, response) => response.end(LARGE));
    keepDoor(server, { times, networkOf });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const connections = promisify(server.getConnections.bind(server));
    try {
      const client = connect((server.address() as AddressInfo).port, "127.0.0.1").on("error", () => {});
      sockets.push(client);
      client.write(ask("GET", "/"));
      if (trickled !== "") trickle(client, trickled);
      await eventually(connections, (count) => count === 1);
      await eventually(connections, (count) => count === 0);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });

  test("a live page that nobody reads, which makes room for another one", async () => {
    await start(QUICK);
    for (let index = 1; index < BOUNDS.httpStreams.value; index += 1) (await openPage("127.0.0.1")).resume();
    told = LARGE;
    // The only one that shows what is told: what is shown to several is found once for all.
    await openPage("127.0.0.1", "/live?parts=banner");
    told = SHORT;
    expect(await statusOf(port(), "/live")).toBe(503);
    await eventually(
      () => statusOf(port(), "/live"),
      (status) => status === 200,
    );
  });
});

describe("more connections than there may be, which are of no use", () => {
  const many = BOUNDS.httpConnections.value + 50;
  const oneAddress = () => "127.0.0.2";
  const manyAddresses = (index: number) => `127.0.1.${index % 250}`;
  test.each([
    { what: "silent, from one address", fromOf: oneAddress, said: "" },
    { what: "silent, from many", fromOf: manyAddresses, said: "" },
    { what: "with half a header, from one address", fromOf: oneAddress, said: "GET /livez HTTP/1.1\r\nX: x" },
    {
      what: "with half a body, from one address",
      fromOf: oneAddress,
      said: ask("POST", "/login", "Content-Length: 99"),
    },
    { what: "with half a body, from many", fromOf: manyAddresses, said: ask("POST", "/login", "Content-Length: 99") },
  ])("$what: probes are answered from anywhere, and pages stay open", async ({ fromOf, said }) => {
    await start(HTTP_TIMES);
    const pages = [await openPage("127.0.0.2"), await openPage("127.0.0.3")];
    for (const page of pages) page.resume();
    await openMany(many, fromOf, said);
    for (const from of ["127.0.0.1", "127.0.0.2"])
      for (const path of ["/livez", "/readyz", "/metrics"]) expect(await statusOf(port(), path, from)).toBe(200);
    expect(pages.map(({ destroyed }) => destroyed)).toEqual([false, false]);
  });

  test("the ones that were silent for the longest have given way, and nobody else's for one address", async () => {
    await start({ ...HTTP_TIMES, header: NEVER_MS, request: NEVER_MS });
    const share = BOUNDS.httpConnectionsOfNetwork.value;
    const others = await openMany(10, () => "127.0.0.3");
    const its = await openMany(share + 10, oneAddress);
    await Promise.all(its.slice(0, 10).map(ended));
    const stands = (socket: Socket) => !socket.destroyed && !socket.readableEnded;
    expect([others.filter(stands).length, its.filter(stands).length]).toEqual([10, share]);
  });
});

test("requests that come together are answered one after the other, and others go on between", async () => {
  await start(HTTP_TIMES);
  let under = 0;
  let most = 0;
  metrics = async () => {
    most = Math.max(most, ++under);
    await new Promise((resolve) => setImmediate(resolve));
    under -= 1;
  };
  const client = await open(
    "127.0.0.1",
    `${ask("GET", "/metrics").repeat(300)}${ask("GET", "/livez", "Connection: close")}`,
  );
  let heard = "";
  client.setEncoding("utf8").on("data", (text) => {
    heard += text;
  });
  expect(await statusOf(port(), "/livez")).toBe(200);
  await ended(client);
  expect(heard.match(/HTTP\/1\.1 200/g)?.length).toBe(301);
  expect(most).toBe(1);
  const endless = await open("127.0.0.1", ask("GET", "/metrics").repeat(20_000));
  endless.resume();
  await ended(endless);
});
