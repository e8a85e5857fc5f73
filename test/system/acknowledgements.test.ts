/**
 * What peers are owed when they ask: paid to their MMSC, whatever becomes of it,
 * of Redis and of us; at least once, and never before the event is stored.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openAcknowledgements } from "../../src/acknowledgement/desk.ts";
import { composePdu } from "../../src/mm4/compose.ts";
import { DIALECTS, type DialectName } from "../../src/mm4/dialects.ts";
import { type Fault, PHASES } from "../../src/simulator/mmsc.ts";
import { acks } from "../support/acks.ts";
import { bounce, MAIL_ID } from "../support/bounce.ts";
import { type Carrier, createCarriers, fieldsOf } from "../support/carrier.ts";
import { type Certificates, createCertificates } from "../support/certificates.ts";
import { runCommandWithin } from "../support/command-within.ts";
import { eventually, startRedis, type TestRedis } from "../support/redis.ts";
import { okResponse } from "../support/response.ts";
import { startServiceProcess, startServiceWithin, type TestService } from "../support/service.ts";
import { announce, openSession } from "../support/smtp-client.ts";

const SYSTEM = "system-user@mms.example.net";
const OTHER_SYSTEM = { "X-Mms-Originator-System": "admin@mmsc.example" };
const carriers = createCarriers();
let certificates: Certificates;
let redis: TestRedis;
let service: TestService;

let usual: Carrier;
let overridden: Carrier;
let plmn: Carrier;
let nullSender: Carrier;
let always: Carrier;
let off: Carrier;
let homeless: Carrier;
let secured: Carrier;
let implicit: Carrier;
let untrusted: Carrier;
let mbuni: Carrier;
let away: Carrier;
let refusing: Carrier;
let hasty: Carrier;
let bouncing: Carrier;
let mixed: Carrier;
let honest: Carrier;
let relayed: Carrier;
let flooding: Carrier;
let tenMinutes: Carrier;
let fussy: Carrier;
let wire: Carrier;
let locked: Carrier;
let hanging: readonly Carrier[];
let dropping: readonly Carrier[];

const settings = () => ({
  REDIS_URL: redis.url,
  MM4D_PEERS_FILE: carriers.peersFile,
  MM4D_DOMAIN: "mms.example.net",
  MM4D_ACK_RETRY_SECONDS: "1",
  MM4D_ACK_TIMEOUT_SECONDS: "2",
  NODE_EXTRA_CA_CERTS: authorityFile,
});
let authorityFile = "";

beforeAll(async () => {
  redis = await startRedis();
  certificates = createCertificates();
  const authority = certificates.make("An authority");
  authorityFile = authority.certFile;
  const certificate = certificates.make("localhost", { by: authority });
  const stranger = certificates.make("localhost");
  const passwordFile = `${certificates.directory}/password`;
  await promisify(execFile)("sh", ["-c", `printf 's3cret pass' > "${passwordFile}"`]);
  const login = { user: "mm4d", password: "s3cret pass" };
  const auth = { user: "mm4d", passwordFile };
  const clearAuth = { ...auth, withoutTls: true };

  usual = await carriers.add("usual");
  overridden = await carriers.add("overridden", { acknowledge: { to: "fixed@mmsc.example" } });
  plmn = await carriers.add("plmn", { acknowledge: { from: "plmn" } });
  nullSender = await carriers.add("null-sender", { acknowledge: { from: "null" } });
  always = await carriers.add("always", { acknowledge: { mode: "always" } });
  off = await carriers.add("off", { acknowledge: { mode: "off" } });
  homeless = await carriers.add("homeless", { acknowledge: { host: null } });
  secured = await carriers.add("secured", {
    certificate,
    login,
    acknowledge: { host: "localhost", tls: "required", auth },
  });
  implicit = await carriers.add("implicit", {
    certificate,
    implicitTls: true,
    acknowledge: { host: "localhost", tls: "implicit" },
  });
  untrusted = await carriers.add("untrusted", {
    certificate: stranger,
    acknowledge: { host: "localhost", tls: "required" },
  });
  mbuni = await carriers.add("mbuni", { likeMbuni: true });
  away = await carriers.add("away", { away: true });
  refusing = await carriers.add("refusing");
  hasty = await carriers.add("hasty");
  bouncing = await carriers.add("bouncing");
  mixed = await carriers.add("mixed");
  honest = await carriers.add("honest");
  relayed = await carriers.add("relayed", { acknowledge: { bouncesFrom: ["mixed"] } });
  flooding = await carriers.add("flooding");
  fussy = await carriers.add("fussy");
  wire = await carriers.add("wire");
  locked = await carriers.add("locked", {
    login: { user: "mm4d", password: "another" },
    acknowledge: { auth: clearAuth },
  });
  tenMinutes = await carriers.add("ten-minutes", { away: true });
  const each = (kind: Fault["kind"]) =>
    Promise.all(
      PHASES.map((at) =>
        carriers.add(`${kind}-${at}`, {
          fault: { kind, at, times: 1, delayMs: 60_000 },
          ...(at === "starttls" ? { certificate } : {}),
          ...(at === "auth" ? { login, acknowledge: { auth: clearAuth } } : {}),
        }),
      ),
    );
  hanging = await each("delay");
  dropping = await each("drop");
  carriers.write();
  service = await startServiceProcess(settings());
});
afterAll(async () => {
  await service.stop();
  await carriers.stop();
  await redis.stop();
  certificates.remove();
});

const STORED = "250 2.0.0 Report stored";

const count = (peer: string, result: string, fits: (value: number) => boolean) =>
  service.metric(`mm4d_acknowledgements_total{peer="${peer}",result="${result}"}`, fits);

/** A saved bounce, about another mail. */
const savedBounce = (name: string, messageId: string) =>
  readFileSync(new URL(`../bounces/${name}.eml`, import.meta.url), "latin1").replaceAll(MAIL_ID, messageId);

