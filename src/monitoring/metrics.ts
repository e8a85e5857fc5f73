/** Every metric, declared once, with its help text. Base units; no label that a stranger can grow. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { VERSION } from "../version.ts";
import { counterTally, histogramTally } from "./tally.ts";

/** What gauges are read from when somebody asks. */
export interface Observed {
  /** Every reason that there can be for all not to be well, and whether it holds. */
  readonly reasons: () => Promise<ReadonlyMap<string, boolean>>;
  readonly healthy: () => Promise<boolean>;
  readonly connections: () => number;
  readonly connectionsByPeer: () => ReadonlyMap<string, number>;
  /** Null without a certificate. */
  readonly certificateExpiresAt: () => Date | null;
  readonly journal: () => { readonly bytes: number; readonly records: number; readonly oldestAt: Date | null };
  /** What waits aside in the journal, because it found no room in quarantine. */
  readonly aside: () => { readonly records: number; readonly bytes: number };
  /** Null in a process that does not see to it. */
  readonly archive: () => { readonly bytes: number; readonly oldestAt: Date | null } | null;
  readonly quarantine: () => { readonly messages: number; readonly bytes: number };
  readonly redis: () => {
    readonly up: boolean;
    /** Null where Redis has no limit, or is away. */
    readonly memoryRatio: number | null;
    /** When it took a write last; null when it never has. */
    readonly writtenAt: Date | null;
  };
  /** By queue, as they were measured last. */
  readonly queues: () => ReadonlyMap<string, QueueUse>;
  readonly traceNotesLost: () => number;
  readonly logLinesLost: () => number;
  readonly processesMissing: () => number;
  /** Version of the catalogue in force. */
  readonly catalogue: () => string;
  /** Its number, where the service has several processes; null where it has one. */
  readonly process: number | null;
}

/** What is on a queue. */
export interface QueueUse {
  /** How long ago it was looked at, in milliseconds. */
  readonly agoMs: number;
  /** By state. */
  readonly jobs: Readonly<Record<string, number>>;
  /** When the job was made that has waited longest; null when none waits. */
  readonly oldestWaitingAt: Date | null;
  /** How many a consumer could take now: those that wait, and those whose time to be tried again has come. */
  readonly waits: number;
  /** Whether somebody has paused it. */
  readonly paused: boolean;
  /** For how long something has waited and nothing was taken, in milliseconds; null while nothing waits. */
  readonly notTakenMs: number | null;
  /** Workers of BullMQ that are connected to it; null when that cannot be told, and then why. */
  readonly workers: number | null;
  readonly workersUnknown: string | null;
  /** When any process or replica last saw one connected, or one ended a job; null when that is not known of the last month. */
  readonly workersSeenAt: Date | null;
  /** Whether a worker of BullMQ renews its hold of one that is in hand. */
  readonly held: boolean;
  /** What consumers gave up on: since when, and the last error; null when there is nothing. */
  readonly failures: { readonly firstAt: Date; readonly error: string } | null;
  /** Of jobs that wait to be tried again: how many were looked at, and how many of them have failed alike; null when none has. */
  readonly retrying: { readonly lookedAt: number; readonly alike: number; readonly error: string } | null;
}

/** Of a service that does nothing: for whoever only wants to know which metrics there are. */
export const NOTHING_OBSERVED: Observed = {
  reasons: async () => new Map(),
  healthy: async () => true,
  connections: () => 0,
  connectionsByPeer: () => new Map(),
  certificateExpiresAt: () => null,
  journal: () => ({ bytes: 0, records: 0, oldestAt: null }),
  aside: () => ({ records: 0, bytes: 0 }),
  archive: () => ({ bytes: 0, oldestAt: null }),
  quarantine: () => ({ messages: 0, bytes: 0 }),
  redis: () => ({ up: true, memoryRatio: null, writtenAt: null }),
  queues: () => new Map(),
  traceNotesLost: () => 0,
  logLinesLost: () => 0,
  processesMissing: () => 0,
  process: null,
  catalogue: () => "",
};

export type Metrics = ReturnType<typeof createMetrics>;

