/** All that want to know what becomes of messages and acknowledgements, in the order in which they are told. */
import type { Acknowledgements } from "../acknowledgement/acknowledgements.ts";
import { observeMessages } from "../acknowledgement/observe-messages.ts";
import type { AcknowledgementObserver } from "../acknowledgement/observer.ts";
import type { Observer } from "../flow/observer.ts";
import { countAcknowledgements, logAcknowledgements, watchMmscs } from "../monitoring/acknowledgement-recorders.ts";
import { countMessages } from "../monitoring/count-messages.ts";
import { type JournalSharesOptions, watchJournalShares } from "../monitoring/journal-shares.ts";
import type { Log } from "../monitoring/log.ts";
import { logMessages } from "../monitoring/log-messages.ts";
import type { Metrics } from "../monitoring/metrics.ts";
import { tellEach, tellEachOfAcknowledgements } from "../monitoring/observers.ts";
import { type Traffic, trafficOfMessages } from "../monitoring/traffic.ts";
import type { Releaser } from "../process/releasers.ts";
import type { QuarantineRoom } from "../quarantine/room.ts";
import { observeRoom } from "../quarantine/room-observer.ts";
import { replyToAccepted } from "../smtp/reply-to.ts";
import { traceAcknowledgements } from "../trace/acknowledgement-note.ts";
import { traceMessages } from "../trace/fate-note.ts";
import type { TraceReading } from "../trace/reading.ts";
import type { TraceWriter } from "../trace/writer.ts";

export interface Recorders {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly trace: Pick<TraceWriter, "write">;
  readonly traceReading: TraceReading;
}

export function observerOfMessages(
  parts: Recorders & {
    readonly quarantine: QuarantineRoom;
    readonly acknowledgements: Acknowledgements;
    readonly journalShares: JournalSharesOptions;
    readonly traffic: Traffic;
  },
): Observer {
  const { log, metrics, trace, traceReading, quarantine, acknowledgements, journalShares, traffic } = parts;
  return tellEach(
    [
      observeRoom(quarantine, log.quarantineFull),
      observeMessages(acknowledgements),
      watchJournalShares(journalShares),
      traceMessages({ write: trace.write, reading: traceReading, replyTo: replyToAccepted }),
      trafficOfMessages(traffic),
      countMessages(metrics),
      logMessages(log),
    ],
    log.traceFailed,
  );
}

export function observerOfAcknowledgements(
  { log, metrics, trace }: Recorders,
  releasers: Releaser[],
): AcknowledgementObserver {
  const mmscs = watchMmscs(log);
  releasers.push(async () => mmscs.stop());
  return tellEachOfAcknowledgements(
    [mmscs, traceAcknowledgements(trace.write), countAcknowledgements(metrics), logAcknowledgements(log)],
    log.traceFailed,
  );
}
