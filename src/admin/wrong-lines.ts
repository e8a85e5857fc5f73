/** Which lines of a message are why it could not be read. */
import type { QuarantinedMessage } from "../delivery/quarantined.ts";

export interface WrongLines {
  /** Their places among the lines of the text; empty where something is missing, or where no line is to blame. */
  readonly places: readonly number[];
  /** The first of them, or in words what is wrong; null where only the message as a whole tells. */
  readonly says: string | null;
}

/** The lines to blame in a text, which begins with the message's header. */
export function wrongLines(lines: readonly string[], { reason, detail }: Reasoned): WrongLines {
  switch (reason) {
    case "no-status":
      return named(lines, STATUS, "It has neither X-Mms-MM-Status-Code nor X-Internal-Status-Code");
    case "unknown-type":
    case "type-outside-header":
      return named(lines, TYPE, "It has no X-Mms-Message-Type");
    case "event-too-large":
      return named(lines, fieldIn(detail ?? ""), detail);
    default:
      return { places: [], says: detail?.split("\n", 1)[0] ?? null };
  }
}

type Reasoned = Pick<QuarantinedMessage, "reason" | "detail">;

/** Under each of the names that were seen for it. */
const STATUS = /^x-(?:mms-(?:mm-)?status(?:-code)?|internal-status-code)[ \t]*:/i;
const TYPE = /^[ \t>]*x-mms-message-type[ \t]*:/i;

/** The field that an event has no room for, by the words of event-bounds.ts. */
function fieldIn(detail: string): RegExp | null {
  for (const [words, field] of TOO_LARGE) if (words.test(detail)) return field;
  const [, name] = /^Its field (\S+) has/.exec(detail) ?? [];
  return name === undefined ? null : new RegExp(`^${name.replace(/[^\w-]/g, ".")}[ \\t]*:`, "i");
}

const TOO_LARGE = [
  [/^Its message id/, /^x-mms-message-id[ \t]*:/i],
  [/^Its transaction id/, /^x-mms-transaction-id[ \t]*:/i],
  [/^Its recipient/, /^(?:from|to)[ \t]*:/i],
  [/^Its originator/, /^(?:from|to)[ \t]*:/i],
  [/recipients/, /^x-mms-request-recipients[ \t]*:/i],
] as const;

/** The lines of a field, each with those that it goes on with. */
function named(lines: readonly string[], field: RegExp | null, otherwise: string | null): WrongLines {
  const places: number[] = [];
  let within = false;
  for (const [place, line] of lines.entries()) {
    within = field?.test(line) || (within && /^[ \t]+\S/.test(line));
    if (within) places.push(place);
  }
  const [first] = places;
  return { places, says: first === undefined ? otherwise : (lines[first] ?? null) };
}
