/** What an entry of the peers' file may say, and a sentence for each fault of one. */
import type { z } from "zod";
import { NO_TABLE, VENDORS_TABLE } from "../delivery/code.ts";
import { readMailbox } from "../mm4/address.ts";
import { canonicalDomain } from "../smtp/domain.ts";
import { type Network, readNetwork } from "../smtp/network.ts";
import { checkOf, must, mustHave, type Zod } from "./file-check.ts";
import { readHostOrAddress, readPeerName } from "./values.ts";

/** What a parsed file says. */
export interface ParsedPeers {
  /** The entries that are in order, with their defaults, and where each is: `peers[0]`. */
  readonly entries: readonly { readonly entry: Entry; readonly at: string }[];
  /** A sentence for each fault. */
  readonly faults: readonly string[];
}

/** Checks a parsed file. The entries in order are given beside the faults of others, because they may have further ones. */
export function parsePeers(json: unknown): ParsedPeers {
  const parsed = check(json);
  if (parsed.ok) return { entries: parsed.value.peers.map(placed), faults: [] };
  const written = (json as { readonly peers?: unknown } | null)?.peers;
  const alone = (Array.isArray(written) ? written : []).map((entry) => check({ peers: [entry] }));
  const entries = alone.flatMap((one, index) => (one.ok ? one.value.peers.map((entry) => placed(entry, index)) : []));
  return { entries, faults: parsed.error };
}

function placed(entry: Entry, index: number): ParsedPeers["entries"][number] {
  return { entry, at: `peers[${index}]` };
}

const check = checkOf(createSchema);

function createSchema(z: Zod) {
  const objectOf = <S extends z.ZodRawShape>(shape: S, what: string) => z.strictObject(shape, mustHave(what, shape));
  const switchedOff = z.boolean(must("true or false")).default(false);
  const word = (what: string) => z.string(must(what)).regex(/^[^\p{Cc}]{1,255}$/u, must(what));
  const login = objectOf(
    { user: word("a user's name"), passwordFile: word("the path of a file") },
    "null or an object with user and passwordFile",
  )
    .nullable()
    .default(null);
  const OUR_LOGIN = "null or an object with user, passwordFile and perhaps withoutTls";
  const ourLogin = objectOf(
    { user: word("a user's name"), passwordFile: word("the path of a file"), withoutTls: switchedOff },
    OUR_LOGIN,
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
  const clientCertificate = objectOf(
    {
      fingerprint: z
        .string(must(FINGERPRINT))
        .transform((text) => text.replaceAll(":", "").toLowerCase())
        .pipe(z.string().regex(/^[0-9a-f]{64}$/, must(FINGERPRINT)))
        .nullable()
        .default(null),
      subject: word("the common name of a certificate").nullable().default(null),
    },
    "null or an object with fingerprint or subject",
  )
    .refine(
      ({ fingerprint, subject }) => fingerprint !== null || subject !== null,
      must("an object with fingerprint or subject"),
    )
    .nullable()
    .default(null);

  const limits = objectOf({ connections: howMany, messagesPerSecond: howMany, commands }, "an object").prefault({});

  const HOST = "null, a host name or an IP address";
  const CONNECTIONS = "a whole number from 1 to 100";
  const MAILBOX = "null or an address, such as system-user@mmsc.example";
  const acknowledge = objectOf(
    {
      mode: z.enum(["off", "auto", "always"], must('one of "off", "auto", "always"')).default("auto"),
      host: z
        .string(must(HOST))
        .refine((text) => readHostOrAddress(text) !== undefined, must(HOST))
        .nullable()
        .default(null),
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
    "an object",
  ).prefault({});

  const NAME = 'a name of letters, digits, ".", "_" and "-", and not "loopback"';
  const PREFIX = 'an international prefix, such as "00" or "011"';
  const prefix = z.string(must(PREFIX)).regex(/^\d{2,5}$/, must(PREFIX));
  const TABLE = `"${VENDORS_TABLE}", "${NO_TABLE}" or the path of a file with codes`;
  const ENTRY = objectOf(
    {
      name: z.string(must(NAME)).refine((text) => readPeerName(text) !== undefined, must(NAME)),
      addresses: z.array(network, must("a list of networks")).min(1, must("a list of at least one network")),
      tls: tlsMode.default("optional"),
      clientCertificate,
      auth: login,
      mailFromDomains: z.array(domain, must("a list of domains")).default([]),
      limits,
      acknowledge,
      catalogue: word(TABLE).default(VENDORS_TABLE),
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
    "an object with at least name and addresses",
  );
  return objectOf(
    { peers: z.array(ENTRY, must("a list of peers")).min(1, must("a list of at least one peer")) },
    'an object with "peers"',
  );
}

/** One entry of the peers' file. */
export type Entry = z.output<ReturnType<typeof createSchema>>["peers"][number];
