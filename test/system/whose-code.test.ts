/** Two peers send the same codes, and one uses another table: in event, page, terminal and log. */
import { spawn } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Queue } from "bullmq";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DeliveryEvent } from "../../src/delivery/event.ts";
import type { QuarantinedMessage } from "../../src/delivery/quarantined.ts";
import { newRecordId } from "../../src/queue/publisher.ts";
import { QUARANTINE_QUEUE } from "../../src/settings/queue-names.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { startConsumer, type TestConsumer } from "../support/consumer.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { MAIN, type ServiceUnderTest, startServiceWithin } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const directory = mkdtempSync(join(tmpdir(), "mm4d-whose-code-"));
const peersFile = join(directory, "peers.json");
const PEERS = { aggregator: "127.0.0.2", plain: "127.0.0.3", acme: "127.0.0.4" } as const;
type PeerName = keyof typeof PEERS;

let redis: TestRedis;
let service: ServiceUnderTest;
let consumer: TestConsumer;

beforeAll(async () => {
  writeTable("acme-busy");
  writePeers("none");
  redis = await startRedis();
  service = await startServiceWithin({ REDIS_URL: redis.url, MM4D_PEERS_FILE: peersFile });
  consumer = startConsumer(redis.url);
});
afterAll(async () => {
  await consumer.stop();
  await service.stop();
  await redis.stop();
  rmSync(directory, { recursive: true });
});

function writePeers(plain: string, others: Readonly<Record<string, unknown>> = {}): void {
  replace(peersFile, {
    peers: [
      { name: "aggregator", addresses: [PEERS.aggregator], ...others },
      { name: "plain", addresses: [PEERS.plain], catalogue: plain },
      { name: "acme", addresses: [PEERS.acme], catalogue: "acme.json", ...others },
    ],
  });
}

const reloads = () => service.log().filter(({ event }) => event === "settings.reloaded").length;
async function reloading(write: () => void): Promise<void> {
  const before = reloads();
  write();
  await eventually(reloads, (count) => count > before);
}

function writeTable(name: string): void {
  replace(join(directory, "acme.json"), { codes: [{ code: 470, name, explanation: "Acme's handset was busy." }] });
}

/** As a whole, because the service may read it at any time. */
function replace(path: string, content: unknown): void {
  writeFileSync(`${path}.new`, typeof content === "string" ? content : JSON.stringify(content));
  renameSync(`${path}.new`, path);
}

let reports = 0;
/** The event of a rejected report with this code. */
async function sent(peer: PeerName, code: string): Promise<DeliveryEvent> {
  reports += 1;
  const messageId = `${peer}-${reports}`;
  const client = await openSession(service.smtpPort, { from: PEERS[peer] });
  const fields = { "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": code };
  expect(await client.deliver(deliveryReport({ ...fields, "X-Mms-Message-ID": messageId }))).toMatch(/^250 /);
  client.end();
  const found = await eventually(
    () => consumer.events.find(({ subject }) => subject === messageId),
    (event) => event !== undefined,
  );
  return found as DeliveryEvent;
}

async function run(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommandWithin(args, service.env);
  expect([args, code, stderr]).toEqual([args, 0, ""]);
  return stdout;
}

const VENDOR = /bandwidth/i;

test("the same code is explained by the table of each peer, and the vendor is named to those only that use its table", async () => {
  const [theirs, plain, acme] = [
    await sent("aggregator", "470"),
    await sent("plain", "470"),
    await sent("acme", "470"),
  ];
  expect(theirs.data).toMatchObject({
    rejectedBy: "bandwidth",
    reason: { name: "rejected-spam-detected", tag: "spam" },
  });
  expect(plain.data).toMatchObject({ outcome: "rejected", rejectedBy: null, reason: { code: 470, name: "470" } });
  expect(acme.data).toMatchObject({ rejectedBy: null, reason: { name: "acme-busy", catalogueVersion: "own" } });
  expect(JSON.stringify([plain, acme])).not.toMatch(VENDOR);

  for (const { id, data } of [theirs, plain, acme]) {
    const page = await service.get(`/trace?q=${id}`);
    const told = await run("trace", id);
    const log = service.log().filter((line) => line.eventId === id);
    expect(log.length).toBeGreaterThan(0);
    expect(page.text).toContain(data.reason?.explanation.replaceAll("'", "&#39;"));
    const all = [page.text, told, JSON.stringify(log)].map((text) => VENDOR.test(text.replaceAll("\n", " ")));
    expect([data.peer.name, all]).toEqual([
      data.peer.name,
      data.peer.name === "aggregator" ? [true, true, false] : [false, false, false],
    ]);
  }
});

