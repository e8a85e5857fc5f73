/**
 * What becomes of messages, counted: that they came, at their 250; what they say, once they have been read and are
 * where they belong.
 */
import type { ReadMessage, RefusedMessage } from "../delivery/fate.ts";
import type { Recorder } from "../flow/observer.ts";
import { countedCode, isUnlisted } from "../text/codes.ts";
import type { Metrics } from "./metrics.ts";

export function countMessages(metrics: Metrics): Recorder {
  function countRefused({ message, refused }: RefusedMessage): void {
    const peer = message.peer.identity.name;
    if (refused.kind !== "not-stored") return;
    if (refused.lack?.of === "quarantine") metrics.quarantineFull.inc({ peer });
    metrics.notStored.inc({ peer });
  }

  return {
    accepted(messages) {
      for (const { message, recognised, tookMs } of messages) {
        metrics.dataSeconds.observe({}, tookMs / 1000);
        metrics.accepted.inc({ peer: message.peer.identity.name, kind: recognised });
      }
    },
    refused(messages) {
      for (const message of messages) {
        metrics.dataSeconds.observe({}, message.tookMs / 1000);
        countRefused(message);
      }
    },
    became(fates) {
      const nowMs = Date.now();
      for (const fate of fates) {
        // What it says was counted before it was stored.
        if (fate.read !== null) countRead(metrics, fate.read);
        switch (fate.kind) {
          case "queued":
            metrics.published.inc({ peer: fate.event.data.peer.name, type: fate.event.type });
            metrics.queueSeconds.observe({}, Math.max(0, nowMs - Date.parse(fate.event.time)) / 1000);
            break;
          case "duplicate":
            metrics.duplicates.inc({ peer: fate.event.data.peer.name, type: fate.event.type });
            break;
          case "quarantined":
          case "ignored":
          case "bounce":
            break;
          default:
            fate satisfies never;
        }
      }
    },
  };
}

function countRead(metrics: Metrics, { said, finding }: ReadMessage): void {
  const peer = said.peer.name;
  switch (finding.kind) {
    case "event": {
      const { type, time, data } = finding.event;
      const { outcome, disposition, conflict, reason, warnings, handledAt } = data;
      metrics.reports.inc({ peer, type, outcome, disposition });
      if (reason !== null) metrics.codes.inc({ peer, code: countedCode(reason) });
      if (handledAt !== null)
        metrics.reportAgeSeconds.observe({ peer }, Math.max(0, (Date.parse(time) - Date.parse(handledAt)) / 1000));
      for (const warning of warnings) metrics.warnings.inc({ peer, warning });
      if (conflict) metrics.conflicts.inc({ peer });
      if (isUnlisted(reason)) metrics.unknownCodes.inc({ peer });
      return;
    }
    case "quarantine":
      metrics.quarantined.inc({ peer, reason: finding.message.reason });
      return;
    case "ignored":
      metrics.otherPdus.inc({ peer, type: finding.messageType });
      return;
    default:
      finding satisfies never;
  }
}
