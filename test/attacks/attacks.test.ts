/** What is thrown at an SMTP server, thrown at ours. */
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { statusOf } from "../support/http-client.ts";
import { eventually } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { rowsOf, runCommand } from "../support/service.ts";
import {
  announce,
  type ConnectOptions,
  connectSmtp,
  openData,
  openSession,
  type SmtpClient,
} from "../support/smtp-client.ts";
import { ATTACKER, LENIENT_ATTACKER, STORED, STRANGER, startVictim, type Victim } from "./victim.ts";

let victim: Victim;
let port: number;
const clients: SmtpClient[] = [];

beforeAll(async () => {
  victim = await startVictim();
  port = victim.service.smtpPort;
});
afterEach(() => {
  for (const client of clients.splice(0)) client.end();
});
afterAll(() => victim.stop());

const attacker: ConnectOptions = { from: ATTACKER };
const report = (id: string) => Buffer.from(deliveryReport({ "X-Mms-Message-ID": id })).toString("latin1");

function connect(options: ConnectOptions = attacker): SmtpClient {
  const client = connectSmtp(port, options);
  clients.push(client);
  return client;
}
async function session(options = attacker): Promise<SmtpClient> {
  const client = await openSession(port, options);
  clients.push(client);
  return client;
}
async function data(options = attacker): Promise<SmtpClient> {
  const client = await openData(port, options);
  clients.push(client);
  return client;
}
/** Everything the server says until it closes. */
async function repliesOf(client: SmtpClient): Promise<readonly string[]> {
  const replies: string[] = [];
  for (;;) {
    const reply = await client.reply().catch(() => undefined);
    if (reply === undefined) return replies;
    replies.push(reply);
  }
}

const ENDINGS = [
  "\n.\n",
  "\n.\r\n",
  "\r.\r",
  "\r.\r\n",
  "\r\n.\n",
  "\r\n.\r",
  "\n\n.\r\n",
  "\r\r\n.\r\r\n",
  "\r\n\0.\r\n",
  "\r\n. \r\n",
];
describe.each(ENDINGS)("a message that another server might take to end at %j", (ending) => {
  const smuggled = (id: string) =>
    `${report(`outer-${id}`).trimEnd()}\r\n\r\nbody${ending}MAIL FROM:<smuggled@mmsc.example.net>\r\nRCPT TO:<x@mms.example.net>\r\nDATA\r\n${report(`smuggled-${id}`)}\r\n.\r\n`;

  test.each([
    ["strict", ATTACKER],
    ["lenient", LENIENT_ATTACKER],
  ])("ends at CRLF.CRLF only, for a peer that is %s", async (kind, from) => {
    const id = `${kind}-${ENDINGS.indexOf(ending)}`;
    await victim.endures(async () => {
      const client = await data({ from });
      client.write(smuggled(id));
      expect([STORED, "554 5.6.0 A line of the message ends in CR or LF alone, must end in CRLF"]).toContain(
        await client.reply(),
      );
      client.write("QUIT\r\n");
      const rest = await repliesOf(client);
      // A session that goes on has nothing more to answer than QUIT.
      expect(rest.filter((reply) => !reply.startsWith("221"))).toEqual([]);
    });
    expect(victim.events.filter(({ subject }) => subject === `smuggled-${id}`)).toEqual([]);
  });
});

test("the end of a message in any pieces is one end", async () => {
  await victim.endures(async () => {
    const whole = `${report("pieces")}..\r\n.\r\n`;
    for (let cut = 1; cut < 8; cut++) {
      const client = await data();
      client.write(whole.slice(0, -cut));
      await wait(5);
      client.write(whole.slice(-cut));
      expect(await client.reply()).toBe(STORED);
      expect(await client.command("NOOP")).toBe("250 2.0.0 OK");
    }
  });
});

test("a whole visit in one piece is answered in order, and nothing behind QUIT", async () => {
  await victim.endures(async () => {
    const client = connect();
    const message = (id: string) => `MAIL FROM:<>\r\nRCPT TO:<x@mms.example.net>\r\nDATA\r\n${report(id)}\r\n.\r\n`;
    client.write(
      `EHLO x\r\n${message("first")}NOOP\r\n${message("second")}RSET\r\nQUIT\r\nNOOP\r\n${message("third")}`,
    );
    const replies = (await repliesOf(client)).map((reply) => reply.slice(0, 3));
    expect(replies.join(" ")).toBe("220 250 250 250 354 250 250 250 250 354 250 250 221");
  });
  await eventually(
    () => victim.events.map(({ subject }) => subject),
    (subjects) => subjects.includes("first") && subjects.includes("second"),
  );
  expect(victim.events.some(({ subject }) => subject === "third")).toBe(false);
});

