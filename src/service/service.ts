/**
 * The whole service: starts every room, joins them, and releases them in
 * reverse order. The only file that knows all of them.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Acknowledgements, startAcknowledgements, type TiedBounce } from "../acknowledgement/acknowledgements.ts";
import { ACKNOWLEDGEMENTS_QUEUE } from "../acknowledgement/desk.ts";
import { type Admin, startAdmin } from "../admin/server.ts";
import { BOUNDS } from "../bounds/bounds.ts";
import type { QuarantinedMessage } from "../delivery/quarantined.ts";
import { type Drain, startDrain } from "../flow/drain.ts";
import { type Reading, type Receipt, receive } from "../flow/read.ts";
import { createTurns } from "../flow/turns.ts";
import { type JournalFault, JournalFullError } from "../journal/fault.ts";
import { type Journal, type JournalStatus, openJournal } from "../journal/journal.ts";
import type { JournalRecord } from "../journal/record.ts";
import { findPdu } from "../mm4/pdus.ts";
import { type HealthFacts, healthOfAll, isFull, isQueued, type QueueFacts } from "../monitoring/health.ts";
import { createLog, type Log } from "../monitoring/log.ts";
import { createMetrics, type MetricsOfProcess, metricsText } from "../monitoring/metrics.ts";
import { createOutage, type Outage } from "../monitoring/outage.ts";
import {
  NEARLY_FULL,
  notReady,
  REASON_TIMES,
  REASONS,
  type Reason,
  type ReasonTimes,
  reasonsOf,
  stateOf,
} from "../monitoring/reasons.ts";
import { createReasonsTold } from "../monitoring/reasons-told.ts";
import { createRefusals, type NewRefusal, type Refusal } from "../monitoring/refusals.ts";
import { createSilence, type Silence } from "../monitoring/silence.ts";
import { describeStatus, type Status, type StatusFacts, statusOfAll } from "../monitoring/status.ts";
import { createTraffic } from "../monitoring/traffic.ts";
import type { Assignment } from "../process/cluster.ts";
import { type TraceState, takeControl } from "../process/control.ts";
import { makeDataDir } from "../process/data-directory.ts";
import { journalDirectory, journalShare, processDirectory } from "../process/directories.ts";
import { createSiblings, type ProcessState, pack } from "../process/siblings.ts";
import { openFilesLimit, tooFewFiles, watchOpenFiles, whyNotListening } from "../process/system-limits.ts";
import {
  createQuarantineRoom,
  type KeptMessage,
  measureQuarantine,
  type QuarantineContents,
} from "../quarantine/quarantine.ts";
import { type EmbeddedRedis, startEmbeddedRedis } from "../queue/embedded-redis.ts";
import { createHeard } from "../queue/heard.ts";
import {
  createPublisher,
  newRecordId,
  type Publishable,
  type Published,
  QueueRefusedError,
} from "../queue/publisher.ts";
import { createQueueWatch } from "../queue/queue-watch.ts";
import { connectRedis, describeRedis, type RedisPlace, type RedisServer, redisAt, redisOf } from "../queue/redis.ts";
import { watchRedis } from "../queue/redis-watch.ts";
import { readStatistics } from "../queue/statistics.ts";
import { type Config, LOG_LEVELS, type LogLevel, maskUrl } from "../settings/config.ts";
import { doubtsAbout, rulesOf } from "../settings/peers.ts";
import { openSettingsFiles } from "../settings/settings-files.ts";
import { toldSettings } from "../settings/told-settings.ts";
import { createAccess, createNetworks, networkOf } from "../smtp/access.ts";
import type { Answer } from "../smtp/connection.ts";
import { createPace, type Limits } from "../smtp/limits.ts";
import { type Listener, type SmtpClient, type SmtpMessage, startListener } from "../smtp/listener.ts";
import type { Peer } from "../smtp/peer.ts";
import { REPLIES, type SmtpReply } from "../smtp/replies.ts";
import { durationInWords } from "../text/quantities.ts";
import { type Judged, noteOf, type ReceivedNote, unanswered } from "../trace/fate-note.ts";
import { idsOf } from "../trace/note.ts";
import { createTraceWriter, findTrace } from "../trace/writer.ts";
import { VERSION } from "../version.ts";
import { createOperating } from "./desks.ts";

export interface Service {
  readonly smtp: { readonly host: string; readonly port: number };
  /** Where TLS begins before SMTP does; null for nowhere. */
  readonly smtps: { readonly host: string; readonly port: number } | null;
  readonly admin: { readonly host: string; readonly port: number };
  readonly redis: RedisPlace;
  /** Where the URL of the Redis stands when it is one of our own; null when it is not. */
  readonly redisUrlFile: string | null;
  /** Whether this machine may connect to itself. */
  readonly takesLoopback: boolean;
  /** What a user should know about the settings in force. */
  readonly notes: readonly string[];
  /** Reads the files that settings name again. What is in force stays where one has a fault. */
  reload(): void;
  /** Resolves when nothing is left in the journal: on the queue, and settled there. */
  emptied(): Promise<void>;
  /** Finishes what is open, each step with a deadline. False when a step failed; the log says which and why. */
  stop(): Promise<boolean>;
}

