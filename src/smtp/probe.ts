/** Looks whether a peer's MMSC would take our acknowledgements: connects, greets, TLS, login; sends nothing. */
import type { TLSSocket } from "node:tls";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { mmscOptions } from "./mmsc-client.ts";
import type { Acknowledge } from "./peer.ts";

export interface Probe {
  /** The first line of what the server answered to EHLO or HELO. */
  readonly greeting: string;
  /** Null without TLS. */
  readonly tls: {
    readonly protocol: string;
    readonly cipher: string;
    readonly subject: string;
    readonly expiresAt: string;
    /** Why the certificate is not trusted; null when it is. */
    readonly fault: string | null;
  } | null;
  /** As whom we logged in; null when the entry has no user. */
  readonly user: string | null;
}

const DEADLINE_MS = 10_000;

/** Rejects with what kept us from coming so far as MAIL would. */
export function probe(acknowledge: Acknowledge & { readonly host: string }, name: string): Promise<Probe> {
  const { auth } = acknowledge;
  return new Promise((resolve, reject) => {
    const connection = new SMTPConnection(mmscOptions(acknowledge, name, DEADLINE_MS));
    const failed = (cause: Error): void => {
      connection.close();
      reject(cause);
    };
    const done = (): void => {
      const found = {
        greeting: greeting.split(/\r?\n/)[0] ?? "",
        tls: describeTls(connection),
        user: auth?.user ?? null,
      };
      connection.quit();
      resolve(found);
    };
    let greeting = "";
    connection.once("error", failed);
    connection.connect((refused) => {
      if (refused) return failed(refused);
      greeting = connection.lastServerResponse || "";
      if (auth === null) return done();
      connection.login({ credentials: { user: auth.user, pass: auth.password } }, (wrong) =>
        wrong ? failed(wrong) : done(),
      );
    });
  });
}

function describeTls(connection: SMTPConnection): Probe["tls"] {
  if (!connection.secure || !connection._socket) return null;
  const socket = connection._socket as TLSSocket;
  const { subject, valid_to: expiresAt } = socket.getPeerCertificate();
  return {
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher().name,
    subject: String(subject?.CN ?? "nobody"),
    expiresAt,
    fault: socket.authorized ? null : String(socket.authorizationError),
  };
}
