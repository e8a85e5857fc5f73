/** How a peer's MMSC is spoken to, by `peers test` and with acknowledgements: what is never said there, and what is told of each failure. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createSecureContext, createServer as createTlsServer, TLSSocket } from "node:tls";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { probe } from "../../src/acknowledgement/probe.ts";
import { createResponder } from "../../src/acknowledgement/responder.ts";
import { doubtsAbout, readPeers } from "../../src/settings/peers.ts";
import type { Peer } from "../../src/smtp/peer.ts";
import { type Certificates, createCertificates } from "../support/certificates.ts";
import { ACKNOWLEDGEMENT } from "../support/journal.ts";

const PASSWORD = "s3cret pass";
const PATIENT_MS = 10_000;
let certificates: Certificates;
let tls: { readonly cert: string; readonly key: string };
beforeAll(() => {
  certificates = createCertificates();
  const { certFile, keyFile } = certificates.make("localhost");
  tls = { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") };
});
afterAll(() => certificates.remove());

/** What an MMSC answers to a command: a line, several, or nothing at all (null); `end` closes, `tls` begins TLS, `garbage` says so and does not, `broken tls` is none within TLS. */
type Script = Readonly<Record<string, string | null>>;

/** All goes well, without TLS and login. */
const WELL: Script = {
  greeting: "220 mmsc.example",
  EHLO: "250 mmsc.example",
  HELO: "250 mmsc.example",
  STARTTLS: "502 5.5.1 Not here",
  AUTH: "235 2.7.0 Welcome",
  MAIL: "250 2.1.0 Fine",
  RCPT: "250 2.1.5 Fine",
  DATA: "354 Go on",
  ".": "250 2.0.0 Taken",
  QUIT: "221 2.0.0 Bye",
};
const LOGIN = "250-mmsc.example\r\n250 AUTH PLAIN LOGIN";
const OFFERS_TLS = "250-mmsc.example\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN";

let servers: Server[] = [];
afterEach(() => {
  for (const server of servers) server.close();
  servers = [];
});

/** An MMSC that keeps to a script, and what was said to it before TLS, and within. */
async function play(script: Script, options: { readonly implicit?: boolean; readonly onSecure?: () => void } = {}) {
  const clear: string[] = [];
  const secure: string[] = [];
  const serve = (socket: Socket, heard: string[], below = socket): void => {
    let rest = "";
    let inData = false;
    const say = (verb: string): void => {
      const reply = (heard === secure ? script[`tls ${verb}`] : undefined) ?? script[verb];
      if (reply === "end") socket.destroy();
      else if (reply === "broken tls") below.write("This is no TLS\r\n");
      else if (reply === "220 and end") socket.end("220 2.0.0 Ready\r\n");
      else if (reply === "220 and reset") {
        socket.removeAllListeners("data");
        socket.once("data", () => socket.resetAndDestroy());
        socket.write("220 2.0.0 Ready\r\n");
      } else if (reply === "old tls") {
        socket.removeAllListeners("data");
        socket.write("220 2.0.0 Ready\r\n");
        const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
        new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ ...tls, ...old }) }).on(
          "error",
          () => {},
        );
      } else if (reply === "garbage") {
        socket.removeAllListeners("data");
        socket.on("data", () => socket.end("This is no TLS\r\n"));
        socket.write("220 2.0.0 Ready\r\n");
      } else if (reply?.startsWith("tls")) {
        socket.removeAllListeners("data");
        socket.write("220 2.0.0 Ready\r\n");
        const upgraded = new TLSSocket(socket, {
          isServer: true,
          ...tls,
          requestCert: reply === "tls with certificate",
          rejectUnauthorized: true,
        });
        upgraded.on("error", () => {});
        upgraded.once("secure", () => options.onSecure?.());
        serve(upgraded, secure, socket);
      } else if (reply !== null && reply !== undefined) socket.write(`${reply}\r\n`);
      else if (reply === undefined) socket.write("500 5.5.1 What\r\n");
    };
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      rest += chunk.toString("latin1");
      for (let end = rest.indexOf("\r\n"); end !== -1; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        heard.push(line);
        if (inData && line !== ".") continue;
        inData = line === "DATA";
        say(line.split(" ", 1)[0] ?? "");
      }
    });
    if (heard === clear || options.implicit) say("greeting");
  };
  const server = options.implicit
    ? createTlsServer(tls, (socket) => serve(socket, secure))
    : createServer((socket) => serve(socket, clear));
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, clear, secure };
}