test.each([
  ["plain", "not explained"],
  ["acme", "acme-busy"],
] as const)("the list of reports and the page of %s name its codes by its table", async (peer, name) => {
  await sent(peer, "470");
  // What was traced a moment ago is listed a moment later.
  const listed = await eventually(
    () => service.get(`/reports?peer=${peer}&code=470`),
    ({ text }) => text.includes(`${peer}-`),
  );
  const { text } = await service.get(`/peers/${peer}`);
  expect(text).toContain(`<a href="/codes/470">470</a> ${name}`);
  expect([text, listed.text].map((page) => VENDOR.test(page))).toEqual([false, false]);
  if (peer === "acme") expect(listed.text).toContain("acme-busy");
});

test("codes are counted by number also where no table lists them, and only a table can lack one", async () => {
  for (const peer of ["aggregator", "plain", "acme"] as const) {
    await sent(peer, "470");
    await sent(peer, "488");
  }
  expect(await service.metric('mm4d_codes_total{peer="plain",code="488"}', (value) => value > 0)).toBe(1);
  expect(await service.metric('mm4d_codes_total{peer="acme",code="other"}', (value) => value > 0)).toBe(1);
  const unknown = service.log().filter(({ event }) => event === "code.unknown");
  expect(unknown.map(({ peer, code }) => [peer, code]).sort()).toEqual([
    ["acme", 488],
    ["aggregator", 488],
  ]);
  const overview = await eventually(
    () => service.get("/"),
    ({ text: shown }) => shown.includes("with unlisted codes"),
  );
  // Of the aggregator and acme.
  expect(overview.text.match(/1 with unlisted codes/g)).toHaveLength(2);
  const stats = (await run("stats", "--by", "code")).replace(/\n\s{4,}/g, " ");
  expect(stats).toMatch(/^ {2}488 .* not explained$/m);
  const { text } = await service.get("/codes");
  const [counted = ""] = /^ {2}470 .*$/m.exec(stats) ?? [];
  for (const name of ["rejected-spam-detected (aggregator)", "not explained (plain)", "acme-busy (acme)"])
    expect([counted, text]).toEqual([expect.stringContaining(name), expect.stringContaining(name)]);
  const { text: code } = await service.get("/codes/470");
  expect(code).toContain("<h2>By Bandwidth&#39;s table</h2>");
  expect(code).toContain("<h1>code 470</h1>");
  expect(code).toContain("<h2>code 470, from plain</h2>");
  expect(code).toContain("<h2>470 acme-busy, from acme</h2>");
});

