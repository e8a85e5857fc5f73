/**
 * Reads addresses as MM4 writes them, such as
 * `+12025550100/TYPE=PLMN@mms.example.net`.
 *
 * Source: 3GPP TS 23.140 §8.4.5 (address coding on MM4); ITU-T E.164.
 */
import type { Party } from "../delivery/party.ts";
import type { PeerRules } from "../delivery/peer-rules.ts";
import type { Warning } from "../delivery/warning.ts";

/** How a peer writes numbers. */
export type NumberRules = Pick<PeerRules, "nanp" | "internationalPrefixes">;

export interface ReadParty {
  readonly party: Party;
  /** The tolerances that were needed. An unreadable address has none for that: `kind: "other"` says it. */
  readonly warnings: readonly Warning[];
}

/**
 * Reads one address. Never fails: an address that is not certainly a number is
 * `other` with `number: null`, and `raw` always keeps the text as written.
 *
 * Unless the peer has a rule for it, a number without a country code is not read,
 * because the country would be a guess. A number that begins with 0 is never
 * international, because no country code does (ITU-T E.164, List of assigned codes).
 *
 * Seen in practice: no domain, no "/TYPE=PLMN", no "+", "/type=plmn", the
 * number as display name before `<…>`, a bare word such as "PostMaster"; a
 * national number, a number after an international prefix, one folded before
 * "/TYPE="; `%2B`, `tel:` and hyphens of a number taken out of a URI or a form.
 */
export function readParty(written: string, rules: NumberRules = ORDINARY): ReadParty {
  const raw = written.trim();
  const spec = addressSpec(raw).trim();
  const address = withoutTrailingSeparators(spec);
  const { local, domain, unreadable } = splitDomain(address);
  const plain = percentDecoded(local);
  const { user, type } = splitType(plain);
  // An address of another type is never a telephone number, even if it is all digits.
  const found = type === null || type === "plmn" ? readNumber(user, { type, rules }) : null;

  const warnings: Warning[] = unreadable ? ["unreadable-domain"] : [];
  if (found) {
    const unusual = found.respelt || spec !== address || /\s/.test(address) || plain !== local;
    if (found.warning) warnings.push(found.warning);
    if (unusual) warnings.push("unusual-address");
    return { party: { raw, kind: found.kind, number: found.number, domain }, warnings };
  }
  const isMailbox = user !== "" && domain !== null && !holdsNumber(local);
  return { party: { raw, kind: isMailbox ? "email" : "other", number: null, domain }, warnings };
}

/**
 * A field that holds one address and nothing else, written as the specification asks: an international number, its
 * type and a domain; null for any other. No rule of a peer changes how it is read.
 */
export function readUsualParty(field: string): Party | null {
  const [, number, domain] = USUAL.exec(field) ?? [];
  if (number === undefined || domain === undefined) return null;
  return { raw: field, kind: "e164", number, domain: domain.toLowerCase() };
}

const USUAL = /^(\+[1-9]\d{6,14})\/TYPE=PLMN@([a-z\d](?:[a-z\d.-]*[a-z\d])?)$/i;

const ORDINARY: NumberRules = { nanp: false, internationalPrefixes: [] };

interface FoundNumber {
  readonly kind: "e164" | "shortcode";
  readonly number: string;
  readonly warning: Warning | null;
  /** Whether it was written with more than a "+" and digits. */
  readonly respelt: boolean;
}

/** 7 to 15 digits; the first begins a country code. ITU-T E.164 §6. */
const WHOLE_NUMBER = /^[1-9]\d{6,14}$/;
/** Ten digits that begin with an area code, with or without the country code before them. */
const NORTH_AMERICAN = /^1?([2-9]\d{9})$/;

function readNumber(
  user: string,
  { type, rules }: { readonly type: string | null; readonly rules: NumberRules },
): FoundNumber | null {
  const plain = /^\+?\d+$/.test(user) ? user : withoutNotation(user);
  if (!/^\+?\d{3,20}$/.test(plain)) return null;
  const plus = plain.startsWith("+");
  const digits = plus ? plain.slice(1) : plain;
  const e164 = (number: string, warning: Warning | null): FoundNumber => ({
    kind: "e164",
    number: `+${number}`,
    warning,
    respelt: plain !== user,
  });

  const behind = behindPrefix(digits, plus, rules.internationalPrefixes);
  if (behind !== null) return e164(behind, "international-prefix-removed");
  if (plus) return WHOLE_NUMBER.test(digits) ? e164(digits, null) : null;
  const national = rules.nanp ? NORTH_AMERICAN.exec(digits)?.[1] : undefined;
  if (national !== undefined) return e164(`1${national}`, "number-without-plus");
  if (type === "plmn" && digits.length >= 11 && WHOLE_NUMBER.test(digits)) return e164(digits, "number-without-plus");
  if (digits.length > 8) return null;
  return { kind: "shortcode", number: digits, warning: null, respelt: plain !== user };
}

/**
 * The number after the longest of the peer's international prefixes that leaves a whole number.
 *
 * Seen in practice: "+" before the prefix too, although no number has a 0 after its "+".
 */
function behindPrefix(digits: string, withPlus: boolean, prefixes: readonly string[]): string | null {
  if (prefixes.length === 0) return null;
  const fitting = prefixes.filter(
    (prefix) =>
      digits.startsWith(prefix) &&
      (!withPlus || prefix.startsWith("0")) &&
      WHOLE_NUMBER.test(digits.slice(prefix.length)),
  );
  const longest = Math.max(...fitting.map(({ length }) => length));
  return fitting.length === 0 ? null : digits.slice(longest);
}

