/**
 * The ids of our own mails: an acknowledgement's id, at our domain. A bounce of our
 * mail is recognised by them, in whichever form it comes.
 */

/** The part before the `@`: see `acknowledgementId` in queue/. */
const LOCAL_PART = /^a[0-9a-f]{32}$/;
const LOCAL_PART_LENGTH = 33;
/** Longest text before an id on its line: the quoted and indented name of a field. */
const LONGEST_NAME = 60;

/** The Message-ID of the mail that acknowledges, without angle brackets. */
export function ownMailId(acknowledgementId: string, domain: string): string {
  return `${acknowledgementId}@${domain}`;
}

/**
 * The id of the acknowledgement that a text is about: the id in the first line that
 * is a Message-ID, else the first id of ours anywhere. Undefined when it holds none.
 * The text is one character a byte.
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

/** Whether a text is about one of our mails: it holds the mail's id, or the envelope's in a bounce. RFC 3464 §2.2.1. */
export function holdsOwnId(text: string, domain: string): boolean {
  return findOwnId(text, domain) !== undefined || ENVELOPE_ID.test(text);
}

const ENVELOPE_ID = /^original-envelope-id:[ \t]{0,20}a[0-9a-f]{32}[ \t\r]{0,20}$/im;

/** The id of an acknowledgement, given alone or as the local part of a mail's id at any domain. */
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
  // A full stop alone may end a sentence; with a label after it, the domain goes on and is not ours.
  return /^(?:[0-9a-z_-]|\.[0-9a-z])/.test(lower.slice(at, at + 2));
}
