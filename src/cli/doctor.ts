/** `mm4d doctor`: checks everything that mm4d depends on, and says what to do. */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { filesIn } from "../archive/files.ts";
import { archiveDirectory } from "../archive/places.ts";
import type { Reason } from "../monitoring/reasons.ts";
import type { Status } from "../monitoring/status.ts";
import type { ServiceFacts } from "../process/control.ts";
import { askControl } from "../process/control-client.ts";
import { unusable, userOf, whoseDirectory } from "../process/data-directory.ts";
import { DENIED, openFilesLimit, tooFewFiles, whyNotListening } from "../process/system-limits.ts";
import { type CheckUp, checkUp } from "../queue/check-up.ts";
import { withQueuePlace } from "../queue/queue-place.ts";
import { describeRedis, redisOf } from "../queue/redis.ts";
import { type RedisServer, unsuitable } from "../queue/redis-server.ts";
import { loadCatalogue } from "../settings/catalogue-file.ts";
import { loadCertificate } from "../settings/certificate.ts";
import { archiveHoursOf, type Config } from "../settings/config.ts";
import { doubtsAbout, loadPeers, mustUseTls } from "../settings/peers.ts";
import { ACKNOWLEDGEMENTS_QUEUE, QUARANTINE_QUEUE } from "../settings/queue-names.ts";
import { megabytes } from "../text/quantities.ts";
import { traceKey } from "../trace/blocks.ts";
import { describeHeld, describeNone, type Found, holderFor, runnerOf, weightiest } from "./find-service.ts";
import type { Holder } from "./port-holder.ts";
import { followService, reached } from "./running-service.ts";
import { readSettings, type Settings } from "./settings.ts";
import { fitted, jsonOf, printLine } from "./terminal.ts";

interface Finding {
  /** What was checked. */
  readonly about: string;
  readonly verdict: "ok" | "warning" | "fault";
  /** What was found. For a warning or a fault it also says what to do. */
  readonly text: string;
}

type Findings = readonly Finding[];

const DAY_MS = 86_400_000;
const CERTIFICATE_WARNED_DAYS = 14;
const MEMORY_WARNED = 0.8;
const MEMORY_FAULT = 0.95;
const CLOCK_WARNED_MS = 2_000;
const SYNC_WARNED_MS = 20;
const SYNCS = 20;
const SYNC_BYTES = 4_096;
/** The bytes of a remembered id in Redis; see docs/capacity.md, what grows. */
const ID_BYTES = 200;
const PORT_DEADLINE_MS = 3_000;

export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("look at everything mm4d rests on, whether it runs or not, and say what to do about it")
    .option("--json", "print each finding as JSON, one a line")
    .addHelpText(
      "after",
      `
Looks at settings, Redis, ports, data directory, certificate, peers and
catalogue. Writes keys to Redis that expire, and one file in the data
directory that it removes. Of a running service it says what status says: a
warning for what needs attention, a fault for what is not well. Exit code 1
when there is a fault.`,
    )
    .action(doctor);
}

async function doctor({ json }: { json?: true }): Promise<void> {
  let faulty = false;
  const tell = async (findings: Findings): Promise<void> => {
    for (const finding of findings) {
      faulty ||= finding.verdict === "fault";
      await printLine(json ? jsonOf(finding) : fitted([lineOf(finding)]));
    }
  };
  const loaded = readSettings();
  if (!loaded.ok) {
    await tell(loaded.error.map((text) => fault("settings", text)));
  } else {
    const { settings, found } = await followService(loaded.value);
    const { config } = settings;
    const running = found.kind === "running" ? found.facts : undefined;
    await tell(["all can be read", ...settings.notes].map((text) => ok("settings", text)));
    await tell(found.kind === "running" ? await lookAtService(found) : lookForService(found, settings));
    await tell(compareRedis(config, found));
    await tell(await lookAtRedis(config, running));
    await tell(await (found.kind === "running" ? lookAtPorts(found.facts) : lookForPorts(config, found)));
    await tell(lookAtOpenFiles(config, running));
    for (const look of [lookAtDirectory, lookAtCertificate, lookAtPeers]) await tell(await look(config));
    await tell(lookAtCatalogue(config));
  }
  if (faulty) process.exitCode = 1;
}

function ok(about: string, text: string): Finding {
  return { about, verdict: "ok", text };
}

function warning(about: string, text: string): Finding {
  return { about, verdict: "warning", text };
}

function fault(about: string, text: string): Finding {
  return { about, verdict: "fault", text };
}

