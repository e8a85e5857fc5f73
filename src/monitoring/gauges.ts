/** The metrics that tell how the service is at the moment: read when somebody asks for them. */
import { Counter, Gauge, type Registry } from "prom-client";
import { VERSION } from "../version.ts";
import type { Observed } from "./observed.ts";

/** Declares them. `now`: gives what they are read from. */
export function declareGauges(registry: Registry, now: () => Observed): void {
  const registers = [registry];
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
    (await now().healthy()) ? 1 : 0,
  );
  new Gauge({
    name: "mm4d_reason",
    help: "1 while this reason for not being well, or for needing attention, holds, else 0; the list of them is in operating.md",
    labelNames: ["reason"],
    registers,
    async collect() {
      const reasons = await now().reasons();
      this.reset();
      for (const [reason, holds] of reasons) this.set({ reason }, holds ? 1 : 0);
    },
  });
  gauge(
    "mm4d_processes_missing",
    "Processes of the service (MM4D_PROCESSES) that did not answer the first one when it asked them last",
    () => now().processesMissing(),
  );
  gauge(
    "mm4d_smtp_connections",
    "Open SMTP connections that have a place; those that wait for one beyond their peer's limit are not counted",
    () => now().connections(),
  );
  new Gauge({
    name: "mm4d_peer_connections",
    help: "Open SMTP connections of each peer that have a place; those that wait for one beyond its limit are not counted",
    labelNames: ["peer"],
    registers,
    collect() {
      for (const [peer, count] of now().connectionsByPeer()) this.set({ peer }, count);
    },
  });
  gauge(
    "mm4d_tls_certificate_expiry_timestamp_seconds",
    "When our TLS certificate expires, in seconds since 1970; 0 without one",
    () => Math.floor((now().certificateExpiresAt()?.getTime() ?? 0) / 1000),
  );
  gauge("mm4d_journal_bytes", "Size of the journal on the disk, in bytes", () => now().journal().bytes);
  gauge(
    "mm4d_journal_records",
    "Records in the journal that are not yet where they belong, those that wait aside among them",
    () => now().journal().records,
  );
  gauge("mm4d_journal_oldest_seconds", "Age of the record that has waited longest for the queue, in seconds", () => {
    const { oldestAt } = now().journal();
    return ageOf(oldestAt);
  });
  gauge(
    "mm4d_journal_aside_records",
    "Records that wait aside in the journal, because their peer's share of the quarantine is used up",
    () => now().aside().records,
  );
  gauge(
    "mm4d_archive_bytes",
    "What the archive takes on the disk, of all processes, in bytes; the first process tells it, and others 0",
    () => now().archive()?.bytes ?? 0,
  );
  gauge(
    "mm4d_archive_oldest_timestamp_seconds",
    "When the earliest report of the archive was received, in seconds since 1970; 0 without one",
    () => Math.floor((now().archive()?.oldestAt?.getTime() ?? 0) / 1000),
  );
  gauge("mm4d_quarantine_messages", "Messages in quarantine", () => now().quarantine().messages);
  gauge("mm4d_quarantine_bytes", "What the quarantine takes in Redis, in bytes", () => now().quarantine().bytes);
  gauge("mm4d_redis_up", "1 while Redis answers, else 0", () => (now().redis().up ? 1 : 0));
  gauge(
    "mm4d_redis_memory_ratio",
    "Memory that Redis uses, of its maxmemory; 0 without a limit",
    () => now().redis().memoryRatio ?? 0,
  );
  gauge(
    "mm4d_redis_last_write_timestamp_seconds",
    "When Redis took a write last, in seconds since 1970; 0 before",
    () => Math.floor((now().redis().writtenAt?.getTime() ?? 0) / 1000),
  );
  new Gauge({
    name: "mm4d_queue_jobs",
    help: "Jobs of each queue by state, looked at every 5 s; not there while Redis is away",
    labelNames: ["queue", "state"],
    registers,
    collect() {
      this.reset();
      for (const [queue, { jobs }] of now().queues()) {
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
      for (const [queue, { oldestWaitingAt }] of now().queues()) this.set({ queue }, ageOf(oldestWaitingAt));
    },
  });
  new Counter({
    name: "mm4d_trace_notes_lost_total",
    help: "What `mm4d trace` will not tell, because Redis was away for long, or did not take it",
    registers,
    collect() {
      this.reset();
      this.inc(now().traceNotesLost());
    },
  });
  new Counter({
    name: "mm4d_log_lines_lost_total",
    help: "Lines of the log that were lost, because whoever reads stdout did not keep up, or it could not be written",
    registers,
    collect() {
      this.reset();
      this.inc(now().logLinesLost());
    },
  });
  new Gauge({
    name: "mm4d_build_info",
    help: "1, with the versions of mm4d, Node.js and the catalogue",
    labelNames: ["version", "node", "catalogue"],
    registers,
    collect() {
      this.reset();
      this.set({ version: VERSION, node: process.version, catalogue: now().catalogue() }, 1);
    },
  });
}

function ageOf(at: Date | null): number {
  return at === null ? 0 : Math.max(0, (Date.now() - at.getTime()) / 1000);
}
