/** Damage in a journal, in words: where it is, what it means for reports, and what to do. */
import { basename } from "node:path";
import type { Found, RecordState } from "../journal/inspect.ts";
import { segmentPath } from "../journal/segments.ts";
import type { ServiceFacts } from "../process/control.ts";
import { some } from "../text/quantities.ts";

/** Bytes that are no record. */
export type Place = Exclude<Found, { kind: "record" }>;

/** The end of the newest segment, while somebody writes there. */
export function isUnderWay(place: Place, service: ServiceFacts | undefined): boolean {
  return place.kind === "torn" && place.newest && service !== undefined;
}

/** Its checksum fits. */
export function isNewer({ kind }: Place): boolean {
  return kind === "unknown";
}

const STATES: Record<RecordState, string> = {
  waiting: "not on the queue yet",
  "on-queue": "on the queue already",
  settled: "safe on the queue already",
};

/** One line: where the damage is, how much, and of which kind. */
export function describePlace(place: Place, service: ServiceFacts | undefined): string {
  const where = `${fileOf(place)}, byte ${place.offset}: ${some(place.bytes, "byte")}`;
  switch (place.kind) {
    case "damaged":
      return `${where} damaged, ${STATES[place.state]}`;
    case "unknown":
      return `${where} whole, of a kind that only a newer mm4d knows, ${STATES[place.state]}`;
    case "unreadable":
      return `${where} cannot be read (${place.reason}), ${STATES[place.state]}`;
    case "torn":
      return isUnderWay(place, service) ? `${where} just being written: no damage` : `${where} never written whole`;
  }
}

export const CURSOR_DAMAGED =
  "cursor: cannot be read. The next start puts everything here on the queue again, under the same ids: no event is doubled that Redis still remembers";

const NEWER =
  "A newer mm4d wrote here. This one does not start before all of that is settled: start the newer one again, and keep reports from it until its journal is empty (mm4d journal status)";

/** What damage and the records of a newer mm4d mean for reports, and what to do. */
export function meaningOf(damage: readonly Place[], byNewer: boolean): readonly string[] {
  if (damage.length === 0) return byNewer ? ["", NEWER, ""] : [];
  const torn = damage.filter(({ kind }) => kind === "torn");
  const others = damage.filter(({ kind }) => kind !== "torn");
  return [
    "",
    ...(byNewer ? [NEWER] : []),
    ...(others.some(({ state }) => state === "waiting")
      ? [
          "Damaged and not on the queue yet: these reports were answered 250 and are lost, unless the service that took them still runs and has them in memory. Do not stop it before nothing waits.",
        ]
      : []),
    ...(others.some(({ state }) => state !== "waiting")
      ? ["Damaged and on the queue: no report is lost, as long as Redis keeps it."]
      : []),
    ...(torn.length > 0
      ? ["Never written whole, as a crash leaves it: it was not answered 250, and its sender delivers it again."]
      : []),
    ...(damage.some(({ kind }) => kind === "unreadable")
      ? [
          "Cannot be read: mm4d does not start with such a segment. See to the disk and to the file's owner and mode, or move the file elsewhere.",
        ]
      : []),
    "To do: look at the disk, and keep a copy of this directory. When mm4d starts next, it sets damaged bytes aside in damaged/ and drains all others.",
    "",
  ];
}

export function fileOf({ segment }: Place): string {
  return basename(segmentPath("", segment));
}