/** RFC 3966 §3 and §5.1.1: removes `tel:` before a number, and the hyphens of one that begins with "+". */
function withoutNotation(user: string): string {
  const number = user.replace(/^tel:/i, "");
  return number.length <= MAX_NOTATION_LENGTH && /^\+\d+(?:-\d+)+$/.test(number) ? number.replaceAll("-", "") : number;
}

/** "+", 15 digits, and a hyphen between any two. */
const MAX_NOTATION_LENGTH = 30;

/**
 * Whether the text before the "@" holds a number, or an attempt at one, that could
 * not be read: then it is no mailbox, even if it looks like one. Mailboxes have
 * digits too (john2005, user+tag), but with letters beside them; and ten digits
 * only as part of a word (order-1234567890, a UUID).
 */
function holdsNumber(local: string): boolean {
  return (
    local.startsWith("+") ||
    /\/\s*(?:TYPE|PLMN)|^%2B|%2B\d|%2F(?:TYPE|PLMN)|^tel:/i.test(local) ||
    local.split(/[^\p{L}\d_-]+/u).some(isNumberAlone) ||
    // RFC 5321 §4.1.2: a mailbox has these inside quotes only.
    (/\d/.test(local) && /[;:<>]/.test(local)) ||
    (/\p{N}/u.test(local) && !/\p{L}/u.test(local))
  );
}

/** Ten digits with no word before them, and none that a hyphen joins after them. One letter is not a word. */
function isNumberAlone(text: string): boolean {
  const [digits = ""] = /\d{10,}/.exec(text) ?? [];
  if (digits === "") return false;
  const at = text.indexOf(digits);
  const behind = text.slice(at + digits.length);
  return letters(text.slice(0, at)) < 2 && !(/^[-_]/.test(behind) && letters(behind) >= 2);
}

function letters(text: string): number {
  return text.match(/\p{L}/gu)?.length ?? 0;
}

/**
 * The address in a field to which mail can be sent, `local@domain`; null when there
 * is none. It accepts so little that the result is safe in an SMTP command and in a
 * header field of ours. RFC 5321 §4.1.2, without quoted local parts.
 *
 * Seen in practice: `system=host;party=+1…` (vectorcore), a bare host, a bare word.
 */
export function readMailbox(written: string): string | null {
  const spec = addressSpec(
    written
      .trim()
      .replace(/\([^()]*\)$/, "")
      .trim(),
  ).trim();
  return spec.length <= MAX_MAILBOX_LENGTH && MAILBOX.test(spec) ? spec : null;
}

const MAX_MAILBOX_LENGTH = 254;
const MAILBOX =
  /^[a-z0-9!#$%&'*+/=?^_`{|}~.-]{1,200}@(?:[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[(?:ipv6:)?[0-9a-f:.]+\])$/i;

/** The text inside the last pair of angle brackets, or the whole text. */
function addressSpec(raw: string): string {
  const close = raw.lastIndexOf(">");
  const open = close === -1 ? -1 : raw.lastIndexOf("<", close);
  if (open !== -1) return raw.slice(open + 1, close);
  // RFC 5322 §3.4: a name may also follow the address, as a comment.
  const comment = raw.endsWith(")") ? raw.lastIndexOf("(") : -1;
  return comment === -1 ? raw : raw.slice(0, comment).trim();
}

/** A domain with "@", "/", ":", "=", a blank or a separator of addresses in it is unreadable: other text was joined to it. */
function splitDomain(address: string): { local: string; domain: string | null; unreadable: boolean } {
  // RFC 5321 §4.1.2: quotes may hold an "@".
  const quoted = address.startsWith('"') ? address.indexOf('"@') + 1 : 0;
  const at = quoted > 0 ? quoted : address.indexOf("@");
  const local = withoutQuotes((at === -1 ? address : address.slice(0, at)).trim());
  const domain = at === -1 ? "" : address.slice(at + 1).trim();
  // RFC 5321 §4.1.3: the colons of an IPv6 address stand in square brackets.
  const unreadable = /[\s@/<>",;|]/.test(domain) || (/[:=]/.test(domain) && !/^\[[0-9a-z:.]+\]$/i.test(domain));
  return { local, domain: unreadable || domain === "" ? null : domain.toLowerCase(), unreadable };
}

/** Ignores blanks around "/TYPE=", because a fold leaves one. */
function splitType(local: string): { user: string; type: string | null } {
  const found = /\/\s*TYPE\s*=/i.exec(local);
  if (!found) return { user: withoutQuotes(local.trim()), type: null };
  return {
    user: withoutQuotes(local.slice(0, found.index).trim()),
    type: local
      .slice(found.index + found[0].length)
      .trim()
      .toLowerCase(),
  };
}

/** Seen in practice: `%2B12025550100%2FTYPE=PLMN`, taken out of a URI. */
function percentDecoded(local: string): string {
  if (!/^%2b|%2ftype/i.test(local)) return local;
  return local.replace(/%2b/gi, "+").replace(/%2f/gi, "/").replace(/%3d/gi, "=");
}

/** Seen in practice: a separator after the last address of a list. */
function withoutTrailingSeparators(spec: string): string {
  let end = spec.length;
  while (end > 0 && ";.| \t".includes(spec.charAt(end - 1))) end -= 1;
  return spec.slice(0, end);
}

/** Without the quotes around it, or the one quote that is left of the pair. */
function withoutQuotes(text: string): string {
  const opened = text.startsWith('"') ? text.slice(1) : text;
  return opened.endsWith('"') ? opened.slice(0, -1) : opened;
}
