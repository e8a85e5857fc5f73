/** Starts what listens: SMTP for relays, HTTP for people and machines that look after the service. */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { reachMmsc } from "../acknowledgement/reach-mmsc.ts";
import { type Admin, startAdmin } from "../admin/server.ts";
import { latencyOf } from "../monitoring/latency.ts";
import type { Log } from "../monitoring/log.ts";
import type { Metrics } from "../monitoring/metrics.ts";
import { metricsText } from "../monitoring/metrics-text.ts";
import { oncePer } from "../monitoring/once-per.ts";
import { notReady, stateOf } from "../monitoring/reasons.ts";
import type { Refusals } from "../monitoring/refusals.ts";
import type { Releaser } from "../process/releasers.ts";
import { whyNotListening } from "../process/system-limits.ts";
import { ratesOf } from "../queue/queue-rates.ts";
import type { RedisPlace } from "../queue/redis.ts";
import { isBrokenOff } from "../queue/replays-kept.ts";
import { readStatistics } from "../queue/statistics.ts";
import { inRounds } from "../rounds.ts";
import { archiveHoursOf, type Config } from "../settings/config.ts";
import { rulesOf } from "../settings/peers.ts";
import { limitsOf } from "../settings/smtp-limits.ts";
import { createAccess, createNetworks, networkOf } from "../smtp/access.ts";
import { type Listener, type ListenerOptions, startListener } from "../smtp/listener.ts";
import { replyToRefused } from "../smtp/refusal-reply.ts";
import { replyToAccepted } from "../smtp/reply-to.ts";
import { traceOf } from "../trace/find.ts";
import type { TraceReading } from "../trace/reading.ts";
import { VERSION } from "../version.ts";
import type { ArchivePlace } from "../views/question.ts";
import { startViews } from "../views/start-views.ts";
import type { Views } from "../views/views.ts";
import type { Desks } from "./desks.ts";
import { peersNow } from "./peers-now.ts";
import type { RedisRooms } from "./redis-rooms.ts";
import type { SettingsInForce } from "./settings-in-force.ts";
import type { State } from "./state.ts";

export interface SmtpParts {
  readonly config: Config;
  readonly files: SettingsInForce;
  readonly onMessage: ListenerOptions["onMessage"];
  readonly metrics: Metrics;
  readonly refusals: Refusals;
}

/** Rejects with a sentence when it cannot be listened there. */
export async function listenForSmtp(
  { config, files, onMessage, metrics, refusals }: SmtpParts,
  releasers: Releaser[],
): Promise<Listener> {
  const { smtpHost, smtpPort, smtpsPort } = config;
  const listener = await startListener({
    host: smtpHost,
    port: smtpPort,
    hostname: config.hostname,
    domains: config.domain,
    smtpsPort,
    limits: limitsOf(config),
    isProxy: createNetworks(config.proxies),
    findPeer: createAccess(files.peers()),
    certificate: files.certificate(),
    ciphers: config.tlsCiphers,
    onMessage,
    onSession: (peer) => metrics.sessions.inc({ peer }),
    onRefused: refusals.add,
    onError: refusals.addFailure,
    onReply: (peer, code) => metrics.replies.inc({ peer, code: String(code) }),
  }).catch((cause: NodeJS.ErrnoException & { port?: number }) => {
    if (smtpsPort === null || cause.port !== smtpsPort) {
      return cannotListen("SMTP", smtpHost, smtpPort, "MM4D_SMTP_HOST, MM4D_SMTP_PORT", cause);
    }
    return cannotListen("SMTP with TLS", smtpHost, smtpsPort, "MM4D_SMTP_HOST, MM4D_SMTPS_PORT", cause);
  });
  files.newPeers.follow((peers) => listener.usePeers(createAccess(peers)));
  files.newCertificate.follow((certificate) => listener.useCertificate(certificate));
  releasers.push(() => listener.stop(config.shutdownGraceMs));
  return listener;
}

export interface AdminParts {
  readonly config: Config;
  readonly place: RedisPlace;
  readonly rooms: Pick<RedisRooms, "queuePlace" | "replays">;
  /** The program of the thread that finds what the page shows. */
  readonly viewsThread: URL;
  readonly files: SettingsInForce;
  readonly state: State;
  readonly desks: Desks;
  readonly traceReading: TraceReading;
  readonly log: Log;
  readonly metrics: Metrics;
}

const MINUTE_MS = 60_000;
/** On the page. */
const REPLAYS_SHOWN = 10;

