/** How we connect to a peer's MMSC, as its entry says; and in words why a connection failed. */
import { isSecret, notTriedAtAll, WITHOUT_TLS } from "../settings/acknowledge-login.ts";
import type { Acknowledge } from "../smtp/peer.ts";

/** The options of nodemailer for an entry. `timeoutMs` is how long the MMSC may be silent. */
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
    // Where TLS is optional, a certificate that is not trusted is no worse than no TLS.
    tls: { rejectUnauthorized: tls === "required" || tls === "implicit", minVersion: "TLSv1.2" as const },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    // It must end after the other timeouts, because those name what is missing: the greeting or the handshake.
    socketTimeout: timeoutMs + 100,
  };
}

/** Whether mail goes without TLS where TLS fails, as Postfix does at its level `may`. It never does with a password. */
export function mayGoWithoutTls({ tls, auth }: Pick<Acknowledge, "tls" | "auth">): boolean {
  return tls === "optional" && !isSecret(auth);
}

/** The same entry without TLS. */
export function withoutTls<Entry extends Pick<Acknowledge, "tls">>(entry: Entry): Entry {
  return { ...entry, tls: "off" };
}

/**
 * Whether STARTTLS was offered and failed. `unclear` when a connection broke off or fell
 * silent: only a look at the connection itself shows whether that was in STARTTLS.
 */
export function failedInTls(cause: MmscError): boolean | "unclear" {
  // An MMSC may end the connection with 421 for a reason of its own (RFC 5321 §3.8), which has passed by the next time.
  if (cause.responseCode === 421) return cause.command === "STARTTLS" ? "unclear" : false;
  if (cause.command === "STARTTLS" || cause.code === "ETLS" || cause.timeoutType === "UPGRADE_TIMEOUT") return true;
  if (cause.response !== undefined) return false;
  // TLS may break off long after its handshake.
  if (isOfTls(cause) || cause.timeoutType === "SOCKET_TIMEOUT") return "unclear";
  return ["ECONNRESET", "EPIPE", "ECONNABORTED", "ECONNECTION"].includes(symbolOf(cause)) ? "unclear" : false;
}

/** An error of nodemailer. `code` says which step failed, `originalCode` what the system or OpenSSL says. */
export interface MmscError extends Error {
  readonly code?: string | undefined;
  readonly originalCode?: string | undefined;
  readonly timeoutType?: string | undefined;
  readonly command?: string | undefined;
  /** The server's reply. */
  readonly response?: string | undefined;
  readonly responseCode?: number | undefined;
}

type Place = Pick<Acknowledge, "host" | "port" | "tls" | "auth">;

/**
 * Why a connection failed before a message was tried: what happened and, after a
 * semicolon, what to do. The server's own words in it are unchanged.
 */
export function describeFailure(cause: MmscError, place: Place, timeoutMs: number): string {
  const unreached = FAILURES.find(({ is }) => is(cause))?.unreached === true;
  return `Cannot ${unreached ? "reach" : "use"} ${place.host}:${place.port}: ${wordsFor(cause, place, timeoutMs)}`;
}

/** Why mail went without TLS, in words that follow "because". */
export function describeTlsFailure(cause: MmscError, place: Place, timeoutMs: number): string {
  return `STARTTLS failed: ${wordsFor(cause, place, timeoutMs)}`;
}

function wordsFor(cause: MmscError, place: Place, timeoutMs: number): string {
  const failure = FAILURES.find(({ is }) => is(cause));
  return failure?.words({ cause, place, within: `within ${timeoutMs / 1000} s` }) ?? cause.message;
}

/** Why nothing is tried with this entry; null when it is tried. */
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
  /** Set when nothing answered at that address. */
  readonly unreached?: true;
  readonly words: (failed: Failed) => string;
}

/** The first row that fits counts. */
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

/** Node.js's codes for X.509 certificates that are not trusted. */
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

/** Cuts a text, because what an MMSC said may have any length. */
export function firstLine(text: string): string {
  return (text.split(/[\r\n]/, 1)[0] ?? "").slice(0, MAX_REASON_LENGTH);
}

const MAX_REASON_LENGTH = 500;