/** How long a message may wait to be stored before its sender is asked to come again: so that it hears within 5 s. */
const STORE_DEADLINE_MS = 4_000;
/** At a start the drain is there before Redis is. */
const DRAIN_PATIENCE_MS = 2_000;
const REDIS_STOP_MS = 10_000;
const JOURNAL_CLOSE_MS = 10_000;
/** Whoever asks for a trace waits that long for what came last. */
const TRACE_FLUSH_MS = 1_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const LOOKED_AT_EVERY_MS = 1_000;
const MAX_REFUSED_TOLD = 1_000;
const MAX_CODES_REMEMBERED = 1_000;
const REFUSALS_TOLD_PER_SECOND = 10;
/** How long it is told that somebody has emptied Redis. */
/** How often the queues are looked at. */
const QUEUES_SEEN_EVERY_MS = 5_000;

/** What a service is that has one process. */
const ALONE: Assignment = { number: 1, siblings: [], count: 1, redisUrl: null };

const NO_JOURNAL: JournalStatus = {
  bytes: 0,
  maxBytes: 0,
  records: 0,
  waitingBytes: 0,
  usedUp: [],
  most: null,
  oldestAt: null,
  fault: null,
};

/** What the settings do not say: how they were found, and what is otherwise within another program, a test say. */
export interface Surroundings {
  /** From when on something is a reason not to be well. */
  readonly times?: ReasonTimes;
  /** What a user should know of how the settings were found. */
  readonly settingsNotes?: readonly string[];
  /** Where the lines of the log go instead of stdout. */
  readonly logTo?: { write(line: string): void };
}

/**
 * Starts the service, or one process of several. Rejects with a sentence for the
 * person on call, and with nothing left running.
 */
export async function startService(
  config: Config,
  assignment: Assignment = ALONE,
  { times = REASON_TIMES, settingsNotes = [], logTo }: Surroundings = {},
): Promise<Service> {
  const releasers: Releaser[] = [];
  const log = createLog({
    level: config.logLevel,
    numbers: config.logNumbers,
    process: shownNumber(assignment),
    ...(logTo === undefined ? {} : { to: logTo }),
  });
  try {
    return await start(config, assignment, { times, settingsNotes }, log, releasers);
  } catch (cause) {
    log.serviceFailed(cause as Error);
    await releaseAll(releasers, log);
    throw cause;
  }
}

/** Null where nobody needs to tell it from others. */
function shownNumber({ number, siblings }: Assignment): number | null {
  return siblings.length === 0 ? null : number;
}

type Releaser = () => Promise<unknown>;

/** What came of publishing a record. */
type Outcome = Published | TiedBounce;

/** Last in, first out; each once. One that fails does not keep the others from being released. */
async function releaseAll(releasers: Releaser[], log: Log): Promise<boolean> {
  let clean = true;
  for (const release of releasers.splice(0).reverse()) {
    try {
      await release();
    } catch (cause) {
      clean = false;
      log.serviceFailed(cause as Error);
    }
  }
  return clean;
}