/** Sends messages with the null sender over one connection, and gives the replies. */
async function sendBack(carrier: Carrier, ...messages: readonly string[]): Promise<readonly string[]> {
  return sendBackTo(service.smtpPort, carrier, ...messages);
}

async function sendBackTo(port: number, carrier: Carrier, ...messages: readonly string[]): Promise<readonly string[]> {
  const client = await openSession(port, { from: carrier.address });
  const replies: string[] = [];
  for (const message of messages) {
    await announce(client, SYSTEM, "");
    client.write(`${message}.\r\n`);
    replies.push(await client.reply());
  }
  client.end();
  return replies;
}

/** The Message-ID of the acknowledgement of a report. */
async function acknowledged(carrier: Carrier, transactionId: string): Promise<string> {
  expect(await carrier.report(service.smtpPort, transactionId)).toBe(STORED);
  return (await carrier.responses(transactionId))[0]?.get("message-id") ?? "";
}

const BOUNCE_STORED = "250 2.0.0 Bounce stored";
const bounces = (peer: string, labels: string) => `mm4d_bounces_total{peer="${peer}",${labels}}`;

describe.concurrent("what is owed is paid", () => {
  test.concurrent("to the Sender, with the ids as they came, from our own address; a duplicate is answered again", async () => {
    const id = '"tx  with blanks, \t and more@mmsc"';
    expect(await usual.report(service.smtpPort, id)).toBe(STORED);
    const [response] = await usual.responses(id);
    expect(Object.fromEntries(response ?? [])).toMatchObject({
      "x-mms-message-type": "MM4_delivery_report.RES",
      "x-mms-transaction-id": id,
      "x-mms-message-id": `"mm of ${id}"`,
      "x-mms-request-status-code": "Ok",
      sender: SYSTEM,
      to: "sender@usual.example",
    });
    const mail = usual.received.find(({ bytes }) => fieldsOf(bytes).get("x-mms-transaction-id") === id);
    expect([mail?.mailFrom, mail?.rcptTo]).toEqual([SYSTEM, ["sender@usual.example"]]);
    expect(response?.get("message-id")).toBe(`<${mail?.envelopeId}@mms.example.net>`);

    expect(await usual.report(service.smtpPort, "tx-again", { "X-Mms-Message-ID": `"mm of ${id}"` })).toBe(STORED);
    expect((await usual.responses("tx-again"))[0]?.get("x-mms-request-status-code")).toBe("Ok");
  });

  test.concurrent("a read report, a report nobody can read, an MM; and a response never", async () => {
    const { smtpPort } = service;
    const read = { "X-Mms-Message-Type": "MM4_read_reply_report.REQ", "X-Mms-Read-Status": "Read" };
    await usual.report(smtpPort, "tx-read", read);
    await usual.report(smtpPort, "tx-corrupt", { "X-Mms-MM-Status-Code": undefined });
    await usual.report(smtpPort, "tx-typeless", { "X-Mms-Message-Type": undefined });
    await usual.report(smtpPort, "tx-response", {
      "X-Mms-Message-Type": "MM4_forward.RES",
      "X-Mms-Request-Status-Code": "Ok",
    });
    await usual.report(smtpPort, "tx-ours", { Sender: SYSTEM });
    await usual.report(smtpPort, "tx-forward", { "X-Mms-Message-Type": "MM4_forward.REQ" });
    const said = async (transactionId: string) => {
      const [response] = await usual.responses(transactionId);
      return [response?.get("x-mms-message-type"), response?.get("x-mms-request-status-code")];
    };
    expect(await said("tx-read")).toEqual(["MM4_read_reply_report.RES", "Ok"]);
    expect(await said("tx-corrupt")).toEqual(["MM4_delivery_report.RES", "Error-message-format-corrupt"]);
    expect(await said("tx-typeless")).toEqual(["MM4_delivery_report.RES", "Error-message-format-corrupt"]);
    expect(await said("tx-forward")).toEqual(["MM4_forward.RES", "Error-unsupported-message"]);
    const answered = usual.received.map(({ bytes }) => fieldsOf(bytes).get("x-mms-transaction-id"));
    expect(answered).not.toContain("tx-response");
    expect(answered).not.toContain("tx-ours");
  });

  test.concurrent("a replay from quarantine sends no second response", async () => {
    await always.report(service.smtpPort, "tx-quarantined", { "X-Mms-Message-Type": undefined });
    await always.responses("tx-quarantined");
    const listed = await runCommandWithin(["quarantine", "list", "--json"], service.env);
    const ids = listed.stdout
      .split("\n")
      .filter((line) => line.includes('"always"'))
      .map((line) => JSON.parse(line).id as string);
    expect(ids.length).toBe(1);
    await runCommandWithin(["quarantine", "replay", ids[0] ?? ""], service.env);
    // Whatever came of it, another report is answered behind it.
    await always.report(service.smtpPort, "tx-behind");
    await always.responses("tx-behind");
    expect((await always.responses("tx-quarantined")).length).toBe(1);
  });

  test.concurrent("where the entry says, from whom it says; when it is asked for, always or never", async () => {
    const { smtpPort } = service;
    await overridden.report(smtpPort, "tx-to");
    expect((await overridden.responses("tx-to"))[0]?.get("to")).toBe("fixed@mmsc.example");
    expect(overridden.received[0]?.rcptTo).toEqual(["fixed@mmsc.example"]);

    await plmn.report(smtpPort, "tx-plmn");
    await plmn.responses("tx-plmn");
    expect(plmn.received[0]?.mailFrom).toBe("+12025550199/TYPE=PLMN@mms.example.net");

    await nullSender.report(smtpPort, "tx-null", { Sender: "+12025550199/TYPE=PLMN@mmsc.example", ...OTHER_SYSTEM });
    expect((await nullSender.responses("tx-null"))[0]?.get("to")).toBe("admin@mmsc.example");
    expect(nullSender.received[0]?.mailFrom).toBe("");

    await usual.report(smtpPort, "tx-not-asked", { "X-Mms-Ack-Request": "No" });
    await always.report(smtpPort, "tx-always", { "X-Mms-Ack-Request": undefined });
    await always.responses("tx-always");
    await off.report(smtpPort, "tx-off");
    await usual.report(smtpPort, "tx-asked", {}, "");
    await usual.responses("tx-asked");
    expect(off.received).toEqual([]);
    expect(usual.received.map(({ bytes }) => fieldsOf(bytes).get("x-mms-transaction-id"))).not.toContain(
      "tx-not-asked",
    );
  });

  test.concurrent("over TLS that is trusted, after logging in; not over TLS that is not", async () => {
    await untrusted.report(service.smtpPort, "tx-untrusted");
    await secured.report(service.smtpPort, "tx-secured");
    await secured.responses("tx-secured");
    expect(secured.received).toMatchObject([{ tls: true, user: "mm4d" }]);
    await implicit.report(service.smtpPort, "tx-implicit");
    await implicit.responses("tx-implicit");
    expect(implicit.received).toMatchObject([{ tls: true, user: null }]);
    await count("untrusted", "retried", (value) => value >= 1);
    expect(untrusted.received).toEqual([]);
  });

  test.concurrent("nowhere to send it: counted, told once a peer, and the report is stored all the same", async () => {
    for (const id of ["tx-1", "tx-2", "tx-3"]) expect(await homeless.report(service.smtpPort, id)).toBe(STORED);
    await count("homeless", "undeliverable", (value) => value === 3);
    const told = service
      .log()
      .filter(({ event, peer }) => event === "acknowledgement.undeliverable" && peer === "homeless");
    expect(told.length).toBe(1);
  });

  test.concurrent("to a message centre that knows HELO only and takes one message a connection, as mbuni", async () => {
    const ids = Array.from({ length: 40 }, (_, index) => `tx-mbuni-${index}`);
    for (const id of ids) await mbuni.report(service.smtpPort, id);
    for (const id of ids) expect((await mbuni.responses(id)).length).toBe(1);
  });

  test.concurrent("as it is on the wire, octet by octet, to MMSCs that write in their own ways", async () => {
    const dialects: readonly DialectName[] = [
      "bandwidth",
      "mbuni",
      "vectorcore",
      "nexmo",
      "cellcom",
      "mmsgw",
      "gomsggw",
    ];
    for (const name of dialects) {
      const dialect = DIALECTS[name];
      const request = composePdu({
        kind: "delivery-report",
        transactionId: `tx-wire@${name}`,
        messageId: `mm-wire@${name}`,
        recipient: "+12025550100/TYPE=PLMN",
        originator: "+12025550199/TYPE=PLMN",
        date: new Date(),
        status: "Retrieved",
        ackRequested: true,
        systemAddress: `system-user@${name}.example`,
        dialect,
      });
      expect(await wire.deliver(service.smtpPort, request, `system-user@${name}.example`)).toBe(STORED);
      const asked = fieldsOf(request);
      const transactionId = asked.get("x-mms-transaction-id") ?? "";
      await wire.responses(transactionId);
      const sent = wire.received.find(({ bytes }) => fieldsOf(bytes).get("x-mms-transaction-id") === transactionId);
      const said = fieldsOf(sent?.bytes ?? Buffer.alloc(0));
      expect(said.get("message-id")).toMatch(/^<a[0-9a-f]{32}@mms\.example\.net>$/);
      expect(Date.now() - Date.parse(said.get("date") ?? "")).toBeLessThan(60_000);
      expect(Buffer.from(sent?.bytes ?? []).toString("latin1")).toBe(
        okResponse({
          version: dialect.version.startsWith("6.") ? "6.10.0" : dialect.version,
          transactionId,
          messageId: asked.get("x-mms-message-id"),
          to: `system-user@${name}.example`,
          mailMessageId: said.get("message-id"),
          date: said.get("date"),
        }),
      );
    }
  });

  test.concurrent("for a report that swaks delivers", async () => {
    const { stdout } = await promisify(execFile)("swaks", [
      ...["--server", "127.0.0.1", "--port", String(service.smtpPort), "--local-interface", usual.address],
      ...["--helo", "mmsc.example", "--from", "swaks@mmsc.example", "--to", SYSTEM],
      ...[
        "--data",
        "X-Mms-3GPP-MMS-Version: 5.5.0\\nX-Mms-Message-Type: MM4_delivery_report.REQ\\n" +
          "X-Mms-Transaction-ID: tx-swaks\\nX-Mms-Message-ID: mm-swaks\\nX-Mms-MM-Status-Code: Expired\\n" +
          "X-Mms-Ack-Request: yes\\n\\n",
      ],
    ]);
    expect(stdout).toContain(STORED);
    const [response] = await usual.responses("tx-swaks");
    expect(Object.fromEntries(response ?? [])).toMatchObject({
      to: "swaks@mmsc.example",
      "x-mms-3gpp-mms-version": "5.5.0",
      "x-mms-message-id": "mm-swaks",
    });
  });
});

