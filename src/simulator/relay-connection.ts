/** One connection of a simulated relay to an MM4 server. */
import { createConnection, isIPv6, type Socket } from "node:net";
import { Readable } from "node:stream";
import SMTPConnection from "nodemailer/lib/smtp-connection";

export interface Server {
  readonly host: string;
  readonly port: number;
  readonly tls: "off" | "starttls" | "implicit";
  readonly login: { readonly user: string; readonly password: string } | null;
  /** The client that a PROXY header (version 1) names; null for no header. */
  readonly proxyFor: string | null;
}

export interface Mail {
  /** Empty for the null sender. */
  readonly mailFrom: string;
  readonly rcptTo: string;
  readonly bytes: Uint8Array;
}

export interface Reply {
  readonly code: number;
  /** The whole line, code included. */
  readonly text: string;
  /** Time from the end of the message to the reply; null when an earlier command was refused. */
  readonly tookMs: number | null;
}

export interface RelayConnection {
  /** The reply to the message, or to the command that was refused before it. Rejects when there is no reply. */
  deliver(mail: Mail): Promise<Reply>;
  /** Whether it can take another message. */
  usable(): boolean;
  end(): void;
}

/** The host that the simulated relay says it is. */
export const RELAY_HOST = "relay.mm4d.invalid";
const DEADLINE_MS = 30_000;

/** Rejects when there is no connection; {@link refusalIn} tells the server's reply, where there is one. */
export async function connectRelay(server: Server): Promise<RelayConnection> {
  const socket = server.proxyFor === null ? undefined : await openProxied(server, server.proxyFor);
  const connection = new SMTPConnection({
    host: server.host,
    port: server.port,
    name: RELAY_HOST,
    secure: server.tls === "implicit",
    requireTLS: server.tls === "starttls",
    ignoreTLS: server.tls === "off",
    // A server under test has a self-signed certificate.
    tls: { rejectUnauthorized: false },
    connectionTimeout: DEADLINE_MS,
    greetingTimeout: DEADLINE_MS,
    socketTimeout: DEADLINE_MS,
    ...(socket ? { connection: socket } : {}),
  });
  let usable = true;
  connection.on("end", () => {
    usable = false;
  });
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error): void => {
      connection.close();
      reject(cause);
    };
    connection.once("error", failed);
    connection.connect((refused) => {
      if (refused) return failed(refused);
      connection.off("error", failed);
      resolve();
    });
  });
  // From here on each message reports the error itself.
  connection.on("error", () => {
    usable = false;
  });
  if (server.login) {
    const { user, password } = server.login;
    await new Promise<void>((resolve, reject) =>
      connection.login({ credentials: { user, pass: password } }, (wrong) => {
        if (!wrong) return resolve();
        connection.close();
        reject(wrong);
      }),
    );
  }

  return {
    usable: () => usable,
    end: () => connection.quit(),
    deliver: ({ mailFrom, rcptTo, bytes }) =>
      new Promise((resolve, reject) => {
        let endedMs: number | null = null;
        const took = (): number | null => (endedMs === null ? null : performance.now() - endedMs);
        const message = Readable.from([Buffer.from(bytes)]).once("end", () => {
          endedMs = performance.now();
        });
        connection.send({ from: mailFrom, to: [rcptTo] }, message, (error, info) => {
          const reply = replyOf(info?.response ?? "", took());
          if (!error && reply.code < 300) return resolve(reply);
          // Closes, so that the server cannot take the rest of this message for the next.
          usable = false;
          connection.close();
          const refusal = error && refusalIn(error, took());
          if (refusal) resolve(refusal);
          else reject(error ?? new Error(`The server's replies are out of step: "${reply.text}"`));
        });
      }),
  };
}

/** The server's reply that an error of nodemailer's stands for; undefined when it stands for none. */
export function refusalIn(error: unknown, tookMs: number | null = null): Reply | undefined {
  const { responseCode, response, message } = error as { responseCode?: number; response?: string; message: string };
  return responseCode === undefined ? undefined : { code: responseCode, text: response ?? message, tookMs };
}

function replyOf(text: string, tookMs: number | null): Reply {
  return { code: Number(text.slice(0, 3)), text, tookMs };
}

/** PROXY protocol, version 1: in words, before anything else. */
function openProxied({ host, port }: Server, client: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host, port }, () => {
      const family = isIPv6(client) ? "TCP6" : "TCP4";
      socket.write(`PROXY ${family} ${client} ${isIPv6(client) ? "::1" : "127.0.0.1"} 40000 ${port}\r\n`);
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}
