/**
 * The load: a carrier's relays, as light as they can be made, so that what is
 * measured is the server. A program of its own: its options are one JSON
 * argument, its result is one JSON line.
 *
 *   node generator.mjs '{"port":2525,"connections":50,"reports":5000}'
 *
 * Bare sockets and one buffer with holes for the ids; no SMTP library.
 */
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";
import { createMessage } from "./report-message.mjs";

/**
 * What is to be sent, and how.
 *
 * @typedef {object} Load
 * @property {number} port
 * @property {number} connections At the same time.
 * @property {number} reports In all.
 * @property {"dialogue" | "pipelined" | "one-a-connection"} [mode]
 * @property {boolean} [starttls]
 * @property {number} [perSecond] Evenly over the connections, whatever the replies take; 0 for as fast as it goes.
 * @property {number} [seconds] Ends after so long, however many are left.
 * @property {string} [run] Part of every id, so that no two runs send the same report.
 */

const DIALOGUE = ["MAIL FROM:<mmsc@carrier.example.net>\r\n", "RCPT TO:<reports@mms.example.net>\r\n", "DATA\r\n"];
const EXPECTED = ["250", "250", "354"];

const load = {
  mode: "dialogue",
  starttls: false,
  perSecond: 0,
  seconds: 0,
  run: "run",
  ...JSON.parse(process.argv[2]),
};
const message = createMessage(load.run);
const slowMs = new Float64Array(load.reports);
const failures = new Map();
let begun = 0;
let answered = 0;
let accepted = 0;
let startedMs = 0;
let startedCpu;
let lastMs = 0;

await Promise.all(Array.from({ length: load.connections }, (_, index) => client(index)));
process.stdout.write(`${JSON.stringify(result())}\n`);

/** One relay: a connection with one report after the other, or one report a connection, until none is left. */
async function client(index) {
  if (load.mode === "one-a-connection") {
    start();
    while (hasMore()) await session(index, 1);
    return;
  }
  await session(index, Number.POSITIVE_INFINITY);
}

/** Its own start-up is no part of what it costs. */
function start() {
  startedMs ||= now();
  startedCpu ??= process.cpuUsage();
}

function hasMore() {
  return begun < load.reports && (load.seconds === 0 || startedMs === 0 || now() - startedMs < load.seconds * 1000);
}

/** One connection that sends at most so many reports. Resolves when it has ended, however it did. */
function session(index, most) {
  return new Promise((resolve) => {
    let socket = connectTcp({ port: load.port, host: "127.0.0.1", noDelay: true });
    let unread = "";
    let expects = greeted;
    let sent = 0;
    let dueMs = 0;
    let replies = 0;
    let over = false;

    const listen = () => socket.on("data", read).on("close", closed).on("error", failed);
    listen();

    function read(chunk) {
      unread = unread === "" ? chunk.latin1Slice() : unread + chunk.latin1Slice();
      for (let end = unread.indexOf("\n"); end !== -1; end = unread.indexOf("\n")) {
        const line = unread.slice(0, end);
        unread = unread.slice(end + 1);
        if (line[3] !== "-") expects(line);
      }
    }
    function greeted(line) {
      if (!line.startsWith("220")) return fail(line);
      expects = welcomed;
      socket.write("EHLO relay.carrier.example.net\r\n");
    }
    function welcomed(line) {
      if (!line.startsWith("250")) return fail(line);
      if (!load.starttls || socket.encrypted) return ready();
      expects = secured;
      socket.write("STARTTLS\r\n");
    }
    function secured(line) {
      if (!line.startsWith("220")) return fail(line);
      socket.removeAllListeners();
      socket = connectTls({ socket, rejectUnauthorized: false }, () => {
        expects = welcomed;
        socket.write("EHLO relay.carrier.example.net\r\n");
      });
      listen();
    }
    function ready() {
      start();
      if (load.perSecond === 0) return next();
      // This connection's first turn; the others have theirs in between.
      dueMs = now() + (index * 1000) / load.perSecond;
      setTimeout(next, dueMs - now());
    }
    function next() {
      if (sent >= most || !hasMore()) {
        expects = () => {};
        over = true;
        socket.end("QUIT\r\n");
        return;
      }
      sent += 1;
      begun += 1;
      replies = 0;
      expects = announced;
      socket.write(load.mode === "pipelined" ? DIALOGUE.join("") : DIALOGUE[0]);
    }
    function announced(line) {
      if (!line.startsWith(EXPECTED[replies])) return fail(line);
      replies += 1;
      if (replies < DIALOGUE.length) {
        if (load.mode !== "pipelined") socket.write(DIALOGUE[replies]);
        return;
      }
      expects = stored;
      sentMs = now();
      socket.write(message(sentMs));
    }
    let sentMs = 0;
    function stored(line) {
      if (!line.startsWith("250")) return fail(line);
      lastMs = now();
      slowMs[answered++] = lastMs - sentMs;
      accepted += 1;
      if (load.perSecond === 0) return next();
      dueMs += (load.connections * 1000) / load.perSecond;
      const waitMs = dueMs - lastMs;
      if (waitMs > 0) setTimeout(next, waitMs);
      else next();
    }
    function fail(line) {
      note(line.slice(0, 60));
      over = true;
      socket.destroy();
    }
    function failed(error) {
      if (over) return;
      note(error.code ?? error.message);
      over = true;
    }
    function closed() {
      if (!over) note("closed");
      resolve();
    }
  });
}

function note(failure) {
  failures.set(failure, (failures.get(failure) ?? 0) + 1);
}

function now() {
  return performance.now();
}

function result() {
  const seconds = (lastMs - startedMs) / 1000;
  const sorted = slowMs.subarray(0, answered).sort();
  const quantile = (part) => sorted[Math.min(answered - 1, Math.floor(answered * part))] ?? null;
  const { user, system } = process.cpuUsage(startedCpu);
  return {
    accepted,
    startedAtMs: performance.timeOrigin + startedMs,
    endedAtMs: performance.timeOrigin + lastMs,
    seconds,
    perSecond: accepted / seconds,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    maxMs: quantile(1),
    failures: Object.fromEntries(failures),
    cpuSeconds: (user + system) / 1e6,
  };
}