async function start(
  config: Config,
  assignment: Assignment,
  { times, settingsNotes }: Required<Omit<Surroundings, "logTo">>,
  log: Log,
  releasers: Releaser[],
): Promise<Service> {
  const isFirst = assignment.number === 1;
  const journalMaxBytes = journalShare(config.journalMaxBytes, assignment.count);
  const mayAdvise = oncePer(HOUR_MS, Number.POSITIVE_INFINITY);
  const isNewCode = oncePer(Number.POSITIVE_INFINITY, MAX_CODES_REMEMBERED);
  // A stranger who knocks all day is told of once a minute.
  const mayTellRefusal = oncePer(MINUTE_MS, MAX_REFUSED_TOLD);
  const mayTellMore = createPace();
  const mayTellShare = oncePer(HOUR_MS, MAX_REFUSED_TOLD);
  const quarantine = createQuarantineRoom(config.quarantineMaxMessages, config.quarantineMaxBytes, assignment.count);
  const startedAt = new Date().toISOString();
  let seenMs = Number.NEGATIVE_INFINITY;
  let inQuarantine: QuarantineContents = new Map();
  let silence: Silence | undefined;
  let listener: Listener | undefined;
  let acknowledgements: Acknowledgements | undefined;
  /** Bounces that an earlier process left in the journal, by the ids of their records: they take their peers' room. */
  const bouncesLeft = new Map<string, KeptMessage>();
  /** The embedded Redis that ended with everything on its disk. */
  let settledIn: string | null = null;
  /** Which queue was refused to us last, where there is no journal; null since something was queued. */
  let queueFault: Error | null = null;
  let full = false;
  let stopping = false;
  /** Whether what has not settled is still to be published again. */
  let again = false;
  /** When what was kept in Redis was last found to be gone; null when it never was. */
  let emptiedAt: Date | null = null;
  /** Whether the journal knows which Redis it is drained into; before that, nothing is. */
  let noted = false;
  const refusals = createRefusals();
  const turns = createTurns(BOUNDS.messagesTurnMs.value);
  const traffic = createTraffic();
  const files = openSettingsFiles({
    config,
    onPeers(peers) {
      silence?.usePeers(peers);
      listener?.usePeers(createAccess(peers));
      acknowledgements?.usePeers(peers);
    },
    onCertificate: (certificate) => listener?.useCertificate(certificate),
    onReloaded: (what, fields) => log.settingsReloaded({ what, ...fields }),
    onFault: (what, cause) => log.settingsNotReloaded(what, cause),
  });
  releasers.push(async () => files.stop());
  const mayTellOfFiles = oncePer(MINUTE_MS, 1);
  const openFiles = watchOpenFiles((limit) => {
    if (mayTellOfFiles("")) log.filesUsedUp({ limit });
  });
  releasers.push(async () => openFiles.stop());
  let redisVersion = "";
  const outages = {
    redis: createOutage<string>({
      onBegun: (reason) => log.redisUnreachable(reason),
      onOver: (outage) => log.redisConnected({ redis: describeRedis(place), version: redisVersion, ...outage }),
    }),
    drain: createOutage<Error>({
      patienceMs: DRAIN_PATIENCE_MS,
      // By then it may be known better: at a start nobody has looked at Redis yet.
      onBegun: (cause) => log.drainFailed(drain?.trouble() ?? cause, journalStatus().records),
      onOver: (outage) => log.drainRecovered({ ...outage }),
    }),
    queue: createOutage<Error>({
      onBegun: (cause) => log.queueFailed(cause),
      onOver: (outage) => log.queueRecovered({ ...outage }),
    }),
    disk: createOutage<Error>({
      onBegun: (cause) => log.journalFault("append-failed", { reason: cause.message }),
      onOver: (outage) => log.journalRecovered({ ...outage }),
    }),
    journalFull: createOutage<JournalStatus>({
      onBegun: (use) => log.journalFull(use),
      onOver: (outage) => log.journalRecovered({ ...outage }),
    }),
  } satisfies Record<string, Outage<never>>;
  releasers.push(async () => {
    for (const outage of Object.values(outages)) outage.stop();
  });
  const metrics = createMetrics({
    healthy: async () => stateOf(await allReasons()) !== "not-well",
    async reasons() {
      const held = new Set((await allReasons()).map(({ name }) => name));
      return new Map(REASONS.map(({ name }) => [name, held.has(name)]));
    },
    connections: () => listener?.connections() ?? 0,
    connectionsByPeer: () => listener?.connectionsByPeer() ?? new Map(),
    certificateExpiresAt: () => files.certificate()?.expiresAt ?? null,
    journal: journalStatus,
    quarantine: () => quarantine.use(),
    redis: () => {
      const { awayMs, memoryRatio, writtenAt } = watch.state();
      return { up: awayMs === null, memoryRatio, writtenAt };
    },
    // What was measured before an outage is no news.
    queues: () => (redisAway() === null ? queueWatch.queues() : new Map()),
    traceNotesLost: () => trace.lost(),
    logLinesLost: () => log.linesLost(),
    processesMissing: () => siblings.missing(),
    catalogue: () => files.reading().catalogue.version,
    process: shownNumber(assignment),
  });
  const reasonsTold = createReasonsTold({
    onBegun: (reason) => log.reasonBegun(reason),
    onOver: (name, outage) => log.reasonOver({ reason: name, ...outage }),
  });
  releasers.push(async () => reasonsTold.stop());
  const siblings = createSiblings(config.dataDir, isFirst ? assignment : ALONE);

  const dataDir = processDirectory(config.dataDir, assignment.number);
  const doubtOfDirectory = makeDataDir(dataDir);
  const control = await takeControl(dataDir);
  releasers.push(() => control.release());

  const journalDir = journalDirectory(dataDir);
  // A journal that an earlier run left is drained in the other mode too.
  const journal = config.accept === "journal" || existsSync(journalDir) ? await startJournal(journalDir) : undefined;
  const recovered = journalStatus().records;

  const given = assignment.redisUrl === null ? redisOf(config) : redisAt(assignment.redisUrl);
  const embedded = given ? undefined : await startEmbedded(join(dataDir, "redis"));
  const place = given ?? redisAt(embedded?.url ?? "");
  const redis = connectRedis(place);
  releasers.push(async () => redis.disconnect());
  silence = createSilence({ traffic, heard: createHeard(redis, config.queuePrefix), times });
  silence.usePeers(files.peers());
  const queueWatch = createQueueWatch({
    redis,
    prefix: config.queuePrefix,
    names: [config.queue, ...config.queues.map((fanOut) => fanOut.queue), ACKNOWLEDGEMENTS_QUEUE],
    everyMs: QUEUES_SEEN_EVERY_MS,
  });
  const publisher = createPublisher({ redis, settings: config, onError: (cause) => log.redisError(cause) });
  releasers.push(() => within(REDIS_STOP_MS, publisher.close()));

  const trace = createTraceWriter({
    redis,
    prefix: config.queuePrefix,
    hours: config.traceHours,
    maxBytes: config.traceMaxBytes,
  });
  releasers.push(() => within(REDIS_STOP_MS, trace.flush()));

  const acknowledging = startAcknowledgements({
    config,
    redis: place,
    publisher,
    peers: files.peers(),
    log,
    metrics,
    trace,
  });
  acknowledgements = acknowledging;
  for (const [id, bounce] of bouncesLeft) acknowledging.bounceWaits(id, bounce);
  bouncesLeft.clear();
  releasers.push(() => within(config.shutdownGraceMs + REDIS_STOP_MS, acknowledging.stop(config.shutdownGraceMs)));

  const drain = journal && beginDrain(journal);
  const watch = watchRedis({
    redis,
    prefix: config.queuePrefix,
    refuseEviction: config.redisChecks === "enforce",
    onAway: (reason) => outages.redis.begun(reason),
    onBack: noteRedis,
    onSuitability: (reasons) =>
      reasons.length > 0 ? log.redisUnsuitable(reasons, config.redisChecks === "warn") : log.redisSuitable(),
    // A journal knows it too when that was done while no process looked.
    onEmptied: () => journal ?? noteEmptied(),
    onTick: tick,
    onError: (cause) => log.journalFault("unattended", { reason: cause.message }),
  });
  // A disk that hangs holds its last look at the journal.
  releasers.push(() => within(JOURNAL_CLOSE_MS, watch.stop()));
  if (drain) releasers.push(() => drain.stop(config.shutdownGraceMs));

  const operating = createOperating({
    redis,
    prefix: config.queuePrefix,
    queues: [config.queue, ...config.queues.map((further) => further.queue)],
    redisAway,
    replayer: () => ({
      publish: publishReplayed,
      reading: files.reading(),
      rulesOf: (peer) => rulesOf(files.peers(), peer),
    }),
  });
  releasers.push(() => within(REDIS_STOP_MS, operating.close()));
  const admin = isFirst ? await beginAdmin() : null;
  if (assignment.number <= assignment.count) listener = await beginListener();

  // Of several processes, where the service answers: not each of them does.
  const addresses = {
    smtp: listener?.address ?? { host: config.smtpHost, port: config.smtpPort },
    smtps: listener?.smtpsAddress ?? null,
    admin: admin?.address ?? { host: config.adminHost, port: config.adminPort },
  };
  const { queue, queues: furtherQueues, queuePrefix } = config;
  const facts = {
    // Whoever signals the service signals the process above several.
    pid: assignment.siblings.length === 0 ? process.pid : process.ppid,
    redis: place,
    queue,
    queues: furtherQueues,
    queuePrefix,
    domain: config.domain,
    ...addresses,
    settings: toldSettings(config),
  };
  control.answer({
    facts: () => facts,
    refusals: allRefusals,
    status,
    "flush-trace": flushTrace,
    ...Object.fromEntries(LOG_LEVELS.map((level) => [`log-level ${level}`, () => setLogLevel(level)])),
    // What the first process asks the others.
    state: () => pack(state()),
    metrics: async () => pack(await metrics.registry.getMetricsAsJSON()),
  });
  log.serviceStarted({ version: VERSION, ...addresses, redis: describeRedis(place), queue, recovered });
  const notes = isFirst
    ? [
        ...settingsNotes,
        ...tooFewFiles(openFilesLimit(), config.maxClients),
        ...(doubtOfDirectory ? [doubtOfDirectory] : []),
        ...startNotes(config, files.certificate()?.expiresAt ?? null, files.peers()),
      ]
    : [];
  for (const note of notes) log.serviceNote(note);

  return {
    ...addresses,
    redis: place,
    redisUrlFile: embedded?.urlFile ?? null,
    takesLoopback: createAccess(files.peers())("127.0.0.1") !== undefined,
    notes,
    reload: files.reload,
    async emptied() {
      while (journalStatus().bytes > 0) await wait(LOOKED_AT_EVERY_MS);
    },
    async stop() {
      // /readyz says so from here on, so that a balancer sends nobody any more.
      stopping = true;
      log.serviceStopping({ connections: listener?.connections() ?? 0, waiting: journalStatus().records });
      await wait(config.shutdownDelayMs);
      const clean = await releaseAll(releasers, log);
      log.serviceStopped({ waiting: journalStatus().records, clean });
      return clean;
    },
  };

  async function beginAdmin(): Promise<Admin> {
    const started = await startAdmin({
      host: config.adminHost,
      port: config.adminPort,
      token: config.adminToken,
      networkOf: networkOf,
      operations: {
        status,
        refusals: allRefusals,
        redisAway,
        catalogue: () => files.reading().catalogue,
        tallies(agoMs, resolution) {
          const until = new Date();
          const since = new Date(until.getTime() - agoMs);
          return readStatistics(redis, config.queuePrefix, { since, until, resolution });
        },
        async trace(wanted) {
          await flushTrace();
          return findTrace(redis, config.queuePrefix, config.queue, wanted);
        },
        quarantine: operating.quarantine,
        acknowledgements: operating.acknowledgements,
      },
      queues: operating.queues,
      onAction: (action, fields) => log.operatorActed(action, fields),
      notReady: async () => notReady(healthOf(await states())),
      reasons: allReasons,
      version: () => ({
        name: "mm4d",
        version: VERSION,
        node: process.version,
        catalogue: files.reading().catalogue.version,
      }),
      metrics: async () => ({ contentType: metrics.registry.contentType, text: await metricsText(await allMetrics()) }),
    }).catch((cause) =>
      cannotListen("HTTP", config.adminHost, config.adminPort, "MM4D_ADMIN_HOST, MM4D_ADMIN_PORT", cause),
    );
    releasers.push(() => started.stop());
    return started;
  }

  async function beginListener(): Promise<Listener> {
    const started = await startListener({
      host: config.smtpHost,
      port: config.smtpPort,
      hostname: config.hostname,
      domains: config.domain,
      smtpsPort: config.smtpsPort,
      limits: limitsOf(config),
      isProxy: createNetworks(config.proxies),
      findPeer: createAccess(files.peers()),
      certificate: files.certificate(),
      ciphers: config.tlsCiphers,
      onMessage: handle,
      onSession: (peer) => metrics.sessions.inc({ peer }),
      onRefused: noteRefusal,
      onError: noteFailure,
      onReply: (peer, code) => metrics.replies.inc({ peer, code: String(code) }),
    }).catch((cause: NodeJS.ErrnoException & { port?: number }) => {
      const { smtpHost, smtpPort, smtpsPort } = config;
      if (smtpsPort === null || cause.port !== smtpsPort) {
        return cannotListen("SMTP", smtpHost, smtpPort, "MM4D_SMTP_HOST, MM4D_SMTP_PORT", cause);
      }
      return cannotListen("SMTP with TLS", smtpHost, smtpsPort, "MM4D_SMTP_HOST, MM4D_SMTPS_PORT", cause);
    });
    releasers.push(() => started.stop(config.shutdownGraceMs));
    return started;
  }

  /** One message, from the listener. */
  async function handle(message: SmtpMessage): Promise<Answer> {
    const { sessionId, peer, entry, mailFrom, bytes, receivedAt } = message;
    const startedMs = performance.now();
    const reading = files.reading();
    const receipt = await turns.run(peer.name, () =>
      receive(
        { bytes, peer, mailFrom, rules: entry.rules, acknowledging: acknowledging.rulesOf(entry), receivedAt },
        {
          store,
          hasQuarantineRoom: (raw) => hasQuarantineRoom(peer.name, raw),
          hasBounceRoom: acknowledging.hasBounceRoom,
          recordId: newRecordId,
          ...reading,
        },
      ),
    );
    const tookMs = performance.now() - startedMs;
    metrics.dataSeconds.observe(tookMs / 1000);
    const reply = noteReceipt({ sessionId, peer }, receipt, tookMs);
    const note = traceNote({ message, receipt, reply, tookMs }, reading);
    return {
      reply,
      onAnswered(handed) {
        if (!handed) log.replyLost(sessionId, peer, reply);
        if (note) trace.note(handed ? note : unanswered(note));
      },
    };
  }

  /** Told once a peer, until there is room for it again. */
  function hasQuarantineRoom(peer: string, bytes: number): boolean {
    if (quarantine.has(peer, bytes)) return true;
    metrics.quarantineFull.inc({ peer });
    if (quarantine.refused(peer, bytes)) log.quarantineFull(peer, quarantine.useOf(peer), quarantine.use());
    return false;
  }

  /** Whatever goes wrong here, the reply stands. */
  function traceNote(message: Judged, reading: Reading): ReceivedNote | null {
    try {
      return noteOf(message, reading);
    } catch (cause) {
      log.traceFailed(cause as Error);
      return null;
    }
  }

  /** Resolves once the record is safe; rejects in time when that is not certain, and then the relay comes again. */
  async function store(record: JournalRecord): Promise<void> {
    if (record.kind === "quarantine") quarantine.promised(record.id, keptMessage(record.message));
    if (record.kind === "bounce") acknowledging.bounceWaits(record.id, keptMessage(record.message));
    try {
      if (journal && config.accept === "journal") return await withDeadline(journal.append(record), "The disk");
      const published = await withDeadline(publish(record), "Redis").catch((cause: Error) => {
        if (cause instanceof QueueRefusedError) queueFault = cause;
        outages.queue.begun(cause);
        throw cause;
      });
      queueFault = null;
      outages.queue.over();
      notePublished(record, published, false);
    } catch (cause) {
      if (record.kind === "quarantine") quarantine.broken(record.id);
      if (record.kind === "bounce") acknowledging.bounceGone(record.id);
      if (cause instanceof JournalFullError && cause.peer !== null) noteShareFull(cause.peer);
      throw cause;
    }
  }

  /** Where no peer has room, the journal is full, and that is told. */
  function noteShareFull(peer: string): void {
    const use = journalStatus();
    if (!isFullForAll(use) && mayTellShare(peer)) log.journalShareFull(peer, use);
  }

  /** To the queue, when Redis is one that keeps what it is given. */
  async function publish(record: JournalRecord): Promise<Outcome> {
    const refusal = watch.refusal();
    if (refusal !== null) throw new Error(refusal);
    return record.kind === "bounce" ? acknowledging.tie(record.message) : publisher.publish(record);
  }

  /** From quarantine, by an operator. */
  async function publishReplayed(record: Publishable): Promise<Published> {
    const refusal = watch.refusal();
    if (refusal !== null) throw new Error(refusal);
    const published = await publisher.publish(record);
    notePublished(record, published, false);
    return published;
  }

  function noteRedis({ version }: RedisServer): void {
    redisVersion = version;
    if (!outages.redis.over()) log.redisConnected({ redis: describeRedis(place), version });
  }

  function noteEmptied(): void {
    emptiedAt = new Date();
    log.redisEmptied();
  }

  function noteRefusal(refusal: NewRefusal): void {
    metrics.refused.inc({ reason: refusal.reason });
    refusals.note(refusal);
    const mayTell = mayTellRefusal(`${refusal.address} ${refusal.reason}`) && mayTellMore("", REFUSALS_TOLD_PER_SECOND);
    if (mayTell) log.sessionRefused({ ...refusal });
  }

  /** A connection that broke is told once a minute and address; a fault of our own each time. */
  function noteFailure(cause: Error & { readonly code?: string }, client: SmtpClient | null): void {
    if (cause.code === undefined || mayTellRefusal(`${client?.address} ${cause.code}`))
      log.sessionFailed(cause, client);
  }

  /** Counts and logs what became of a message, and says how to answer. No `default`: a new receipt must be answered to compile. */
  function noteReceipt(
    { sessionId, peer }: Pick<SmtpMessage, "sessionId" | "peer">,
    receipt: Receipt,
    tookMs: number,
  ): SmtpReply {
    if ("acknowledgement" in receipt) acknowledging.noteDebt(peer.name, receipt.acknowledgement);
    switch (receipt.kind) {
      case "stored": {
        const { event } = receipt;
        const { outcome, disposition, conflict, reason, warnings } = event.data;
        traffic.note(event);
        metrics.reports.inc({ peer: peer.name, type: event.type, outcome, disposition });
        if (reason !== null) {
          metrics.codes.inc({ peer: peer.name, code: reason.known ? String(reason.code) : "other" });
        }
        if (event.data.handledAt !== null) {
          const ageMs = Date.parse(event.time) - Date.parse(event.data.handledAt);
          metrics.reportAgeSeconds.observe({ peer: peer.name }, Math.max(0, ageMs / 1000));
        }
        for (const warning of warnings) metrics.warnings.inc({ peer: peer.name, warning });
        log.reportStored(sessionId, event, tookMs);
        if (conflict) {
          metrics.conflicts.inc({ peer: peer.name });
          log.reportConflict(event);
        }
        if (reason?.known === false) {
          metrics.unknownCodes.inc({ peer: peer.name });
          if (isNewCode(`${peer.name} ${reason.code}`)) log.codeUnknown(event);
        }
        return REPLIES.stored;
      }
      case "quarantined":
        traffic.noteQuarantined(peer.name);
        metrics.quarantined.inc({ peer: peer.name, reason: receipt.message.reason });
        log.messageQuarantined(sessionId, receipt.id, receipt.message);
        return REPLIES.quarantined;
      case "ignored":
        metrics.otherPdus.inc({ peer: peer.name, type: receipt.messageType });
        log.messageIgnored(
          sessionId,
          peer,
          receipt.messageType,
          mayAdvise(`${peer.name} ${receipt.messageType}`) ? (findPdu(receipt.messageType)?.advice ?? null) : null,
        );
        return REPLIES.ignored;
      case "bounce":
        return REPLIES.bounce;
      case "refused":
        log.messageRefused(sessionId, peer, receipt.problem.kind);
        return receipt.problem.kind === "not-mm4" ? REPLIES.notMm4 : REPLIES.headerTooLarge;
      case "not-stored":
        metrics.notStored.inc({ peer: peer.name });
        log.messageNotStored(sessionId, peer, receipt.cause);
        return REPLIES.notStored;
    }
  }

  function notePublished(record: JournalRecord, outcome: Outcome, again: boolean): void {
    if (again) {
      metrics.publishedAgain.inc();
      return;
    }
    if (record.kind === "quarantine") quarantine.arrived(record.id, keptMessage(record.message));
    if (record.kind === "bounce" && "bounce" in outcome) {
      acknowledging.bounceGone(record.id);
      acknowledging.noteBounce(record.message.peer.name, outcome);
    }
    if (record.kind === "event" && "duplicateOf" in outcome) noteEvent(record, outcome);
  }

  function noteEvent({ id, event }: Extract<JournalRecord, { kind: "event" }>, { duplicateOf }: Published): void {
    const labels = { peer: event.data.peer.name, type: event.type };
    trace.note({ kind: "queued", at: new Date().toISOString(), recordId: id, duplicateOf, ids: idsOf(event), event });
    if (duplicateOf !== null) {
      traffic.noteDuplicate(event.data.peer.name);
      metrics.duplicates.inc(labels);
      log.reportDuplicate(event, duplicateOf);
      return;
    }
    metrics.published.inc(labels);
    metrics.queueSeconds.observe(Math.max(0, Date.now() - Date.parse(event.time)) / 1000);
    log.reportPublished(event, id);
  }

  function noteFault(fault: JournalFault): void {
    if (fault.kind === "append-recovered") {
      outages.disk.over();
      return;
    }
    const { kind, ...fields } = fault;
    metrics.journalFaults.inc({ kind });
    if (fault.kind === "append-failed") outages.disk.begun(fault.cause);
    else log.journalFault(kind, "cause" in fields ? { reason: fields.cause.message } : fields);
  }

  /** Once a second, with what Redis is there. */
  async function tick(identity: string | null): Promise<void> {
    openFiles.look();
    if (journal && drain) {
      const news = await journal.tellRedis(identity);
      again ||= news.again;
      if (news.emptied) noteEmptied();
      else if (news.again) log.redisChanged();
      noted ||= identity !== null;
      if (again && identity !== null) {
        again = false;
        void drain.publishAgain().catch((cause: Error) => {
          again = true;
          log.journalFault("unreadable", { reason: cause.message });
        });
      }
    }
    if (identity !== null) await trace.flush().catch((cause: Error) => log.redisError(cause));
    if (identity !== null && performance.now() - seenMs >= QUEUES_SEEN_EVERY_MS) {
      seenMs = performance.now();
      await measure();
      // Of several processes the first tells of all.
      if (isFirst && !stopping) reasonsTold.note(await allReasons());
    }
    const status = journalStatus();
    const wasFull = full;
    full = isFullForAll(status);
    if (full && !wasFull) outages.journalFull.begun(status);
    if (!full && wasFull) outages.journalFull.over();
  }

  /** What stands on the queues. One that cannot be looked at keeps none of the others from it. */
  async function measure(): Promise<void> {
    for (const look of [lookAtQuarantine, queueWatch.look, async () => silence?.look()])
      await look().catch((cause: Error) => log.redisError(cause));
  }

  async function lookAtQuarantine(): Promise<void> {
    inQuarantine = await measureQuarantine(redis, config.queuePrefix, inQuarantine);
    quarantine.measured(inQuarantine);
  }

  function healthFacts(): HealthFacts {
    const use = journalStatus();
    const isFullNow = isFullForAll(use);
    return {
      now: new Date(),
      takesReports: assignment.number <= assignment.count,
      stopping,
      full: isFullNow,
      fullOfQueued: isFullNow && isQueued(use),
      needsRedis: config.accept === "queue",
      journal: { ...use, usedUp: isFullNow || config.accept !== "journal" ? [] : use.usedUp },
      redis: { ...watch.state(), emptiedAt, accepted: config.redisChecks === "warn", refusal: watch.refusal() },
      drainFault: drain?.trouble() ?? queueFault,
      certificateExpiresAt: files.certificate()?.expiresAt ?? null,
      settingsFaults: files.faults(),
      processes: { count: assignment.count, missing: 0, full: 0 },
      quarantine: {
        ...quarantine.use(),
        maxMessages: config.quarantineMaxMessages,
        maxBytes: config.quarantineMaxBytes,
        refused: quarantine.refusals().map(({ peer, since }) => ({ peer, forMs: Date.now() - since })),
        fillers: quarantine.fillers(NEARLY_FULL),
      },
      queues: queueFacts(),
      mmscs: acknowledging.mmscs(),
      peers: silence?.facts() ?? [],
    };
  }

  function queueFacts(): readonly QueueFacts[] {
    return [...queueWatch.queues()].map(([name, use]) => ({
      ...use,
      name,
      holds: name === ACKNOWLEDGEMENTS_QUEUE ? "acknowledgements" : "events",
      main: name === config.queue,
    }));
  }

  /** Why nothing in Redis can be looked at; null when it can. */
  function redisAway(): string | null {
    const { awayMs, fault } = watch.state();
    return awayMs === null ? null : `Redis has been away for ${durationInWords(awayMs)} (${fault})`;
  }

  function statusFacts(): StatusFacts {
    return {
      version: VERSION,
      runningMs: performance.now(),
      reasons: [],
      reportsLastMinute: traffic.lastMinute(),
      peers: traffic.byPeer(),
      connections: listener?.connectionsByPeer() ?? new Map(),
      journal: journalStatus(),
      redis: describeRedisNow(),
      events: redisAway() === null ? queueWatch.queues().get(config.queue) : undefined,
      further: config.queues.map((fanOut) => ({
        name: fanOut.queue,
        use: redisAway() === null ? queueWatch.queues().get(fanOut.queue) : undefined,
      })),
      acknowledgements: redisAway() === null ? queueWatch.queues().get(ACKNOWLEDGEMENTS_QUEUE) : undefined,
      quarantined: quarantine.use().messages,
    };
  }

  /** Where it is, and what a person should know of it. */
  function describeRedisNow(): string {
    return `${describeRedis(place)}${watch.state().awayMs === null ? "" : ", away"}`;
  }

  function state(): ProcessState {
    return { health: healthFacts(), status: statusFacts(), refusals: refusals.list() };
  }

  /** Of every process of the service, this one first. */
  async function states(): Promise<readonly ProcessState[]> {
    return [state(), ...(await siblings.states())];
  }

  async function allReasons(): Promise<readonly Reason[]> {
    return reasonsOf(healthOf(await states()), times);
  }

  function healthOf(all: readonly ProcessState[]): HealthFacts {
    const health = healthOfAll(all.map((one) => one.health));
    // A further process does not know to whom the peers speak.
    if (!isFirst) return { ...health, peers: [] };
    return { ...health, processes: { ...health.processes, missing: siblings.missing() } };
  }

  async function status(): Promise<Status> {
    const all = await states();
    const facts = statusOfAll(all.map((one) => one.status));
    return describeStatus({ ...facts, reasons: reasonsOf(healthOf(all), times) }, new Date());
  }

  /** The latest last. */
  async function allRefusals(): Promise<readonly Refusal[]> {
    const all = (await states()).flatMap((one) => one.refusals);
    return all.sort((a, b) => a.lastAt.localeCompare(b.lastAt));
  }

  async function allMetrics(): Promise<readonly MetricsOfProcess[]> {
    // Asked first: this process tells how many of the others answered.
    const others = await siblings.metrics();
    return [await metrics.registry.getMetricsAsJSON(), ...others];
  }

  /** Of every process: what a report's relay was answered by now is found then. */
  async function flushTrace(): Promise<TraceState> {
    const others = siblings.flushTrace();
    const away = redisAway();
    const flushed = away === null && (await within(TRACE_FLUSH_MS, trace.flush()));
    const all = [{ flushed, redisAway: away, startedAt, lost: trace.lost() }, ...(await others)];
    return {
      flushed: all.every((one) => one.flushed) && siblings.missing() === 0,
      redisAway: all.find((one) => one.redisAway !== null)?.redisAway ?? null,
      startedAt,
      lost: all.reduce((sum, one) => sum + one.lost, 0),
    };
  }

  async function setLogLevel(level: LogLevel): Promise<string> {
    await siblings.setLogLevel(level);
    return log.setLevel(level);
  }

  function journalStatus(): JournalStatus {
    return journal?.status() ?? { ...NO_JOURNAL, maxBytes: journalMaxBytes };
  }

  /** Whether no peer's reports are taken. A journal of an earlier run, in queue mode, takes none anyway. */
  function isFullForAll(use: JournalStatus): boolean {
    return (
      config.accept === "journal" &&
      isFull(
        use,
        files.peers().map(({ name }) => name),
      )
    );
  }

  async function startJournal(directory: string): Promise<Journal> {
    const opened = await openJournal({
      directory,
      maxBytes: journalMaxBytes,
      hold: control.hold,
      onFault: noteFault,
      onRecovered(record) {
        if (record.kind === "quarantine") quarantine.promised(record.id, keptMessage(record.message));
        if (record.kind === "bounce") bouncesLeft.set(record.id, keptMessage(record.message));
      },
      onSynced: (tookMs) => metrics.journalSyncSeconds.observe(tookMs / 1000),
    });
    releasers.push(async () => {
      // A disk that never answers does not keep the process from ending.
      if (!(await within(JOURNAL_CLOSE_MS, opened.close()))) throw new Error("The journal could not be closed");
      if (settledIn !== null) await opened.settleAll(settledIn);
    });
    return opened;
  }

  function beginDrain(from: Journal): Drain {
    return startDrain({
      journal: from,
      publish: async (record) => {
        // Whatever keeps Redis from being used is told, rather than this.
        if (!noted) throw new Error(watch.refusal() ?? "Redis has not been looked at yet");
        return publish(record);
      },
      onPublished: notePublished,
      // What one peer's bounces take delays nobody's reports, nor another peer's bounces.
      laneOf: (record) => (record.kind === "bounce" ? record.message.peer.name : undefined),
      onTrouble: (cause) => outages.drain.begun(cause),
      onRecovered: () => void outages.drain.over(),
    });
  }

  async function startEmbedded(directory: string): Promise<EmbeddedRedis> {
    const started = await startEmbeddedRedis({ directory, onRestart: (reason) => log.redisUnreachable(reason) });
    log.embeddedRedis({
      url: maskUrl(started.url),
      urlFile: started.urlFile,
      redisPid: started.pid(),
      adopted: started.adopted,
    });
    releasers.push(async () => {
      // Ended cleanly, it has everything on its disk; that the next one has another run id means nothing then.
      settledIn = await started.stop(REDIS_STOP_MS);
    });
    // The others still need it.
    releasers.push(() => within(2 * config.shutdownGraceMs + REDIS_STOP_MS, siblings.gone()));
    return started;
  }
}

