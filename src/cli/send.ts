/** `mm4d send`: delivers a report as a carrier's relay would. */
import { randomUUID } from "node:crypto";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { ServiceFacts } from "../admin/control.ts";
import type { LoadedConfig } from "../config.ts";
import type { ReportKind } from "../delivery/report.ts";
import { composeReport } from "../mm4/compose.ts";
import { deliver } from "../smtp/deliver.ts";
import { askService, settingOr } from "./running-service.ts";
import { readSavedMessage } from "./saved-message.ts";
import { loadSettings } from "./settings.ts";

interface SendOptions {
  readonly status?: string;
  readonly code?: string;
  readonly type: ReportKind;
  readonly extension?: string;
  readonly text?: string;
  readonly messageId?: string;
  readonly transactionId?: string;
  readonly recipient: string;
  readonly originator: string;
  readonly ack?: true;
  readonly file?: string;
  readonly mailFrom: string;
  readonly rcptTo?: string;
  readonly host?: string;
  readonly port?: number;
  readonly json?: true;
}

const KINDS: readonly ReportKind[] = ["delivery-report", "forward-response", "read-report"];

/** Options that say what to compose. */
const COMPOSED = ["status", "code", "extension", "text", "messageId", "transactionId", "ack"];

export function addSendCommand(program: Command): void {
  program
    .command("send")
    .description("deliver a report as a carrier's relay would")
    .option("-s, --status <word>", "MM status, such as Retrieved; request or read status for the other types")
    .option("-c, --code <number>", "X-Internal-Status-Code, such as 470")
    .addOption(new Option("-t, --type <type>", "which report").choices(KINDS).default("delivery-report"))
    .option("--extension <word>", "MM status extension, such as Rejection-By-MMS-Recipient")
    .option("--text <text>", "status text")
    .option("--message-id <id>", "id of the message reported on (default: a new one)")
    .option("--transaction-id <id>", "id of this report (default: a new one)")
    .option("--recipient <address>", "who the message was for", "+12025550100/TYPE=PLMN")
    .option("--originator <address>", "who sent the message", "+12025550199/TYPE=PLMN")
    .option("--ack", "ask for an acknowledgement")
    .addOption(new Option("-f, --file <path>", "deliver this saved message instead; - for stdin").conflicts(COMPOSED))
    .option("--mail-from <address>", "envelope sender; empty for none", "system-user@relay.mm4d.invalid")
    .option("--rcpt-to <address>", "envelope recipient (default: the originator)")
    .option("--host <host>", "where to (default: MM4D_SMTP_HOST)")
    .option("--port <port>", "where to (default: MM4D_SMTP_PORT)", readPort)
    .option("--json", "print the reply as JSON")
    .addHelpText(
      "after",
      `
Prints the server's reply. Exit code 0 when it is a 2xx, otherwise 1.

Examples:
  mm4d send --status Retrieved
  mm4d send --status Rejected --code 470
  mm4d send --type forward-response --status Ok
  mm4d send --file report.eml`,
    )
    .action(send);
}

async function send(options: SendOptions): Promise<void> {
  const settings = loadSettings("send");
  const running = await askService(settings.config);
  const { host, port } = findServer(options, settings, running);
  const messageId = options.messageId ?? `mm-${randomUUID()}`;
  const message = options.file === undefined ? compose(options, messageId) : readSavedMessage(options.file);
  const rcptTo =
    options.rcptTo ??
    envelopeAddress(options.originator, settings.config.domain[0] ?? running?.domain[0] ?? "mm4d.invalid");

  const reply = await deliver({ host, port, mailFrom: options.mailFrom, rcptTo, message: withCrlf(message) }).catch(
    (cause: Error) => {
      throw new Error(`Cannot deliver to ${host}:${port}: ${cause.message}`);
    },
  );
  const about = options.file === undefined ? { messageId } : {};
  if (options.json) process.stdout.write(`${JSON.stringify({ host, port, ...about, ...reply })}\n`);
  else process.stdout.write(`${options.file === undefined ? `Message ${messageId}\n` : ""}${reply.text}\n`);
  if (reply.code < 200 || reply.code > 299) process.exitCode = 1;
}

function compose(options: SendOptions, messageId: string): Uint8Array {
  // A report without any status is worth sending too: it shows the quarantine.
  return composeReport({
    kind: options.type,
    transactionId: options.transactionId ?? `tx-${randomUUID()}`,
    messageId,
    recipient: options.recipient,
    originator: options.originator,
    date: new Date(),
    status: options.status,
    statusExtension: options.extension,
    statusText: options.text,
    code: options.code,
    ackRequested: options.ack,
  });
}

/** From the options, else from what is set; else from the running service, which may listen elsewhere than by default. */
function findServer(options: SendOptions, { config, origins }: LoadedConfig, running: ServiceFacts | undefined) {
  const host = options.host ?? settingOr(origins.smtpHost, config.smtpHost, running?.smtp.host);
  // Port 0 says that the system picked one, which only the service knows.
  const portOrigin = config.smtpPort === 0 ? "default" : origins.smtpPort;
  const port = options.port ?? settingOr(portOrigin, config.smtpPort, running?.smtp.port);
  if (port === 0) {
    throw new Error(
      "Cannot send: MM4D_SMTP_PORT is 0 and no mm4d is running on the data directory, must be given with --port",
    );
  }
  // An address that listens everywhere is reached here.
  return { host: host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host, port };
}

/** An envelope needs a domain, which an MM4 address often lacks. */
function envelopeAddress(address: string, domain: string): string {
  const bare = /<([^<>]*)>/.exec(address)?.[1] ?? address;
  return bare.includes("@") ? bare : `${bare}@${domain}`;
}

/** SMTP wants CRLF; a saved message may have been stored with LF. */
function withCrlf(message: Uint8Array): Uint8Array {
  const text = Buffer.from(message).toString("latin1");
  return Buffer.from(text.replace(/\r?\n/g, "\r\n"), "latin1");
}

function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw new InvalidArgumentError("It must be a whole number from 1 to 65535.");
  return port;
}
