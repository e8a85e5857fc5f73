/** What becomes of acknowledgements, in the log, in the metrics, and as outages of peers' MMSCs. */
import type { AcknowledgementRecorder } from "../acknowledgement/observer.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { createOutage, type Outage } from "./outage.ts";

export function logAcknowledgements(log: Log): AcknowledgementRecorder {
  return {
    requested(requests) {
      for (const { peer, firstUndeliverable } of requests)
        if (firstUndeliverable) log.acknowledgementUndeliverable(peer);
    },
    attempted(list) {
      for (const { id, acknowledgement, attempts, result, words } of list) {
        if (result === "sent") {
          const tookMs = Math.max(0, Date.now() - Date.parse(acknowledgement.receivedAt));
          log.acknowledgementSent(id, acknowledgement, { attempts, tookMs, reply: words });
        } else if (result === "failed") log.acknowledgementFailed(id, acknowledgement, { attempts, reason: words });
        else log.acknowledgementRetried(id, acknowledgement, { attempts, reason: words });
      }
    },
    bounced(bounces) {
      for (const { peer, id, bounce, untied, acknowledgement } of bounces)
        log.bounceReceived(peer, { id, ...bounce, ...(untied === null ? {} : { untied }) }, acknowledgement);
    },
  };
}

export function countAcknowledgements({ acknowledgements, bounces }: Metrics): AcknowledgementRecorder {
  return {
    requested(requests) {
      for (const { peer, state } of requests) acknowledgements.inc({ peer, result: state });
    },
    attempted(list) {
      for (const { acknowledgement, result } of list) acknowledgements.inc({ peer: acknowledgement.peer, result });
    },
    bounced(list) {
      for (const { peer, action, acknowledgement } of list) {
        bounces.inc({ peer, action, tied: acknowledgement ? "yes" : "no" });
        if (acknowledgement && action === "failed")
          acknowledgements.inc({ peer: acknowledgement.peer, result: "bounced" });
      }
    },
  };
}

/** Tells the log when a peer's MMSC takes no acknowledgements, and when it takes them again. */
export function watchMmscs(log: Log): AcknowledgementRecorder & { stop(): void } {
  const outages = new Map<string, Outage<string>>();

  function outageOf(peer: string): Outage<string> {
    const known = outages.get(peer);
    if (known) return known;
    const outage = createOutage<string>({
      onBegin: (reason) => log.acknowledgementsFailing(peer, reason),
      onEnd: (facts) => log.acknowledgementsRecovered(peer, { ...facts }),
    });
    outages.set(peer, outage);
    return outage;
  }

  return {
    attempted(list) {
      for (const { mmsc } of list) {
        if (mmsc?.failing) outageOf(mmsc.peer).begin(mmsc.failing.reason);
        else if (mmsc) outageOf(mmsc.peer).end();
      }
    },
    stop() {
      for (const outage of outages.values()) outage.stop();
    },
  };
}
