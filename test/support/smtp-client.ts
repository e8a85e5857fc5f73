/** An SMTP client over bare TCP: it sends what it is told, byte for byte. */
import { createConnection, type Socket } from "node:net";

export interface SmtpClient {
  /** The next reply, all its lines. Rejects when the connection ends first. */
  reply(): Promise<string>;
  /** Sends a line and waits for its reply. */
  command(line: string): Promise<string>;
  /** Sends bytes as they are. */
  write(bytes: string | Uint8Array): void;
  /** One whole transaction: the reply to the message, or to whatever was refused before. */
  deliver(message: Uint8Array, rcptTo?: string): Promise<string>;
  /** Resolves when the server has closed the connection. */
  closed(): Promise<void>;
  end(): void;
  readonly socket: Socket;
}

/** Connects; the greeting is read by the first `reply`. */
export function connectSmtp(port: number, host = "127.0.0.1"): SmtpClient {
  const socket = createConnection({ port, host, noDelay: true });
  socket.setEncoding("latin1");
  let received = "";
  let ended: Error | undefined;
  let wake = (): void => {};
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const over = (cause: Error): void => {
    ended ??= cause;
    wake();
  };
  socket.on("data", (text) => {
    received += text;
    wake();
  });
  socket.on("error", over);
  socket.on("close", () => over(new Error("The connection was closed")));

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
    socket.write(`${line}\r\n`);
    return reply();
  }
  return {
    reply,
    command,
    write: (bytes) => void socket.write(bytes),
    async deliver(message, rcptTo = "+12025550199/TYPE=PLMN@mms.example.net") {
      for (const line of ["MAIL FROM:<system-user@mmsc.example.net>", `RCPT TO:<${rcptTo}>`, "DATA"]) {
        const answer = await command(line);
        if (!/^[23]/.test(answer)) return answer;
      }
      // RFC 5321 §4.5.2: a line that begins with a dot gets another one.
      const text = Buffer.from(message).toString("latin1").replace(/^\./gm, "..");
      socket.write(Buffer.from(`${text.endsWith("\r\n") ? text : `${text}\r\n`}.\r\n`, "latin1"));
      return reply();
    },
    closed: () => closed,
    end: () => socket.destroy(),
    socket,
  };
}

/** Connects and says hello. */
export async function openSession(port: number): Promise<SmtpClient> {
  const client = connectSmtp(port);
  await client.reply();
  await client.command("EHLO mmsc.example.net");
  return client;
}
