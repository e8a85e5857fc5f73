/** `mm4d send`: delivers reports as a carrier's relay would, one or many. */
import { setTimeout as wait } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { MESSAGE_TYPES, type PduKind } from "../mm4/compose.ts";
import { DIALECTS, type DialectName } from "../mm4/dialects.ts";
import { openMessage, readIds } from "../mm4/read-message.ts";
import type { ServiceFacts } from "../process/control.ts";
import type { LoadedConfig } from "../settings/load.ts";
import { createExpectedAcks } from "../simulator/expected-acks.ts";
import { startMmsc } from "../simulator/mmsc.ts";
import { playRelay } from "../simulator/relay.ts";
import {
  connectRelay,
  type Mail,
  RELAY_HOST,
  type Reply,
  refusalIn,
  type Server,
} from "../simulator/relay-connection.ts";
import { playScenario, SCENARIOS, type ScenarioName, type Script } from "../simulator/scenario.ts";
import { readAddress, readPort, readTextFile, readWholeNumber } from "./arguments.ts";
import { findService } from "./find-service.ts";
import { ownName } from "./own-name.ts";
import { follow, reached, settingOr } from "./running-service.ts";
import { readSavedMessage } from "./saved-message.ts";
import { loadSettings, type Settings } from "./settings.ts";
import { jsonOf, print, printWrapped, tell } from "./terminal.ts";
import { describeAcks, describeRun, startProgress, summaryOf } from "./traffic.ts";

interface SendOptions {
  readonly status?: string;
  readonly code?: string;
  readonly type: PduKind;
  readonly extension?: string;
  readonly text?: string;
  readonly messageId?: string;
  readonly transactionId?: string;
  readonly recipient?: Numbers;
  readonly originator?: Numbers;
  readonly group: number;
  readonly dialect: DialectName;
  readonly ack?: true;
  readonly file?: string;
  readonly scenario?: ScenarioName;
  readonly messages?: number;
  readonly connections?: number;
  readonly rate?: number;
  readonly retryFor?: number;
  readonly mailFrom?: string;
  readonly rcptTo?: string;
  readonly host?: string;
  readonly port?: number;
  readonly tls: Server["tls"];
  readonly user?: string;
  readonly passwordFile?: string;
  readonly proxy?: string;
  readonly expectAck?: true;
  readonly ackHost: string;
  readonly ackPort: number;
  readonly ackWait: number;
  readonly json?: true;
}

/** An address, or the address with this number of a range. */
interface Numbers {
  (index: number): string;
  /** How many addresses there are. */
  readonly count: number;
}

const KINDS = Object.keys(MESSAGE_TYPES) as readonly PduKind[];
const TLS: readonly Server["tls"][] = ["off", "starttls", "implicit"];

/** Options that describe the message. */
const COMPOSED = [
  ...["status", "code", "extension", "text", "messageId", "transactionId", "ack", "scenario", "expectAck"],
  ...["recipient", "group"],
];
/** The default statuses of the other types; an MM and the capability request have no status. */
const USUAL_STATUS: Readonly<Partial<Record<PduKind, string>>> = {
  "read-report": "Read",
  "forward-response": "Ok",
  "delivery-report-response": "Ok",
  "read-report-response": "Ok",
  "capability-response": "Ok",
};
/** How long a relay retries many messages. A single message is tried once, so that its reply is seen. */
const BULK_RETRIED_FOR_SECONDS = 60;
/** Long enough for an acknowledgement that comes at its first retry. */
const LATE_MS = 15_000;
const ACKS_LOOKED_AT_EVERY_MS = 50;
const RECIPIENTS = readNumbers("+12025550100..+12025550149");
const ORIGINATOR = readNumbers("+12025550199/TYPE=PLMN");
const SYSTEM_ADDRESS = `system-user@${RELAY_HOST}`;

