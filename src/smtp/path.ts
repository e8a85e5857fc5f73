/**
 * The path of MAIL and RCPT, which holds the address: where it is in the command, and
 * which paths are accepted. Pure. The library accepts neither a blank nor an "@" in a
 * quoted local part.
 *
 * Sources: RFC 5321 §4.1.2 (syntax), §4.5.3.1.3 (length), appendix C (source routes).
 */

export interface AddressCommand {
  /** The text before the colon, in upper case, such as `MAIL FROM`. */
  readonly name: string;
  /** As written, with its angle brackets if it has any. */
  readonly path: string;
  /** The parameters, with the blank before them. */
  readonly behind: string;
}

/** Undefined for a command without a path, or whose path does not end. */
export function splitAddressCommand(command: string): AddressCommand | undefined {
  const [before, name] = /^((?:MAIL|RCPT)[ \t]+\w+)[ \t]*:[ \t]*/i.exec(command) ?? [];
  if (before === undefined || name === undefined) return undefined;
  const rest = command.slice(before.length);
  for (const form of PATHS) {
    const path = form.exec(rest)?.[0];
    if (path !== undefined) return { name: name.toUpperCase(), path, behind: rest.slice(path.length) };
  }
  return undefined;
}

/** The first that fits counts. A quoted local part may have any character; one with a stray quote is read without quoting. */
const PATHS = [/^<(?:"(?:\\.|[^"\\])*"|[^<>"])*>/, /^<[^<>]*>/, /^(?:"(?:\\.|[^"\\])*"|[^\s<>"])+/, /^[^\s<>]+/];

/** How long a path is, including its angle brackets. The text has one character for each octet. */
export function pathOctets(path: string): number {
  return path.startsWith("<") ? path.length : path.length + 2;
}

/**
 * The address in a path, without a source route; empty for the null sender, and
 * undefined for a text that is no path.
 *
 * With `indulgent`, it needs neither domain nor angle brackets, and may have blanks within these.
 */
export function readPath(path: string, indulgent: boolean): string | undefined {
  const bracketed = path.startsWith("<");
  if (!bracketed && !indulgent) return undefined;
  const inner = bracketed ? path.slice(1, -1) : path;
  const whole = indulgent ? withoutBlanks(inner) : inner;
  if (whole === "") return "";
  const address = withoutRoute(whole);
  // A source route without an address is not the null sender, and neither is an empty quoted string.
  if (address === "" || address === '""') return undefined;
  if (UNSAFE.test(address)) return undefined;
  const { local, domain } = splitAddress(address);
  if (!QUOTED.test(local) && !/^[^\s@]+$/.test(local)) return undefined;
  // RFC 5321 §4.1.1.3: only the postmaster needs no domain.
  if (domain === null) return indulgent || /^postmaster$/i.test(address) ? address : undefined;
  return /^[^\s@"<>,;]+$/.test(domain) ? address : undefined;
}

/** Splits at the "@" outside quotes. `domain` is null when there is none. */
export function splitAddress(address: string): { readonly local: string; readonly domain: string | null } {
  const at = address.includes('"') ? findAtOutsideQuotes(address) : address.indexOf("@");
  if (at === -1 || at === address.length) return { local: address, domain: null };
  return { local: address.slice(0, at), domain: address.slice(at + 1) };
}

/** Where the "@" is; −1, or the length, when there is none. */
function findAtOutsideQuotes(address: string): number {
  const [quotedOrNot = ""] = /^(?:"(?:\\.|[^"\\])*"|[^"@])*/.exec(address) ?? [];
  // A match that stops at a quote met one that is never closed. That is an ordinary character.
  return address[quotedOrNot.length] === '"' ? address.lastIndexOf("@") : quotedOrNot.length;
}

const QUOTED = /^(?:"(?:\\.|[^"\\])*"|[^\s"@])+$/;

/** Control characters and characters without width, because an address must be what it looks like. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those it looks for
const UNSAFE = /[\0-\x1f\x7f-\x9f\u200b\u2060\ufeff]/;

/** RFC 5321 §4.1.2: a source route, such as `@relay.example,@other.example:`, must be accepted and ignored. */
function withoutRoute(path: string): string {
  return path.replace(/^@[^\s,:@]+(?:,@[^\s,:@]+)*:/, "");
}

/** Trims blanks and tabs. It works by index, because a regular expression could be slow on a client's text. */
export function withoutBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}