/** Gauges read from `first` until `observe` says otherwise. */
export function createMetrics(first: Observed) {
  let observed = first;
  const registry = new Registry();
  const registers = [registry];
  // So that each process counts from its own start: a sum over them would fall when one of them ends.
  if (observed.process !== null) registry.setDefaultLabels({ process: String(observed.process) });
  collectDefaultMetrics({ register: registry, prefix: "mm4d_" });

  const gauge = (name: string, help: string, read: () => number | Promise<number>): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set(await read());
      },
    });
  gauge("mm4d_healthy", "1 while /healthz says ok, also where something needs attention, else 0", async () =>
    (await observed.healthy()) ? 1 : 0,
  );
  new Gauge({
    name: "mm4d_reason",
    help: "1 while this reason for not being well, or for needing attention, holds, else 0; the list of them is in operating.md",
    labelNames: ["reason"],
    registers,
    async collect() {
      const reasons = await observed.reasons();
      this.reset();
      for (const [reason, holds] of reasons) this.set({ reason }, holds ? 1 : 0);
    },
  });
  gauge(
    "mm4d_processes_missing",
    "Processes of the service (MM4D_PROCESSES) that did not answer the first one when it asked them last",
    () => observed.processesMissing(),
  );
  gauge(
    "mm4d_smtp_connections",
    "Open SMTP connections that have a place; those that wait for one beyond their peer's limit are not counted",
    () => observed.connections(),
  );
  new Gauge({
    name: "mm4d_peer_connections",
    help: "Open SMTP connections of each peer that have a place; those that wait for one beyond its limit are not counted",
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
    "Records in the journal that are not yet where they belong, those that wait aside among them",
    () => observed.journal().records,
  );
  gauge("mm4d_journal_oldest_seconds", "Age of the record that has waited longest for the queue, in seconds", () => {
    const { oldestAt } = observed.journal();
    return ageOf(oldestAt);
  });
  gauge(
    "mm4d_journal_aside_records",
    "Records that wait aside in the journal, because their peer's share of the quarantine is used up",
    () => observed.aside().records,
  );
  gauge(
    "mm4d_archive_bytes",
    "What the archive takes on the disk, of all processes, in bytes; the first process tells it, and others 0",
    () => observed.archive()?.bytes ?? 0,
  );
  gauge(
    "mm4d_archive_oldest_timestamp_seconds",
    "When the earliest report of the archive was received, in seconds since 1970; 0 without one",
    () => Math.floor((observed.archive()?.oldestAt?.getTime() ?? 0) / 1000),
  );
  gauge("mm4d_quarantine_messages", "Messages in quarantine", () => observed.quarantine().messages);
  gauge("mm4d_quarantine_bytes", "What the quarantine takes in Redis, in bytes", () => observed.quarantine().bytes);
  gauge("mm4d_redis_up", "1 while Redis answers, else 0", () => (observed.redis().up ? 1 : 0));
  gauge(
    "mm4d_redis_memory_ratio",
    "Memory that Redis uses, of its maxmemory; 0 without a limit",
    () => observed.redis().memoryRatio ?? 0,
  );
  gauge(
    "mm4d_redis_last_write_timestamp_seconds",
    "When Redis took a write last, in seconds since 1970; 0 before",
    () => Math.floor((observed.redis().writtenAt?.getTime() ?? 0) / 1000),
  );
  new Gauge({
    name: "mm4d_queue_jobs",
    help: "Jobs of each queue by state, looked at every 5 s; not there while Redis is away",
    labelNames: ["queue", "state"],
    registers,
    collect() {
      this.reset();
      for (const [queue, { jobs }] of observed.queues()) {
        for (const [state, count] of Object.entries(jobs)) this.set({ queue, state }, count);
      }
    },
  });
  new Gauge({
    name: "mm4d_queue_oldest_waiting_seconds",
    help: "Age of the job that has waited longest for a consumer, since it was made, in seconds; 0 while none waits",
    labelNames: ["queue"],
    registers,
    collect() {
      this.reset();
      for (const [queue, { oldestWaitingAt }] of observed.queues()) this.set({ queue }, ageOf(oldestWaitingAt));
    },
  });
  new Counter({
    name: "mm4d_trace_notes_lost_total",
    help: "What `mm4d trace` will not tell, because Redis was away for long, or did not take it",
    registers,
    collect() {
      this.reset();
      this.inc(observed.traceNotesLost());
    },
  });
  new Counter({
    name: "mm4d_log_lines_lost_total",
    help: "Lines of the log that were lost, because whoever reads stdout did not keep up, or it could not be written",
    registers,
    collect() {
      this.reset();
      this.inc(observed.logLinesLost());
    },
  });
  new Gauge({
    name: "mm4d_build_info",
    help: "1, with the versions of mm4d, Node.js and the catalogue",
    labelNames: ["version", "node", "catalogue"],
    registers,
    collect() {
      this.reset();
      this.set({ version: VERSION, node: process.version, catalogue: observed.catalogue() }, 1);
    },
  });

  return {
    registry,
    /** From now on gauges read from this. */
    observe(next: Observed): void {
      observed = next;
    },
    accepted: counterTally({
      name: "mm4d_accepted_total",
      help: "Messages answered 250, by what they were taken for: report, unreadable, other-pdu, bounce; counted at the 250, also while Redis is away",
      labelNames: ["peer", "kind"],
      registers,
    }),
    reports: counterTally({
      name: "mm4d_reports_total",
      help: "Reports, by what they say; counted once they are on the queue, so that it stands still while Redis is away; those that a relay sent twice count twice",
      labelNames: ["peer", "type", "outcome", "disposition"],
      registers,
    }),
    published: counterTally({
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
      help: "Reports whose status and code contradict each other, counted as mm4d_reports_total is",
      labelNames: ["peer"],
      registers,
    }),
    unknownCodes: new Counter({
      name: "mm4d_unknown_codes_total",
      help: "Reports with an internal status code that the peer's table does not list, counted as mm4d_reports_total is",
      labelNames: ["peer"],
      registers,
    }),
    codes: counterTally({
      name: "mm4d_codes_total",
      help: "Reports by internal status code, counted as mm4d_reports_total is; other for those that the peer's table does not list, and for more than three digits without a table",
      labelNames: ["peer", "code"],
      registers,
    }),
    warnings: new Counter({
      name: "mm4d_warnings_total",
      help: "Tolerances that reports needed, by name, counted as mm4d_reports_total is",
      labelNames: ["peer", "warning"],
      registers,
    }),
    quarantined: new Counter({
      name: "mm4d_quarantined_total",
      help: "Messages kept in quarantine, by reason; counted once they are there, so that it stands still while Redis is away",
      labelNames: ["peer", "reason"],
      registers,
    }),
    otherPdus: new Counter({
      name: "mm4d_other_pdus_total",
      help: "PDUs of which no event is made, by type; one whose acknowledgement may be owed is counted once that is known, so not while Redis is away",
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
      help: "Bounces received, by what they say; tied is no when they concern no acknowledgement that is known, or another peer's",
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
    replies: counterTally({
      name: "mm4d_smtp_replies_total",
      help: "SMTP replies sent, by code; the peer is empty for strangers",
      labelNames: ["peer", "code"],
      registers,
    }),
    quarantineFull: new Counter({
      name: "mm4d_quarantine_full_total",
      help: "Messages answered 451 because their peer's share of the quarantine is used up",
      labelNames: ["peer"],
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
    archiveFaults: new Counter({
      name: "mm4d_archive_faults_total",
      help: "Faults of the archive, by kind; no report waits for it",
      labelNames: ["kind"],
      registers,
    }),
    reportAgeSeconds: histogramTally({
      name: "mm4d_report_age_seconds",
      help: "From the moment at which the MM was handled, by the report's Date, to the receipt of the report, in seconds; counted as mm4d_reports_total is",
      labelNames: ["peer"],
      buckets: [1, 10, 60, 600, 3600, 7200, 14_400, 43_200, 86_400, 259_200],
      registers,
    }),
    journalSyncSeconds: histogramTally({
      name: "mm4d_journal_sync_seconds",
      help: "How long one synced write of the journal took, for all the records in it, in seconds",
      labelNames: [],
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    dataSeconds: histogramTally({
      name: "mm4d_data_to_reply_seconds",
      help: "From the end of a message to our reply, in seconds",
      labelNames: [],
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    queueSeconds: histogramTally({
      name: "mm4d_journal_to_queue_seconds",
      help: "From the receipt of a report to its event on the queue, in seconds",
      labelNames: [],
      buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 600, 3600],
      registers,
    }),
  };
}

/** The metrics of one process. */
export type MetricsOfProcess = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

/** Those of all processes of a service in Prometheus's text form. */
export function metricsText(processes: readonly MetricsOfProcess[]): Promise<string> {
  const together = new Registry();
  const byName = new Map<string, MetricsOfProcess[number] & { values: unknown[] }>();
  for (const metric of processes.flat() as (MetricsOfProcess[number] & { values: unknown[] })[]) {
    const known = byName.get(metric.name);
    if (known) known.values.push(...metric.values);
    else byName.set(metric.name, metric);
  }
  for (const metric of byName.values()) together.registerMetric({ ...metric, get: async () => metric } as never);
  return together.metrics();
}

function ageOf(at: Date | null): number {
  return at === null ? 0 : Math.max(0, (Date.now() - at.getTime()) / 1000);
}
