/**
 * Reads REDIS_URL: `redis://user:password@host:port/database`, `rediss://` for TLS.
 *
 * It is strict, because the libraries are not: with them a `#` in a password cuts the URL off,
 * a database that is no number ends the process, and an unknown option silently has no effect
 * or changes one of our deadlines. No sentence about a fault shows a part of the URL that may
 * belong to its password.
 */
import { err, ok, type Result } from "../result.ts";

/** Where a Redis is, and the user to log in as. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** Empty for the default user. */
  readonly username: string;
  readonly password: string;
  readonly database: number;
  /** The family of IP addresses, 4 or 6; 0 for either. */
  readonly family: number;
  /** The name of our connections in `CLIENT LIST`; empty for none. */
  readonly connectionName: string;
}

const PORT = 6379;
const MAX_PORT = 65_535;
const MAX_DATABASE = 2_147_483_647;
const ENCODE = "in user and password % is written as %25, # as %23, ? as %3F, / as %2F, @ as %40";

/** Options that may follow `?`. Each of them had an effect in 1.0.0. */
const OPTIONS = {
  family: { wanted: "0, 4 or 6", fits: (text: string) => /^[046]$/.test(text) },
  db: { wanted: `a whole number from 0 to ${MAX_DATABASE}`, fits: isDatabase },
  tls: { wanted: "true, or the URL must begin with redis:// and have none", fits: (text: string) => text === "true" },
  username: { wanted: "a user", fits: (text: string) => text !== "" },
  password: { wanted: "a password", fits: (text: string) => text !== "" },
  connectionName: { wanted: "a name without blanks", fits: (text: string) => /^[!-~]{1,100}$/.test(text) },
} as const satisfies Record<string, { readonly wanted: string; readonly fits: (text: string) => boolean }>;

type Option = keyof typeof OPTIONS;

/** Fails with what is wrong and what it must be instead, to be written behind the setting's name. */
export function readRedisUrl(text: string): Result<RedisAddress, string> {
  if (/\p{Cc}/u.test(text) || text !== text.trim()) {
    return err("has a line end, a tab, or a blank at its beginning or end, must be without");
  }
  const [, scheme, rest = ""] = /^(rediss?):\/\/(.*)$/.exec(text) ?? [];
  if (scheme === undefined) return err(`${beginning(text)}, must begin with redis:// or rediss://, in small letters`);

  // RFC 3986 §3.2: the first of these characters ends the part with user, password and host.
  const cut = /[/?#]/.exec(rest);
  if (cut && rest.includes("@", cut.index)) {
    return err(`has a "${cut[0]}" before an "@", must be percent-encoded: ${ENCODE}`);
  }
  if (rest.includes("#")) return err(`has a "#", must be without or percent-encoded: ${ENCODE}`);
  const fault = userFault(rest.slice(0, cut?.index)) ?? hostFault(rest.slice(0, cut?.index));
  if (fault !== undefined) return err(fault);
  if (!URL.canParse(text)) return err("cannot be read, must be redis://user:password@host:port/database");
  const url = new URL(text);

  const options = readOptions(url.searchParams);
  if (!options.ok) return options;
  const { family, db, tls, username, password, connectionName } = options.value;
  const database = /^\/?(.*?)\/?$/.exec(url.pathname)?.[1] ?? "";
  if (database !== "" && !isDatabase(database)) {
    return err(
      `has something else than a number behind the host, must be the database's number, such as /0 (a name or the path of a socket is none; ${ENCODE})`,
    );
  }
  if (database !== "" && db !== undefined && Number(db) !== Number(database)) {
    return err("names two databases, must be one: /number behind the host, or ?db=number");
  }
  return ok({
    host: url.hostname.replace(/^\[|\]$/g, "") || "localhost",
    port: url.port === "" ? PORT : Number(url.port),
    tls: scheme === "rediss" || tls !== undefined,
    username: decodeURIComponent(url.username) || (username ?? ""),
    password: decodeURIComponent(url.password) || (password ?? ""),
    database: Number(database || (db ?? 0)),
    family: Number(family ?? 0),
    connectionName: connectionName ?? "",
  });
}

function isDatabase(text: string): boolean {
  return /^\d{1,10}$/.test(text) && Number(text) <= MAX_DATABASE;
}

/** Tells from the scheme what may have been meant. */
function beginning(text: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase() ?? "";
  if (/sentinel/.test(scheme)) return "names sentinels, which stand in MM4D_REDIS_SENTINELS and MM4D_REDIS_MASTER";
  if (/unix|socket|file/.test(scheme) || text.startsWith("/"))
    return "names a socket of the file system, and mm4d connects by TCP";
  if (/cluster/.test(scheme)) return "names a Redis Cluster, which cannot be used";
  if (/^["']/.test(text)) return "begins with a quotation mark, which is taken for a part of it";
  return "begins with something else";
}

function userFault(authority: string): string | undefined {
  const at = authority.lastIndexOf("@");
  if (at === -1) return undefined;
  const user = authority.slice(0, at);
  // Log and page show the URL without its password, and would show one that stands in the user's place.
  if (user !== "" && !user.includes(":")) {
    return "names a user and no password, must be user:password@ (a password alone is :password@, a user that has none is user:@)";
  }
  try {
    decodeURIComponent(user);
    return undefined;
  } catch {
    return `has a "%" that begins no character in UTF-8, must be percent-encoded: ${ENCODE}`;
  }
}

function hostFault(authority: string): string | undefined {
  const address = authority.slice(authority.lastIndexOf("@") + 1);
  const [, bracketed, plain = "", port = ""] = /^(?:(\[[^\]]*\])|([^:]*))(?::(.*))?$/.exec(address) ?? [];
  if (bracketed === undefined && /:.*:/.test(address)) {
    return /^[0-9a-f:.]+$/i.test(address)
      ? "has an IPv6 address without brackets, must be redis://[address]:port"
      : `has more than one ":" behind the user, must be host:port (${ENCODE})`;
  }
  if (bracketed === undefined && plain === "" && authority !== "")
    return "names no host, must be user:password@host:port";
  if (bracketed === undefined && !/^[a-z0-9._-]*$/i.test(plain)) {
    return "has a character in its host that no name and no address has, must be a host's name or an IP address";
  }
  if (port !== "" && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= MAX_PORT)) {
    return `has a port that is none, must be a whole number from 1 to ${MAX_PORT} (${ENCODE})`;
  }
  return undefined;
}

function readOptions(given: URLSearchParams): Result<Readonly<Partial<Record<Option, string>>>, string> {
  const options: Partial<Record<Option, string>> = {};
  for (const [name, value] of given) {
    if (!isOption(name)) {
      // The name is not shown, because it may be the rest of a password that has a "?".
      return err(
        `has an option behind "?" that mm4d does not know, must be one of ${Object.keys(OPTIONS).join(", ")}; TLS is rediss:// and MM4D_REDIS_TLS_CA_FILE (${ENCODE})`,
      );
    }
    if (!OPTIONS[name].fits(value))
      return err(`has the option "${name}" with a value of another kind, must be ${OPTIONS[name].wanted}`);
    if (options[name] !== undefined) return err(`has the option "${name}" twice, must be once`);
    options[name] = value;
  }
  return ok(options);
}

function isOption(name: string): name is Option {
  return Object.hasOwn(OPTIONS, name);
}

/** A URL with its password and its query replaced by `***`. */
export function maskUrl(text: string): string {
  if (text === "") return "";
  try {
    const url = new URL(text);
    if (url.password !== "") url.password = "***";
    if (url.search !== "") url.search = "?***";
    return url.href;
  } catch {
    return "***";
  }
}
