/**
 * What is done to the subjects. Each workload runs one subject once, from its
 * start to its end, and gives the rows of that.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { measure, send } from "./load.mjs";
import { kill, LOAD_CORE, rssBytes, run, SERVER_CORE, start } from "./processes.mjs";
import { addCopies, trim } from "./queue-filling.mjs";
import { LADDER, startSubject } from "./subjects.mjs";
import { median } from "./table.mjs";

/**
 * @typedef {object} Workload
 * @property {string} about
 * @property {string[]} subjects
 * @property {number} [rounds] Most rounds, where one takes minutes.
 * @property {boolean} [onlyWhenNamed]
 * @property {(turn: Turn) => Promise<object[]>} run
 *
 * @typedef {object} Turn
 * @property {string} name Of the subject.
 * @property {import("./subjects.mjs").Subject} subject
 * @property {boolean} quick
 * @property {number} reports
 * @property {{ key: string, cert: string }} certificate
 */

/** @type {Record<string, Workload>} */
export const WORKLOADS = {
  dialogue: {
    about: "50 connections, one command at a time; until every event is in the queue",
    subjects: ["mm4d", "discard", "socket", "smtp-sink", "obvious", "haraka", "aiosmtpd"],
    run: (turn) => rate(turn, {}),
  },
  many: {
    about: "the same with 200 connections",
    subjects: ["mm4d", "discard"],
    run: (turn) => rate(turn, { connections: 200 }),
  },
  pipelined: {
    about: "MAIL, RCPT and DATA in one packet",
    subjects: ["mm4d", "discard"],
    run: (turn) => rate(turn, { mode: "pipelined" }),
  },
  "one-a-connection": {
    about: "50 clients that connect anew for each report",
    subjects: ["mm4d", "discard", "stock"],
    run: (turn) => rate({ ...turn, reports: turn.reports / 4 }, { mode: "one-a-connection" }),
  },
  starttls: {
    about: "50 connections under TLS",
    subjects: ["mm4d", "discard"],
    run: (turn) => rate(turn, { starttls: true }),
  },
  burst: {
    about: "100,000 reports (--quick: 10,000): how fast they are answered, then when all are in the queue",
    subjects: ["mm4d", "discard"],
    run: burst,
  },
  steady: {
    about: "1,000 reports/s: from DATA to 250, and from DATA to a worker's handler",
    subjects: ["mm4d"],
    run: steady,
  },
  idle: {
    about: "5,000 connections that say nothing: memory of each",
    subjects: ["mm4d", "socket"],
    run: idle,
  },
  waiting: {
    about: "1,000,000 jobs waiting in the queue (--quick: 100,000), against none",
    subjects: ["mm4d"],
    run: waiting,
  },
  away: {
    about: "1,000,000 reports while Redis is away (--quick: 50,000), and what comes after",
    subjects: ["mm4d"],
    rounds: 1,
    run: away,
  },
  soak: {
    about: "10 minutes at full rate (--quick: 20 s): memory after 1 minute against the end",
    subjects: ["mm4d"],
    rounds: 1,
    run: soak,
  },
  read: {
    about: "reading, judging and explaining in one process, against mailparser's simpleParser",
    subjects: ["mm4d"],
    run: read,
  },
  ladder: {
    about: "from discard to mm4d, one layer more at a time; only when named",
    subjects: Object.keys(LADDER),
    onlyWhenNamed: true,
    run: (turn) => rate(turn, {}),
  },
};

/** Starts a subject, warms it up, and ends it whatever happens. */
async function withSubject({ subject, certificate, quick }, use) {
  const server = await startSubject(subject, certificate);
  try {
    await measure(server, { reports: quick ? 1_000 : 2_000 });
    return await use(server);
  } finally {
    await server.stop();
  }
}

function rate(turn, load) {
  const reports = Math.round(turn.reports * (turn.subject.share ?? 1));
  return withSubject(turn, async (server) => [
    { subject: turn.name, ...(await measure(server, { reports, ...load })) },
  ]);
}

function burst(turn) {
  return withSubject(turn, async (server) => {
    const row = await measure(server, { reports: turn.quick ? 10_000 : 100_000 });
    const note = server.redis ? `the last is in the queue ${row.queuedAfterSeconds.toFixed(2)} s after its 250` : null;
    return [{ note, subject: turn.name, ...row }];
  });
}

