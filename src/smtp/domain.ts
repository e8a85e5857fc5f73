/**
 * The domain of an address: a name, or an IP address in its place. All spellings of a
 * domain become one. Pure.
 *
 * Sources: RFC 5321 §4.1.3 (address literals), RFC 1123 §5.2.17 (a host takes its own),
 * RFC 4291 §2.5.5.2 (IPv4 within IPv6).
 */
import { isIP, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";

/**
 * The spelling by which domains are compared: lower case, no dot at the end, ASCII,
 * an IP address in brackets.
 *
 * Seen in practice: an IP address without its brackets.
 */
export function canonicalDomain(written: string): string {
  if (isCanonicalName(written)) return written;
  const domain = written.toLowerCase().replace(/\.$/, "");
  const [, literal = domain] = /^\[(?:ipv6:)?([0-9a-f:.]+)\]$/.exec(domain) ?? [];
  if (isIP(literal) !== 0) return `[${canonicalAddress(literal)}]`;
  // An internationalised domain may come in Unicode (RFC 6531); the settings have it in ASCII.
  // domainToASCII reads "/", "#" and "%41" as a URL does, so it gets no text with characters that no domain has.
  return /^[\p{L}\p{M}\p{N}._-]+$/u.test(domain) ? domainToASCII(domain) || domain : domain;
}

/** Whether a text is a name of which nothing can change, as most are. One whose last label begins with a digit may be an address. */
function isCanonicalName(text: string): boolean {
  return /^(?:[a-z0-9_-]+\.)*[a-z][a-z0-9_-]*$/.test(text) && !text.includes("xn--");
}

/** One spelling of a valid IP address, without the zone that a socket adds to a link-local one. */
function canonicalAddress(address: string): string {
  const [plain = ""] = address.split("%", 1);
  if (!isIPv6(plain)) return plain;
  const short = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const bits = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
}