test("the command line explains a code as for a peer", async () => {
  expect(await run("codes", "470")).toMatch(VENDOR);
  const plain = await run("codes", "470", "--peer", "plain");
  expect(plain).toMatch(/^code 470\n/);
  expect(plain).not.toMatch(VENDOR);
  for (const what of [["470"], ["4470"], ["busy"], []]) {
    expect(await run("codes", ...what, "--peer", "acme")).toMatch(/^470 acme-busy\n {2}Acme's handset was busy\.\n/);
  }
  for (const [args, why] of [
    [["codes", "--peer", "plain"], 'Cannot list the codes of plain: its entry says "catalogue": "none"'],
    [["codes", "--peer", "nobody"], 'Cannot find the peer "nobody" (mm4d peers list)'],
  ] as const) {
    expect(await runCommandWithin(args, service.env)).toMatchObject({ code: 1, stderr: expect.stringContaining(why) });
  }
  const saved = join(directory, "saved.eml");
  writeFileSync(saved, deliveryReport({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" }));
  expect(await run("explain", saved, "--peer", "plain")).not.toMatch(VENDOR);
  expect(await run("explain", saved, "--peer", "acme")).toContain("470 acme-busy");
  const listed = await run("peers", "list");
  expect(listed).toContain("codes without a table");
  expect(listed.replace(/\n\s+/g, " ")).toContain(`codes by ${join(directory, "acme.json")}`);
});

test("a table is read again when it changes; one with a fault changes nothing, and is told", async () => {
  const before = reloads();
  await reloading(() => writeTable("acme-engaged"));
  expect((await sent("acme", "470")).data.reason?.name).toBe("acme-engaged");

  replace(join(directory, "acme.json"), { codes: [{ code: 470, class: "hard" }] });
  const fault = await eventually(
    () => service.log().find(({ event }) => event === "settings.not-reloaded"),
    (line) => line !== undefined,
  );
  expect(fault?.reason).toContain(
    'peers[2].catalogue is "acme.json", must be a file with codes in order: codes[0].outcome is missing, must be',
  );
  expect((await sent("acme", "470")).data.reason?.name).toBe("acme-engaged");
  const { code, stderr } = await runCommandWithin(["peers", "check", peersFile]);
  expect([code, stderr]).toEqual([1, expect.stringContaining("codes[0].outcome is missing")]);
  writeTable("acme-busy");
  await eventually(reloads, (count) => count > before + 1);
});

test("what was said is told by the table of then, when the entry has changed", async () => {
  const event = await sent("plain", "470");
  await reloading(() => writePeers("bandwidth"));
  expect((await sent("plain", "470")).data.reason?.name).toBe("rejected-spam-detected");
  const told = (await run("trace", event.id)).replace(/\n {4}/g, " ");
  expect(told).toContain("code 470");
  expect(told).not.toMatch(VENDOR);
});

test("what is replayed from quarantine is read by the entry of then, and the page says so: whoever replays has mended it", async () => {
  await reloading(() => writePeers("none"));
  const queue = new Queue<QuarantinedMessage>(QUARANTINE_QUEUE, { connection: { url: redis.url } });
  // As an older version kept it, by a fault of its own.
  const put = async (peer: string, messageId: string): Promise<string> => {
    const fields = {
      "X-Mms-MM-Status-Code": "Rejected",
      "X-Internal-Status-Code": "470",
      "X-Mms-Message-ID": messageId,
    };
    const job = await queue.add(
      "internal-error",
      {
        reason: "internal-error",
        detail: "Error: a fault of then",
        peer: { name: peer, address: PEERS.plain, helo: null, tls: null, user: null },
        receivedAt: "2026-01-02T03:04:05.678Z",
        raw: Buffer.from(deliveryReport(fields)).toString("base64"),
      },
      { jobId: newRecordId() },
    );
    return job.id ?? "";
  };
  const [id, ofGone] = [await put("plain", "replayed-1"), await put("gone", "replayed-2")];
  await queue.close();
  const before = (await service.get(`/quarantine/${id}`)).text;
  expect(before).toContain(
    'Read again by the entry of <a href="/peers/plain">plain</a> that is in force now, it makes an event.',
  );
  expect(before).toContain("code 470");
  expect(before).not.toMatch(VENDOR);
  expect((await service.get(`/quarantine/${ofGone}`)).text).toContain(
    "Read again as of an ordinary peer, because gone is in force no more, it makes an event.",
  );

  await reloading(() => writePeers("acme.json"));
  const after = (await service.get(`/quarantine/${id}`)).text;
  expect(after).toContain("470 acme-busy");
  const [, promised] = /queued as[\s\S]*?data-copy="(r[0-9a-f]{32})"/.exec(after) ?? [];
  expect(await run("quarantine", "replay", id)).toBe(`${id}  queued as ${promised}\n`);
  const event = await eventually(
    () => consumer.events.find(({ subject }) => subject === "replayed-1"),
    (found) => found !== undefined,
  );
  expect(event).toMatchObject({
    id: promised,
    time: "2026-01-02T03:04:05.678Z",
    data: { reason: { name: "acme-busy" }, peer: { name: "plain" } },
  });
});

test("where no peer in force uses the vendor's table, neither page nor terminal names it or explains by it", async () => {
  const counted = await sent("aggregator", "470");
  await reloading(() => writePeers("none", { catalogue: "none" }));
  const tail = spawn(process.execPath, [MAIN, "tail", "--peer", "plain"], { env: service.env, stdio: "pipe" });
  let told = "";
  for (const output of [tail.stdout, tail.stderr]) {
    output.on("data", (text) => {
      told += String(text);
    });
  }
  await eventually(
    () => told,
    (text) => text.includes("Waiting"),
  );
  const plain = await sent("plain", "470");
  await eventually(
    () => told,
    (text) => text.includes("code 470"),
  );
  tail.kill();
  expect(told).not.toMatch(VENDOR);
  await sent("acme", "775");
  expect(JSON.stringify(plain)).not.toMatch(VENDOR);
  // The codes of the aggregator are still counted, and those of who was taken out.
  const pages = [
    "/",
    "/codes",
    "/codes?q=470",
    "/codes?q=spam",
    "/codes/470",
    "/codes/999",
    "/peers",
    "/peers/plain",
    "/peers/aggregator",
    "/reports",
    "/reports?peer=plain",
    `/reports?q=${plain.subject}`,
    `/reports/${plain.id}`,
    "/queue",
    "/quarantine",
  ];
  for (const path of pages) {
    const { status, text } = await service.get(path);
    expect([path, status, VENDOR.exec(text)?.[0], /spam-detected/.exec(text)?.[0]]).toEqual([
      path,
      200,
      undefined,
      undefined,
    ]);
  }
  expect((await service.get("/codes")).text).toContain("No peer in force has a table of codes");
  expect((await service.get("/codes?q=470")).text).toContain("1 found");
  const saved = join(directory, "plain.eml");
  writeFileSync(saved, deliveryReport({ "X-Mms-MM-Status-Code": "Rejected", "X-Internal-Status-Code": "470" }));
  for (const args of [
    ["codes", "470"],
    ["codes", "470", "--peer", "plain"],
    ["explain", saved],
    ["explain", saved, "--peer", "plain"],
    ["trace", plain.id],
    ["trace", plain.subject ?? ""],
    ["stats", "--by", "code"],
    ["status"],
    ["peers", "list"],
  ]) {
    expect([args, VENDOR.exec(await run(...args))?.[0]]).toEqual([args, undefined]);
  }
  expect(await runCommandWithin(["codes"], service.env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`Cannot list codes: every peer's entry says "catalogue": "none"`),
  });
  expect(JSON.stringify(service.log().filter(({ eventId }) => eventId === plain.id))).not.toMatch(VENDOR);
  // What was said by it before is told as it was said.
  expect((await service.get(`/reports/${counted.id}`)).text).toMatch(VENDOR);
});

test("tables of files are shown with whose they are, and the vendor's not beside them where none uses it", async () => {
  await reloading(() =>
    replace(peersFile, {
      peers: [
        { name: "plain", addresses: [PEERS.plain], catalogue: "none" },
        { name: "acme", addresses: [PEERS.acme], catalogue: "acme.json" },
      ],
    }),
  );
  const { text } = await service.get("/codes");
  expect(text).toContain("<h2>The table of acme</h2>");
  expect(text).toContain('<a href="/codes/470">470</a> acme-busy');
  expect(text).not.toMatch(VENDOR);
  expect((await service.get("/")).text).not.toMatch(VENDOR);
  const codes = await run("codes", "470");
  expect(codes).toMatch(/^For plain:\ncode 470\n[\s\S]*\nFor acme:\n470 acme-busy\n/);
  expect(codes).not.toMatch(VENDOR);
  expect(await run("codes")).toMatch(/^For acme:\n470 acme-busy\n/);
  expect(JSON.parse(await run("codes", "busy", "--json"))).toMatchObject([
    { code: 470, name: "acme-busy", peers: ["acme"] },
  ]);
});