export function addSendCommand(program: Command): void {
  const scenarios = Object.entries(SCENARIOS);
  program
    .command("send")
    .description("deliver reports as a carrier's relay would: one, or many by a scenario")
    .option(
      "-s, --status <word>",
      "MM status, such as Retrieved; for the other types request status (default: Ok) or read status (default: Read)",
    )
    .option("-c, --code <number>", "X-Internal-Status-Code, such as 470")
    .addOption(new Option("-t, --type <type>", "which PDU").choices(KINDS).default("delivery-report"))
    .option("--extension <word>", "MM status extension, such as Rejection-By-MMS-Recipient")
    .option("--text <text>", "status text")
    .option("--message-id <id>", "id of the message reported on (default: a new one)")
    .option("--transaction-id <id>", "id of this report (default: a new one)")
    .option(
      "--recipient <address>",
      "who the message was for; one, or a range (default: +12025550100..+12025550149)",
      readNumbers,
    )
    .option(
      "--originator <address>",
      "who sent the message; one, or a range (default: +12025550199/TYPE=PLMN)",
      readNumbers,
    )
    .option("--group <number>", "recipients of each message: so many reports on one id", readWholeNumber(1, 1_000), 1)
    .addOption(
      new Option("--dialect <name>", "whose way of writing MM4").choices(Object.keys(DIALECTS)).default("standard"),
    )
    .option("--ack", "ask for an acknowledgement")
    .addOption(new Option("-f, --file <path>", "deliver this saved message instead; - for stdin").conflicts(COMPOSED))
    .addOption(
      new Option("--scenario <name>", "a course of events, see below")
        .choices(scenarios.map(([name]) => name))
        .conflicts(["status", "code"]),
    )
    .option(
      "--messages <number>",
      "how many messages are reported on (default: 1, or the scenario's)",
      readWholeNumber(1, 100_000_000),
    )
    .option(
      "--connections <number>",
      "over how many connections (default: 1, or the scenario's)",
      readWholeNumber(1, 10_000),
    )
    .option("--rate <number>", "most reports a second (default: as many as go)", readWholeNumber(1, 1_000_000))
    .option(
      "--retry-for <seconds>",
      "how long to come again after 4xx (default: 0 for one report, 60 for more)",
      readWholeNumber(0, 86_400),
    )
    .option("--mail-from <address>", "envelope sender; empty for none (default: the dialect's)")
    .option("--rcpt-to <address>", "envelope recipient (default: the originator)")
    .option("--host <host>", "where to (default: MM4D_SMTP_HOST)")
    .option("--port <port>", "where to (default: MM4D_SMTP_PORT, with implicit TLS MM4D_SMTPS_PORT)", readPort)
    .addOption(new Option("--tls <when>", "TLS").choices(TLS).default("off"))
    .option("--user <name>", "log in as this user")
    .option("--password-file <path>", "file with that user's password", readTextFile)
    .option("--proxy <address>", "begin with a PROXY header that says it is this client", readAddress)
    .option("--expect-ack", "ask for acknowledgements, receive them here, and check each")
    .option("--ack-host <host>", "with --expect-ack: where to listen for them", "127.0.0.1")
    .option("--ack-port <port>", "with --expect-ack: where to listen for them", readPort, 2526)
    .option("--ack-wait <seconds>", "with --expect-ack: how long to wait for the last", readWholeNumber(0, 86_400), 60)
    .option("--json", "print what came of it as JSON")
    .addHelpText(
      "after",
      `
Of one report, prints the server's reply; of more, how many were accepted, the
replies by code, and how long they took. Exit code 0 when all were accepted and
all acknowledgements that were expected are right, otherwise 1.

Scenarios:
${scenarios.map(([name, { about }]) => `  ${name.padEnd(24)}${about}`).join("\n")}

It goes to the service whose data directory is ./data or is named. One that is
found elsewhere gets it only when it is named, by --data-dir or by its port,
because its consumers take it for a report.

For --expect-ack the peer's entry in MM4D_PEERS_FILE must send them here:
"acknowledge": { "host": "127.0.0.1", "port": 2526 }.

Examples:
  mm4d send --status Retrieved
  mm4d send --status Rejected --code 470 --dialect bandwidth
  mm4d send --type forward-response --status Ok
  mm4d send --scenario storm --rate 500
  mm4d send --scenario delivered --messages 100 --expect-ack
  mm4d send --file report.eml`,
    )
    .action(send);
}