/** As it takes room: in the quarantine, or of what its peer's bounces may take. */
function keptMessage({ peer, raw }: Pick<QuarantinedMessage, "peer" | "raw">): KeptMessage {
  return { peer: peer.name, bytes: raw.length };
}

/** Says yes to a key once in a while. Of more than `maxKeys` all are forgotten at once. */
function oncePer(everyMs: number, maxKeys: number): (key: string) => boolean {
  const saidAt = new Map<string, number>();
  return (key) => {
    if (performance.now() - (saidAt.get(key) ?? Number.NEGATIVE_INFINITY) < everyMs) return false;
    if (saidAt.size >= maxKeys) saidAt.clear();
    saidAt.set(key, performance.now());
    return true;
  };
}

function startNotes(config: Config, certificateExpiresAt: Date | null, peers: readonly Peer[]): readonly string[] {
  const notes: string[] = [];
  if (config.peers.length === 0 && config.peersFile === "") {
    notes.push("Only this machine may connect. To let a peer in: MM4D_PEERS='carrier=192.0.2.0/24'");
  }
  if (config.domain.length === 0) {
    notes.push("Recipients of every domain are accepted. To take only yours: MM4D_DOMAIN=mms.example.net");
  }
  if (certificateExpiresAt !== null && certificateExpiresAt <= new Date()) {
    notes.push(`The TLS certificate expired at ${certificateExpiresAt.toISOString()}. Renew MM4D_TLS_CERT_FILE`);
  }
  // What would be better is for "peers check" to say; what is never sent is for everybody.
  return [...notes, ...doubtsAbout(peers.filter(({ acknowledge }) => acknowledge.tls === "off"))];
}

