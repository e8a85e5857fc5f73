/** `mm4d mmsc`: a simulated MMSC that receives acknowledgements, and misbehaves on demand. */
import { type Command, Option } from "commander";
import { fieldsOf } from "../simulator/expected-acks.ts";
import { FAULTS, type Fault, type MmscMessage, PHASES, startMmsc } from "../simulator/mmsc.ts";
import { readPort, readTextFile, readWholeNumber } from "./arguments.ts";
import { jsonOf, print, printWrapped, tell } from "./terminal.ts";

interface MmscCommandOptions {
  readonly host: string;
  readonly port: number;
  readonly fault?: Fault["kind"];
  readonly at: Fault["at"];
  readonly times?: number;
  readonly delay: number;
  readonly likeMbuni?: true;
  readonly user?: string;
  readonly passwordFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly implicitTls?: true;
  readonly json?: true;
}

export function addMmscCommand(program: Command): void {
  program
    .command("mmsc")
    .description("simulate a carrier's MMSC that receives acknowledgements, optionally with faults, until Ctrl-C")
    .option("--host <host>", "where to listen", "127.0.0.1")
    .option("--port <port>", "where to listen", readPort, 2526)
    .addOption(new Option("--fault <kind>", "what to do wrong").choices(FAULTS))
    .addOption(new Option("--at <phase>", "where to do it").choices(PHASES).default("message"))
    .option("--times <number>", "how often; then all is well (default: always)", readWholeNumber(1, 1_000_000_000))
    .option("--delay <seconds>", "how long --fault delay waits", readWholeNumber(1, 86_400), 60)
    .option("--like-mbuni", "answer EHLO with 500, and end after one message")
    .option("--user <name>", "who must log in")
    .option("--password-file <path>", "file with that user's password", readTextFile)
    .option("--tls-cert <path>", "certificate with its chain, PEM; then STARTTLS is offered", readTextFile)
    .option("--tls-key <path>", "its private key, PEM", readTextFile)
    .option("--implicit-tls", "TLS from the beginning instead of STARTTLS")
    .option("--json", "print each message as JSON, one a line")
    .addHelpText(
      "after",
      `
Faults, each in place of the reply to what --at names:
  refuse  reset the connection     4xx   answer 451
  delay   answer after --delay     5xx   answer 554
  drop    close the connection

Examples:
  mm4d mmsc
  mm4d mmsc --fault 4xx --times 3
  mm4d mmsc --fault delay --at connect --delay 300`,
    )
    .action(run);
}

async function run(options: MmscCommandOptions): Promise<void> {
  const { host, fault, at, times = Number.POSITIVE_INFINITY, delay, user, passwordFile, tlsCert, tlsKey } = options;
  if ((user === undefined) !== (passwordFile === undefined)) {
    throw new Error("Cannot listen: --user and --password-file are not both given, must be both or none");
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined) || (options.implicitTls && tlsCert === undefined)) {
    throw new Error("Cannot listen: TLS needs both --tls-cert and --tls-key");
  }
  const mmsc = await startMmsc({
    host,
    port: options.port,
    onMessage: (message) => printMessage(message, options.json === true),
    fault: fault && { kind: fault, at, times, delayMs: delay * 1000 },
    likeMbuni: options.likeMbuni,
    login: user === undefined ? undefined : { user, password: passwordFile ?? "" },
    certificate: tlsCert === undefined ? undefined : { cert: tlsCert, key: tlsKey ?? "" },
    implicitTls: options.implicitTls,
  }).catch((cause: Error) => {
    throw new Error(`Cannot listen on ${host}:${options.port}: ${cause.message}`);
  });
  tell(`Listening on ${host}:${mmsc.port}. Ctrl-C ends it.`);
  await new Promise<void>((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await mmsc.stop();
}

function printMessage({ mailFrom, rcptTo, bytes, receivedAt, tls, user, answer }: MmscMessage, json: boolean): void {
  const fields = fieldsOf(bytes);
  const said = (key: string): string | null => fields.get(key) ?? null;
  const message = {
    receivedAt: receivedAt.toISOString(),
    answer,
    messageType: said("x-mms-message-type"),
    requestStatus: said("x-mms-request-status-code"),
    transactionId: said("x-mms-transaction-id"),
    messageId: said("x-mms-message-id"),
    mailFrom,
    rcptTo,
    tls,
    user,
  };
  if (json) {
    print(jsonOf({ ...message, raw: Buffer.from(bytes).toString("latin1") }));
    return;
  }
  const { messageType, requestStatus, transactionId, messageId } = message;
  printWrapped([
    `${message.receivedAt}  ${messageType ?? "(no MM4 message)"} ${requestStatus ?? ""}  ${ANSWERS[answer]}`,
    `  transaction ${transactionId ?? "(none)"}, message ${messageId ?? "(none)"}`,
    `  from <${mailFrom}> to ${rcptTo.map((address) => `<${address}>`).join(", ")}${tls ? ", TLS" : ""}${user === null ? "" : `, as ${user}`}`,
  ]);
}

const ANSWERS: Readonly<Record<MmscMessage["answer"], string>> = {
  taken: "taken",
  refused: "refused",
  none: "left without an answer",
};
