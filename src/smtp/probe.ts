/** Looks whether a peer's MMSC would take our acknowledgements: connects, greets, TLS, login; sends nothing. */
import type { TLSSocket } from "node:tls";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { describeFailure, describeNotTried, type MmscError, mmscOptions } from "./mmsc-client.ts";
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
  /** As whom we logged in; null when the entry has no user, or the server offers no login. */
  readonly user: string | null;
  /** Whether the server offers a login. */
  readonly offersLogin: boolean;
}

const DEADLINE_MS = 10_000;

/** Rejects with a sentence that says what kept us from coming so far as MAIL would. */
export function probe(
  acknowledge: Acknowledge & { readonly host: string },
  name: string,
  deadlineMs = DEADLINE_MS,
): Promise<Probe> {
  const { auth } = acknowledge;
  const notTried = describeNotTried(acknowledge);
  if (notTried !== null) return Promise.reject(new Error(notTried));
  return new Promise((resolve, reject) => {
    const connection = new SMTPConnection(mmscOptions(acknowledge, name, deadlineMs));
    const failed = (cause: MmscError): void => {
      connection.close();
      reject(new Error(describeFailure(cause, acknowledge, deadlineMs)));
    };
    const done = (): void => {
      const found = {
        greeting: greeting.split(/\r?\n/)[0] ?? "",
        tls: describeTls(connection),
        user: loggedIn ? (auth?.user ?? null) : null,
        offersLogin: connection.allowsAuth,
      };
      connection.quit();
      resolve(found);
    };
    let greeting = "";
    let loggedIn = false;
    connection.once("error", failed);
    connection.connect((refused) => {
      if (refused) return failed(refused);
      greeting = connection.lastServerResponse || "";
      // What offers no login is sent to without one, as the acknowledgements are.
      if (auth === null || !connection.allowsAuth) return done();
      connection.login({ credentials: { user: auth.user, pass: auth.password } }, (wrong) => {
        if (wrong) return failed(wrong);
        loggedIn = true;
        done();
      });
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
