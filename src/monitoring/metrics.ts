/** Every metric, declared once, with its help text. Base units; no label that a stranger can grow. */
import { Counter, collectDefaultMetrics, Registry } from "prom-client";
import { declareGauges } from "./gauges.ts";
import type { Observed } from "./observed.ts";
import { counterTally, histogramTally } from "./tally.ts";

export type Metrics = ReturnType<typeof createMetrics>;

/** Gauges read from `first` until `observe` says otherwise. */
export function createMetrics(first: Observed) {
  let observed = first;
  const registry = new Registry();
  const registers = [registry];
  // So that each process counts from its own start: a sum over them would fall when one of them ends.
  if (observed.process !== null) registry.setDefaultLabels({ process: String(observed.process) });
  collectDefaultMetrics({ register: registry, prefix: "mm4d_" });
  declareGauges(registry, () => observed);

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
