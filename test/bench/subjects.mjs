/** Who takes the reports: how each is started, and where what it stored can be counted. */
import { once } from "node:events";
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { HARAKA, SMTP_SINK } from "./competitors.mjs";
import { freePort, kill, listening, removeDirectory, SERVER_CORE, start, temporaryDirectory } from "./processes.mjs";
import { startRedis } from "./redis.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BULLMQ_WAITING = "bull:mm4-delivery-events:wait";

/**
 * @typedef {object} Subject
 * @property {string} about
 * @property {string} [list] The Redis list that grows by one with each report.
 * @property {boolean} [counts] It has no Redis, and answers a message with how many reports it is done with. Without
 *   this and a list it stores nothing.
 * @property {number} [share] Part of the reports that it is given, because it is slow.
 * @property {(place: Place) => { args: string[], env?: object }} command
 *
 * @typedef {object} Place
 * @property {number} port
 * @property {number} [redisPort]
 * @property {string} directory Its own, which goes when it ends.
 * @property {{ key: string, cert: string }} certificate
 */

/** @type {Record<string, Subject>} */
export const SUBJECTS = {
  mm4d: mm4d("the service as a user runs it, everything on"),
  socket: {
    about: "a bare net.Socket that answers and throws away: the kernel's floor",
    command: (place) => program("socket", place),
  },
  discard: {
    about: "smtp-server that reads the message and throws it away, without its 100 ms before the greeting",
    command: (place) => program("smtp-server", place),
  },
  obvious: {
    about: "smtp-server, mailparser, and BullMQ's Queue.add before the 250",
    list: BULLMQ_WAITING,
    share: 0.25,
    command: (place) => program("smtp-server", place),
  },
  haraka: {
    about: "Haraka with a plugin that adds the job before its OK",
    list: BULLMQ_WAITING,
    share: 0.25,
    command: haraka,
  },
  aiosmtpd: {
    about: "aiosmtpd (Python) that pushes JSON onto a list",
    list: "mm4-delivery-events",
    share: 0.25,
    command: ({ port, redisPort }) => ({
      args: ["/usr/bin/python3", file("subjects/aiosmtpd-queue.py"), String(port), String(redisPort)],
    }),
  },
  "smtp-sink": {
    about: "Postfix's smtp-sink (C), which throws the message away",
    command: ({ port }) => ({
      // As root it must be told as whom it shall run.
      args: [SMTP_SINK.program, ...(process.getuid() === 0 ? ["-u", "root"] : []), `127.0.0.1:${port}`, "1024"],
      env: { LD_LIBRARY_PATH: SMTP_SINK.libraries },
    }),
  },
};

/** The steps from `discard` to `mm4d`, one more each. */
export const LADDER = {
  discard: SUBJECTS.discard,
  "+ our SMTP": layers(1),
  "+ journal": layers(2),
  "+ reading": { ...layers(3), counts: true },
  "+ queue": mm4d("", { MM4D_TRACE_HOURS: "0", MM4D_LOG_LEVEL: "error" }),
  "+ trace": mm4d("", { MM4D_LOG_LEVEL: "error" }),
  "+ log = mm4d": mm4d(""),
  "queue mode": mm4d("", { MM4D_ACCEPT: "queue" }),
};

/** The service, with settings of its own, or of another revision. */
export function mm4d(about, settings = {}, root = ROOT) {
  return {
    about,
    list: BULLMQ_WAITING,
    command: ({ port, adminPort, redisPort, directory, certificate }) => ({
      args: [process.execPath, join(root, "dist/main.js"), "serve"],
      env: {
        REDIS_URL: `redis://127.0.0.1:${redisPort}`,
        // A relay that is listed, as it would be: a stranger is made to wait for the greeting.
        MM4D_PEERS: "bench=127.0.0.0/8",
        MM4D_MAX_CLIENTS_PER_PEER: "10000",
        MM4D_SMTP_PORT: String(port),
        MM4D_ADMIN_PORT: String(adminPort),
        MM4D_DATA_DIR: join(directory, "data"),
        MM4D_TLS_CERT_FILE: certificate.cert,
        MM4D_TLS_KEY_FILE: certificate.key,
        // An outage of a million reports must find room.
        MM4D_JOURNAL_MAX_BYTES: "20000000000",
        ...settings,
      },
    }),
  };
}

/**
 * Starts a subject, with a Redis of its own when it stores.
 *
 * @param {Subject} subject
 */
export async function startSubject(subject, certificate, core = SERVER_CORE) {
  const directory = temporaryDirectory();
  const redis = subject.list && (await startRedis(join(directory, "redis")));
  const [port, adminPort] = [await freePort(), await freePort()];
  const { args, env } = subject.command({ port, adminPort, redisPort: redis?.port, directory, certificate });
  const logFile = join(directory, "log");
  const log = openSync(logFile, "w");
  const stdio = ["ignore", log, log, ...(subject.counts ? ["ipc"] : [])];
  const child = start(args, { core, env, stdio });
  closeSync(log);
  try {
    await listening(child, port);
  } catch (cause) {
    process.stderr.write(readFileSync(logFile));
    await stop();
    throw cause;
  }
  return {
    child,
    port,
    adminPort,
    redis,
    directory,
    /** How many reports stand in its queue. Undefined where none is ever stored. */
    stored: storedBy(),
    stop,
  };

  function storedBy() {
    if (redis) return () => redis.client.llen(subject.list);
    if (!subject.counts) return undefined;
    return async () => {
      child.send("count");
      const [count] = await once(child, "message");
      return count;
    };
  }

  async function stop() {
    await kill(child);
    await redis?.stop();
    removeDirectory(directory);
  }
}

function program(name, { certificate, ...options }) {
  return { args: [process.execPath, file(`subjects/${name}.mjs`), JSON.stringify({ ...options, ...certificate })] };
}

function layers(count) {
  return { about: "", command: (place) => program("layers", { ...place, layers: count }) };
}

function haraka({ port, redisPort, directory }) {
  for (const name of ["config", "plugins", "queue"]) mkdirSync(join(directory, name));
  // It knows its limits from this file alone.
  copyFileSync(join(dirname(HARAKA), "../config/connection.ini"), join(directory, "config/connection.ini"));
  const settings = {
    "smtp.ini": `listen=127.0.0.1:${port}\nnodes=0\n`,
    me: "bench",
    plugins: "mm4",
    "log.ini": "level=warn\n",
  };
  for (const [name, text] of Object.entries(settings)) writeFileSync(join(directory, "config", name), text);
  copyFileSync(file("subjects/haraka-plugin.cjs"), join(directory, "plugins", "mm4.js"));
  return {
    args: [process.execPath, HARAKA, "-c", directory],
    env: {
      BENCH_REDIS_PORT: String(redisPort),
      BENCH_BULLMQ: createRequire(import.meta.url).resolve("bullmq"),
    },
  };
}

function file(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}
