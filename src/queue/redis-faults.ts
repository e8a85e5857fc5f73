/**
 * Why a Redis or a sentinel cannot be used, in words for the person on call, with what
 * to do. The server's own words on users and rights are quoted in them.
 */

/** The server that reported the fault, and which settings are about it. */
interface Party {
  readonly name: string;
  /** The settings of its user and password. */
  readonly login: string;
  /** The setting of its host and port. */
  readonly place: string;
}

const REDIS: Party = { name: "Redis", login: "REDIS_URL", place: "REDIS_URL" };
export const SENTINEL: Party = {
  name: "the sentinel",
  login: "MM4D_REDIS_SENTINEL_USER, MM4D_REDIS_SENTINEL_PASSWORD",
  place: "MM4D_REDIS_SENTINELS",
};

const OUR_CERTIFICATE = "MM4D_REDIS_TLS_CERT_FILE, MM4D_REDIS_TLS_KEY_FILE";
const CLUSTER =
  "it is a node of a Redis Cluster, which cannot be used: BullMQ's keys must be in one place. Give mm4d a Redis of its own, without cluster mode, with a replica and sentinels if it must not fail";

/** The first row that fits counts. `said` is the message itself, for rows whose words tell less. */
const FAULTS: readonly (readonly [RegExp, (party: Party, said: string) => string])[] = [
  // What Redis says about rights and users.
  [
    /\bWRONGPASS\b|invalid password/,
    ({ name, login }, said) => `${name} refuses user or password (${said}): see to ${login}`,
  ],
  [/\bNOAUTH\b/, ({ name, login }, said) => `${name} asks for a password (${said}): set it in ${login}`],
  [
    /\bNOPERM\b.*'sentinel\b/i,
    (_, said) =>
      `the sentinel's user may not ask for the master (${said}): it needs +sentinel|get-master-addr-by-name +sentinel|sentinels +subscribe &+switch-master`,
  ],
  [
    /\bNOPERM\b|The user executing the script|ACL failure in script/,
    ({ name }, said) =>
      `${name} does not let this user do that (${said}): see ops/redis/users.acl for the rights that mm4d needs`,
  ],
  [
    /without any password configured|no password is set/,
    ({ name, login }, said) => `${name} has no password, and one is given (${said}): see to ${login}`,
  ],
  [
    /DB index is out of range|invalid DB index/i,
    (_, said) => `${said}: REDIS_URL names a database that this Redis has not`,
  ],
  [
    /^(?:MOVED|ASK) \d|^CROSSSLOT|^CLUSTERDOWN|not allowed in cluster mode|Script attempted to access (?:a non local key|keys that do not hash)|keys must in same slot/,
    (_, said) => `${said}: ${CLUSTER}`,
  ],
  // TLS: the other side's alerts about us (RFC 8446 §6.2), and our objections to its certificate.
  [
    /alert certificate required|alert handshake failure|peer did not return a certificate/,
    ({ name }) => `${name} asks for a client certificate, or takes no cipher of ours: set ${OUR_CERTIFICATE}`,
  ],
  [
    /alert unknown ca/,
    ({ name }) =>
      `${name} does not know the authority of our certificate: ${OUR_CERTIFICATE} must be signed by one in its tls-ca-cert-file`,
  ],
  [
    /alert certificate expired/,
    ({ name }) =>
      `${name} says that our certificate has expired: renew ${OUR_CERTIFICATE}; it is read again at the next attempt`,
  ],
  [
    /alert (?:bad|unsupported|revoked) certificate|alert certificate (?:revoked|unknown)|alert (?:access denied|decrypt error)/,
    ({ name }, said) => `${name} refuses our certificate (${alertIn(said)}): see to ${OUR_CERTIFICATE}`,
  ],
  [
    /alert protocol version|unsupported protocol|alert insufficient security/,
    ({ name }, said) =>
      `${name} speaks another version of TLS than 1.2 or 1.3 (${alertIn(said)}): see to its tls-protocols`,
  ],
  [
    /wrong version number|packet length too long|record layer failure/i,
    ({ name, place }) =>
      `${name} does not speak TLS on this port: REDIS_URL must begin with redis://, or ${place} name its TLS port`,
  ],
  [/certificate has expired|CERT_HAS_EXPIRED/, ({ name }) => `the certificate of ${name} has expired: renew it there`],
  [
    /certificate is not yet valid/,
    ({ name }) => `the certificate of ${name} is not yet valid: see to the clocks of both`,
  ],
  [
    /does not match certificate's altnames/,
    ({ name, place }, said) =>
      `the certificate of ${name} is of another name (${said.replace(/^Hostname\/IP does not match certificate's altnames: /, "")}): ${place} must name it by a host that stands in its certificate`,
  ],
  [
    /self[- ]signed certificate|unable to verify the first certificate|unable to get (?:local )?issuer certificate|UNABLE_TO_VERIFY/,
    ({ name }, said) =>
      `the certificate of ${name} is signed by nobody we know (${said}): name its authority in MM4D_REDIS_TLS_CA_FILE`,
  ],
];