async function send(options: SendOptions): Promise<void> {
  const loaded = loadSettings("send");
  if (options.scenario !== undefined && options.type !== "delivery-report") {
    throw new Error(
      `Cannot send: --scenario is with --type ${options.type}, must be without it or with delivery-report`,
    );
  }
  const { messages = 1, group, messageId, recipient = RECIPIENTS } = options;
  if (group > recipient.count) {
    throw new Error(`Cannot send: --group is ${group} with ${recipient.count} recipients, must be a range of as many`);
  }
  if (messageId !== undefined && messages > 1) {
    throw new Error("Cannot send: --message-id is one for several messages, must be with one");
  }
  const { settings, running } = await whereTo(loaded, options);
  const server = findServer(options, settings, running);
  const domain = settings.config.domain[0] ?? "mm4d.invalid";
  const alone =
    options.scenario === undefined &&
    messages === 1 &&
    group === 1 &&
    !options.expectAck &&
    options.retryFor === undefined;
  if (alone) await sendOne(options, server, domain);
  else await sendMany(options, server, domain);
}

async function sendOne(options: SendOptions, server: Server, domain: string): Promise<void> {
  const [step] = scriptOf(options, 0);
  if (!step) return;
  const reply = await deliverOnce(server, envelopeOf(options, step, domain));
  const { host, port } = server;
  const { tookMs, ...said } = reply;
  const id = options.file === undefined ? step.messageId : messageIdIn(step.bytes);
  const about = id === null ? {} : { messageId: id };
  const accepted = reply.code >= 200 && reply.code <= 299;
  if (options.json) print(jsonOf({ host, port, ...about, ...said }));
  else print(`${id === null ? "" : `Message ${id}\n`}${reply.text}`);
  if (accepted && id !== null && process.stdout.isTTY) tell(`Trace it: ${ownName()} trace ${quoted(id)}`);
  if (!accepted) process.exitCode = 1;
}

function messageIdIn(bytes: Uint8Array): string | null {
  const limits = { bytes: bytes.length, fields: bytes.length };
  const opened = openMessage(bytes, { headerLimits: limits, decodeWords: (text) => text });
  return opened.ok ? readIds(opened.value).messageId : null;
}

/** For a shell. */
function quoted(id: string): string {
  return /^[\w.@%+:,/-]+$/.test(id) ? id : `'${id.replaceAll("'", "'\\''")}'`;
}

async function deliverOnce(server: Server, mail: Mail): Promise<Reply> {
  try {
    const connection = await connectRelay(server);
    const reply = await connection.deliver(mail);
    connection.end();
    return reply;
  } catch (cause) {
    const refusal = refusalIn(cause);
    if (refusal) return refusal;
    throw new Error(`Cannot deliver to ${server.host}:${server.port}: ${(cause as Error).message}`);
  }
}

