/** Starts what listens: SMTP for relays, HTTP for people and machines that look after the service. */
import { type Admin, startAdmin } from "../admin/server.ts";
import type { Log } from "../monitoring/log.ts";
import { metricsText } from "../monitoring/metrics.ts";
import { notReady, stateOf } from "../monitoring/reasons.ts";
import { whyNotListening } from "../process/system-limits.ts";
import type { QueuePlace } from "../queue/queue-place.ts";
import { readStatistics } from "../queue/statistics.ts";
import type { Config } from "../settings/config.ts";
import type { SettingsFiles } from "../settings/settings-files.ts";
import { limitsOf } from "../settings/smtp-limits.ts";
import { createAccess, createNetworks, networkOf } from "../smtp/access.ts";
import { type Listener, type ListenerOptions, startListener } from "../smtp/listener.ts";
import { findTrace } from "../trace/find.ts";
import { VERSION } from "../version.ts";
import type { Desks } from "./desks.ts";
import type { State } from "./state.ts";

/** Rejects with a sentence when it cannot be listened there. */
export function listenForSmtp(
  config: Config,
  files: SettingsFiles,
  hearers: Pick<ListenerOptions, "onMessage" | "onSession" | "onRefused" | "onError" | "onReply">,
): Promise<Listener> {
  const { smtpHost, smtpPort, smtpsPort } = config;
  return startListener({
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
    ...hearers,
  }).catch((cause: NodeJS.ErrnoException & { port?: number }) => {
    if (smtpsPort === null || cause.port !== smtpsPort) {
      return cannotListen("SMTP", smtpHost, smtpPort, "MM4D_SMTP_HOST, MM4D_SMTP_PORT", cause);
    }
    return cannotListen("SMTP with TLS", smtpHost, smtpsPort, "MM4D_SMTP_HOST, MM4D_SMTPS_PORT", cause);
  });
}

export interface AdminParts {
  readonly queuePlace: QueuePlace;
  readonly files: SettingsFiles;
  readonly state: State;
  readonly desks: Desks;
  readonly log: Log;
  readonly contentType: string;
}

/** Rejects with a sentence when it cannot be listened there. */
export function listenForHttp(
  config: Config,
  { queuePlace, files, state, desks, log, contentType }: AdminParts,
): Promise<Admin> {
  const { queue, adminHost, adminPort, adminToken } = config;
  const catalogue = () => files.reading().catalogue;
  return startAdmin({
    host: adminHost,
    port: adminPort,
    token: adminToken,
    networkOf,
    operations: {
      status: state.status,
      refusals: state.refusals,
      redisAway: state.redisAway,
      catalogue,
      tallies(agoMs, resolution) {
        const until = new Date();
        const since = new Date(until.getTime() - agoMs);
        return readStatistics(queuePlace, { since, until, resolution });
      },
      async trace(wanted) {
        await state.flushTrace();
        return findTrace(queuePlace, queue, wanted);
      },
      quarantine: desks.quarantine,
      acknowledgements: desks.acknowledgements,
    },
    queues: desks.queues,
    onAction: log.operatorActed,
    notReady: async () => notReady(await state.health()),
    reasons: state.reasons,
    stateOf,
    version: () => ({ name: "mm4d", version: VERSION, node: process.version, catalogue: catalogue().version }),
    metrics: async () => ({ contentType, text: await metricsText(await state.metrics()) }),
  }).catch((cause) => cannotListen("HTTP", adminHost, adminPort, "MM4D_ADMIN_HOST, MM4D_ADMIN_PORT", cause));
}

function cannotListen(what: string, host: string, port: number, setting: string, cause: NodeJS.ErrnoException): never {
  throw new Error(`Cannot listen for ${what} on ${host}:${port}: ${whyNotListening(cause)} (${setting})`);
}
