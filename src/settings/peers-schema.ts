/** What an entry of the peers' file may say, and a sentence for each fault of one. */
import { createRequire } from "node:module";
import type { z } from "zod";
import { readMailbox } from "../mm4/address.ts";
import { err, ok, type Result } from "../result.ts";
import { canonicalDomain } from "../smtp/domain.ts";
import { type Network, readNetwork } from "../smtp/network.ts";
import { readPeerName } from "./values.ts";

/** The entries of a parsed file, with their defaults. Fails with a sentence for each fault. */
export function parsePeers(json: unknown): Result<readonly Entry[], readonly string[]> {
  const parsed = peersSchema().safeParse(json);
  if (!parsed.success) return err(parsed.error.issues.flatMap((issue) => describeIssue(issue, json)));
  return ok(parsed.data.peers);
}

const must = (what: string) => ({ error: () => what });

/** Zod is loaded with the first file, because it takes a quarter of a service's start, and most services have no file. */
let schema: ReturnType<typeof createSchema> | undefined;
function peersSchema(): ReturnType<typeof createSchema> {
  schema ??= createSchema((createRequire(import.meta.url)("zod") as typeof import("zod")).z);
  return schema;
}

function createSchema(z: typeof import("zod").z) {
  const switchedOff = z.boolean(must("true or false")).default(false);
  const word = (what: string) => z.string(must(what)).regex(/^[^\p{Cc}]{1,255}$/u, must(what));
  const login = z
    .strictObject(
      { user: word("a user's name"), passwordFile: word("the path of a file") },
      must("null or an object with user and passwordFile"),
    )
    .nullable()
    .default(null);
  const OUR_LOGIN = "null or an object with user, passwordFile and perhaps withoutTls";
  const ourLogin = z
    .strictObject(
      { user: word("a user's name"), passwordFile: word("the path of a file"), withoutTls: switchedOff },
      must(OUR_LOGIN),
    )
    .nullable()
    .default(null);
  const tlsMode = z.enum(["off", "optional", "required"], must('one of "off", "optional", "required"'));
  const domain = z
    .string(must("a domain"))
    .transform(canonicalDomain)
    .pipe(z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$|^\[[0-9a-f:.]{2,39}\]$/, must("a domain")));
  const HOW_MANY = "null or a whole number from 1 to 1000000";
  const howMany = z.int(must(HOW_MANY)).min(1, must(HOW_MANY)).max(1_000_000, must(HOW_MANY)).nullable().default(null);
  const COMMANDS = "null or a whole number from 10 to 1000000";
  const commands = z
    .int(must(COMMANDS))
    .min(10, must(COMMANDS))
    .max(1_000_000, must(COMMANDS))
    .nullable()
    .default(null);

  const ADDRESS = "an IP address or a network, such as 192.0.2.0/24 or 2001:db8::/32";
  const network = z.string(must(ADDRESS)).transform((text, context): Network => {
    const read = readNetwork(text);
    if (read) return read;
    context.addIssue({ code: "custom", message: ADDRESS, input: text });
    return z.NEVER;
  });

  const FINGERPRINT = "the SHA-256 fingerprint of a certificate, 64 hexadecimal digits";
  const clientCertificate = z
    .strictObject(
      {
        fingerprint: z
          .string(must(FINGERPRINT))
          .transform((text) => text.replaceAll(":", "").toLowerCase())
          .pipe(z.string().regex(/^[0-9a-f]{64}$/, must(FINGERPRINT)))
          .nullable()
          .default(null),
        subject: word("the common name of a certificate").nullable().default(null),
      },
      must("null or an object with fingerprint or subject"),
    )
    .refine(
      ({ fingerprint, subject }) => fingerprint !== null || subject !== null,
      must("an object with fingerprint or subject"),
    )
    .nullable()
    .default(null);

  const limits = z
    .strictObject({ connections: howMany, messagesPerSecond: howMany, commands }, must("an object"))
    .prefault({});

  const CONNECTIONS = "a whole number from 1 to 100";
  const MAILBOX = "null or an address, such as system-user@mmsc.example";
  const acknowledge = z
    .strictObject(
      {
        mode: z.enum(["off", "auto", "always"], must('one of "off", "auto", "always"')).default("auto"),
        host: word("null or a host name").nullable().default(null),
        port: z
          .int(must("a port"))
          .min(1, must("a port from 1 to 65535"))
          .max(65_535, must("a port from 1 to 65535"))
          .default(25),
        connections: z.int(must(CONNECTIONS)).min(1, must(CONNECTIONS)).max(100, must(CONNECTIONS)).default(4),
        tls: z
          .enum(["off", "optional", "required", "implicit"], must('one of "off", "optional", "required", "implicit"'))
          .default("optional"),
        auth: ourLogin,
        to: z
          .string(must(MAILBOX))
          .transform((text) => text.replace(/\.$/, ""))
          .pipe(z.string().refine((text) => readMailbox(text) === text, must(MAILBOX)))
          .nullable()
          .default(null),
        from: z.enum(["system", "plmn", "null"], must('one of "system", "plmn", "null"')).default("system"),
        bouncesFrom: z.array(word("a peer's name"), must("a list of peers' names")).default([]),
      },
      must("an object"),
    )
    .prefault({});

  const NAME = 'a name of letters, digits, ".", "_" and "-", and not "loopback"';
  const PREFIX = 'an international prefix, such as "00" or "011"';
  const prefix = z.string(must(PREFIX)).regex(/^\d{2,5}$/, must(PREFIX));
  const ENTRY = z.strictObject(
    {
      name: z.string(must(NAME)).refine((text) => readPeerName(text) !== undefined, must(NAME)),
      addresses: z.array(network, must("a list of networks")).min(1, must("a list of at least one network")),
      tls: tlsMode.default("optional"),
      clientCertificate,
      auth: login,
      mailFromDomains: z.array(domain, must("a list of domains")).default([]),
      limits,
      acknowledge,
      swapAddresses: switchedOff,
      forwardedIsFinal: switchedOff,
      localLongCode: switchedOff,
      nanp: switchedOff,
      internationalPrefixes: z
        .array(prefix, must("a list of prefixes"))
        .max(10, must("a list of 10 at most"))
        .default([]),
      bareNewlines: switchedOff,
    },
    must("an object with at least name and addresses"),
  );
  return z.strictObject(
    { peers: z.array(ENTRY, must("a list of peers")).min(1, must("a list of at least one peer")) },
    must('an object with "peers"'),
  );
}
export type Entry = z.output<ReturnType<typeof createSchema>>["peers"][number];

/** One sentence for each fault in one of zod's issues. */
function describeIssue(issue: z.core.$ZodIssue, json: unknown): readonly string[] {
  const path = issue.path.reduce<string>(
    (before, key) =>
      typeof key === "number" ? `${before}[${key}]` : `${before}${before === "" ? "" : "."}${String(key)}`,
    "",
  );
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `${path === "" ? "" : `${path}.`}${key} is no option, must be a known one`);
  }
  const value = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], json);
  return [
    `${path === "" ? "the whole" : path} is ${value === undefined ? "missing" : shown(value)}, must be ${issue.message}`,
  ];
}

const MAX_SHOWN = 60;

/** A value as JSON, cut off where it is long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