/** One for each line. */
function faults(about: string, lines: string): Findings {
  return lines.split("\n").map((text) => fault(about, text));
}

function lineOf({ about, verdict, text }: Finding): string {
  return `${verdict.padEnd(8)} ${about}: ${text}`;
}

type Running = Extract<Found, { kind: "running" }>;
type None = Extract<Found, { kind: "none" }>;

/** No running service is a warning, because none need run. A service that does not answer, or that we may not ask, is a fault. */
function lookForService(found: None, settings: Settings): Findings {
  const look = weightiest(found.looks);
  const isFault =
    look.state === "silent" || look.state === "first-down" || (look.state === "denied" && look === found.looks[0]);
  return [(isFault ? fault : warning)("service", describeNone(found, settings))];
}

async function lookAtService({ facts, dataDir, elsewhere }: Running): Promise<Findings> {
  const about = "service";
  const { port } = facts.admin;
  const host = reached(facts.admin.host);
  const found: Finding = ok(about, `running, pid ${facts.pid}${elsewhere ? `, on ${dataDir}` : ""}`);
  try {
    const response = await fetch(`http://${host.includes(":") ? `[${host}]` : host}:${port}/healthz`, {
      signal: AbortSignal.timeout(PORT_DEADLINE_MS),
    });
    const text = await response.text();
    const status = (await askControl(dataDir, "status")) as Status | undefined;
    const reasons = status?.reasonsInFull ?? [];
    const unknown = describeUnknown(status);
    if (reasons.length > 0) return [found, ...reasons.map(ofReason), ...unknown];
    // Its state has changed meanwhile, or its version sends sentences only.
    if (!response.ok) return [found, ...faults("health", text.trim())];
    return [{ ...found, text: `${found.text}; all is well` }, ...unknown];
  } catch (cause) {
    return [found, fault("health", `/healthz does not answer: ${inWords(cause)}`)];
  }
}

/** The reason in the words of page, status and /healthz, with what to do. */
function ofReason({ state, text, remedy }: Reason): Finding {
  // A link of operating.md becomes its words.
  const plain = remedy.replace(/\[([^\][]*)\]\([^()]*\)/g, "$1").replaceAll("`", "");
  return (state === "not-well" ? fault : warning)("health", `${text}. ${plain}`);
}

/** No fault, but the person should know that this was not checked. */
function describeUnknown(status: Status | undefined): Findings {
  const why = status?.workersUnknown ?? null;
  if (why === null) return [];
  const text = `whether one is connected cannot be told: ${why}`;
  return [
    why.startsWith("NOPERM")
      ? warning("consumers", `${text}. Let our user of Redis see them: +client|list, as in ops/redis/users.acl`)
      : ok("consumers", text),
  ];
}

/** The Redis of the settings if they name one. The service may use another. */
function compareRedis(config: Config, found: Found): Findings {
  const own = redisOf(config);
  if (own === undefined || found.kind === "none") return [];
  const [ours, theirs] = [describeRedis(own), describeRedis(found.facts.redis)];
  if (ours === theirs) return [];
  const text = `the settings name ${ours}, and the mm4d at ${found.dataDir} uses ${theirs}: what follows is of the first. Unset REDIS_URL to look at the other, or name another service with --data-dir`;
  return [warning("Redis", text)];
}

async function lookAtRedis(config: Config, running: ServiceFacts | undefined): Promise<Findings> {
  const about = "Redis";
  const place = redisOf(config) ?? running?.redis;
  if (!place) return [ok(about, "none is set; mm4d starts one of its own")];
  try {
    const { queuePrefix: prefix, queues: further } = config;
    const queues = [config.queue, ...further.map(({ queue }) => queue), QUARANTINE_QUEUE, ACKNOWLEDGEMENTS_QUEUE];
    const beside = [{ name: "trace", key: traceKey(prefix) }];
    const found = await withQueuePlace({ redis: place, prefix }, (opened) => checkUp(opened, queues, beside));
    return describeCheckUp(found, config, describeRedis(place));
  } catch (cause) {
    const text = `${inWords(cause)}. See to ${describeRedis(place)}, REDIS_URL and the network`;
    return [fault(about, text)];
  }
}