test("a whole visit in two pieces, cut anywhere, is answered the same", async () => {
  const whole = `EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<x@mms.example.net>\r\nDATA\r\n${report("cut")}..\r\n.\r\nNOOP\r\nQUIT\r\n`;
  await victim.endures(async () => {
    let next = 1;
    const worker = async (): Promise<void> => {
      while (next < whole.length) {
        const at = next++;
        const client = connectSmtp(port, attacker);
        client.write(whole.slice(0, at));
        await wait(1);
        client.write(whole.slice(at));
        const replies = (await repliesOf(client)).map((reply) => reply.slice(0, 3));
        expect(replies.join(" "), `cut at ${at}`).toBe("220 250 250 250 354 250 250 221");
      }
    };
    await Promise.all(Array.from({ length: 20 }, worker));
  });
});

test.each([
  ["NOOP", "NOOP\r\n", "421 4.7.0 Too many commands without a message, connect again"],
  ["RSET", "RSET\r\n", "421 4.7.0 Too many commands without a message, connect again"],
  ["EHLO", "EHLO x\r\n", "421 4.7.0 Too many commands without a message, connect again"],
  ["the same RCPT", "RCPT TO:<x@mms.example.net>\r\n", "421 4.7.0 Too many commands without a message, connect again"],
  ["nonsense", "XYZZY\r\n", "421 4.7.0 Too many bad commands"],
  ["nothing", "\r\n", "421 4.7.0 Too many bad commands"],
  ["nothing with LF alone", "\n", "421 4.7.0 Too many bad commands"],
  ["jokes", "WIZ\r\nKILL\r\n", "421 4.7.0 Too many bad commands"],
  ["bytes that are no text", "\x80\xff\0\x1b[2J\r\n", "421 4.7.0 Too many bad commands"],
  ["a line without an end", "x".repeat(100), "421 4.5.2 The command line is too long"],
])("a flood of %s is ended", async (_, piece, last) => {
  await victim.endures(async () => {
    const client = await session();
    await client.command("MAIL FROM:<>");
    client.write(piece.repeat(Math.ceil(1_000_000 / piece.length)));
    expect((await repliesOf(client)).at(-1)).toBe(last);
  });
});

test("a hundred megabytes are cut off where they become too many", async () => {
  await victim.endures(async () => {
    const client = await data();
    const megabyte = Buffer.alloc(1_000_000, `${"x".repeat(78)}\r\n`);
    let sent = 0;
    const closed = client.closed();
    const write = async (): Promise<void> => {
      while (sent < 100 && !client.socket.destroyed) {
        sent += 1;
        if (!client.socket.write(megabyte)) {
          await Promise.race([closed, new Promise((resolve) => client.socket.once("drain", resolve))]);
        }
      }
    };
    const writing = write();
    expect(await client.reply()).toBe("552 5.3.4 The message is too large");
    client.end();
    await writing;
  });
  expect(victim.events.filter(({ data: { peer } }) => peer.name === "attacker" && peer.helo === "")).toEqual([]);
});

test("eight hundred unfinished messages take no more memory than one peer may, and are told so at their end", async () => {
  const large = Buffer.alloc(254_000, `${"x".repeat(998)}\r\n`);
  // A connection that was kept open for it may have been closed while the thread here was busy.
  const memory = () =>
    eventually(
      () => victim.service.metric("mm4d_process_resident_memory_bytes").catch(() => 0),
      (bytes) => bytes > 0,
    );
  await victim.endures(async () => {
    const before = await memory();
    const flood: SmtpClient[] = [];
    for (let batch = 0; batch < 8; batch++) {
      flood.push(...(await Promise.all(Array.from({ length: 100 }, () => data()))));
    }
    for (const client of flood) client.write(large);
    await eventually(
      () => flood.reduce((waiting, { socket }) => waiting + socket.writableLength, 0),
      (waiting) => waiting === 0,
    );
    // Half of what they hold together; what the service takes besides for so many connections is in it.
    expect((await memory()) - before).toBeLessThan((800 * 254_000) / 2);
    for (const client of flood) client.write(".\r\n");
    const replies = await Promise.all(flood.map((client) => client.reply()));
    const codes = new Set(replies.map((reply) => reply.slice(0, 9)));
    // All header and no end, those that there was room for.
    expect(codes).toEqual(new Set(["552 5.3.4", "452 4.3.1"]));
  });
});

