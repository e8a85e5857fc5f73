/** An SMTP client over bare TCP: it sends what it is told, byte for byte. */
import { createConnection, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";

export interface SmtpClient {
  /** The next reply, all its lines. Rejects when the connection ends first. */
  reply(): Promise<string>;
  /** Sends a line and waits for its reply. */
  command(line: string): Promise<string>;
  /** Sends bytes as they are; text one byte a character. */
  write(bytes: string | Uint8Array): void;
  /** One whole transaction: the reply to the message, or to whatever was refused before. */
  deliver(message: Uint8Array, rcptTo?: string): Promise<string>;
  /** Goes on in TLS, after STARTTLS was answered. Rejects when the handshake fails. */
  startTls(options?: ConnectionOptions): Promise<TLSSocket>;
  /** Everything received and not yet read as a reply. */
  unread(): string;
  /** Resolves when the server has closed the connection. */
  closed(): Promise<void>;
  end(): void;
  readonly socket: Socket;
}

export interface ConnectOptions {
  readonly host?: string;
  /** From which of this machine's addresses. */
  readonly from?: string;
  /** TLS from the beginning. */
  readonly tls?: ConnectionOptions;
}

/** Connects; the greeting is read by the first `reply`. */
export function connectSmtp(port: number, { host = "127.0.0.1", from, tls }: ConnectOptions = {}): SmtpClient {
  const raw = createConnection({ port, host, noDelay: true, ...(from === undefined ? {} : { localAddress: from }) });
  let socket: Socket = raw;
  let received = "";
  let ended: Error | undefined;
  let wake = (): void => {};
  const closed = new Promise<void>((resolve) => raw.once("close", () => resolve()));
  const over = (cause: Error): void => {
    ended ??= cause;
    wake();
  };
  const listen = (to: Socket): void => {
    to.setEncoding("latin1");
    to.on("data", (text) => {
      received += text;
      wake();
    });
    to.on("error", over);
    to.on("close", () => over(new Error("The connection was closed")));
  };

  async function reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(received);
      if (match) {
        received = received.slice(match[0].length);
        return match[0].trimEnd();
      }
      if (ended) throw ended;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  async function command(line: string): Promise<string> {
    write(`${line}\r\n`);
    return reply();
  }
  function write(bytes: string | Uint8Array): void {
    socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }
  function startTls(options: ConnectionOptions = {}): Promise<TLSSocket> {
    return new Promise((resolve, reject) => {
      raw.removeAllListeners("data");
      const secure = connectTls({ socket: raw, rejectUnauthorized: false, ...options }, () => resolve(secure));
      secure.once("error", reject);
      socket = secure;
      listen(secure);
    });
  }
  if (tls) startTls(tls).catch(over);
  else listen(raw);
  return {
    reply,
    command,
    write,
    startTls,
    async deliver(message, rcptTo = "+12025550199/TYPE=PLMN@mms.example.net") {
      const refused = await announce({ command }, rcptTo);
      if (refused !== undefined) return refused;
      // RFC 5321 §4.5.2: a line that begins with a dot gets another one.
      const text = Buffer.from(message).toString("latin1").replace(/^\./gm, "..");
      write(`${text.endsWith("\r\n") ? text : `${text}\r\n`}.\r\n`);
      return reply();
    },
    unread: () => received,
    closed: () => closed,
    end: () => raw.destroy(),
    get socket() {
      return socket;
    },
  };
}

/** Connects and says hello. */
export async function openSession(port: number, options: ConnectOptions = {}): Promise<SmtpClient> {
  const client = connectSmtp(port, options);
  await client.reply();
  await client.command("EHLO mmsc.example.net");
  return client;
}

/** Everything before the message itself; the reply when one of the commands was refused. */
export async function announce(
  { command }: Pick<SmtpClient, "command">,
  rcptTo = "+12025550199/TYPE=PLMN@mms.example.net",
  mailFrom = "system-user@mmsc.example.net",
): Promise<string | undefined> {
  for (const line of [`MAIL FROM:<${mailFrom}>`, `RCPT TO:<${rcptTo}>`, "DATA"]) {
    const answer = await command(line);
    if (!/^[23]/.test(answer)) return answer;
  }
  return undefined;
}

/** Connects, says hello, and stands in the middle of a message. */
export async function openData(port: number, options: ConnectOptions = {}): Promise<SmtpClient> {
  const client = await openSession(port, options);
  const refused = await announce(client);
  if (refused !== undefined) throw new Error(refused);
  return client;
}
