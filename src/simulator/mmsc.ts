/**
 * A small MMSC that receives our acknowledgements, and misbehaves on demand: for
 * `mm4d mmsc`, for `mm4d send --expect-ack` and for the tests.
 */
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerSession } from "smtp-server";
import { SMTPConnection } from "smtp-server/lib/smtp-connection.js";

export interface MmscOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly onMessage: (message: MmscMessage) => void;
  readonly fault?: Fault | undefined;
  /** Answers EHLO with 500 and ends after one message, as mbuni does. */
  readonly likeMbuni?: boolean | undefined;
  /** The login that a client must use. */
  readonly login?: { readonly user: string; readonly password: string } | undefined;
  /** PEM. With it STARTTLS is offered. */
  readonly certificate?: { readonly cert: string; readonly key: string } | undefined;
  /** TLS from the beginning. */
  readonly implicitTls?: boolean | undefined;
}

export interface MmscMessage {
  readonly mailFrom: string;
  readonly rcptTo: readonly string[];
  /** ENVID, the name of the message in a bounce; null without one. RFC 3461 §4.4. */
  readonly envelopeId: string | null;
  readonly bytes: Uint8Array;
  readonly receivedAt: Date;
  readonly tls: boolean;
  readonly user: string | null;
  /** The reply that its sender got: 250, another one, or none. */
  readonly answer: "taken" | "refused" | "none";
}

export const FAULTS = ["refuse", "delay", "4xx", "5xx", "drop"] as const;
export const PHASES = ["connect", "helo", "starttls", "auth", "mail", "rcpt", "data", "message"] as const;

export interface Fault {
  /** `refuse` resets the connection; `drop` closes it where a reply should be. */
  readonly kind: (typeof FAULTS)[number];
  /** The phase that gets this answer. `message` is the whole message. */
  readonly at: (typeof PHASES)[number];
  /** How often; after that it behaves. */
  readonly times: number;
  /** How long `delay` waits, in milliseconds. */
  readonly delayMs: number;
}

export interface Mmsc {
  readonly port: number;
  /** From now on; undefined for none. */
  misbehave(fault: Fault | undefined): void;
  connections(): number;
  stop(): Promise<void>;
}

/** Rejects when it cannot listen on the address. */
export async function startMmsc(options: MmscOptions): Promise<Mmsc> {
  let { fault } = options;
  let left = fault?.times ?? 0;
  const nextFault = (at: Fault["at"] | "other"): Fault | undefined => {
    if (fault?.at !== at || left <= 0) return undefined;
    left -= 1;
    return fault;
  };
  /** Messages that are still to be answered. */
  const unanswered = new WeakMap<SMTPServerSession, Uint8Array>();
  const answered = (session: SMTPServerSession, spoiled: Fault["kind"] | undefined): void => {
    const bytes = unanswered.get(session);
    if (bytes) options.onMessage(describe(session, bytes, spoiled));
    unanswered.delete(session);
  };
  const { login, certificate, implicitTls = false, likeMbuni = false } = options;
  const server = new SimulatedServer(
    {
      name: "mmsc.mm4d.invalid",
      banner: "mm4d mmsc",
      logger: false,
      hideDSN: false,
      disableReverseLookup: true,
      authOptional: login === undefined,
      allowInsecureAuth: true,
      lenientAddressParsing: true,
      disabledCommands: [
        ...(likeMbuni ? ["EHLO"] : []),
        ...(login ? [] : ["AUTH"]),
        ...(certificate && !implicitTls ? [] : ["STARTTLS"]),
      ],
      secure: implicitTls,
      ...certificate,
      onAuth({ username, password }, _session, callback) {
        const right = username === login?.user && password === login?.password;
        callback(right ? null : new Error("Authentication failed"), right ? { user: username ?? "" } : undefined);
      },
      onData(stream, session, callback) {
        const chunks: Uint8Array[] = [];
        stream.on("data", (chunk: Uint8Array) => chunks.push(chunk));
        stream.on("end", () => {
          unanswered.set(session, Buffer.concat(chunks));
          callback(null, "2.0.0 Taken");
        });
      },
    },
    { nextFault, answered, oneMessage: likeMbuni },
  );
  server.on("error", () => {}); // Broken connections are its purpose.
  await new Promise<void>((resolve, reject) => {
    server.server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.server.off("error", reject);
      resolve();
    });
  });
  return {
    port: (server.server.address() as AddressInfo).port,
    misbehave(next) {
      fault = next;
      left = next?.times ?? 0;
    },
    connections: () => server.connections.size,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of server.connections) (connection as unknown as SMTPConnection)._socket.destroy();
      }),
  };
}

function describe(
  { envelope, secure, user }: SMTPServerSession,
  bytes: Uint8Array,
  spoiled: Fault["kind"] | undefined,
): MmscMessage {
  return {
    mailFrom: envelope.mailFrom ? envelope.mailFrom.address : "",
    rcptTo: envelope.rcptTo.map(({ address }) => address),
    envelopeId: envelope.dsn?.envid ?? null,
    bytes,
    receivedAt: new Date(),
    tls: secure,
    user: user ? String(user) : null,
    answer: spoiled === undefined || spoiled === "delay" ? "taken" : spoiled.endsWith("xx") ? "refused" : "none",
  };
}

interface Manners {
  /** How the next reply in this phase is to be spoiled. */
  readonly nextFault: (at: Fault["at"] | "other") => Fault | undefined;
  /** A reply is on its way; to a message, if one was waiting for it. */
  readonly answered: (session: SMTPServerSession, spoiled: Fault["kind"] | undefined) => void;
  readonly oneMessage: boolean;
}

class SimulatedServer extends SMTPServer {
  private readonly manners: Manners;

  constructor(options: ConstructorParameters<typeof SMTPServer>[0], manners: Manners) {
    super(options);
    this.manners = manners;
  }

  override connect(...[socket, socketOptions]: Parameters<SMTPServer["connect"]>): void {
    const connection = new SimulatedConnection(this, socket, socketOptions);
    connection.manners = this.manners;
    this.connections.add(connection);
    connection.on("error", () => {});
    connection.init();
  }
}

/** A connection whose every reply passes through one place, where it can be spoiled. */
class SimulatedConnection extends SMTPConnection {
  manners: Manners = { nextFault: () => undefined, answered: () => {}, oneMessage: false };
  private phase: Fault["at"] | "other" = "connect";

  override _onCommand(...[command, callback]: Parameters<SMTPConnection["_onCommand"]>): void {
    const verb = command.toString().split(" ", 1)[0]?.toLowerCase() ?? "";
    // Within AUTH a line is no command.
    if (!this._nextHandler) this.phase = verb === "ehlo" ? "helo" : isPhase(verb) ? verb : "other";
    super._onCommand(command, callback);
  }

  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    const fault = this.manners.nextFault(this.phase);
    this.manners.answered(this.session, fault?.kind);
    // The reply to DATA is followed by the one to the message.
    if (code === 354) this.phase = "message";
    else if (this.phase === "message" && this.manners.oneMessage) setImmediate(() => this.close());
    if (fault === undefined) super.send(code, data, context);
    else if (fault.kind === "4xx") super.send(451, "4.3.0 Not now", false);
    else if (fault.kind === "5xx") super.send(554, "5.7.1 Never", false);
    else if (fault.kind === "drop") this._socket.destroy();
    else if (fault.kind === "refuse") this._socket.resetAndDestroy();
    else setTimeout(() => super.send(code, data, context), fault.delayMs).unref();
  }
}

function isPhase(verb: string): verb is Fault["at"] {
  return (PHASES as readonly string[]).includes(verb);
}