describe.concurrent("whatever its MMSC does", () => {
  test.concurrent("it hangs in any phase, or closes the connection there: it is sent again, and delays nobody", async () => {
    const troubled = [...hanging, ...dropping];
    await Promise.all(troubled.map((carrier) => carrier.report(service.smtpPort, `tx-${carrier.name}`)));
    const startedMs = performance.now();
    await hasty.report(service.smtpPort, "tx-hasty");
    await hasty.responses("tx-hasty");
    const hastyMs = performance.now() - startedMs;
    await Promise.all(troubled.map((carrier) => carrier.responses(`tx-${carrier.name}`)));
    // The others hang for two seconds, and wait for another one at least.
    expect(hastyMs).toBeLessThan(performance.now() - startedMs);
    expect(performance.now() - startedMs).toBeGreaterThan(2_000);
    // What it took without answering was sent again under the same mail's id, so that it can tell.
    const dropped = dropping.find(({ name }) => name === "drop-message");
    const ids = dropped?.received.map(({ bytes, answer }) => [answer, fieldsOf(bytes).get("message-id")]);
    expect(ids?.map(([answer]) => answer)).toEqual(["none", "taken"]);
    expect(new Set(ids?.map(([, id]) => id)).size).toBe(1);
  });

  test.concurrent("it breaks off over one message: the others are sent meanwhile", async () => {
    fussy.mmsc().misbehave({ kind: "drop", at: "rcpt", times: 1, delayMs: 0 });
    await fussy.report(service.smtpPort, "tx-poison");
    await count("fussy", "retried", (value) => value === 1);
    const ids = Array.from({ length: 10 }, (_, index) => `tx-fussy-${index}`);
    for (const id of ids) await fussy.report(service.smtpPort, id);
    for (const id of ["tx-poison", ...ids]) await fussy.responses(id);
    await count("fussy", "sent", (value) => value === 11);
    expect(await count("fussy", "retried", () => true)).toBe(1);
  });

  test.concurrent("it refuses our password: that is every message's, so it is tried again, and not with each of them", async () => {
    const ids = Array.from({ length: 20 }, (_, index) => `tx-locked-${index}`);
    for (const id of ids) await locked.report(service.smtpPort, id);
    await count("locked", "retried", (value) => value >= 40);
    expect(await count("locked", "failed", () => true)).toBe(0);
    const askedAt = Date.now();
    const retrying = await acks(service.env, "--peer", "locked", "--state", "retrying");
    expect(retrying.map(({ error }) => error)).toContainEqual(
      expect.stringMatching(/^Not tried: .*it refuses our login as mm4d: 535 .*; see acknowledge\.auth/),
    );
    // What is tried again is due, not due long ago. One whose turn has just come has no date.
    for (const { at } of retrying) expect(at === null ? askedAt : Date.parse(at)).toBeGreaterThan(askedAt - 10_000);
  });

  test.concurrent("it answers 4xx, then 250; a 5xx is not tried again, kept, listed, and can be", async () => {
    refusing.mmsc().misbehave({ kind: "4xx", at: "rcpt", times: 2, delayMs: 0 });
    await refusing.report(service.smtpPort, "tx-later");
    await refusing.responses("tx-later");
    await count("refusing", "retried", (value) => value === 2);

    refusing.mmsc().misbehave({ kind: "5xx", at: "message", times: 1, delayMs: 0 });
    await refusing.report(service.smtpPort, "tx-never");
    await count("refusing", "failed", (value) => value === 1);
    const [entry, ...others] = await acks(service.env, "--peer", "refusing");
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      state: "undelivered",
      attempts: 1,
      error: "554 5.7.1 Never",
      acknowledgement: { transactionId: "tx-never", to: "sender@refusing.example" },
    });
    const text = await runCommandWithin(["acks", "list", "--peer", "refusing"], service.env);
    expect(text.stdout).toContain("undelivered");
    expect(text.stdout).toContain("554 5.7.1 Never");
    expect(text.stderr).toBe("1 acknowledgement.\n");
    for (const line of text.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);

    const again = await runCommandWithin(["acks", "retry", entry?.id ?? ""], service.env);
    expect(again).toMatchObject({ code: 0, stdout: `${entry?.id}  is sent again\n` });
    await refusing.responses("tx-never");
    expect(await runCommandWithin(["acks", "retry", "a0"], service.env)).toMatchObject({ code: 1 });
  });

  test.concurrent("it is away: all is sent when it is back, at once when somebody says so", async () => {
    const ids = Array.from({ length: 100 }, (_, index) => `tx-away-${index}`);
    for (const id of ids) expect(await away.report(service.smtpPort, id)).toBe(STORED);
    await count("away", "retried", (value) => value >= 150);
    expect(
      service.log().filter(({ event, peer }) => event === "acknowledgements.failing" && peer === "away").length,
    ).toBe(1);
    await away.open();
    await runCommandWithin(["acks", "retry", "--all", "--state", "retrying", "--peer", "away"], service.env);
    for (const id of ids) expect((await away.responses(id)).length).toBe(1);
    expect(away.mmsc().connections()).toBeLessThanOrEqual(4);
  });

  test.concurrent("it is away for ten minutes, sixty times as fast as it would be: what is owed is sent in the attempt after them", async () => {
    await tenMinutes.report(service.smtpPort, "tx-ten-minutes");
    const client = new Redis(redis.url, { maxRetriesPerRequest: null });
    const acknowledgements = openAcknowledgements({ redis: client, prefix: "bull" });
    const startedMs = performance.now();
    const minutes = () => (performance.now() - startedMs) / 1_000;
    let failed = 0;
    let failedBefore: number | undefined;
    let dueMs = 0;
    // The waits that BullMQ counts pass sixty times as fast; everything else is as it is.
    for (; tenMinutes.received.length === 0; await wait(20)) {
      for await (const entry of acknowledgements.list()) {
        if (entry.acknowledgement.peer !== tenMinutes.name || entry.state !== "retrying") continue;
        if (entry.attempts > failed) {
          failed = entry.attempts;
          dueMs = performance.now() + (Date.parse(entry.at ?? "") - Date.now()) / 60;
        }
        if (performance.now() >= dueMs) await acknowledgements.retry(entry.id, "retrying");
      }
      // 1, 2, 4 … 256 s: nine attempts before ten minutes are over. A slow machine makes fewer, and is away for longer.
      if (failedBefore === undefined && minutes() >= 10 && failed >= 6) {
        await tenMinutes.open();
        // One may have failed since the last look.
        for await (const entry of acknowledgements.list())
          if (entry.acknowledgement.peer === tenMinutes.name) failed = Math.max(failed, entry.attempts);
        failedBefore = failed;
      }
    }
    const [response] = await tenMinutes.responses("tx-ten-minutes");
    expect(response?.get("x-mms-request-status-code")).toBe("Ok");
    expect(failedBefore).toBeLessThanOrEqual(10);
    // One may have been under way.
    expect(failed - (failedBefore ?? 0)).toBeLessThanOrEqual(1);
    await acknowledgements.close();
    client.disconnect();
  });

  test.concurrent("what comes back is tied to what it is about, shown with it, counted, and can be sent again", async () => {
    await bouncing.report(service.smtpPort, "tx-bounced");
    const [response] = await bouncing.responses("tx-bounced");
    const client = await openSession(service.smtpPort, { from: bouncing.address });
    await announce(client, SYSTEM, "");
    const returned = bounce({
      recipient: [
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 No such user as +12025550100/TYPE=PLMN",
      ],
      returned: [`Message-ID: ${response?.get("message-id")}`],
    });
    client.write(`${returned}.\r\n`);
    expect(await client.reply()).toBe("250 2.0.0 Bounce stored");
    client.end();
    await count("bouncing", "bounced", (value) => value === 1);
    expect(await service.metric('mm4d_bounces_total{peer="bouncing",action="failed",tied="yes"}')).toBe(1);
    const [entry] = await acks(service.env, "--peer", "bouncing");
    expect(entry).toMatchObject({
      state: "bounced",
      acknowledgement: {
        transactionId: "tx-bounced",
        bounce: { action: "failed", status: "5.1.1", diagnostic: "smtp; 550 No such user as +12025550100/TYPE=PLMN" },
      },
    });
    // A number in a diagnostic is masked in the log as everywhere.
    expect(service.written()).toContain("bounce.received");
    expect(service.written()).not.toContain("+12025550100");
    await runCommandWithin(["acks", "retry", entry?.id ?? ""], service.env);
    expect((await bouncing.responses("tx-bounced", 2)).length).toBe(2);
  });
});

