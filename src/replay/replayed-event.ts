/** The event that a replay publishes for a report. Pure. */
import type { DeliveryEvent } from "../delivery/event.ts";
import type { ReplayedReport } from "./report.ts";

/** Why nothing is published for a report: it makes no event today, or its event is still to be published for the first time. */
export type LeftOut = "no-event" | "not-queued-yet";

/**
 * As it is read today, under the id that it had, and the time at which it came. What had made no event, or of which
 * that is not known, has the id of now.
 */
export function replayedEvent({ event, became, at }: ReplayedReport): DeliveryEvent | LeftOut {
  // The service publishes it by itself, and not as a replay. How far the journal is worked off may be known later than what became of it.
  if (became === null && at === "waiting") return "not-queued-yet";
  if (event === null) return "no-event";
  const { data, ...envelope } = event;
  const { raw, warnings, ...said } = data;
  return { ...envelope, id: became?.eventId ?? event.id, data: { ...said, replayed: true, raw, warnings } };
}
