/**
 * What became of the records of a segment: a file of JSON lines beside it, `0000000007.fates`.
 *
 *   {"id":ID,"became":{…}}   what became of the record with this id
 *   {"id":ID,"moved":352}    the record at this byte of the segment was written again at the journal's end
 *
 * Each line has its line feed in front. So one that a crash has cut spoils only itself: what is appended
 * later begins a line of its own.
 */
import { quoted } from "../delivery/event-text.ts";
import type { Fate } from "../delivery/fate.ts";
import type { Became } from "./archived.ts";

/** What a file of fates says. */
export interface Fates {
  /** By the ids of records, as JSON. */
  readonly became: ReadonlyMap<string, string>;
  /** Where records stand in the segment that were moved behind the others: each of them is found there. */
  readonly moved: ReadonlySet<number>;
}

export const NO_FATES: Fates = { became: new Map(), moved: new Set() };

/** `at`: when, in RFC 3339. `acknowledged`: whether an acknowledgement was owed, and queued. */
export function becameOf(fate: Fate, at: string, acknowledged: boolean): Became {
  const nothing = { eventId: null, outcome: null, duplicateOf: null, reason: null };
  switch (fate.kind) {
    case "queued":
    case "duplicate": {
      const { id: eventId, data } = fate.event;
      const duplicateOf = fate.kind === "duplicate" ? fate.duplicateOf : null;
      return { at, kind: fate.kind, ...nothing, eventId, outcome: data.outcome, duplicateOf, acknowledged };
    }
    case "quarantined":
      return { at, kind: fate.kind, ...nothing, reason: fate.message.reason, acknowledged };
    case "ignored":
    case "bounce":
      return { at, kind: fate.kind, ...nothing, acknowledged };
  }
}

/** The line of a record's fate, with its line feed in front. Put together by hand, because there is one for each report. */
export function lineOfFate(id: string, became: Became): string {
  const { at, kind, eventId, outcome, duplicateOf, reason, acknowledged } = became;
  return (
    `\n{"id":${quoted(id)},"became":{"at":${quoted(at)},"kind":"${kind}","eventId":${quoted(eventId)}` +
    `,"outcome":${quoted(outcome)},"duplicateOf":${quoted(duplicateOf)},"reason":${quoted(reason)}` +
    `,"acknowledged":${acknowledged}}}`
  );
}

/** The line of a record that was moved. `offset`: where it stood in the segment. */
export function lineOfMove(id: string, offset: number): string {
  return `\n{"id":${quoted(id)},"moved":${offset}}`;
}

/** Reads a file of fates, whatever stands there: a line that cannot be read says nothing. `rest`: called between. */
export function readFates(bytes: Buffer, rest: () => void = () => {}): Fates {
  const became = new Map<string, string>();
  const moved = new Set<number>();
  const text = bytes.toString();
  let index = 0;
  for (let start = 0; start < text.length; index++) {
    if (index % RESTS_EVERY === 0) rest();
    const feed = text.indexOf("\n", start);
    const line = text.slice(start, feed === -1 ? text.length : feed);
    start += line.length + 1;
    const [, id, said] = USUAL.exec(line) ?? [];
    // After a kill a record may be worked off once more. It stays what it became first.
    if (id !== undefined && said !== undefined) {
      if (!became.has(id)) became.set(id, said);
    } else readUnusual(line, became, moved);
  }
  return { became, moved };
}

function readUnusual(line: string, became: Map<string, string>, moved: Set<number>): void {
  const said = lineIn(line);
  if (typeof said?.id !== "string") return;
  if (isBecame(said.became)) {
    if (!became.has(said.id)) became.set(said.id, JSON.stringify(said.became));
  } else if (typeof said.moved === "number") moved.add(said.moved);
}

/**
 * As {@link lineOfFate} writes it, with texts of printable ASCII without an escape: reading all of it as JSON takes ten
 * times as long.
 */
const USUAL =
  /^\{"id":"([\w-]+)","became":(\{"at":"[ !#-[\]-~]*","kind":"[a-z]+","eventId":(?:null|"[ !#-[\]-~]*"),"outcome":(?:null|"[ !#-[\]-~]*"),"duplicateOf":(?:null|"[ !#-[\]-~]*"),"reason":(?:null|"[ !#-[\]-~]*"),"acknowledged":(?:true|false)\})\}$/;

/** Some hundred microseconds of work. */
const RESTS_EVERY = 500;

/** Whether this is what {@link lineOfFate} writes of a record. */
export function isBecame(value: unknown): value is Became {
  const { at, kind } = (value ?? {}) as Partial<Became>;
  return typeof at === "string" && typeof kind === "string";
}

function lineIn(line: string): { readonly id?: unknown; readonly became?: unknown; readonly moved?: unknown } | null {
  if (line === "") return null;
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
