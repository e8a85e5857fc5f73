/** An event as JSON. */
import { type DeliveryEvent, EVENT_SCHEMA_ID, type Reason } from "./event.ts";
import type { Party } from "./party.ts";

const texts = new WeakMap<DeliveryEvent, string>();

/**
 * The JSON of an event, made once, because journal, queue and trace write the same
 * text and making it costs more than reading the report.
 */
export function textOf(event: DeliveryEvent): string {
  const known = texts.get(event);
  if (known !== undefined) return known;
  const text = JSON.stringify(event);
  texts.set(event, text);
  return text;
}

/**
 * Makes the text of an event that has just been built: the same that JSON.stringify makes, in two thirds of the
 * time, because half of it is what the catalogue says, and that is made text only once. The event must have all
 * properties that are written here, in this order, and no others; its subject is its message id, and it came when its
 * report did.
 */
export function writeText(event: DeliveryEvent): void {
  const { data } = event;
  const messageId = quoted(data.messageId);
  const receivedAt = quoted(data.receivedAt);
  // Joined and not added up, because a sum is a tree of its parts, and is copied once more when it is read.
  const text = [
    '{"specversion":"1.0","id":"',
    event.id,
    '","source":',
    quoted(event.source),
    ',"type":"',
    event.type,
    event.subject === undefined ? '","time":' : `","subject":${messageId},"time":`,
    receivedAt,
    BEFORE_MESSAGE_ID,
    messageId,
    ',"transactionId":',
    quoted(data.transactionId),
    ',"recipient":',
    partyText(data.recipient),
    ',"originator":',
    partyText(data.originator),
    ',"requestRecipients":',
    listText(data.requestRecipients),
    ',"outcome":"',
    data.outcome,
    '","disposition":"',
    data.disposition,
    data.final ? '","final":true,"rank":' : '","final":false,"rank":',
    data.rank,
    ',"stage":',
    wordText(data.stage),
    ',"rejectedBy":',
    wordText(data.rejectedBy),
    data.conflict ? ',"conflict":true,"reason":' : ',"conflict":false,"reason":',
    reasonText(data.reason),
    ',"handledAt":',
    quoted(data.handledAt),
    ',"receivedAt":',
    receivedAt,
    ',"peer":',
    JSON.stringify(data.peer),
    ',"raw":',
    JSON.stringify(data.raw),
    ',"warnings":',
    listText(data.warnings),
    "}}",
  ].join("");
  texts.set(event, text);
}

const BEFORE_MESSAGE_ID = `,"datacontenttype":"application/json","dataschema":"${EVENT_SCHEMA_ID}","data":{"messageId":`;

const reasonTexts = new WeakMap<Reason, string>();

/** The reason of a code is the same object in all events of its catalogue. */
function reasonText(reason: Reason | null): string {
  if (reason === null) return "null";
  const known = reasonTexts.get(reason);
  if (known !== undefined) return known;
  const text = JSON.stringify(reason);
  reasonTexts.set(reason, text);
  return text;
}

function partyText(party: Party | null): string {
  if (party === null) return "null";
  const { raw, kind, number, domain } = party;
  return `{"raw":${quoted(raw)},"kind":"${kind}","number":${quoted(number)},"domain":${quoted(domain)}}`;
}

/** A word of ours, which has nothing to escape. */
function wordText(word: string | null): string {
  return word === null ? "null" : `"${word}"`;
}

function listText(list: readonly unknown[]): string {
  return list.length === 0 ? "[]" : JSON.stringify(list);
}

/** The JSON of a text that hardly ever has a character to escape. */
export function quoted(text: string | null): string {
  if (text === null) return "null";
  return NOTHING_TO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text);
}

const NOTHING_TO_ESCAPE = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