describe.concurrent("what comes back", () => {
  test.concurrent("is known by our id, however it is written; other mail is refused as before", async () => {
    const names = ["opensmtpd-failed", "dma-failed", "sendmail-text-failed", "sendmail-text-delayed"];
    for (const name of names) {
      const messageId = await acknowledged(mixed, `tx-${name}`);
      expect([name, await sendBack(mixed, savedBounce(name, messageId))]).toEqual([name, [BOUNCE_STORED]]);
    }
    // The test beside this one has mixed tell of another peer's acknowledgement.
    await service.metric(bounces("mixed", 'action="failed",tied="yes"'), (value) => value >= 3);
    await service.metric(bounces("mixed", 'action="unknown",tied="yes"'), (value) => value === 1);
    // A warning that it is late has changed nothing.
    const states = await acks(service.env, "--peer", "mixed", "--state", "sent");
    expect(states.map(({ acknowledgement }) => acknowledgement.transactionId)).toEqual(["tx-sendmail-text-delayed"]);
    expect((await acks(service.env, "--peer", "mixed", "--state", "bounced")).length).toBe(3);

    const elsewhere = `Subject: Undeliverable\r\n\r\nMessage-ID: <a${"0".repeat(32)}@mms.example.org>\r\n`;
    const newsletter = "Subject: News\r\n\r\nWrite to system-user@mms.example.net\r\n";
    for (const reply of await sendBack(mixed, elsewhere, newsletter)) expect(reply).toMatch(/^554 5\.6\.0 /);
  });

  test.concurrent("concerns its own peer's acknowledgement only, unless the entry says where else it comes from", async () => {
    const [owed, viaRelay] = [await acknowledged(honest, "tx-forged"), await acknowledged(relayed, "tx-relayed")];
    const forged = savedBounce("opensmtpd-failed", owed);
    expect(await sendBack(always, forged)).toEqual([BOUNCE_STORED]);
    await service.metric(bounces("always", 'action="failed",tied="no"'), (value) => value === 1);
    const [entry] = await acks(service.env, "--peer", "honest");
    expect(entry).toBe(undefined);
    const told = service.log().find(({ event, peer }) => event === "bounce.received" && peer === "always");
    expect(told?.untied).toBe("its acknowledgement was sent to honest, whose bounces do not come from always");

    expect(await sendBack(mixed, savedBounce("opensmtpd-failed", viaRelay))).toEqual([BOUNCE_STORED]);
    expect(await count("relayed", "bounced", (value) => value === 1)).toBe(1);
  });
});

