/** smtp-server as we use it: what it offers to clients, and what it asks us at each command. */
import { BOUNDS } from "../bounds/bounds.ts";
import { type Admission, domainOf, isOurs } from "./admission.ts";
import { type Mm4Connection, Mm4Server } from "./connection.ts";
import { canonicalDomain } from "./domain.ts";
import type { Limits } from "./limits.ts";
import type { Places } from "./places.ts";
import { REPLIES, type SmtpReply } from "./replies.ts";
import { type ListenerCertificate, tlsOptions } from "./tls-options.ts";

export interface ServerOptions {
  /** The name we greet with. */
  readonly hostname: string;
  /** Domains whose recipients are accepted, besides our own address; empty for every domain. */
  readonly domains: readonly string[];
  readonly limits: Limits;
  readonly certificate: ListenerCertificate | null;
  readonly ciphers: string;
  readonly admission: Admission;
  readonly places: Places<Mm4Connection>;
  /** Called with an error of our own. Its result is the reply to the client. */
  readonly onFault: (cause: Error) => SmtpReply;
}

export function createSmtpServer({
  hostname,
  limits,
  admission,
  places,
  onFault,
  ...options
}: ServerOptions): Mm4Server {
  const domains = new Set(options.domains.map(canonicalDomain));
  const server = new Mm4Server({
    name: hostname,
    banner: "mm4d",
    size: limits.messageBytes,
    disabledCommands: ["WIZ", "SHELL", "KILL", "XCLIENT", "XFORWARD"],
    authMethods: ["PLAIN", "LOGIN"],
    authOptional: true,
    hideENHANCEDSTATUSCODES: false,
    disableReverseLookup: true,
    lenientAddressParsing: true,
    logger: false,
    maxRecipients: limits.recipients,
    heloResponse: "%s",
    rejectUnauthorized: false,
    ...tlsOptions(options.certificate, options.ciphers),

    // Called at once. By default the library waits a turn, in which early input of a listed peer would count as too soon.
    onConnect: (_session, callback) => callback(),
    onSecure: (_socket, _session, callback) => callback(),

    onAuth({ username, password }, session, callback) {
      void admission
        .authenticate(server.connectionOf(session), username ?? "", password ?? "")
        .catch(onFault)
        .then((reply) => {
          if (reply === null) callback(null, { user: username ?? "" });
          else callback(asError(reply));
        });
    },

    onMailFrom({ address, args }, session, callback) {
      const connection = server.connectionOf(session);
      const judge = (placed: boolean): void => {
        const announcedBytes = args ? Number(args.SIZE ?? 0) : 0;
        const refusal = placed ? admission.refusalOfSender(connection, address, announcedBytes) : REPLIES.tooManyOfPeer;
        if (refusal === REPLIES.senderNotAllowed) connection.refused = domainOf(address);
        callback(refusal ? asError(refusal) : null);
      };
      if (connection.healthCheck) return callback(asError(REPLIES.healthCheckOnly));
      places.take(connection, BOUNDS.placeWaited.value, judge);
    },

    onRcptTo({ address }, session, callback) {
      const connection = server.connectionOf(session);
      if (isOurs(address, domains, connection.here)) return callback();
      connection.refused = domainOf(address);
      callback(asError(REPLIES.unknownDomain));
    },
  });
  // The library answers 451 when one of its handlers throws, and reports the error only here.
  server.logger = {
    ...server.logger,
    error: (entry) => {
      if (typeof entry === "object" && entry.tnx === "command" && entry.err instanceof Error) onFault(entry.err);
    },
  };
  return server;
}

function asError({ code, text }: SmtpReply): Error & { responseCode: number } {
  return Object.assign(new Error(text), { responseCode: code });
}