/** Rejects with a sentence when it cannot be listened there. */
export async function listenForHttp(
  { config, place, viewsThread, rooms, files, state, desks, traceReading, log, metrics }: AdminParts,
  releasers: Releaser[],
): Promise<Admin> {
  const { queue, queues, adminHost, adminPort, adminToken } = config;
  const { queuePlace, replays } = rooms;
  // While a page is open, a thread that cannot live is begun anew each second.
  const mayTellFault = oncePer(MINUTE_MS, 1);
  const found = startViews({
    thread: viewsThread,
    redis: place,
    prefix: config.queuePrefix,
    queues: [queue, ...queues.map((further) => further.queue)],
    archive: archiveOf(config),
    networkOf,
    onFault: (cause) => mayTellFault("") && log.viewsFailed(cause),
  });
  releasers.push(found.close);
  // One for all who ask, because each process of the service writes.
  const flushTrace = inRounds(state.flushTrace);
  const views: Views = {
    ...found,
    async entries(wanted, client) {
      // A report is found once its relay was answered.
      await flushTrace();
      return found.entries(wanted, client);
    },
  };
  const catalogue = () => files.reading().catalogue;
  const admin = await startAdmin({
    host: adminHost,
    port: adminPort,
    token: adminToken,
    networkOf,
    operations: {
      status: state.status,
      facts: state.facts,
      peerNames: async () => files.peers().map(({ name }) => name),
      latency: async () => latencyOf(await state.metrics()),
      async refusals() {
        const { refusals } = await state.refusalsTold();
        return refusals.map((refusal) => ({ ...refusal, reply: replyToRefused(refusal.reason) }));
      },
      peers: () => peersNow(files.peers(), state, config),
      testMmsc: (peer) => reachMmsc(files.peers(), peer, config.hostname),
      redisAway: state.redisAway,
      catalogueOf: (peer) => files.reading().tableOf(rulesOf(files.peers(), peer).catalogue),
      tallies(agoMs, resolution) {
        const until = new Date();
        const since = new Date(until.getTime() - agoMs);
        return readStatistics(queuePlace, { since, until, resolution });
      },
      eventQueues() {
        const seen = state.queues();
        return [queue, ...config.queues.map((further) => further.queue)].map((name) => ({
          name,
          use: seen.get(name),
          workers: state.workersOf(name),
        }));
      },
      queueRates: (name) => ratesOf(queuePlace, name, config),
      async replays() {
        const newest = await replays.newest(REPLAYS_SHOWN);
        return newest.map((replay) => ({ ...replay, brokenOff: isBrokenOff(replay, new Date()) }));
      },
      traceOff: config.traceHours === 0,
      async trace(wanted, client) {
        const found = await views.entries(wanted, client);
        return { ...(await traceOf(queuePlace, queue, found, traceReading)), archive: found.archive };
      },
      views,
      quarantine: desks.quarantine,
      quarantineFill: async () => (await state.health()).quarantine,
      acknowledgements: desks.acknowledgements,
    },
    queues: desks.queues,
    onAction: log.operatorActed,
    notReady: async () => notReady(await state.health()),
    reasons: state.reasons,
    stateOf,
    version: () => ({ name: "mm4d", version: VERSION, node: process.version, catalogue: catalogue().version }),
    metrics: async () => ({
      contentType: metrics.registry.contentType,
      text: await metricsText(await state.metrics()),
    }),
  }).catch((cause) => cannotListen("HTTP", adminHost, adminPort, "MM4D_ADMIN_HOST, MM4D_ADMIN_PORT", cause));
  releasers.push(() => admin.stop());
  return admin;
}

function cannotListen(what: string, host: string, port: number, setting: string, cause: NodeJS.ErrnoException): never {
  throw new Error(`Cannot listen for ${what} on ${host}:${port}: ${whyNotListening(cause)} (${setting})`);
}

/** Null where nothing is archived: what is left from before is read by `mm4d archive` only. */
function archiveOf(config: Config): ArchivePlace | null {
  if (config.accept === "queue" || archiveHoursOf(config) === 0) return null;
  const { dataDir, catalogueFile, domain, maxHeaderBytes, maxHeaderFields } = config;
  const settings = { catalogueFile, domain, maxHeaderBytes, maxHeaderFields };
  const reply = (recognised: "report" | "unreadable" | "other-pdu") => {
    const { code, text } = replyToAccepted(recognised);
    return { code, text };
  };
  const replies = { report: reply("report"), unreadable: reply("unreadable"), "other-pdu": reply("other-pdu") };
  return { dataDir: resolve(dataDir), host: hostname(), settings, replies };
}