function describeCheckUp(found: CheckUp, config: Config, where: string): Findings {
  const { server, keys, clockApartMs, wroteInMs } = found;
  const about = "Redis";
  const answers = `at ${where}, answers in ${found.answeredInMs} ms`;
  if (server.ok && server.value.cluster) {
    // All further answers would be of one node of the cluster only.
    return [ok(about, `${server.value.version} ${answers}`), ...unfitFor(server.value, config)];
  }
  const { dedupeHours } = config;
  return [
    ...(server.ok
      ? [ok(about, `${server.value.version} ${answers}`), ...unfitFor(server.value, config), ...memoryOf(server.value)]
      : [
          fault(
            about,
            `${answers}, and what it is cannot be told: ${server.why}. The service asks for INFO each second, and puts nothing on a queue without it`,
          ),
        ]),
    keys.ok
      ? ok(
          "duplicate window",
          `${dedupeHours} h; at most ${keys.value} ids are remembered, about ${megabytes(keys.value * ID_BYTES)}`,
        )
      : warning("duplicate window", `${dedupeHours} h; how many ids are remembered cannot be told: ${keys.why}`),
    clockOf(clockApartMs),
    wroteInMs.ok
      ? ok("write to Redis", `taken in ${wroteInMs.value} ms`)
      : fault("write to Redis", `refused: ${wroteInMs.why}. Nothing can be put on the queues`),
    ...storesOf(found),
  ];
}

/** A risk that was accepted in the settings raises no alarm. */
function unfitFor(server: RedisServer, { redisChecks }: Config): Findings {
  const about = "Redis";
  const unfit = unsuitable(server);
  if (unfit.length === 0) return [ok(about, "evicts nothing, and keeps its jobs on its disk")];
  const accepted = redisChecks === "warn" && !server.cluster;
  return unfit.map((text) =>
    accepted ? warning(about, `${text}. MM4D_REDIS_CHECKS=warn accepts that`) : fault(about, text),
  );
}

function memoryOf({ memoryRatio }: RedisServer): Findings {
  const about = "Redis memory";
  const percent = `${Math.round((memoryRatio ?? 0) * 100)} % of its maxmemory is used`;
  if (memoryRatio === null) return [ok(about, "without a limit of its own")];
  if (memoryRatio < MEMORY_WARNED) return [ok(about, percent)];
  const text = `${percent}: when it is full, it takes no more events. Raise maxmemory, shorten MM4D_DEDUPE_HOURS, or see whether events are consumed`;
  return [memoryRatio < MEMORY_FAULT ? warning(about, text) : fault(about, text)];
}

function clockOf(apartMs: CheckUp["clockApartMs"]): Finding {
  const about = "clock";
  if (!apartMs.ok) return warning(about, `how far it is from Redis's cannot be told: ${apartMs.why}`);
  if (apartMs.value < CLOCK_WARNED_MS) return ok(about, `${apartMs.value} ms from Redis's`);
  const seconds = Math.round(apartMs.value / 1000);
  return warning(
    about,
    `${seconds} s from Redis's, by which delays and the duplicate window are counted. Set both by NTP`,
  );
}

function storesOf({ stores }: CheckUp): Findings {
  const about = "rights in Redis";
  const refused = stores.filter(({ why }) => why !== null);
  if (refused.length === 0) return [ok(about, `enough for ${stores.map(({ name }) => name).join(", ")}`)];
  return refused.map(({ name, needed, why }) => (needed ? fault : warning)(about, `${name}: ${why}`));
}

async function lookAtPorts({ smtp, smtps }: ServiceFacts): Promise<Findings> {
  const ports = [{ about: "SMTP", ...smtp }, ...(smtps ? [{ about: "SMTP with TLS", ...smtps }] : [])];
  return Promise.all(
    ports.map(async ({ about, host, port }): Promise<Finding> => {
      const why = await connectTo(reached(host), port);
      if (why === null) return ok(about, `takes connections on ${host}:${port}`);
      return fault(about, `${host}:${port} cannot be reached: ${why}. See to the firewall`);
    }),
  );
}

/** Whether a service could listen there, or who listens already. */
async function lookForPorts(
  { smtpHost, smtpPort, smtpsPort, adminHost, adminPort }: Config,
  { looks }: None,
): Promise<Findings> {
  const ports = [
    { about: "SMTP", host: smtpHost, port: smtpPort, setting: "MM4D_SMTP_PORT" },
    ...(smtpsPort === null
      ? []
      : [{ about: "SMTP with TLS", host: smtpHost, port: smtpsPort, setting: "MM4D_SMTPS_PORT" }]),
    { about: "HTTP", host: adminHost, port: adminPort, setting: "MM4D_ADMIN_PORT" },
  ];
  return Promise.all(
    ports.map(async ({ about, host, port, setting }): Promise<Finding> => {
      const why = await listenOn(host, port);
      if (why === null) return ok(about, `${host}:${port} is free`);
      if (why.startsWith(DENIED)) return fault(about, `cannot listen on ${host}:${port}: ${why}. Or set ${setting}`);
      const held = holderFor(host, [port]);
      if (held && isMm4d(held.holder, looks)) return ok(about, `${describeHeld(held, weightiest(looks).dataDir)}`);
      const who = held ? `. ${describeHeld(held, "")}` : "";
      return fault(about, `cannot listen on ${host}:${port}: ${why}${who}. Free it, or set ${setting}`);
    }),
  );
}

