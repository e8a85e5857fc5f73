/**
 * What is done to the subjects. Each workload runs one subject once, from its
 * start to its end, and gives the rows of that.
 */
import { fileURLToPath } from "node:url";
import { run, SERVER_CORE } from "./processes.mjs";
import { LADDER } from "./subjects.mjs";
import { archive } from "./workloads/archive.mjs";
import { bytes } from "./workloads/bytes.mjs";
import { idle } from "./workloads/idle.mjs";
import { pages } from "./workloads/pages.mjs";
import { away, awayMemory } from "./workloads/redis-away.mjs";
import { soak } from "./workloads/soak.mjs";
import { steady } from "./workloads/steady.mjs";
import { waiting } from "./workloads/waiting.mjs";
import { burst, rate } from "./workloads/with-subject.mjs";

/**
 * @typedef {object} Workload
 * @property {string} about
 * @property {string[]} subjects
 * @property {number} [rounds] Most rounds, where one takes minutes, or no target depends on it.
 * @property {boolean} [onlyWhenNamed]
 * @property {(turn: Turn) => Promise<object[]>} run
 *
 * @typedef {object} Turn
 * @property {string} name Of the subject.
 * @property {import("./subjects.mjs").Subject} subject
 * @property {boolean} quick
 * @property {number} reports
 * @property {{ key: string, cert: string }} certificate
 * @property {readonly object[]} earlier The rows so far.
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
    rounds: 1,
    run: (turn) => rate(turn, { connections: 200 }),
  },
  pipelined: {
    about: "MAIL, RCPT and DATA in one packet",
    subjects: ["mm4d", "discard"],
    rounds: 1,
    run: (turn) => rate(turn, { mode: "pipelined" }),
  },
  "one-a-connection": {
    about: "50 clients that connect anew for each report",
    subjects: ["mm4d", "discard"],
    run: (turn) => rate({ ...turn, reports: turn.reports / 4 }, { mode: "one-a-connection" }),
  },
  starttls: {
    about: "50 connections under TLS",
    subjects: ["mm4d", "discard"],
    rounds: 1,
    run: (turn) => rate(turn, { starttls: true }),
  },
  burst: {
    about: "100,000 reports (--quick: 10,000): how fast they are answered, when all are in the queue, memory then",
    subjects: ["mm4d", "discard"],
    run: burst,
  },
  steady: {
    about: "half of the rate that dialogue found (alone it looks first): from DATA to 250, and to a worker's handler",
    subjects: ["mm4d"],
    run: steady,
  },
  pages: {
    about: "2,700 reports a second with five pages open live, in turn with none; server on both cores",
    subjects: ["mm4d"],
    rounds: 1,
    run: pages,
  },
  archive: {
    about: "full rate and 2,000/s with an archive and without, 2,000/s beside a replay and without, in turns",
    subjects: ["mm4d"],
    rounds: 1,
    run: archive,
  },
  bytes: {
    about: "what a report of 830 bytes takes in the journal, and its trace in Redis",
    subjects: ["mm4d"],
    rounds: 1,
    run: bytes,
  },
  idle: {
    about: "5,000 connections that say nothing: memory of each",
    subjects: ["mm4d", "socket"],
    rounds: 1,
    run: idle,
  },
  waiting: {
    about: "1,000,000 jobs waiting in the queue (--quick: 100,000), against none",
    subjects: ["mm4d"],
    rounds: 1,
    run: waiting,
  },
  "away-memory": {
    about: "100,000 reports while Redis is away (--quick: 10,000): memory at its highest",
    subjects: ["mm4d"],
    run: awayMemory,
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
    rounds: 1,
    run: read,
  },
  ladder: {
    about: "from discard to mm4d, one layer more at a time; only when named",
    subjects: Object.keys(LADDER),
    onlyWhenNamed: true,
    run: (turn) => rate(turn, {}),
  },
};

async function read({ quick }) {
  const program = fileURLToPath(new URL("read.mjs", import.meta.url));
  const used = await run([process.execPath, program, quick ? "10000" : "50000"], { core: SERVER_CORE });
  return Object.entries(used).map(([subject, serverUs]) => ({ subject, serverUs }));
}
