/** Delivers one message to an SMTP server, as a relay would. For `mm4d send`. */
import SMTPConnection from "nodemailer/lib/smtp-connection";

export interface Delivery {
  readonly host: string;
  readonly port: number;
  /** Empty for the null sender. */
  readonly mailFrom: string;
  readonly rcptTo: string;
  readonly message: Uint8Array;
}

export interface DeliveryReply {
  readonly code: number;
  /** The whole line, code included. */
  readonly text: string;
}

const DEADLINE_MS = 30_000;

/**
 * The server's reply to the message, or to whatever it refused before.
 * Rejects only when there is no reply at all: nobody listens, or the connection broke.
 */
export function deliver({ host, port, mailFrom, rcptTo, message }: Delivery): Promise<DeliveryReply> {
  return new Promise((resolve, reject) => {
    const connection = new SMTPConnection({
      host,
      port,
      name: "relay.mm4d.invalid",
      ignoreTLS: true,
      connectionTimeout: DEADLINE_MS,
      greetingTimeout: DEADLINE_MS,
      socketTimeout: DEADLINE_MS,
    });
    const failed = (error: Error & { responseCode?: number | undefined; response?: string | undefined }): void => {
      connection.close();
      if (error.responseCode === undefined) reject(error);
      else resolve({ code: error.responseCode, text: error.response ?? error.message });
    };
    connection.once("error", failed);
    connection.connect((refused) => {
      if (refused) return failed(refused);
      connection.send({ from: mailFrom, to: [rcptTo] }, Buffer.from(message), (error, info) => {
        if (error) return failed(error);
        connection.quit();
        const text = info?.response ?? "";
        resolve({ code: Number(text.slice(0, 3)), text });
      });
    });
  });
}
