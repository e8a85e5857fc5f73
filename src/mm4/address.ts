/**
 * Reads addresses as MM4 writes them, such as
 * `+12025550100/TYPE=PLMN@mms.example.net`.
 *
 * Source: 3GPP TS 23.140 §8.4.5 (address coding on MM4); ITU-T E.164.
 */
import type { Party } from "../delivery/party.ts";

export interface ReadParty {
  readonly party: Party;
  /** A number that had no "+", read as international because its length and /TYPE=PLMN say so. */
  readonly withoutPlus: boolean;
}

/**
 * Reads one address. Never fails: what is not certainly a number is `other`
 * with `number: null`, and the text as written is always kept in `raw`.
 *
 * `nanp`: this peer's ten digits are North American numbers. Without that, a
 * number without a country code stays unread, because the country would be a guess.
 *
 * Seen in practice: no domain, no "/TYPE=PLMN", no "+", "/type=plmn", the
 * number as display name before `<…>`, a bare word such as "PostMaster".
 */
export function readParty(written: string, nanp = false): ReadParty {
  const raw = written.trim();
  const spec = addressSpec(raw);
  const at = spec.indexOf("@");
  const domain =
    at === -1
      ? ""
      : spec
          .slice(at + 1)
          .trim()
          .toLowerCase();
  const { user, type } = splitType(withoutQuotes((at === -1 ? spec : spec.slice(0, at)).trim()));
  const named = (kind: Party["kind"], number: string | null, withoutPlus = false): ReadParty => ({
    party: { raw, kind, number, domain: domain === "" ? null : domain },
    withoutPlus,
  });

  // An address of another type is never a telephone number, whatever its digits.
  if (type !== null && type !== "plmn") return named("other", null);
  if (/^\+\d{7,15}$/.test(user)) return named("e164", user);
  if (/^\d{11,15}$/.test(user) && type === "plmn") return named("e164", `+${user}`, true);
  if (/^\d{10}$/.test(user)) return nanp ? named("e164", `+1${user}`, true) : named("other", null);
  if (/^\d{3,8}$/.test(user)) return named("shortcode", user);
  if (user !== "" && domain !== "") return named("email", null);
  return named("other", null);
}

/**
 * The address to which mail can be sent, `local@domain`, out of a field as
 * written; null when there is none in it. So narrow that it can stand in a
 * command and in a field of our own. RFC 5321 §4.1.2, without quoted local parts.
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

/**
 * Splits a list of addresses at the commas that are outside quotes and angle
 * brackets; empty entries are left out, and what follows the first `most`.
 *
 * Seen in practice: twenty recipients in one folded To.
 */
export function splitAddresses(list: string, most = Number.POSITIVE_INFINITY): readonly string[] {
  const addresses: string[] = [];
  let start = 0;
  let quoted = false;
  let bracketed = false;
  for (let i = 0; i <= list.length && addresses.length < most; i++) {
    const char = list[i];
    if (char === '"') quoted = !quoted;
    else if (char === "<" && !quoted) bracketed = true;
    else if (char === ">" && !quoted) bracketed = false;
    if (i === list.length || (char === "," && !quoted && !bracketed)) {
      const address = list.slice(start, i).trim();
      if (address !== "") addresses.push(address);
      start = i + 1;
    }
  }
  return addresses;
}

/** What stands inside the last pair of angle brackets, or the text itself. */
function addressSpec(raw: string): string {
  const close = raw.lastIndexOf(">");
  const open = close === -1 ? -1 : raw.lastIndexOf("<", close);
  if (open !== -1) return raw.slice(open + 1, close);
  // RFC 5322 §3.4: a name may also stand behind the address, as a comment.
  const comment = raw.endsWith(")") ? raw.lastIndexOf("(") : -1;
  return comment === -1 ? raw : raw.slice(0, comment).trim();
}

function splitType(local: string): { user: string; type: string | null } {
  const slash = local.search(/\/TYPE=/i);
  if (slash === -1) return { user: local, type: null };
  return {
    user: local.slice(0, slash),
    type: local
      .slice(slash + "/TYPE=".length)
      .trim()
      .toLowerCase(),
  };
}

function withoutQuotes(text: string): string {
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}