test("a flood of bounces of the worst kind delays no other peer's report", async () => {
  const messageId = await acknowledged(flooding, "tx-flood");
  const tookMs = async (transactionId: string): Promise<number> => {
    const startedMs = performance.now();
    await acknowledged(usual, transactionId);
    return performance.now() - startedMs;
  };
  const floorMs = Math.max(await tookMs("tx-floor-1"), await tookMs("tx-floor-2"), await tookMs("tx-floor-3"));
  // Made for mailparser, which took 50 ms for each. With our id, so that each is really looked at and tied.
  const parts = "--b\r\n\r\n".repeat(880);
  const hostile = `Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\nIn-Reply-To: ${messageId}\r\n\r\n${parts}`;
  const sending = Promise.all(
    Array.from({ length: 6 }, () => sendBack(flooding, ...Array.from({ length: 50 }, () => hostile))),
  );
  const whileFloodingMs = await tookMs("tx-while-flooding");
  for (const reply of (await sending).flat()) expect(reply).toBe(BOUNCE_STORED);
  const behindMs = await tookMs("tx-behind-flood");
  for (const ms of [whileFloodingMs, behindMs]) expect(ms).toBeLessThan(1_500 + 20 * floorMs);
  await service.metric(bounces("flooding", 'action="unknown",tied="yes"'), (value) => value === 300);
});