function limitsOf(config: Config): Limits {
  return {
    clients: config.maxClients,
    clientsPerPeer: config.maxClientsPerPeer,
    recipients: config.maxRecipients,
    badCommands: config.maxBadCommands,
    commands: config.maxCommands,
    messagesPerConnection: config.maxMessagesPerConnection,
    messagesPerSecond: config.maxMessagesPerSecond,
    messageBytes: config.maxMessageBytes,
    // One peer may have half of it, and one message of the largest must pass beside others.
    unfinishedBytes: Math.max(config.maxUnfinishedBytes, 4 * config.maxMessageBytes),
    firstCommandMs: config.firstCommandSeconds * 1000,
    lineMs: config.lineSeconds * 1000,
    dataMs: config.dataSeconds * 1000,
    idleMs: config.idleSeconds * 1000,
    peerIdleMs: config.peerIdleSeconds * 1000,
    sessionMs: config.sessionSeconds * 1000,
  };
}

function cannotListen(what: string, host: string, port: number, setting: string, cause: NodeJS.ErrnoException): never {
  throw new Error(`Cannot listen for ${what} on ${host}:${port}: ${whyNotListening(cause)} (${setting})`);
}

function withDeadline<T>(work: Promise<T>, who: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`${who} did not answer within ${STORE_DEADLINE_MS} ms`));
    const timer = setTimeout(late, STORE_DEADLINE_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Waits for some work, but not longer than a deadline: for stopping. Whether it was done. */
function within(deadlineMs: number, work: Promise<unknown>): Promise<boolean> {
  const done = work.then(
    () => true,
    () => false,
  );
  return Promise.race([done, new Promise<false>((late) => setTimeout(late, deadlineMs, false).unref())]);
}
