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
      return fieldsOf(lines, STATUSES, "It has neither X-Mms-MM-Status-Code nor X-Internal-Status-Code");
    case "unknown-type":
      return fieldsOf(lines, TYPE, "It has no X-Mms-Message-Type");
    case "type-outside-header":
      // It may stand there as mail programs quote.
      return fieldsOf(lines.map(withoutQuoting), TYPE, null, lines);
    case "event-too-large":
      return fieldsOf(lines, tooLarge(detail ?? ""), detail);
    default:
      return { places: [], says: detail?.split("\n", 1)[0] ?? null };
  }
}

type Reasoned = Pick<QuarantinedMessage, "reason" | "detail">;

/** Under each of the names that were seen for it. */
const STATUSES = ["x-mms-mm-status-code", "x-mms-status", "x-mms-status-code", "x-internal-status-code"];
const TYPE = ["x-mms-message-type"];

/** The fields that an event has no room for, by the words of event-bounds.ts. */
function tooLarge(detail: string): readonly string[] {
  for (const [words, names] of TOO_LARGE) if (detail.startsWith(words)) return names;
  const [, name] = /^Its field (\S+) has/.exec(detail) ?? [];
  return name === undefined ? [] : [name.toLowerCase()];
}

const TOO_LARGE = [
  ["Its message id", ["x-mms-message-id"]],
  ["Its transaction id", ["x-mms-transaction-id"]],
  ["Its recipient", ["from", "to"]],
  ["Its originator", ["from", "to"]],
  ["One of its recipients", ["x-mms-request-recipients"]],
  ["It names more than", ["x-mms-request-recipients"]],
] as const;

/** The lines of these fields, each with those that it goes on with. `shown`: the lines as they are told. */
function fieldsOf(
  lines: readonly string[],
  names: readonly string[],
  otherwise: string | null,
  shown: readonly string[] = lines,
): WrongLines {
  const places: number[] = [];
  let within = false;
  for (const [place, line] of lines.entries()) {
    within = names.includes(nameOf(line)) || (within && /^[ \t]+\S/.test(line));
    if (within) places.push(place);
  }
  const [first] = places;
  return { places, says: first === undefined ? otherwise : (shown[first] ?? null) };
}

function nameOf(line: string): string {
  return line
    .slice(0, Math.max(0, line.indexOf(":")))
    .trimEnd()
    .toLowerCase();
}

function withoutQuoting(line: string): string {
  return line.replace(/^[ \t>]+/, "");
}