/** Of an MMSC that says nothing there is nothing to wait for. */
function patienceFor(script: Script, silentMs = 300): number {
  return Object.values(script).includes(null) ? silentMs : PATIENT_MS;
}

function peerWith(acknowledge: object): Peer {
  const read = readPeers({ peers: [{ name: "carrier", addresses: ["192.0.2.1"], acknowledge }] }, () => PASSWORD);
  if (!read.ok) throw new Error(read.error.join());
  return read.value[0] as Peer;
}

function responderFor(timeoutMs: number) {
  const systemAddress = "system-user@mms.example.net";
  return createResponder({ hostname: "mm4.example.net", systemAddress, timeoutMs, awayMs: 0 });
}

/** What comes of `peers test` and of an acknowledgement. */
async function tryBoth(
  peer: Peer,
  deadlineMs = PATIENT_MS,
): Promise<{ readonly tested: string; readonly sent: string }> {
  const { host } = peer.acknowledge;
  const tested = await probe({ ...peer.acknowledge, host: host ?? "" }, "mm4.example.net", deadlineMs).then(
    ({ user, tls: secured, withoutTlsBecause }) =>
      `reached as ${user} ${secured === null ? "without" : "with"} TLS${withoutTlsBecause === null ? "" : `, because ${withoutTlsBecause}`}`,
    (cause: Error) => cause.message,
  );
  const responder = responderFor(deadlineMs);
  try {
    const payment = await responder.send(`a${"0".repeat(32)}`, ACKNOWLEDGEMENT, peer);
    return { tested, sent: payment.kind === "failed" ? payment.reason : payment.kind };
  } finally {
    responder.stop();
  }
}

const auth = { user: "mm4d", passwordFile: "password" };

test.each<[string, object, Script, RegExp]>([
  [
    "offers no STARTTLS, or somebody in between has taken it away",
    { tls: "optional", auth },
    { EHLO: LOGIN },
    /offers no TLS/,
  ],
  [
    "answers STARTTLS with 454",
    { auth },
    { EHLO: OFFERS_TLS, STARTTLS: "454 4.7.0 Not now" },
    /cannot begin TLS now: 454/,
  ],
  ["breaks off in the handshake", { auth }, { EHLO: OFFERS_TLS, STARTTLS: "garbage" }, /TLS handshake failed/],
  ["knows HELO only", { auth }, { EHLO: "500 5.5.1 What" }, /does not know EHLO, so it offers no TLS: 500/],
  [
    "is not to be spoken to by TLS at all",
    { tls: "off", auth },
    { EHLO: LOGIN },
    /"tls": "off", and the password is not sent/,
  ],
])("the password is never sent without TLS: where the MMSC %s", async (_, entry, script, reason) => {
  const mmsc = await play({ ...WELL, ...script });
  const { tested, sent } = await tryBoth(peerWith({ host: "127.0.0.1", port: mmsc.port, ...entry }));
  expect([tested, sent]).toEqual([expect.stringMatching(reason), expect.stringMatching(reason)]);
  expect([tested, sent]).toEqual([tested, tested]);
  expect(tested).toContain("acknowledge.auth.withoutTls to true");
  const heard = mmsc.clear.join("\n");
  expect(heard).not.toMatch(/^(?:AUTH|MAIL)/m);
  expect(heard).not.toContain(Buffer.from(PASSWORD).toString("base64").slice(0, 8));
});