/** An mm4d that was not asked, or did not answer, is expected to hold its port. */
function isMm4d(holder: Holder, looks: None["looks"]): boolean {
  if (holder.process !== null) return holder.process.dataDir !== null;
  return looks.some((look) => look.state === "denied" && runnerOf(look, holder) === holder.uid);
}

/** The data directory of the running service, else the one that a service started here would have. */
function lookAtOpenFiles({ maxClients }: Config, running: ServiceFacts | undefined): Findings {
  const about = "open files";
  const limit = openFilesLimit(running?.pid);
  if (limit === null) return [];
  const [few] = tooFewFiles(limit, maxClients);
  if (few !== undefined) return [warning(about, few)];
  return [ok(about, `${limit === Number.POSITIVE_INFINITY ? "without a limit" : `at most ${limit}`}`)];
}

/** What is there counts: it is removed when the disk gets tight. */
function lookAtArchive(config: Config, free: number): readonly Finding[] {
  const hours = archiveHoursOf(config);
  if (hours === 0) return [];
  const about = "archive";
  const directory = archiveDirectory(resolve(config.dataDir));
  const most = config.archiveMaxBytes;
  try {
    if (existsSync(directory)) accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    const files = filesIn(directory);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const is = `${megabytes(bytes)} of ${megabytes(most)}, of the last ${hours} h`;
    if (free + bytes >= most) return [ok(about, is)];
    return [
      warning(
        about,
        `${is}, and the disk has ${megabytes(free)} left: it ends sooner than was set. Make room, or lower MM4D_ARCHIVE_MAX_BYTES`,
      ),
    ];
  } catch (cause) {
    return [warning(about, `${directory} cannot be used: ${inWords(cause)}. Reports go on, and are not archived`)];
  }
}

async function lookAtDirectory(config: Config): Promise<Findings> {
  const { dataDir, journalMaxBytes, accept } = config;
  const about = "data directory";
  const path = resolve(dataDir);
  const findings: Finding[] = [];
  try {
    findings.push(lookAtOwner(path));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [ok(about, `${path} is made by the first start`)];
    const isDenied = (cause as NodeJS.ErrnoException).code === "EACCES";
    const text = unusable(path, cause as Error).message;
    return [fault(about, `${text}${isDenied ? ". Run doctor as the user that mm4d runs as" : ""}`)];
  }
  if (accept === "queue") return findings;

  const { bavail, bsize } = statfsSync(path);
  const free = bavail * bsize;
  findings.push(
    ...lookAtArchive(config, free),
    free >= journalMaxBytes
      ? ok("disk", `${megabytes(free)} free; the journal takes up to ${megabytes(journalMaxBytes)}`)
      : warning(
          "disk",
          `${megabytes(free)} free, and the journal may take ${megabytes(journalMaxBytes)}: reports get 451 when it is full. Make room, or lower MM4D_JOURNAL_MAX_BYTES`,
        ),
  );
  try {
    const ms = measureSync(path);
    findings.push(
      ms < SYNC_WARNED_MS
        ? ok("disk", `a synced write takes ${ms} ms`)
        : warning("disk", `a synced write takes ${ms} ms, and each 250 waits for one. Use a faster disk`),
    );
  } catch (cause) {
    findings.push(fault("disk", `cannot be written: ${inWords(cause)}. Reports get 451`));
  }
  return findings;
}

/** Throws when the directory cannot be read or cannot be used. */
function lookAtOwner(path: string): Finding {
  const about = "data directory";
  const stats = statSync(path);
  const own = process.getuid?.() ?? stats.uid;
  if (!stats.isDirectory()) throw new Error("it is no directory");
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  // Root may write everywhere, but the service may run as another user.
  const user = userOf(path) ?? (own === 0 ? stats.uid : own);
  if (stats.uid !== user) return warning(about, `${path} ${whoseDirectory(path)}`);
  if ((stats.mode & 0o077) !== 0) {
    return warning(about, `${path} can be read by others, and holds telephone numbers: chmod 700 ${path}`);
  }
  if (stats.uid !== own) return warning(about, `${path} belongs to another user; run mm4d as that one`);
  return ok(about, `${path}, of its owner alone`);
}

