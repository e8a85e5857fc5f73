/**
 * Reads a bounce: what became of a response that its MMSC had taken, or would not
 * take. By mailparser, because it is a message with parts. RFC 3462, RFC 3464.
 */
import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";
import { type HeaderField, readHeader } from "../mm4/header.ts";

export interface ReadBounce {
  /** Id of the acknowledgement that it concerns; null when it names none of ours. */
  readonly acknowledgementId: string | null;
  /** RFC 3464 §2.3.3. */
  readonly action: string;
  /** RFC 3463. */
  readonly status: string | null;
  readonly diagnostic: string | null;
}

/** Beyond this nothing of a bounce is read: what it reports on is less than a kilobyte. */
const MAX_BYTES = 32_768;
const MAX_TEXT_LENGTH = 500;
/** Of so little that it reads, mailparser is done in some milliseconds, or never. */
const DEADLINE_MS = 5_000;
const LIMITS = { bytes: MAX_BYTES, fields: 1_000 };
/** All that mailparser needs to know of the top. It would take addresses apart there, for seconds if a peer so wished. */
const STRUCTURE: readonly string[] = ["content-type", "content-transfer-encoding", "mime-version"];
/** RFC 3464 §2, RFC 6533 §4. */
const STATUS_TYPES = ["message/delivery-status", "message/global-delivery-status"];
const RETURNED_TYPES = ["text/rfc822-headers", "message/rfc822", "message/global-headers", "message/global"];

let before: Promise<unknown> = Promise.resolve();

/**
 * Never fails: what cannot be read is `unknown`. One at a time, with other work in
 * between, because a hostile one takes mailparser some time.
 */
export function readBounce(bytes: Uint8Array): Promise<ReadBounce> {
  const reading = before.then(() => turn()).then(() => readAlone(bytes.subarray(0, MAX_BYTES)));
  before = reading.catch(() => {}); // Whoever asked hears of it.
  return reading;
}

async function readAlone(bytes: Uint8Array): Promise<ReadBounce> {
  // Loaded when the first one comes: every start would wait a fifth of a second for it.
  const { simpleParser } = await import("mailparser");
  const text = Buffer.from(bytes).toString("latin1");
  const bodyAt = endOfHeader(text);
  const top = fieldsOf(bytes.subarray(0, bodyAt));
  const structure = top
    .filter(({ key }) => STRUCTURE.includes(key))
    .map(({ name, bytes: value }) => `${name}: ${value}`);
  const reduced = Buffer.from(`${structure.join("\r\n")}\r\n\r\n${text.slice(bodyAt)}`, "latin1");
  const parsing = simpleParser(reduced, {
    keepDeliveryStatus: true,
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipImageLinks: true,
    skipTextLinks: true,
  });
  const parsed = await Promise.race([parsing.catch(() => null), wait(DEADLINE_MS, null, { ref: false })]);
  const part = (types: readonly string[]): readonly HeaderField[] => {
    const content = parsed?.attachments.find(({ contentType }) => types.includes(contentType))?.content;
    return content ? fieldsOf(content) : [];
  };
  const said = (fields: readonly HeaderField[], key: string): string | null =>
    fields.find((field) => field.key === key)?.bytes.slice(0, MAX_TEXT_LENGTH) ?? null;
  const status = part(STATUS_TYPES);
  return {
    // Whoever bounces says in one of these what he bounces. RFC 3464 §2.2.1, §3; RFC 5322 §3.6.4.
    acknowledgementId: findId([
      said(status, "original-envelope-id"),
      said(part(RETURNED_TYPES), "message-id"),
      said(top, "in-reply-to"),
      ...(said(top, "references") ?? "").split(" "),
    ]),
    action: /^[a-z]+/.exec(said(status, "action")?.toLowerCase() ?? "")?.[0] ?? "unknown",
    status: /^\d\.\d{1,3}\.\d{1,3}/.exec(said(status, "status") ?? "")?.[0] ?? null,
    diagnostic: said(status, "diagnostic-code"),
  };
}

function endOfHeader(text: string): number {
  const end = /\r?\n\r?\n/.exec(text);
  return end ? end.index + end[0].length : text.length;
}

/** The groups of fields of a part, one behind the other. RFC 3464 §2.1. */
function fieldsOf(content: Uint8Array): readonly HeaderField[] {
  const groups = Buffer.from(content)
    .toString("latin1")
    .split(/\r?\n\r?\n/);
  return groups.flatMap((group) => {
    const header = readHeader(Buffer.from(group, "latin1"), LIMITS);
    return header.ok ? header.value.fields : [];
  });
}

/** Our ids of acknowledgements, alone or as the local part of a mail's id. */
function findId(texts: readonly (string | null)[]): string | null {
  for (const text of texts) {
    const id = /^\s*<?(a[0-9a-f]{32})(?:@[^\s>]*>?)?\s*$/.exec(text ?? "")?.[1];
    if (id !== undefined) return id;
  }
  return null;
}