test.each<[string, object, Script, string]>([
  ["where the entry says so", { auth: { ...auth, withoutTls: true } }, { EHLO: LOGIN }, "as mm4d without TLS"],
  [
    "where it says so, without EHLO",
    { auth: { ...auth, withoutTls: true } },
    { EHLO: "500 5.5.1 What" },
    "as mm4d without TLS",
  ],
  ["with TLS off", { tls: "off", auth: { ...auth, withoutTls: true } }, { EHLO: OFFERS_TLS }, "as mm4d without TLS"],
  ["over TLS, whosever the certificate is", { auth }, { EHLO: OFFERS_TLS, STARTTLS: "tls" }, "as mm4d with TLS"],
  [
    "and not where a login is offered before TLS only",
    { auth },
    { EHLO: OFFERS_TLS, "tls EHLO": "250 mmsc.example", STARTTLS: "tls" },
    "as null with TLS",
  ],
])("the password is sent %s", async (_, entry, script, found) => {
  const mmsc = await play({ ...WELL, ...script });
  const came = await tryBoth(peerWith({ host: "127.0.0.1", port: mmsc.port, ...entry }));
  expect(came).toEqual({ tested: `reached ${found}`, sent: "sent" });
  const logins = (lines: readonly string[]) => lines.filter((line) => line.startsWith("AUTH")).length;
  expect([logins(mmsc.clear), logins(mmsc.secure)]).toEqual(
    found === "as null with TLS" ? [0, 0] : found.endsWith("with TLS") ? [0, 2] : [2, 0],
  );
});

const BROKEN: readonly [string, Script, RegExp][] = [
  [
    "says that it cannot now",
    { STARTTLS: "454 4.7.0 Not now" },
    /^STARTTLS failed: it cannot begin TLS now: 454 4\.7\.0/,
  ],
  ["does not know it after all", { STARTTLS: "502 5.5.1 Not here" }, /^STARTTLS failed: it offers no TLS: 502 5\.5\.1/],
  ["says 220 and then no TLS", { STARTTLS: "garbage" }, /^STARTTLS failed: the TLS handshake failed: /],
  ["says 220 and closes", { STARTTLS: "220 and end" }, /^STARTTLS failed: /],
  ["says 220 and breaks off when the handshake has begun", { STARTTLS: "220 and reset" }, /^STARTTLS failed: /],
  ["closes without a word", { STARTTLS: "end" }, /^STARTTLS failed: /],
  ["says 421 to it, whenever it is asked", { STARTTLS: "421 4.3.2 Bye" }, /^STARTTLS failed: .*421 4\.3\.2/],
  ["never answers it", { STARTTLS: null }, /^STARTTLS failed: it did not answer within \d s$/],
  ["wants a certificate of ours", { STARTTLS: "tls with certificate" }, /^STARTTLS failed: the TLS handshake failed: /],
  ["breaks off as soon as we greet it within", { STARTTLS: "tls", "tls EHLO": "broken tls" }, /^STARTTLS failed: /],
  ["has TLS 1.1 only", { STARTTLS: "old tls" }, /^STARTTLS failed: the TLS handshake failed: /],
];

test.each(BROKEN)(
  "where TLS may be missing, an MMSC that offers STARTTLS and %s is sent to without",
  async (_, script, because) => {
    const mmsc = await play({ ...WELL, EHLO: OFFERS_TLS, ...script });
    const { tested, sent } = await tryBoth(
      peerWith({ host: "127.0.0.1", port: mmsc.port }),
      patienceFor(script, 1_000),
    );
    expect(tested).toMatch(/^reached as null without TLS, because /);
    expect(tested.replace(/^.*?because /, "")).toMatch(because);
    expect(sent).toBe("sent");
    expect(mmsc.clear.filter((line) => line.startsWith("MAIL"))).toHaveLength(1);
  },
);

test.each(BROKEN)("and where it must not be missing, one that %s is not sent to", async (_, script) => {
  for (const entry of [{ tls: "required" }, { auth }]) {
    const mmsc = await play({ ...WELL, EHLO: OFFERS_TLS, ...script });
    const { tested, sent } = await tryBoth(
      peerWith({ host: "127.0.0.1", port: mmsc.port, ...entry }),
      patienceFor(script),
    );
    expect([tested, sent]).toEqual([expect.stringMatching(/^Cannot use/), expect.stringMatching(/^Cannot use/)]);
    expect(mmsc.clear.join("\n")).not.toMatch(/^(?:AUTH|MAIL)/m);
  }
});

test.each([".", "MAIL"])("TLS that breaks off at %s is not STARTTLS: nothing is sent again in clear", async (at) => {
  const mmsc = await play({ ...WELL, EHLO: OFFERS_TLS, STARTTLS: "tls", [`tls ${at}`]: "broken tls" });
  const responder = responderFor(PATIENT_MS);
  try {
    const peer = peerWith({ host: "127.0.0.1", port: mmsc.port });
    const payment = await responder.send(`a${"0".repeat(32)}`, ACKNOWLEDGEMENT, peer);
    expect(payment.kind).toBe("failed");
    expect(mmsc.clear.filter((line) => !/^(?:EHLO|STARTTLS)/.test(line))).toEqual([]);
    expect(mmsc.secure.filter((line) => line === ".")).toHaveLength(at === "." ? 1 : 0);
  } finally {
    responder.stop();
  }
});

