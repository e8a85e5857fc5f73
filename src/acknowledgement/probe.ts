/** Tries whether a peer's MMSC would take our acknowledgements: connects, greets, begins TLS, logs in, and sends nothing. */
import type { TLSSocket } from "node:tls";
import SMTPConnection from "nodemailer/lib/smtp-connection";
import type { Acknowledge } from "../smtp/peer.ts";
import {
  describeFailure,
  describeNotTried,
  describeTlsFailure,
  failedInTls,
  type MmscError,
  mayGoWithoutTls,
  mmscOptions,
  withoutTls,
} from "./mmsc-client.ts";

export interface Probe {
  /** The first line of the server's reply to EHLO or HELO. */
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
  /** Why we went on without TLS, in words that follow "because"; null when TLS was not offered, or is used. */
  readonly withoutTlsBecause: string | null;
  /** The user as which we logged in; null when the entry has no user, or the server offers no login. */
  readonly user: string | null;
  /** Whether the server offers a login. */
  readonly offersLogin: boolean;
}

const DEADLINE_MS = 10_000;

/** Rejects with a sentence that says what stopped us before MAIL. */
export async function probe(acknowledge: Acknowledge, name: string, deadlineMs = DEADLINE_MS): Promise<Probe> {
  const notTried = describeNotTried(acknowledge);
  if (notTried !== null) throw new Error(notTried);
  const found = await connectOnce(acknowledge, name, deadlineMs);
  if (found.kind === "reached") return { ...found.probe, withoutTlsBecause: null };
  if (!found.inTls || !mayGoWithoutTls(acknowledge)) {
    throw new Error(describeFailure(found.cause, acknowledge, deadlineMs));
  }
  const because = describeTlsFailure(found.cause, acknowledge, deadlineMs);
  const again = await connectOnce(withoutTls(acknowledge), name, deadlineMs);
  if (again.kind === "reached") return { ...again.probe, withoutTlsBecause: because };
  throw new Error(describeFailure(again.cause, acknowledge, deadlineMs));
}

/** Whether STARTTLS fails at this MMSC now. */
export async function breaksInTls(acknowledge: Acknowledge, name: string, deadlineMs: number): Promise<boolean> {
  const found = await connectOnce({ ...acknowledge, auth: null }, name, deadlineMs);
  return found.kind === "failed" && found.inTls;
}

type Found =
  | { readonly kind: "reached"; readonly probe: Omit<Probe, "withoutTlsBecause"> }
  | { readonly kind: "failed"; readonly cause: MmscError; readonly inTls: boolean };

function connectOnce(acknowledge: Acknowledge, name: string, deadlineMs: number): Promise<Found> {
  const { auth } = acknowledge;
  return new Promise((resolve) => {
    const connection = new SMTPConnection(mmscOptions(acknowledge, name, deadlineMs));
    const failed = (cause: MmscError): void => {
      const inTls = failedInTls(cause);
      resolve({
        kind: "failed",
        cause,
        inTls: inTls === "unclear" ? !greeted && isInStartTls(connection, cause) : inTls,
      });
      connection.close();
    };
    const done = (): void => {
      const probe = {
        greeting: greeting.split(/\r?\n/)[0] ?? "",
        tls: describeTls(connection),
        user: loggedIn ? (auth?.user ?? null) : null,
        offersLogin: connection.allowsAuth,
      };
      connection.quit();
      resolve({ kind: "reached", probe });
    };
    let greeted = false;
    let greeting = "";
    let loggedIn = false;
    connection.once("error", failed);
    connection.connect((refused) => {
      if (refused) return failed(refused);
      greeted = true;
      greeting = connection.lastServerResponse || "";
      // A server that offers no login is used without one, as for the acknowledgements themselves.
      if (auth === null || !connection.allowsAuth) return done();
      connection.login({ credentials: { user: auth.user, pass: auth.password } }, (wrong) => {
        if (wrong) return failed(wrong);
        loggedIn = true;
        done();
      });
    });
  });
}

/**
 * Whether it failed between STARTTLS and the first reply within TLS. In TLS 1.3 our side of the
 * handshake ends before we hear that the MMSC wants a certificate. RFC 8446 §4.4.2.4.
 */
function isInStartTls({ upgrading, secure, lastServerResponse }: SMTPConnection, { command }: MmscError): boolean {
  if (command === "STARTTLS" || upgrading === true || secure) return true;
  return /[ -]STARTTLS\b/i.test(String(lastServerResponse));
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
