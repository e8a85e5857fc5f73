/** How we connect to a peer's MMSC, as its entry says; and why that failed, in words. */
import type { Acknowledge } from "../smtp/peer.ts";

/** Options of nodemailer for that. `timeoutMs`: how long it may be silent. */
export function mmscOptions(
  { host, port, tls, auth }: Pick<Acknowledge, "host" | "port" | "tls" | "auth">,
  name: string,
  timeoutMs: number,
) {
  return {
    host: host ?? "",
    port,
    name,
    secure: tls === "implicit",
    // A password is never sent without TLS, because a server in between could take the offer of STARTTLS away.
    requireTLS: tls === "required" || (tls === "optional" && isSecret(auth)),
    ignoreTLS: tls === "off",
    // Where TLS may be missing, a certificate that is not trusted is no worse than no TLS.
    tls: { rejectUnauthorized: tls === "required" || tls === "implicit", minVersion: "TLSv1.2" as const },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    // The last to end, so that a greeting or a handshake that does not come is told by its name.
    socketTimeout: timeoutMs + 100,
  };
}

/** Whether it is sent to without TLS where that fails, as Postfix does at its level `may`: with a password never. */
export function mayGoWithoutTls({ tls, auth }: Pick<Acknowledge, "tls" | "auth">): boolean {
  return tls === "optional" && !isSecret(auth);
}

/** What to speak to it without TLS for once. */
export function withoutTls<Entry extends Pick<Acknowledge, "tls">>(entry: Entry): Entry {
  return { ...entry, tls: "off" };
}

/**
 * Whether STARTTLS was offered and came to nothing. `unclear`: a connection that broke
 * off or fell silent, of which only the connection itself knows whether that was there.
 */
export function failedInTls(cause: MmscError): boolean | "unclear" {
  // It may end the connection for a reason of its own (RFC 5321 §3.8), which then is one the next time no more.
  if (cause.responseCode === 421) return cause.command === "STARTTLS" ? "unclear" : false;
  if (cause.command === "STARTTLS" || cause.code === "ETLS" || cause.timeoutType === "UPGRADE_TIMEOUT") return true;
  if (cause.response !== undefined) return false;
  // TLS may also break off long after its handshake.
  if (isOfTls(cause) || cause.timeoutType === "SOCKET_TIMEOUT") return "unclear";
  return ["ECONNRESET", "EPIPE", "ECONNABORTED", "ECONNECTION"].includes(symbolOf(cause)) ? "unclear" : false;
}

/** Why nothing is even tried; null when it is. */
function notTriedAtAll({ tls, auth }: Pick<Acknowledge, "tls" | "auth">): string | null {
  return tls === "off" && isSecret(auth)
    ? `the entry has "tls": "off", and the password is not sent without TLS. ${WITHOUT_TLS}`
    : null;
}

/** What to tell of an entry whose password is, or might be, sent without TLS, or never; null for nothing. */
export function doubtAboutLogin({ tls, auth }: Pick<Acknowledge, "tls" | "auth">): string | null {
  if (auth === null || tls === "required" || tls === "implicit") return null;
  if (auth.withoutTls) {
    return tls === "off"
      ? 'the password for its MMSC goes over the network as it is: "tls": "off" with "withoutTls": true'
      : 'the password for its MMSC goes over the network as it is where that offers no STARTTLS, or somebody in between takes it away: "withoutTls": true; better "tls": "required"';
  }
  return tls === "off"
    ? `its acknowledgements are not sent, because ${notTriedAtAll({ tls, auth })}`
    : 'the password for its MMSC is sent over TLS only, to whoever answers there, because "tls": "optional" checks no certificate; better "tls": "required"';
}

const WITHOUT_TLS =
  'Set acknowledge.tls to "required", or, if it may be overheard, acknowledge.auth.withoutTls to true';

function isSecret(auth: Acknowledge["auth"]): boolean {
  return auth !== null && !auth.withoutTls;
}

/** An error of nodemailer. `code` says which step failed, `originalCode` what the system or OpenSSL says. */
export interface MmscError extends Error {
  readonly code?: string | undefined;
  readonly originalCode?: string | undefined;
  readonly timeoutType?: string | undefined;
  readonly command?: string | undefined;
  /** What the server answered. */
  readonly response?: string | undefined;
  readonly responseCode?: number | undefined;
}

type Place = Pick<Acknowledge, "host" | "port" | "tls" | "auth">;

/**
 * Why a connection came to nothing before a message was tried: what happened, and
 * behind a semicolon what to do. Holds what the server said, as it said it.
 */
export function describeFailure(cause: MmscError, place: Place, timeoutMs: number): string {
  const unreached = FAILURES.find(({ is }) => is(cause))?.unreached === true;
  return `Cannot ${unreached ? "reach" : "use"} ${place.host}:${place.port}: ${wordsFor(cause, place, timeoutMs)}`;
}

/** Why it was sent to without TLS, behind "because". */
export function describeTlsFailure(cause: MmscError, place: Place, timeoutMs: number): string {
  return `STARTTLS failed: ${wordsFor(cause, place, timeoutMs)}`;
}

function wordsFor(cause: MmscError, place: Place, timeoutMs: number): string {
  const failure = FAILURES.find(({ is }) => is(cause));
  return failure?.words({ cause, place, within: `within ${timeoutMs / 1000} s` }) ?? cause.message;
}

/** The same of an entry with which nothing is tried. */
export function describeNotTried(place: Place): string | null {
  const why = notTriedAtAll(place);
  return why === null ? null : `Cannot use ${place.host}:${place.port}: ${why}`;
}

interface Failed {
  readonly cause: MmscError;
  readonly place: Place;
  readonly within: string;
}