test("what may have been taken is not sent again at once, even where STARTTLS fails by then", async () => {
  const script: Record<string, string> = { ...(WELL as Record<string, string>), EHLO: OFFERS_TLS, STARTTLS: "tls" };
  script["tls ."] = "broken tls";
  const mmsc = await play(script, { onSecure: () => (script.STARTTLS = "454 4.7.0 Not now") });
  const responder = responderFor(PATIENT_MS);
  try {
    const peer = peerWith({ host: "127.0.0.1", port: mmsc.port });
    const send = () => responder.send(`a${"0".repeat(32)}`, ACKNOWLEDGEMENT, peer);
    expect((await send()).kind).toBe("failed");
    expect([mmsc.secure.filter((line) => line === "."), mmsc.clear.filter((line) => line === ".")]).toEqual([
      ["."],
      [],
    ]);
    expect(await send()).toEqual({
      kind: "sent",
      reply: expect.stringContaining("because STARTTLS failed: it cannot"),
    });
  } finally {
    responder.stop();
  }
});

test("what STARTTLS failed with is remembered for a while, told with each reply, and then TLS is tried again", async () => {
  const script: Record<string, string> = { ...(WELL as Record<string, string>), EHLO: OFFERS_TLS };
  script.STARTTLS = "454 4.7.0 Not now";
  const mmsc = await play(script);
  const peer = peerWith({ host: "127.0.0.1", port: mmsc.port, connections: 1 });
  const responder = createResponder({
    hostname: "mm4.example.net",
    systemAddress: "system-user@mms.example.net",
    timeoutMs: PATIENT_MS,
    awayMs: 0,
    withoutTlsMs: 300_000,
  });
  const send = (id: string) => responder.send(`a${id.repeat(32)}`, ACKNOWLEDGEMENT, peer);
  const asked = () => mmsc.clear.filter((line) => line === "STARTTLS").length;
  const reply =
    "250 2.0.0 Taken (sent without TLS, because STARTTLS failed: it cannot begin TLS now: 454 4.7.0 Not now)";
  vi.useFakeTimers({ toFake: ["performance"] });
  try {
    expect(await send("1")).toEqual({ kind: "sent", reply });
    expect(await send("2")).toEqual({ kind: "sent", reply });
    expect(asked()).toBe(1);
    // An MMSC that wants TLS and cannot do it: not for good, and TLS is what is tried next.
    script.MAIL = "530 5.7.0 Must issue STARTTLS first";
    const insisted = await send("3");
    expect(insisted).toEqual({
      kind: "failed",
      mmsc: "there",
      reason: expect.stringContaining("530 5.7.0 Must issue STARTTLS first; it was"),
    });
    script.MAIL = "250 2.1.0 Fine";
    expect(await send("4")).toEqual({ kind: "sent", reply });
    expect(asked()).toBe(2);
    script.STARTTLS = "tls";
    vi.advanceTimersByTime(299_000);
    expect(await send("5")).toEqual({ kind: "sent", reply });
    vi.advanceTimersByTime(1_000);
    expect(await send("6")).toEqual({ kind: "sent", reply: "250 2.0.0 Taken" });
    expect(asked()).toBe(3);
    expect(mmsc.secure.filter((line) => line.startsWith("MAIL"))).toHaveLength(1);
  } finally {
    vi.useRealTimers();
    responder.stop();
  }
});

test("TLS from the beginning is TLS: its certificate is checked before the password is sent", async () => {
  const mmsc = await play({ ...WELL, EHLO: LOGIN }, { implicit: true });
  const { tested, sent } = await tryBoth(peerWith({ host: "127.0.0.1", port: mmsc.port, tls: "implicit", auth }));
  expect(tested).toMatch(/its certificate is not trusted: .*self-signed certificate/);
  expect(sent).toBe(tested);
  expect(mmsc.secure).toEqual([]);
});

