/** What a line of the log says about a report. */
import type { DeliveryEvent } from "../delivery/event.ts";
import { beginningOf } from "../text/beginning.ts";
import { type Mask, type NumberMasks, numberMasks, partiesOf } from "../text/masking.ts";

/** What some of the lines have, and others do not. */
export interface MoreOfReport {
  readonly numbers: "masked" | "full";
  readonly sessionId?: string | null;
  readonly jobId?: string;
  readonly firstJobId?: string;
  readonly tookMs?: number;
  readonly effect?: string;
}

/** All its fields, in their order. Those that are undefined are not written. */
export function reportLine(name: string, event: DeliveryEvent, more: MoreOfReport) {
  const { data } = event;
  const masks = more.numbers === "full" ? SHOWN : numberMasks(partiesOf(event));
  // One object as it stands here, because there is one for each report, and spreads take longer than all else in it.
  return {
    event: name,
    sessionId: more.sessionId,
    eventId: event.id,
    peer: data.peer.name,
    messageId: shown(data.messageId, masks.id),
    transactionId: shown(data.transactionId, masks.id),
    recipient: shown(data.recipient?.number ?? data.recipient?.raw ?? null, masks.text),
    originator: shown(data.originator?.number ?? data.originator?.raw ?? null, masks.text),
    type: event.type,
    status: beginningOf(data.raw.mmStatusCode ?? data.raw.requestStatusCode ?? data.raw.readStatus ?? "") || null,
    code: data.reason?.code ?? null,
    outcome: data.outcome,
    disposition: data.disposition,
    final: data.final,
    jobId: more.jobId,
    firstJobId: more.firstJobId,
    tookMs: more.tookMs,
    effect: more.effect,
  };
}

const whole: Mask = (text) => text;
const SHOWN: NumberMasks = { id: whole, text: whole };

function shown(value: string | null, mask: Mask): string | null {
  return value === null ? null : mask(beginningOf(value));
}
