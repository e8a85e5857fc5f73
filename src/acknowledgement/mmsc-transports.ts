/**
 * The connections to one peer's MMSC, which are kept open between responses: those
 * that its entry asks for and, where TLS may be missing and STARTTLS fails, others
 * without TLS for a while.
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
  /** How long an MMSC whose STARTTLS failed is sent to without TLS, in milliseconds. */
  readonly withoutTlsMs: number;
}

export interface MmscTransports {
  /**
   * Resolves to the MMSC's reply, and why it was given without TLS, if it was. Rejects
   * with nodemailer's error. Where TLS may be missing, TLS that fails counts as missing.
   */
  send(mail: Mail): Promise<string>;
  /** Why mails go without TLS now; undefined when they do not. */
  whyWithoutTls(): string | undefined;
  /** The next mail is tried with TLS again. */
  useTls(): void;
  /** Ends the connections; what is being sent on one is sent to its end. */
  close(): void;
}

export type Mail = Parameters<Transporter["sendMail"]>[0];

const IDLE_MS = 30_000;

/** `acknowledge`: the entry that they are made for. */
export function openTransports(acknowledge: Acknowledge, options: TransportOptions): MmscTransports {
  const { hostname, timeoutMs, withoutTlsMs } = options;
  const transport = transportTo(acknowledge, hostname, timeoutMs);
  /** The one without TLS, since STARTTLS failed. */
  let inClear: Transporter | undefined;
  /** Until when it is used, and why, behind "because". */
  let missing: { readonly untilMs: number; readonly because: string } | undefined;

  async function isOfTls(cause: MmscError): Promise<boolean> {
    const failed = failedInTls(cause);
    if (failed !== "unclear") return failed;
    // Loaded when it is needed, as nodemailer is.
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
          // What may have been taken is not sent again at once, and TLS was not in its way.
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
  // Loaded with the first one: few starts ever need it, and all would wait for it.
  const { createTransport } = createRequire(import.meta.url)("nodemailer") as typeof import("nodemailer");
  return createTransport({
    ...mmscOptions(acknowledge, hostname, timeoutMs),
    pool: true,
    maxConnections: connections,
    // When the MMSC has closed a connection meanwhile, that is not the response's fault.
    maxRequeues: connections,
    idleTimeout: IDLE_MS,
    ...(auth === null ? {} : { auth: { user: auth.user, pass: auth.password } }),
  });
}

/** The same mail, and whether its MAIL was composed, for which alone nodemailer reads the id of its DSN: behind STARTTLS and login. */
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