interface Failure {
  readonly is: (cause: MmscError) => boolean;
  /** Nothing answered there at all. */
  readonly unreached?: true;
  readonly words: (failed: Failed) => string;
}

/** The first that fits. */
const FAILURES: readonly Failure[] = [
  {
    is: ({ code }) => code === "EABORT",
    words: ({ cause }) => (cause.cause instanceof Error ? cause.cause.message : cause.message),
  },
  {
    is: ({ code }) => code === "EDNS",
    unreached: true,
    words: ({ cause }) => `the name cannot be looked up (${symbolOf(cause)}); see acknowledge.host`,
  },
  {
    is: (cause) => symbolOf(cause) === "ECONNREFUSED",
    unreached: true,
    words: () =>
      "it refuses the connection (ECONNREFUSED), because nothing listens there or a firewall says no; see acknowledge.host and acknowledge.port",
  },
  {
    is: (cause) => ["EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"].includes(symbolOf(cause)),
    unreached: true,
    words: ({ cause }) => `there is no way there (${symbolOf(cause)}); see to the network and its firewalls`,
  },
  {
    is: ({ timeoutType, originalCode }) => timeoutType === "CONNECT_TIMEOUT" || originalCode === "ETIMEDOUT",
    unreached: true,
    words: ({ within }) => `no answer ${within}; see to the firewalls on the way`,
  },
  {
    is: ({ timeoutType }) => timeoutType === "GREETING_TIMEOUT",
    words: ({ within }) =>
      `it takes the connection and does not greet ${within}; a port with TLS from the beginning needs "tls": "implicit"`,
  },
  {
    is: ({ timeoutType }) => timeoutType === "UPGRADE_TIMEOUT",
    words: ({ place, within }) => `it does not finish the TLS handshake ${within}${missingTls(place)}`,
  },
  { is: ({ timeoutType }) => timeoutType !== undefined, words: ({ within }) => `it did not answer ${within}` },
  {
    is: ({ message }) => message.startsWith("Invalid greeting"),
    words: ({ cause }) =>
      isTransient(cause)
        ? `it does not take connections now: ${answer(cause)}`
        : `it refuses us as soon as we connect: ${answer(cause)}; ask whether it lets our address in`,
  },
  {
    is: ({ code, message }) => code === "ECONNECTION" && message.startsWith("EHLO failed"),
    words: ({ cause, place }) => `it does not know EHLO, so it offers no TLS: ${answer(cause)}${missingTls(place)}`,
  },
  {
    is: ({ command }) => command === "EHLO" || command === "HELO",
    words: ({ cause }) =>
      isTransient(cause)
        ? `it has no time for us now: ${answer(cause)}`
        : `it refuses the name we greet it with: ${answer(cause)}; see MM4D_HOSTNAME`,
  },
  {
    is: ({ command }) => command === "STARTTLS",
    words: ({ cause, place }) =>
      cause.responseCode !== undefined && isTransient(cause)
        ? `it cannot begin TLS now: ${answer(cause)}${missingTls(place)}`
        : `it offers no TLS: ${answer(cause)}${missingTls(place)}`,
  },
  {
    is: (cause) => UNTRUSTED.test(symbolOf(cause)),
    words: ({ cause }) =>
      `its certificate is not trusted: ${firstLine(cause.message)} (${symbolOf(cause)}); NODE_EXTRA_CA_CERTS adds an authority, and acknowledge.host must be a name in it`,
  },
  {
    is: isOfTls,
    words: ({ cause, place }) =>
      `the TLS handshake failed: ${firstLine(cause.message)}${place.tls === "implicit" ? '; a port that begins without TLS needs "tls": "required"' : missingTls(place)}`,
  },
  {
    is: ({ code, responseCode }) => code === "EAUTH" && responseCode !== undefined,
    words: ({ cause, place }) =>
      isTransient(cause)
        ? `it cannot check our login as ${place.auth?.user} now: ${answer(cause)}`
        : `it refuses our login as ${place.auth?.user}: ${answer(cause)}; see acknowledge.auth`,
  },
  {
    is: ({ code }) => code === "EAUTH",
    words: ({ cause, place }) => `we cannot log in as ${place.auth?.user}: ${firstLine(cause.message)}`,
  },
  { is: ({ response }) => response !== undefined, words: ({ cause }) => `it answered ${answer(cause)}` },
  { is: (cause) => symbolOf(cause) === "ECONNRESET", words: () => "it broke the connection off (ECONNRESET)" },
  { is: ({ code }) => code === "ECONNECTION", words: () => "it closed the connection without a word" },
];

function isOfTls(cause: MmscError): boolean {
  return cause.code === "ETLS" || /SSL|TLS|^EPROTO$/.test(symbolOf(cause)) || /\bTLS\b/.test(cause.message);
}

/** Of X.509, as Node.js spells them. */
const UNTRUSTED =
  /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_|PATH_LENGTH_|ERR_TLS_CERT_ALTNAME)/;

function missingTls({ tls, auth }: Place): string {
  if (tls === "optional" && isSecret(auth)) return `; the password is not sent without TLS. ${WITHOUT_TLS}`;
  return tls === "required" ? '; the entry has "tls": "required"' : "";
}

function symbolOf({ originalCode, code }: MmscError): string {
  return originalCode ?? code ?? "";
}

function isTransient({ responseCode = 0 }: MmscError): boolean {
  return responseCode >= 400 && responseCode < 500;
}

function answer({ response = "" }: MmscError): string {
  return firstLine(response);
}

/** Also of what an MMSC said: it may be of any length. */
export function firstLine(text: string): string {
  return (text.split(/[\r\n]/, 1)[0] ?? "").slice(0, MAX_REASON_LENGTH);
}

const MAX_REASON_LENGTH = 500;
