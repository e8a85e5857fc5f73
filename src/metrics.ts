/** Every metric, declared once, with its help text. Base units; no label that a stranger can grow. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** What gauges are read from when somebody asks. */
export interface Observed {
  readonly connections: () => number;
  readonly connectionsByPeer: () => ReadonlyMap<string, number>;
  /** Null without a certificate. */
  readonly certificateExpiresAt: () => Date | null;
  readonly journal: () => { readonly bytes: number; readonly records: number; readonly oldestAt: Date | null };
  readonly quarantine: () => { readonly messages: number; readonly bytes: number };
  readonly redisUp: () => boolean;
}

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(observed: Observed) {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, prefix: "mm4d_" });

  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge("mm4d_smtp_connections", "Open SMTP connections", observed.connections);
  new Gauge({
    name: "mm4d_peer_connections",
    help: "Open SMTP connections of each peer that has had any",
    labelNames: ["peer"],
    registers,
    collect() {
      for (const [peer, count] of observed.connectionsByPeer()) this.set({ peer }, count);
    },
  });
  gauge(
    "mm4d_tls_certificate_expiry_timestamp_seconds",
    "When our TLS certificate expires, in seconds since 1970; 0 without one",
    () => Math.floor((observed.certificateExpiresAt()?.getTime() ?? 0) / 1000),
  );
  gauge("mm4d_journal_bytes", "Size of the journal on the disk, in bytes", () => observed.journal().bytes);
  gauge(
    "mm4d_journal_records",
    "Records in the journal that are not yet on the queue",
    () => observed.journal().records,
  );
  gauge("mm4d_journal_oldest_seconds", "Age of the record that has waited longest for the queue, in seconds", () => {
    const { oldestAt } = observed.journal();
    return oldestAt === null ? 0 : Math.max(0, (Date.now() - oldestAt.getTime()) / 1000);
  });
  gauge("mm4d_quarantine_messages", "Messages in quarantine", () => observed.quarantine().messages);
  gauge("mm4d_quarantine_bytes", "What the quarantine takes in Redis, in bytes", () => observed.quarantine().bytes);
  gauge("mm4d_redis_up", "1 while Redis answers, else 0", () => (observed.redisUp() ? 1 : 0));

  return {
    registry,
    reports: new Counter({
      name: "mm4d_reports_total",
      help: "Reports accepted, by what they say; those that a relay sent twice count twice",
      labelNames: ["peer", "type", "outcome", "disposition"],
      registers,
    }),
    published: new Counter({
      name: "mm4d_published_total",
      help: "Events put on the queue",
      labelNames: ["peer", "type"],
      registers,
    }),
    duplicates: new Counter({
      name: "mm4d_duplicates_total",
      help: "Reports whose event was on the queue already",
      labelNames: ["peer", "type"],
      registers,
    }),
    publishedAgain: new Counter({
      name: "mm4d_published_again_total",
      help: "Records published again because Redis had changed; those it still had are not doubled",
      registers,
    }),
    conflicts: new Counter({
      name: "mm4d_conflicts_total",
      help: "Reports whose status and code contradict each other",
      labelNames: ["peer"],
      registers,
    }),
    unknownCodes: new Counter({
      name: "mm4d_unknown_codes_total",
      help: "Reports with an internal status code that the catalogue does not list",
      labelNames: ["peer"],
      registers,
    }),
    warnings: new Counter({
      name: "mm4d_warnings_total",
      help: "Tolerances that reports needed, by name",
      labelNames: ["peer", "warning"],
      registers,
    }),
    quarantined: new Counter({
      name: "mm4d_quarantined_total",
      help: "Messages kept in quarantine, by reason",
      labelNames: ["peer", "reason"],
      registers,
    }),
    otherPdus: new Counter({
      name: "mm4d_other_pdus_total",
      help: "PDUs that were accepted and not queued, by type",
      labelNames: ["peer", "type"],
      registers,
    }),
    acknowledgements: new Counter({
      name: "mm4d_acknowledgements_total",
      help: "Acknowledgements: owed, undeliverable (there is nowhere to send them), and by attempt sent, retried, failed (given up); bounced when one comes back",
      labelNames: ["peer", "result"],
      registers,
    }),
    bounces: new Counter({
      name: "mm4d_bounces_total",
      help: "Bounces received, by what they say; tied is no when they concern no acknowledgement that is known",
      labelNames: ["peer", "action", "tied"],
      registers,
    }),
    sessions: new Counter({
      name: "mm4d_sessions_total",
      help: "SMTP sessions of peers that were let in",
      labelNames: ["peer"],
      registers,
    }),
    refused: new Counter({
      name: "mm4d_sessions_refused_total",
      help: "Sessions, commands and messages refused, by reason",
      labelNames: ["reason"],
      registers,
    }),
    replies: new Counter({
      name: "mm4d_smtp_replies_total",
      help: "SMTP replies sent, by code; the peer is empty for strangers",
      labelNames: ["peer", "code"],
      registers,
    }),
    notStored: new Counter({
      name: "mm4d_not_stored_total",
      help: "Messages answered 451 because they could not be stored",
      labelNames: ["peer"],
      registers,
    }),
    journalFaults: new Counter({
      name: "mm4d_journal_faults_total",
      help: "Faults of the journal, by kind",
      labelNames: ["kind"],
      registers,
    }),
    dataSeconds: new Histogram({
      name: "mm4d_data_to_reply_seconds",
      help: "From the end of a message to our reply, in seconds",
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    queueSeconds: new Histogram({
      name: "mm4d_journal_to_queue_seconds",
      help: "From the receipt of a report to its event on the queue, in seconds",
      buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 600, 3600],
      registers,
    }),
  };
}
