/**
 * The address of MAIL and RCPT, its path: where it is in the command, and what is
 * taken as one. Pure. The library takes neither a blank nor an "@" in a quoted
 * local part.
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

/** Undefined for what has no path, or none that ends. */
export function splitAddressCommand(command: string): AddressCommand | undefined {
  const [before = "", name = ""] = /^((?:MAIL|RCPT)[ \t]+\w+)[ \t]*:[ \t]*/i.exec(command) ?? [];
  const rest = command.slice(before.length);
  const path = before === "" ? undefined : PATHS.map((form) => form.exec(rest)?.[0]).find((found) => found);
  if (path === undefined) return undefined;
  return { name: name.toUpperCase(), path, behind: rest.slice(path.length) };
}

/** The first that fits: a quoted local part may have any character, and one with a stray quote is taken as it is. */
const PATHS = [/^<(?:"(?:\\.|[^"\\])*"|[^<>"])*>/, /^<[^<>]*>/, /^(?:"(?:\\.|[^"\\])*"|[^\s<>"])+/, /^[^\s<>]+/];

/** How long a path is, which counts its angle brackets. The text is one character an octet. */
export function pathOctets(path: string): number {
  return path.startsWith("<") ? path.length : path.length + 2;
}

/**
 * The address in a path, without a source route; empty for the null sender,
 * undefined for what is none.
 *
 * `indulgent`: it needs neither domain nor angle brackets, and may have blanks within these.
 */
export function readPath(path: string, indulgent: boolean): string | undefined {
  const bracketed = path.startsWith("<");
  if (!bracketed && !indulgent) return undefined;
  const inner = bracketed ? path.slice(1, -1) : path;
  const whole = indulgent ? withoutBlanks(inner) : inner;
  if (whole === "") return "";
  const address = withoutRoute(whole);
  // A route to nowhere, or quotes around nothing, is not the null sender.
  if (address === "" || address === '""') return undefined;
  if (UNSAFE.test(address)) return undefined;
  const { local, domain } = splitAddress(address);
  if (!QUOTED.test(local) && !/^[^\s@]+$/.test(local)) return undefined;
  // RFC 5321 §4.1.1.3: the postmaster alone needs no domain.
  if (domain === null) return indulgent || /^postmaster$/i.test(address) ? address : undefined;
  return /^[^\s@"<>,;]+$/.test(domain) ? address : undefined;
}

/** Splits at the "@" that is outside of quotes. `domain` is null where there is none. */
export function splitAddress(address: string): { readonly local: string; readonly domain: string | null } {
  const [quotedOrNot = ""] = /^(?:"(?:\\.|[^"\\])*"|[^"@])*/.exec(address) ?? [];
  // What stops at a quote has one that does not end, which is a character like another.
  const at = address[quotedOrNot.length] === '"' ? address.lastIndexOf("@") : quotedOrNot.length;
  if (at === -1 || at === address.length) return { local: address, domain: null };
  return { local: address.slice(0, at), domain: address.slice(at + 1) };
}

const QUOTED = /^(?:"(?:\\.|[^"\\])*"|[^\s"@])+$/;

/** Controls, and what has no width: an address that is shown is what it seems to be. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those it looks for
const UNSAFE = /[\0-\x1f\x7f-\x9f\u200b\u2060\ufeff]/;

/** RFC 5321 §4.1.2: `@relay.example,@other.example:` in front is to be taken, and ignored. */
function withoutRoute(path: string): string {
  return path.replace(/^@[^\s,:@]+(?:,@[^\s,:@]+)*:/, "");
}

/** Without blanks and tabs around it; by index, because it is a client's text. */
export function withoutBlanks(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}