const LINE = "x".repeat(70);
const KILOBYTES_250 = 250_000;
const fill = (piece: string, bytes = KILOBYTES_250) => piece.repeat(Math.floor(bytes / piece.length));
test.each([
  ["one endless line", `X-Mms-Status-Text: ${fill("x")}\r\n`],
  ["many fields", fill("A:\r\n")],
  ["one field folded for ever", `X-Mms-Status-Text: a\r\n${fill(" \r\n")}`],
  ["many colons", fill(":")],
  ["many blanks", `X-Mms-Status-Text:${fill(" ", 60_000)}\r\n${report("blanks")}`],
  ["encoded words", `X-Mms-Status-Text: ${fill("=?utf-8?B?AAAA?= ", 60_000)}\r\n${report("encoded")}`],
  ["encoded words that do not end", `X-Mms-Status-Text: ${fill("=?utf-8?Q?", 60_000)}\r\n${report("endless")}`],
  ["question marks", `X-Mms-Status-Text: ${fill("=?", 60_000)}\r\n${report("marks")}`],
  ["NULs and escapes", `X-Mms-Status-Text: ${fill("\0\x1b[31m\x07", 60_000)}\r\n${report("escapes")}`],
  ["bytes that are not UTF-8", `X-Mms-Status-Text: ${fill("\xff\xfe\xc0", 60_000)}\r\n${report("bytes")}`],
  ["an address in many brackets", `From: ${fill("<", 60_000)}\r\n${report("brackets")}`],
  ["a list of many addresses", `To: ${fill("+12025550199/TYPE=PLMN, ", 60_000)}\r\n${report("list")}`],
  ["many commas and quotes", `To: ${fill('",', 60_000)}\r\n${report("quotes")}`],
  ["many comments in a date", `Date: ${fill("(", 60_000)}\r\n${report("comments")}`],
  ["lines that all begin with a dot", `${report("dots")}\r\n${fill("..\r\n")}`],
  ["a body of one line", `${report("one-line")}\r\n${fill("x")}\r\n`],
  ["a body of many parts", `Content-Type: multipart/mixed; boundary=b\r\n${report("parts")}\r\n${fill("--b\r\n\r\n")}`],
])("a message of %s is answered, and costs no more than a few of its size", async (_, message) => {
  const cpuSeconds = () => victim.service.metric("mm4d_process_cpu_seconds_total");
  const cost = async (text: string): Promise<number> => {
    const before = await cpuSeconds();
    for (let count = 0; count < 3; count++) {
      const client = await data();
      client.write(`${text}\r\n.\r\n`);
      expect(await client.reply()).toMatch(/^(?:250 2\.0\.0|552 5\.3\.4|554 5\.6\.0) /);
      client.end();
    }
    return (await cpuSeconds()) - before;
  };
  await victim.endures(async () => {
    const harmless = await cost(`${report("harmless")}\r\n${fill(`${LINE}\r\n`)}`);
    // 50 ms are what the clock of CPU time, and the good peer beside it, may add.
    expect(await cost(message)).toBeLessThan(20 * harmless + 0.05);
  });
});

test("quarantined MIME of the worst kind is shown by the command line all the same", async () => {
  const depth = Array.from(
    { length: 500 },
    (_, index) => `Content-Type: multipart/mixed; boundary=b${index}\r\n\r\n--b${index}\r\n`,
  );
  await victim.endures(async () => {
    const client = await session();
    const reply = await client.deliver(
      Buffer.from(
        `X-Mms-Message-Type: MM4_delivery_report.REQ\r\nX-Mms-Message-ID: mime\r\n${depth.join("")}\x1b[2J${fill("--b0\r\n\r\n", 200_000)}`,
      ),
    );
    expect(reply).toBe("250 2.0.0 Message stored for inspection");
  });
  const listed = async () =>
    rowsOf<{ id: string; reason: string }>(
      (await runCommand(["quarantine", "list", "--json"], victim.service.env)).stdout,
    ).filter(({ reason }) => reason === "no-status");
  const [kept] = await eventually(listed, (rows) => rows.length === 1);
  const { code, stdout } = await runCommand(["quarantine", "show", kept?.id ?? ""], victim.service.env);
  expect([code, stdout.includes("\x1b")]).toEqual([0, false]);
});

