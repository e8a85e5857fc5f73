/** What the trace keeps of an event that was published again. */
import type { DeliveryEvent } from "../delivery/event.ts";
import { summaryOf, type TraceEntry } from "./entry.ts";
import { idsOf, type TraceNote } from "./note.ts";

/** Which replay it was, and where its event is. */
export type ReplayedNote = Extract<TraceNote, { kind: "replayed" }>;

/** The note of one event; `at`: when it was put on the queue. */
export function replayedNote(
  event: DeliveryEvent,
  at: Date,
  by: Pick<ReplayedNote, "name" | "by" | "queue" | "recordId">,
): ReplayedNote {
  return { kind: "replayed", at: at.toISOString(), ...by, ids: idsOf(event), summary: summaryOf(event) };
}

/** Whether nothing else is remembered, also where there is nothing: how a report came has left the trace by then. */
export function tellOnlyReplays(entries: readonly Pick<TraceEntry, "kind">[]): boolean {
  return entries.every(({ kind }) => kind === "replayed");
}