test.concurrent("killed with debts in hand, owed and half paid: each is paid in the end, within 60 s of the start", async () => {
  const killed = createCarriers();
  const carrier = await killed.add("killed", { fault: { kind: "delay", at: "rcpt", times: 2, delayMs: 60_000 } });
  killed.write();
  const own = await startServiceProcess({
    ...settings(),
    MM4D_PEERS_FILE: killed.peersFile,
    MM4D_QUEUE_PREFIX: "killed",
    MM4D_ACK_TIMEOUT_SECONDS: "30",
  });
  const ids = Array.from({ length: 60 }, (_, index) => `tx-killed-${index}`);
  const stored: string[] = [];
  const reporting = (async () => {
    for (const id of ids) {
      const reply = await carrier.report(own.smtpPort, id).catch(() => "");
      if (reply === STORED) stored.push(id);
    }
  })();
  await eventually(
    () => [carrier.received.length, stored.length],
    ([received = 0, accepted = 0]) => received >= 5 && accepted >= 30,
  );
  own.signal("SIGKILL");
  await own.exited();
  await reporting;
  expect(stored.length).toBeLessThan(ids.length);
  const startedMs = performance.now();
  await own.restart();
  for (const id of stored) await carrier.responses(id);
  expect(performance.now() - startedMs).toBeLessThan(60_000);
  await own.stop();
  await killed.stop();
});