/** Why the sentinels name no master, already in our words. */
export class SentinelsError extends Error {
  override readonly name = "SentinelsError";
}

/** An error in words. A message that is in no row is given unchanged. */
export function redisFault(cause: Error, party: Party = REDIS): string {
  if (cause instanceof SentinelsError) return cause.message;
  const { message, name } = cause;
  const said = (message || name)
    .replace(/^Ready check failed: /, "")
    .replace(/ script: [0-9a-f]{40}, on @\w+:\d+\.?$/, "")
    .trim();
  const [, words] = FAULTS.find(([pattern]) => pattern.test(said)) ?? [];
  return words ? words(party, said) : said;
}

/** Whether it is about the keys of one queue. Whatever else Redis says is of all of it: no memory, a replica, away. */
export function isAboutOneQueue({ message }: Error): boolean {
  return ABOUT_ONE_QUEUE.test(message);
}

const ABOUT_ONE_QUEUE =
  /NOPERM|The user executing the script|ACL failure in script|WRONGTYPE|^MOVED|^CROSSSLOT|Script attempted to access|same slot/;

/** A port without TLS stays silent, because it waits for the end of a command and TLS sends no line end. */
export const NO_TLS = "it does not answer; perhaps it does not speak TLS there, and REDIS_URL must begin with redis://";

/** In words why TLS was never established; undefined for every other error. */
export function noAnswer(tls: boolean, { message }: Error): string | undefined {
  return tls && message === "connect ETIMEDOUT" ? NO_TLS : undefined;
}

/** Whether the other side broke the connection off and gave no reason. */
export function isBroken({ message }: Error): boolean {
  return /\b(?:ECONNRESET|EPIPE)\b/.test(message);
}

/**
 * In words why a connection was broken off before its first answer. In TLS 1.3 we send our first
 * command before the server has looked at our certificate (RFC 8446 §4.4.2.4), so the system may
 * report that command's failure instead of the alert.
 */
export function brokenOff(tls: boolean, said: string): string {
  const perhaps = tls
    ? `perhaps it asks for a client certificate, one that it knows and that has not expired (${OUR_CERTIFICATE})`
    : "perhaps it asks for TLS, and REDIS_URL must begin with rediss://";
  return `it breaks the connection off before it answers (${said}): ${perhaps}`;
}

/** Why a node of a Redis Cluster cannot be used. */
export function clusterFault(who = "it"): string {
  return CLUSTER.replace(/^it/, who);
}

/** The words in OpenSSL's "80…:error:…:SSL routines:…:tlsv1 alert bad certificate:…". */
function alertIn(said: string): string {
  return /(?:alert [a-z ]+|unsupported protocol)/.exec(said)?.[0].trim() ?? said;
}