function steady(turn) {
  return withSubject(turn, async (server) => {
    const worker = start([process.execPath, file("worker.mjs"), String(server.redis.port)], {
      core: LOAD_CORE,
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const ask = async (question) => {
      worker.send(question);
      const [answer] = await once(worker, "message");
      return answer;
    };
    try {
      // What the warm-up left is not of this load.
      while ((await server.stored()) > 0) await sleep(50);
      await sleep(200);
      await ask("forget");
      const seconds = turn.quick ? 5 : 20;
      const load = { reports: seconds * 1_000, perSecond: 1_000 };
      const toReply = await measure(server, load, () => ask("count"));
      const slow = toReply.answeredPerSecond < 0.95 * load.perSecond;
      return [
        {
          subject: turn.name,
          ...toReply,
          ...(slow && { note: "1,000/s were not reached: no latencies of that rate" }),
        },
        { subject: `${turn.name} to worker`, ...(await ask("result")) },
      ];
    } finally {
      await kill(worker);
    }
  });
}

function idle(turn) {
  return withSubject(turn, async (server) => {
    const connections = turn.quick ? 2_000 : 5_000;
    const before = rssBytes(server.child);
    const args = [process.execPath, file("idle-clients.mjs"), JSON.stringify({ port: server.port, connections })];
    const clients = start(args, { core: LOAD_CORE, stdio: ["ignore", "pipe", "inherit"] });
    try {
      await Promise.race([once(clients.stdout, "data"), once(clients, "exit").then(() => Promise.reject(refused()))]);
      await sleep(1_000);
      const bytes = (rssBytes(server.child) - before) / connections;
      return [{ subject: turn.name, bytes, note: `${(bytes / 1024).toFixed(1)} KiB a connection` }];
    } finally {
      await kill(clients);
    }
  });

  function refused() {
    return new Error(`Cannot measure: ${turn.name} does not take the idle connections`);
  }
}

function waiting(turn) {
  return withSubject(turn, async (server) => {
    const count = turn.quick ? 100_000 : 1_000_000;
    const load = { reports: turn.reports };
    const first = await measure(server, load);
    await addCopies(server.redis.client, count);
    await server.redis.quiet();
    const full = await measure(server, load);
    await trim(server.redis.client, 0);
    await server.redis.quiet();
    // Before and behind, so that neither a warmer server nor a busier machine is taken for the queue's doing.
    const last = await measure(server, load);
    const mean = (name) => (first[name] + last[name]) / 2;
    const names = Object.keys(first).filter((name) => typeof first[name] === "number");
    return [
      { subject: turn.name, ...Object.fromEntries(names.map((name) => [name, mean(name)])), note: "empty queue" },
      { subject: `${turn.name} full`, ...full, note: `${count.toLocaleString("en")} jobs waiting` },
    ];
  });
}

function away(turn) {
  return withSubject(turn, async (server) => {
    const reports = turn.quick ? 50_000 : 1_000_000;
    const here = await measure(server, { reports: Math.max(reports / 10, turn.reports) });
    const stood = await server.stored();
    await server.redis.leave();

    const memory = watchMemory(server.child);
    const gone = await send({ port: server.port, connections: 50, reports });
    const accepted = memory.samples.length;
    await server.redis.comeBack();
    const backMs = performance.now();
    while ((await server.stored()) < stood + gone.accepted) await sleep(50);
    const drainedPerSecond = gone.accepted / ((performance.now() - backMs) / 1000);
    memory.stop();

    const fifth = Math.ceil(accepted / 5);
    // By its middle what the journal keeps in memory has reached its limit, also in the short run.
    const middle = Math.max(...memory.samples.slice(2 * fifth, 3 * fifth));
    const late = Math.max(...memory.samples.slice(accepted - fifth, accepted));
    const draining = Math.max(...memory.samples.slice(accepted), late);
    return [
      { subject: turn.name, ...here, note: "Redis is here" },
      {
        subject: `${turn.name} away`,
        perSecond: gone.perSecond,
        answeredPerSecond: gone.perSecond,
        p50Ms: gone.p50Ms,
        p99Ms: gone.p99Ms,
        generatorUs: (gone.cpuSeconds * 1e6) / gone.accepted,
        loadCore: gone.cpuSeconds / gone.seconds,
        growth: late / middle,
        note: `${gone.accepted.toLocaleString("en")} accepted, failures ${JSON.stringify(gone.failures)}; memory ${megabytes(middle)} in the middle, ${megabytes(late)} at the end`,
      },
      {
        subject: `${turn.name} drains`,
        perSecond: drainedPerSecond,
        growth: draining / middle,
        note: `memory ${megabytes(draining)} at most until drained`,
      },
    ];
  });
}

function soak(turn) {
  return withSubject(turn, async (server) => {
    const seconds = turn.quick ? 20 : 600;
    const { client } = server.redis;
    const memory = watchMemory(server.child);
    let over = false;
    // As consumers would do, so that it is not Redis's memory that ends the run.
    const trimming = (async () => {
      for (; !over; await sleep(1_000)) await trim(client, 1_000);
    })();
    const sent = await send({ port: server.port, connections: 50, reports: seconds * 30_000, seconds });
    over = true;
    memory.stop();
    await trimming;
    const { samples } = memory;
    const around = Math.max(3, Math.round(samples.length / 60));
    const minute = Math.min(60, Math.round(samples.length / 4));
    const early = median(samples.slice(minute, minute + around));
    const late = median(samples.slice(-around));
    return [
      {
        subject: turn.name,
        perSecond: sent.perSecond,
        answeredPerSecond: sent.perSecond,
        p50Ms: sent.p50Ms,
        p99Ms: sent.p99Ms,
        growth: late / early,
        note: `memory ${megabytes(early)} after ${minute} s, ${megabytes(late)} after ${samples.length} s`,
      },
    ];
  });
}

async function read({ quick }) {
  const used = await run([process.execPath, file("read.mjs"), quick ? "10000" : "50000"], { core: SERVER_CORE });
  return Object.entries(used).map(([subject, serverUs]) => ({ subject, serverUs }));
}

function watchMemory(child) {
  const samples = [];
  const timer = setInterval(() => samples.push(rssBytes(child)), 1_000);
  return { samples, stop: () => clearInterval(timer) };
}

function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`;
}

function file(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}