test.concurrent("never before its event is stored; in queue mode neither is there without the other", async () => {
  const held = createCarriers();
  const carrier = await held.add("held");
  held.write();
  const [own, direct] = ["held", "direct"].map((user) => ({
    ...settings(),
    REDIS_URL: `redis://${user}:secret@127.0.0.1:${redis.port}`,
    MM4D_PEERS_FILE: held.peersFile,
    MM4D_QUEUE_PREFIX: user,
  }));
  const may = (user: string, ...queues: readonly string[]) =>
    redis.call(
      ...["ACL", "SETUSER", user, "on", ">secret", "+@all", "resetkeys", `~${user}:mm4d-probe`],
      ...queues.map((queue) => `~${user}:${queue}:*`),
    );

  // Its Redis takes acknowledgements, and no events.
  await may("held", "mm4-acknowledgements", "mm4-quarantine");
  const journal = await startServiceWithin(own);
  expect(await carrier.report(journal.smtpPort, "tx-held")).toBe(STORED);
  await eventually(
    () => journal.log(),
    (lines) => lines.some(({ event }) => event === "drain.failed"),
  );
  await wait(500);
  expect(carrier.received).toEqual([]);
  await may("held", "mm4-acknowledgements", "mm4-quarantine", "mm4-delivery-events");
  await carrier.responses("tx-held");
  await journal.stop();

  // Events, and no acknowledgements.
  await may("direct", "mm4-delivery-events", "mm4-quarantine");
  const queue = await startServiceWithin({ ...direct, MM4D_ACCEPT: "queue" });
  await eventually(
    () => queue.get("/readyz"),
    ({ status }) => status === 200,
  );
  expect(await carrier.report(queue.smtpPort, "tx-direct")).toMatch(/^451 /);
  expect(await carrier.report(queue.smtpPort, "tx-unasked", { "X-Mms-Ack-Request": "No" })).toBe(STORED);
  await may("direct", "mm4-delivery-events", "mm4-quarantine", "mm4-acknowledgements");
  expect(await carrier.report(queue.smtpPort, "tx-direct")).toBe(STORED);
  const [response] = await carrier.responses("tx-direct");
  const returned = savedBounce("opensmtpd-failed", response?.get("message-id") ?? "");
  expect(await sendBackTo(queue.smtpPort, carrier, returned)).toEqual([BOUNCE_STORED]);
  await queue.metric(bounces("held", 'action="failed",tied="yes"'), (value) => value === 1);
  await queue.stop();
  await held.stop();
});