const withoutTls = { auth: { ...auth, withoutTls: true } };

test.each<[string, object, Script, RegExp]>([
  [
    "refuses the login",
    withoutTls,
    { EHLO: LOGIN, AUTH: "535 5.7.8 Wrong" },
    /^Cannot use .*: it refuses our login as mm4d: 535 5\.7\.8 Wrong; see acknowledge\.auth$/,
  ],
  [
    "cannot look the login up",
    withoutTls,
    { EHLO: LOGIN, AUTH: "454 4.7.0 Later" },
    /it cannot check our login as mm4d now: 454 4\.7\.0 Later$/,
  ],
  [
    "refuses us at once",
    {},
    { greeting: "554 5.7.1 Who are you" },
    /^Cannot use .*: it refuses us as soon as we connect: 554 5\.7\.1 Who are you; ask whether/,
  ],
  ["is too busy", {}, { greeting: "421 4.3.2 Busy" }, /it does not take connections now: 421 4\.3\.2 Busy$/],
  [
    "refuses our name",
    {},
    { EHLO: "550 5.7.1 Bad name", HELO: "550 5.7.1 Bad name" },
    /it refuses the name we greet it with: 550 5\.7\.1 Bad name; see MM4D_HOSTNAME$/,
  ],
  ["ends when we greet", {}, { EHLO: "421 4.3.2 Bye" }, /it has no time for us now: 421/],
  [
    "has a certificate of its own making",
    { tls: "required" },
    { EHLO: OFFERS_TLS, STARTTLS: "tls" },
    /its certificate is not trusted: self-signed certificate \(DEPTH_ZERO_SELF_SIGNED_CERT\); NODE_EXTRA_CA_CERTS/,
  ],
  [
    "offers no TLS where there must be some",
    { tls: "required" },
    {},
    /it offers no TLS: 502 5\.5\.1 Not here; the entry has "tls": "required"$/,
  ],
  [
    "begins without TLS where it should begin with it",
    { tls: "implicit" },
    {},
    /the TLS handshake failed: .*needs "tls": "required"$/,
  ],
  ["does not greet", {}, { greeting: null }, /it takes the connection and does not greet within 0\.3 s/],
  ["falls silent", {}, { EHLO: null }, /it did not answer within 0\.3 s$/],
  [
    "closes without a word",
    {},
    { EHLO: "end" },
    /it (?:closed the connection without a word|broke the connection off)/,
  ],
])("what is told of an MMSC that %s", async (_, entry, script, reason) => {
  const mmsc = await play({ ...WELL, ...script });
  const peer = peerWith({ host: "127.0.0.1", port: mmsc.port, ...entry });
  const { tested, sent } = await tryBoth(peer, patienceFor(script));
  expect([tested, sent]).toEqual([expect.stringMatching(reason), expect.stringMatching(reason)]);
});

test("what is told of one that is not there", async () => {
  const gone = await tryBoth(peerWith({ host: "127.0.0.1", port: 1 }));
  expect(gone.tested).toMatch(/^Cannot reach 127\.0\.0\.1:1: it refuses the connection \(ECONNREFUSED\)/);
  expect(gone.sent).toBe(gone.tested);
  const nameless = await tryBoth(peerWith({ host: "mmsc.invalid" }));
  expect(nameless.tested).toMatch(
    /^Cannot reach mmsc\.invalid:25: the name cannot be looked up \(\w+\); see acknowledge\.host$/,
  );
  expect(nameless.sent).toBe(nameless.tested);
});

test("whoever looks after the entry is told what becomes of the password", () => {
  const doubts = (entry: object) => doubtsAbout([peerWith({ host: "mmsc.example", ...entry })]);
  for (const tlsMode of ["required", "implicit"]) expect(doubts({ tls: tlsMode, auth })).toEqual([]);
  expect(doubts({})).toEqual([]);
  expect(doubts({ auth })).toEqual([expect.stringContaining("over TLS only, to whoever answers there")]);
  expect(doubts({ tls: "off", auth })).toEqual([expect.stringContaining("its acknowledgements are not sent")]);
  for (const tlsMode of ["off", "optional"]) {
    expect(doubts({ tls: tlsMode, ...withoutTls })).toEqual([
      expect.stringContaining("goes over the network as it is"),
    ]);
  }
});
