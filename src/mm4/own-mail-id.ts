/**
 * The ids of our own mails: an acknowledgement's id, at our domain. By them a
 * bounce is known for ours, however it is written.
 */

/** What stands in front of the `@`: see `acknowledgementId` of the queue. */
const LOCAL_PART = /^a[0-9a-f]{32}$/;
const LOCAL_PART_LENGTH = 33;
/** In front of an id on its line, at most: a quoted and indented name of a field. */
const LONGEST_NAME = 60;

/** The Message-ID of the mail that pays an acknowledgement, without angle brackets. */
export function ownMailId(acknowledgementId: string, domain: string): string {
  return `${acknowledgementId}@${domain}`;
}

/**
 * The acknowledgement that a text is about: that of the first line that is a
 * Message-ID, else of the first id at all. Undefined when it holds none of ours.
 * A character a byte.
 */
export function findOwnId(text: string, domain: string): string | undefined {
  const lower = text.toLowerCase();
  const end = `@${domain.toLowerCase()}`;
  let first: string | undefined;
  for (let at = lower.indexOf(end); at !== -1; at = lower.indexOf(end, at + 1)) {
    const from = at - LOCAL_PART_LENGTH;
    if (from < 0) continue;
    const id = text.slice(from, at);
    if (!LOCAL_PART.test(id) || isPartOfWord(lower, from - 1) || isPartOfDomain(lower, at + end.length)) continue;
    first ??= id;
    if (/(?:^|\n)[ \t>|]*message-id:\s*<?$/.test(lower.slice(Math.max(0, from - LONGEST_NAME), from))) return id;
  }
  return first;
}

/** Whether a text is about a mail of ours: it holds its id, or that of its envelope where a bounce names that. RFC 3464 §2.2.1. */
export function holdsOwnId(text: string, domain: string): boolean {
  return findOwnId(text, domain) !== undefined || ENVELOPE_ID.test(text);
}

const ENVELOPE_ID = /^original-envelope-id:[ \t]{0,20}a[0-9a-f]{32}[ \t\r]{0,20}$/im;

/** Our acknowledgement's id, alone or as the local part of a mail's id, at whichever domain. */
export function readOwnId(written: string): string | undefined {
  const text = written.trim();
  const bare = text.startsWith("<") && text.endsWith(">") ? text.slice(1, -1) : text;
  const id = bare.slice(0, LOCAL_PART_LENGTH);
  const rest = bare.slice(LOCAL_PART_LENGTH);
  return LOCAL_PART.test(id) && (rest === "" || /^@[^\s>]+$/.test(rest)) ? id : undefined;
}

function isPartOfWord(lower: string, at: number): boolean {
  return at >= 0 && /[0-9a-z]/.test(lower.charAt(at));
}

function isPartOfDomain(lower: string, at: number): boolean {
  // A full stop may end a sentence; a label behind it is another domain's.
  return /^(?:[0-9a-z_-]|\.[0-9a-z])/.test(lower.slice(at, at + 2));
}