async function sendMany(options: SendOptions, server: Server, domain: string): Promise<void> {
  const own = options.scenario === undefined ? { messages: 1, connections: 1 } : SCENARIOS[options.scenario];
  const { messages = own.messages, connections = own.connections } = options;
  const expected = createExpectedAcks(LATE_MS);
  const mmsc = options.expectAck
    ? await startMmsc({ host: options.ackHost, port: options.ackPort, onMessage: expected.received }).catch((cause) => {
        throw new Error(
          `Cannot listen for acknowledgements on ${options.ackHost}:${options.ackPort}: ${cause.message}`,
        );
      })
    : undefined;
  let first = "";
  function* scripts() {
    for (let index = 0; index < messages; index += 1) {
      const script = scriptOf(options, index);
      first ||= script[0]?.messageId ?? "";
      yield script.map((step) => ({ ...step, ...envelopeOf(options, step, domain) }));
    }
  }
  const progress = startProgress(messages * scriptOf(options, 0).length);
  const result = await playRelay({
    server,
    connections,
    perSecond: options.rate ?? null,
    retriedForMs: (options.retryFor ?? BULK_RETRIED_FOR_SECONDS) * 1000,
    scripts: scripts(),
    onSend({ bytes, acknowledgedAs }) {
      if (mmsc && acknowledgedAs !== null) expected.expect({ bytes, acknowledgedAs });
      progress.more();
    },
  });
  progress.end();
  if (first !== "" && result.accepted > 0 && process.stdout.isTTY)
    tell(`The first message: ${ownName()} trace ${quoted(first)}`);
  const giveUpMs = performance.now() + options.ackWait * 1000;
  while (mmsc && expected.missing() > 0 && performance.now() < giveUpMs) await wait(ACKS_LOOKED_AT_EVERY_MS);
  await mmsc?.stop();

  const summary = summaryOf(result);
  const acks = mmsc && expected.result();
  if (options.json) print(jsonOf({ ...summary, ...(acks ? { acknowledgements: acks } : {}) }));
  else printWrapped([...describeRun(summary), ...(acks ? describeAcks(acks) : [])]);
  const allRight = !acks || acks.right === acks.expected;
  if (result.accepted < result.sent || !allRight) process.exitCode = 1;
}

function scriptOf(options: SendOptions, index: number): Script {
  const { file, scenario, messageId, transactionId } = options;
  if (file !== undefined) {
    const bytes = withCrlf(readSavedOnce(file));
    return [
      {
        bytes,
        messageId: "",
        originator: (options.originator ?? ORIGINATOR)(index),
        acknowledgedAs: null,
      },
    ];
  }
  // A delivery report without any status is worth sending too: it shows the quarantine.
  return playScenario(
    scenario,
    {
      kind: options.type,
      dialect: DIALECTS[options.dialect],
      status: statusOf(options),
      code: options.code,
      extension: options.extension,
      text: options.text,
      messageId,
      transactionId,
      recipient: options.recipient ?? RECIPIENTS,
      originator: options.originator ?? ORIGINATOR,
      group: options.group,
      ackRequested: options.ack === true || options.expectAck === true,
      systemAddress: SYSTEM_ADDRESS,
    },
    index,
  );
}

/** A code also says what happened, so beside it only a read report gets a made-up status. */
function statusOf({ status, code, type }: SendOptions): string | undefined {
  if (status !== undefined) return status;
  return code === undefined || type === "read-report" ? USUAL_STATUS[type] : undefined;
}

let saved: Uint8Array | undefined;

function readSavedOnce(file: string): Uint8Array {
  saved ??= readSavedMessage(file);
  return saved;
}

function envelopeOf(
  { mailFrom, rcptTo, dialect }: SendOptions,
  { bytes, originator }: Script[number],
  domain: string,
): Mail {
  const recipient = envelopeAddress(originator, domain);
  const senders = {
    "system-user": SYSTEM_ADDRESS,
    postmaster: `PostMaster@${RELAY_HOST}`,
    originator: envelopeAddress(originator, RELAY_HOST),
    host: RELAY_HOST,
  };
  return { mailFrom: mailFrom ?? senders[DIALECTS[dialect].mailFrom], rcptTo: rcptTo ?? recipient, bytes };
}

/**
 * The settings to send by. A service found outside of ./data must be named, or its port,
 * because its consumers would take a test message for a report and we cannot know that
 * this service is meant.
 */