test("control characters in an envelope are refused, each of them, and the session goes on", async () => {
  await victim.endures(async () => {
    for (let code = 0; code < 32; code++) {
      const char = String.fromCharCode(code);
      if (char === "\r" || char === "\n") continue;
      const client = await session();
      expect(await client.command(`MAIL FROM:<a${char}b@mmsc.example.net>`)).toMatch(/^501 5\.1\.7 /);
      expect(await client.command("MAIL FROM:<>")).toMatch(/^250 /);
      expect(await client.command(`RCPT TO:<a${char}b@mms.example.net>`)).toMatch(/^501 5\.1\.3 /);
      expect(await client.command("NOOP")).toBe("250 2.0.0 OK");
      client.end();
    }
  });
});

test("a session that is reset at any byte leaves nothing behind, and loses nothing it was promised", async () => {
  const whole = `EHLO mmsc.example.net\r\nMAIL FROM:<>\r\nRCPT TO:<x@mms.example.net>\r\nDATA\r\n${report("reset")}\r\n.\r\nQUIT\r\n`;
  await victim.endures(async () => {
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next <= whole.length) {
        const bytes = next++;
        const client = connectSmtp(port, attacker);
        await client.reply();
        client.write(whole.slice(0, bytes));
        await wait(bytes % 3);
        client.socket.resetAndDestroy();
      }
    };
    await Promise.all(Array.from({ length: 20 }, worker));
    await victim.service.metric('mm4d_peer_connections{peer="attacker"}', (open) => open === 0);
  });
  expect(victim.events.filter(({ subject }) => subject === "reset").length).toBeLessThanOrEqual(1);
});

test("five thousand idle connections, and a good peer is served", async () => {
  await victim.endures(async () => {
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(Array.from({ length: 500 }, () => session()));
    }
    expect(await victim.service.metric('mm4d_peer_connections{peer="attacker"}')).toBe(5_000);
  });
});

test("a flood of strangers is turned away, most of it without a word", async () => {
  await victim.endures(async () => {
    for (let batch = 0; batch < 10; batch++) {
      const flood = Array.from({ length: 200 }, () => connect({ from: STRANGER }));
      await Promise.all(flood.map((client) => client.closed()));
    }
  });
  const [told, dropped] = await Promise.all(
    ["unknown-peer", "flood"].map((reason) => victim.service.metric(`mm4d_sessions_refused_total{reason="${reason}"}`)),
  );
  expect((told ?? 0) + (dropped ?? 0)).toBe(2_000);
});

test("a client that reads nothing is not answered for ever", async () => {
  await victim.endures(async () => {
    const client = await session();
    client.socket.pause();
    client.write("NOOP\r\n".repeat(200_000));
    await victim.service.metric('mm4d_sessions_refused_total{reason="too-many-commands"}', (count) => count > 0);
  });
});

test.each([
  { from: "one address", fromOf: () => ATTACKER },
  { from: "many", fromOf: (index: number) => `127.0.1.${index % 250}` },
])("six hundred silent connections to HTTP from $from, and probes and Prometheus are answered", async ({ fromOf }) => {
  const sockets: Socket[] = [];
  await victim.endures(async () => {
    for (let index = 0; index < 600; index += 1) {
      const socket = connectTcp({ port: victim.service.adminPort, host: "127.0.0.1", localAddress: fromOf(index) });
      sockets.push(socket.on("error", () => {}).resume());
      await once(socket, "connect");
    }
    for (const path of ["/livez", "/readyz", "/healthz", "/metrics"]) {
      expect([path, await statusOf(victim.service.adminPort, path)]).toEqual([path, 200]);
    }
  });
  for (const socket of sockets) socket.destroy();
});

test("what one client says is in nobody else's session", async () => {
  await victim.endures(async () => {
    const [one, other] = [await session(), await session()];
    await one.command("MAIL FROM:<one@mmsc.example.net>");
    expect(await other.command("RCPT TO:<x@mms.example.net>")).toMatch(/^503 /);
    await announce(other);
    one.write("RCPT TO:<x@mms.example.net>\r\nDATA\r\n");
    expect([await one.reply(), await one.reply()]).toEqual([
      expect.stringMatching(/^250/),
      expect.stringMatching(/^354/),
    ]);
    const [first, second] = [report("of-one"), report("of-the-other")];
    for (let at = 0; at < Math.max(first.length, second.length); at += 20) {
      one.write(first.slice(at, at + 20));
      other.write(second.slice(at, at + 20));
      await wait(1);
    }
    for (const client of [one, other]) client.write("\r\n.\r\n");
    expect([await one.reply(), await other.reply()]).toEqual([STORED, STORED]);
  });
  await eventually(
    () => victim.events.map(({ subject }) => subject),
    (subjects) => subjects.includes("of-one") && subjects.includes("of-the-other"),
  );
});
