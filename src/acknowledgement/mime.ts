/**
 * What a part of a bounce says of itself: its type, its boundary and its encoding. Each
 * step is linear in the text. One character a byte.
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

/** A quoted value without an end goes on to the end. */
const PARAMETER = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^\s;"]+))/gs;

/** In order, each cut where its writer wants, and escaped or not. RFC 2231 §3, §4.1. */
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

/** Behind its charset and language. */
function extended(value: string | undefined): string | undefined {
  return unescaped(value?.replace(/^[^']*'[^']*'/, ""));
}

function unescaped(value: string | undefined): string | undefined {
  return value?.replace(/%([0-9a-f]{2})/gi, octet);
}

/** A body without the encoding that its Content-Transfer-Encoding names; what is not encoded stays as it is. */
export function decodeBody(body: string, encoding: string): string {
  const [name = ""] = /^[^\s;(]+/.exec(encoding.toLowerCase()) ?? [];
  return DECODERS[name]?.(body) ?? body;
}

const DECODERS: Readonly<Record<string, (body: string) => string>> = {
  base64: (body) => Buffer.from(body, "base64").toString("latin1"),
  "quoted-printable": (body) => body.replace(/=(?:([0-9a-f]{2})|[ \t]*\r?\n)/gi, octet),
};

/** Nothing where no octet is written, as at the end of a line that goes on. */
function octet(_: string, hex: string | undefined): string {
  return hex === undefined ? "" : String.fromCharCode(Number.parseInt(hex, 16));
}
