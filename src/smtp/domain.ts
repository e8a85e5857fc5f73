/**
 * What an address has behind its "@": a name, or an address that stands for its host.
 * The same in all its spellings. Pure.
 *
 * Sources: RFC 5321 §4.1.3 (address literals), RFC 1123 §5.2.17 (one's own are to be taken),
 * RFC 4291 §2.5.5.2 (IPv4 within IPv6).
 */
import { isIP, isIPv6 } from "node:net";
import { domainToASCII } from "node:url";

/**
 * The spelling by which two are compared: lower case, no dot at the end, ASCII,
 * an address in brackets.
 *
 * Seen in practice: an address without its brackets.
 */
export function canonicalDomain(written: string): string {
  const domain = written.toLowerCase().replace(/\.$/, "");
  const [, literal = domain] = /^\[(?:ipv6:)?([0-9a-f:.]+)\]$/.exec(domain) ?? [];
  if (isIP(literal) !== 0) return `[${canonicalAddress(literal)}]`;
  // An internationalised domain may come in Unicode (RFC 6531); the settings have it as it is on the wire.
  // What is in no domain is not given to domainToASCII, which reads on as a URL does: "/", "#", "%41".
  return /^[\p{L}\p{M}\p{N}._-]+$/u.test(domain) ? domainToASCII(domain) || domain : domain;
}

/** Of a valid address; without the zone that a socket tells of a link's own. */
function canonicalAddress(address: string): string {
  const [plain = ""] = address.split("%", 1);
  if (!isIPv6(plain)) return plain;
  const short = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short) ?? [];
  if (high === undefined || low === undefined) return short;
  const bits = Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
}