async function whereTo(
  loaded: Settings,
  { host, port, tls }: SendOptions,
): Promise<{ settings: Settings; running: ServiceFacts | undefined }> {
  const found = await findService(loaded);
  if (found.kind === "none") return { settings: loaded, running: undefined };
  const { facts, dataDir, elsewhere } = found;
  const name = tls === "implicit" ? "smtpsPort" : "smtpPort";
  const named = port ?? (loaded.origins[name] === "default" ? null : loaded.config[name]);
  const isNamed = host === undefined && named !== null && [facts.smtp.port, facts.smtps?.port].includes(named);
  if (!elsewhere || isNamed) return { settings: follow(loaded, found).settings, running: facts };
  if (host !== undefined || named !== null) return { settings: loaded, running: undefined };
  throw new Error(
    `Cannot send: nobody has named the mm4d at ${dataDir} (pid ${facts.pid}), which was found, and its consumers would get what is sent: name it with --data-dir ${dataDir}, or with --port ${facts.smtp.port}`,
  );
}

/** From the options, else from the settings, else from the running service, which may listen on other than the default. */
function findServer(
  options: SendOptions,
  { config, origins }: LoadedConfig,
  running: ServiceFacts | undefined,
): Server {
  const { tls, user, passwordFile } = options;
  if ((user === undefined) !== (passwordFile === undefined)) {
    throw new Error("Cannot send: --user and --password-file are not both given, must be both or none");
  }
  const host = options.host ?? settingOr(origins.smtpHost, config.smtpHost, running?.smtp.host);
  const port = options.port ?? findPort(tls, { config, origins }, running);
  return {
    host: reached(host),
    port,
    tls,
    login: user === undefined ? null : { user, password: passwordFile ?? "" },
    proxyFor: options.proxy ?? null,
  };
}

function findPort(
  tls: Server["tls"],
  { config, origins }: Pick<LoadedConfig, "config" | "origins">,
  running: ServiceFacts | undefined,
): number {
  if (tls === "implicit") {
    // With port 0 the system has picked a port, which only the service knows.
    const port = config.smtpsPort || running?.smtps?.port;
    if (port) return port;
    throw new Error("Cannot send: MM4D_SMTPS_PORT is not set, must be, or the port be given with --port");
  }
  const port = settingOr(config.smtpPort === 0 ? "default" : origins.smtpPort, config.smtpPort, running?.smtp.port);
  if (port !== 0) return port;
  throw new Error(
    "Cannot send: MM4D_SMTP_PORT is 0 and no mm4d is running on the data directory, must be given with --port",
  );
}

/** An envelope needs a domain, which an MM4 address often lacks. */
function envelopeAddress(address: string, domain: string): string {
  const bare = /<([^<>]*)>/.exec(address)?.[1] ?? address;
  return bare.includes("@") ? bare : `${bare}@${domain}`;
}

/** SMTP needs CRLF, but a saved message may have LF. */
function withCrlf(message: Uint8Array): Uint8Array {
  const text = Buffer.from(message).toString("latin1");
  return Buffer.from(text.replace(/\r?\n/g, "\r\n"), "latin1");
}

/** An address, or a range of them: `+12025550100..+12025550149/TYPE=PLMN`. */
function readNumbers(text: string): Numbers {
  if (!text.includes("..")) return Object.assign(() => text, { count: 1 });
  const [, plus = "", first = "", last = "", rest = ""] = /^(\+?)(\d{1,15})\.\.\+?(\d{1,15})(\D.*)?$/.exec(text) ?? [];
  const count = Number(last) - Number(first) + 1;
  if (first === "" || count < 1) throw new InvalidArgumentError("A range is written as +12025550100..+12025550149.");
  const numberOf = (index: number): string => String(Number(first) + (index % count)).padStart(first.length, "0");
  return Object.assign((index: number) => `${plus}${numberOf(index)}${rest || "/TYPE=PLMN"}`, { count });
}
