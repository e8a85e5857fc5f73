/**
 * The connections to one peer's MMSC, which are kept open between responses. They are
 * those that its entry asks for. Where TLS is optional and STARTTLS fails, others
 * without TLS take their place for a while.
 */
import { createRequire } from "node:module";
import type { Transporter } from "nodemailer";
import type { Acknowledge } from "../smtp/peer.ts";
import {
  describeTlsFailure,
  failedInTls,
  firstLine,
  type MmscError,
  mayGoWithoutTls,
  mmscOptions,
  withoutTls,
} from "./mmsc-client.ts";

export interface TransportOptions {
  /** The name we greet with. */
  readonly hostname: string;
  /** How long an MMSC may be silent, in milliseconds. */
  readonly timeoutMs: number;
  /** How long mail goes without TLS after STARTTLS has failed, in milliseconds. */
  readonly withoutTlsMs: number;
}

export interface MmscTransports {
  /**
   * Resolves to the MMSC's reply and, if the mail went without TLS, why. Rejects with
   * nodemailer's error. Where TLS is optional, TLS that fails counts as missing.
   */
  send(mail: Mail): Promise<string>;
  /** Why mails go without TLS now; undefined when they go with TLS. */
  whyWithoutTls(): string | undefined;
  /** Makes the next mail try TLS again. */
  useTls(): void;
  /** Ends the connections. A mail that is being sent is sent to its end. */
  close(): void;
}

export type Mail = Parameters<Transporter["sendMail"]>[0];

const IDLE_MS = 30_000;

/** `acknowledge` is the entry that the connections are made for. */
export function openTransports(acknowledge: Acknowledge, options: TransportOptions): MmscTransports {
  const { hostname, timeoutMs, withoutTlsMs } = options;
  const transport = transportTo(acknowledge, hostname, timeoutMs);
  /** The connections without TLS, once STARTTLS has failed. */
  let inClear: Transporter | undefined;
  /** Until when those without TLS are used, and why, in words that follow "because". */
  let missing: { readonly untilMs: number; readonly because: string } | undefined;

  async function isOfTls(cause: MmscError): Promise<boolean> {
    const failed = failedInTls(cause);
    if (failed !== "unclear") return failed;
    // Loaded only when it is needed, as nodemailer is.
    const { breaksInTls } = await import("./probe.ts");
    return breaksInTls(acknowledge, hostname, timeoutMs);
  }

  return {
    async send(mail) {
      if (!missing || missing.untilMs <= performance.now()) {
        const { marked, isBegun } = markBegin(mail);
        try {
          const { response } = await transport.sendMail(marked);
          missing = undefined;
          return firstLine(response ?? "");
        } catch (cause) {
          // The MMSC may have taken the mail, so it is not sent again at once. TLS was not the obstacle.
          if (isBegun() || !mayGoWithoutTls(acknowledge)) throw cause;
          if (!(await isOfTls(cause as MmscError))) throw cause;
          const because = describeTlsFailure(cause as MmscError, acknowledge, timeoutMs);
          missing = { untilMs: performance.now() + withoutTlsMs, because };
        }
      }
      const { because } = missing;
      inClear ??= transportTo(withoutTls(acknowledge), hostname, timeoutMs);
      const { response } = await inClear.sendMail(mail);
      return `${firstLine(response ?? "")} (sent without TLS, because ${because})`;
    },
    whyWithoutTls: () => missing?.because,
    useTls() {
      missing = undefined;
    },
    close() {
      transport.close();
      inClear?.close();
    },
  };
}

function transportTo(acknowledge: Acknowledge, hostname: string, timeoutMs: number): Transporter {
  const { auth, connections } = acknowledge;
  // Loaded with the first connection, because few processes need it and every start would wait for it.
  const { createTransport } = createRequire(import.meta.url)("nodemailer") as typeof import("nodemailer");
  return createTransport({
    ...mmscOptions(acknowledge, hostname, timeoutMs),
    pool: true,
    maxConnections: connections,
    // It is not the response's fault when the MMSC has closed a connection meanwhile.
    maxRequeues: connections,
    idleTimeout: IDLE_MS,
    ...(auth === null ? {} : { auth: { user: auth.user, pass: auth.password } }),
  });
}

/**
 * The same mail, and whether its MAIL has begun. nodemailer reads the id of the DSN only to compose MAIL, which
 * comes after STARTTLS and login.
 */
function markBegin(mail: Mail): { readonly marked: Mail; isBegun(): boolean } {
  let begun = false;
  const dsn = {
    ...mail.dsn,
    get id() {
      begun = true;
      return mail.dsn?.id;
    },
  };
  return { marked: { ...mail, dsn }, isBegun: () => begun };
}
