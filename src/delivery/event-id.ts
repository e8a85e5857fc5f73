/**
 * The id of an event, derived from what the report says.
 *
 * The same fact about the same message and recipient is one event. So the
 * transaction id and the Date are not part of the id, because a relay that sends a
 * report again may change both. Only reports without a message id are told apart by
 * them. The tests hold twenty frozen vectors; changing one makes a new version of
 * the event.
 */
import { hash } from "node:crypto";
import type { EventType } from "./event.ts";
import type { Judgement } from "./interpret.ts";
import type { Party } from "./party.ts";
import type { Report } from "./report.ts";
import { normaliseWord } from "./status.ts";

export interface EventFacts {
  readonly type: EventType;
  readonly peerName: string;
  readonly report: Report;
  readonly judgement: Judgement;
}

/** `r` and 32 hex digits: safe as an id in BullMQ, which refuses ":" and whole numbers. */
export function eventId({ type, peerName, report, judgement }: EventFacts): string {
  const { kind, messageId, recipient } = report;
  let text =
    VERSION +
    measured(peerName) +
    measured(type) +
    measured(messageId ?? "") +
    measured(kind === "forward-response" ? requestRecipients(report) : identity(recipient)) +
    measured(verdictWords(report, judgement.status)) +
    measured(judgement.codeIdentity);
  if (messageId === null) {
    const { transactionId, raw } = report;
    for (const field of [transactionId, raw.from, raw.to, raw.date]) text += measured(field ?? "");
  }
  return `r${hash("sha256", text, "hex").slice(0, 32)}`;
}

/** A field, after its length in bytes: that keeps one field's text from passing for the next field. */
function measured(field: string): string {
  return `${Buffer.byteLength(field)}:${field}`;
}

const VERSION = measured("v1");

function requestRecipients(report: Report): string {
  return report.requestRecipients
    .map(({ party }) => identity(party))
    .sort()
    .join("\n");
}

/** The number if there is one, because a relay may spell the same recipient in another way. */
function identity(party: Party | null): string {
  if (party === null) return "";
  return party.number ?? party.raw.trim().toLowerCase();
}

function verdictWords(report: Report, status: string | null): string {
  const word = status === null ? "" : normaliseWord(status);
  if (report.kind !== "delivery-report") return word;
  return `${word}/${report.statusExtension === null ? "" : normaliseWord(report.statusExtension)}`;
}