/** The median, in milliseconds. */
function measureSync(directory: string): number {
  const path = join(directory, `doctor-${process.pid}.tmp`);
  const file = openSync(path, "wx", 0o600);
  try {
    const tookMs = Array.from({ length: SYNCS }, () => {
      const beganMs = performance.now();
      writeSync(file, Buffer.alloc(SYNC_BYTES));
      fdatasyncSync(file);
      return performance.now() - beganMs;
    });
    return Math.round((tookMs.sort((a, b) => a - b)[SYNCS / 2] ?? 0) * 100) / 100;
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

async function lookAtCertificate({ tlsCertFile, tlsKeyFile, tlsCaFile }: Config): Promise<Findings> {
  const about = "certificate";
  if (tlsCertFile === "") return [ok(about, "none is set; TLS is not offered")];
  try {
    const files = { certFile: tlsCertFile, keyFile: tlsKeyFile, caFile: tlsCaFile };
    const { subject, expiresAt, validFrom } = loadCertificate(files);
    const until = `${subject}, until ${expiresAt.toISOString()}`;
    const daysLeft = (expiresAt.getTime() - Date.now()) / DAY_MS;
    const renew = "Renew MM4D_TLS_CERT_FILE; it is taken without a restart";
    if (daysLeft <= 0) return [fault(about, `${until}: it has expired. ${renew}`)];
    if (new Date(validFrom).getTime() > Date.now()) {
      return [fault(about, `${subject}, not before ${validFrom}. ${renew}`)];
    }
    if (daysLeft < CERTIFICATE_WARNED_DAYS) return [warning(about, `${until}. ${renew}`)];
    return [ok(about, until)];
  } catch (cause) {
    return [fault(about, inWords(cause))];
  }
}

async function lookAtPeers(config: Config): Promise<Findings> {
  const about = "peers";
  try {
    const peers = loadPeers(config);
    if (!peers.some(({ listed }) => listed)) {
      return [warning(about, "only this machine may connect. Set MM4D_PEERS or MM4D_PEERS_FILE")];
    }
    const needy = peers.filter(mustUseTls);
    const names = peers.map(({ name }) => name).join(", ");
    const findings = [ok(about, names)];
    if (needy.length > 0 && config.tlsCertFile === "") {
      const text = `${needy.map(({ name }) => name).join(", ")} must use TLS, and there is no certificate. Set MM4D_TLS_CERT_FILE`;
      findings.push(fault(about, text));
    }
    const homeless = peers.filter(({ acknowledge }) => acknowledge.mode !== "off" && acknowledge.host === null);
    if (homeless.length > 0) {
      const text = `${homeless.map(({ name }) => name).join(", ")} ${homeless.length === 1 ? "has" : "have"} no acknowledge.host, so acknowledgements cannot be sent`;
      findings.push(ok(about, text));
    }
    findings.push(...doubtsAbout(peers).map((text) => warning(about, text)));
    return findings;
  } catch (cause) {
    return faults(about, inWords(cause));
  }
}

function lookAtCatalogue({ catalogueFile }: Config): Findings {
  const about = "catalogue";
  try {
    const { version } = loadCatalogue(catalogueFile);
    return [ok(about, `of ${version}${catalogueFile === "" ? "" : `, with ${catalogueFile} over it`}`)];
  } catch (cause) {
    return faults(about, inWords(cause));
  }
}

/** Null when it can. */
function listenOn(host: string, port: number): Promise<string | null> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", (cause: NodeJS.ErrnoException) => {
      done(cause.code === "EACCES" ? whyNotListening(cause) : inWords(cause));
    });
    server.listen(port, host, () => server.close(() => done(null)));
  });
}

/** Null when it can. */
function connectTo(host: string, port: number): Promise<string | null> {
  return new Promise((done) => {
    const socket = connect({ host, port, timeout: PORT_DEADLINE_MS }, () => {
      socket.destroy();
      done(null);
    });
    socket.once("timeout", () => socket.destroy(new Error("no answer")));
    socket.once("error", (cause) => done(inWords(cause)));
  });
}

function inWords(cause: unknown): string {
  return (cause as Error).message || (cause as Error).name;
}
