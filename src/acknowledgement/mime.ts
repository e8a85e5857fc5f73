/**
 * What a part of a bounce says about itself: its type, its boundary and its encoding. Each
 * step is linear in the text. The text has one character for each byte.
 *
 * Sources: RFC 2045 §5.1 (Content-Type), §6 (encodings); RFC 2231 §3, §4 (parameters in sections).
 */

/** The boundary of a multipart's Content-Type; undefined when it has none. */
export function boundaryIn(contentType: string): string | undefined {
  const parameters = new Map<string, string>();
  for (const [, name = "", quoted, bare] of contentType.matchAll(PARAMETER)) {
    const key = name.toLowerCase();
    if (!parameters.has(key)) parameters.set(key, quoted?.replace(/\\(.)/gs, "$1") ?? bare ?? "");
  }
  const whole = parameters.get("boundary") ?? extended(parameters.get("boundary*")) ?? inSections(parameters);
  return whole === "" ? undefined : whole;
}

/** A quoted value that is never closed reaches to the end of the text. */
const PARAMETER = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^\s;"]+))/gs;

/** Joins a value's sections in order. A writer may cut a value anywhere, and escape each section or not. RFC 2231 §3, §4.1. */
function inSections(parameters: ReadonlyMap<string, string>): string {
  let whole = "";
  for (let section = 0; ; section += 1) {
    const name = `boundary*${section}`;
    const escaped = parameters.get(`${name}*`);
    const part = parameters.get(name) ?? (section === 0 ? extended(escaped) : unescaped(escaped));
    if (part === undefined) return whole;
    whole += part;
  }
}

/** The value without its charset and language. */
function extended(value: string | undefined): string | undefined {
  return unescaped(value?.replace(/^[^']*'[^']*'/, ""));
}

function unescaped(value: string | undefined): string | undefined {
  return value?.replace(/%([0-9a-f]{2})/gi, octet);
}

/** Decodes a body as its Content-Transfer-Encoding says. A body that is not encoded stays as it is. */
export function decodeBody(body: string, encoding: string): string {
  const [name = ""] = /^[^\s;(]+/.exec(encoding.toLowerCase()) ?? [];
  return DECODERS[name]?.(body) ?? body;
}

const DECODERS: Readonly<Record<string, (body: string) => string>> = {
  base64: (body) => Buffer.from(body, "base64").toString("latin1"),
  "quoted-printable": (body) => body.replace(/=(?:([0-9a-f]{2})|[ \t]*\r?\n)/gi, octet),
};

/** Empty where no octet is written, as at a soft line break. */
function octet(_: string, hex: string | undefined): string {
  return hex === undefined ? "" : String.fromCharCode(Number.parseInt(hex, 16));
}
