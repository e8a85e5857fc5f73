/** `mm4d quarantine`: lists, shows, replays and drops messages that could not be read. */
import type { Command } from "commander";
import { type QuarantinedMessage, reasonInWords } from "../delivery/quarantined.ts";
import { openQuarantine, type Quarantine, type QuarantineEntry } from "../quarantine/quarantine.ts";
import { replay } from "../quarantine/replay.ts";
import { readSavedBody } from "../quarantine/saved-body.ts";
import { retrySchedule } from "../queue/owed-jobs.ts";
import { createPublisher, type Publisher } from "../queue/publisher.ts";
import { withQueuePlace } from "../queue/queue-place.ts";
import type { Config } from "../settings/config.ts";
import { loadPeers, rulesOf } from "../settings/peers.ts";
import { loadReading } from "../settings/reading.ts";
import { maskHeader } from "../text/mask-header.ts";
import { maskAllNumbers } from "../text/masking.ts";
import { some } from "../text/quantities.ts";
import { FULL_NUMBERS, type NumbersWanted, numbersOf } from "./numbers.ts";
import { findQueue } from "./running-service.ts";
import { loadSettings } from "./settings.ts";
import { jsonOf, print, printWrapped } from "./terminal.ts";

export function addQuarantineCommand(program: Command): void {
  const quarantine = program
    .command("quarantine")
    .description("list, show, replay or drop the messages nobody could read");
  quarantine
    .command("list")
    .description("list the kept messages, oldest first")
    .option("--json", "print them as JSON, one a line, without their bytes")
    .action(list);
  quarantine
    .command("show <id>")
    .description("print one: its header, and its body as mailparser reads it")
    .option(...FULL_NUMBERS)
    .action(show);
  quarantine
    .command("replay [id]")
    .description("read one again with today's program and its peer's entry, and queue its event")
    .option("--all", "every message")
    .option("--reason <reason>", "with --all: only those kept for this reason")
    .addHelpText(
      "after",
      `
The peers' file of now counts, so mend it first where its entry was wrong. A
message that still makes no event stays where it is. Exit code 1 when one
that was named does. With --all alone, those of the reason not-read are left:
reading them has ended the service, and may end this command.`,
    )
    .action(replaySome);
  quarantine
    .command("drop [id]")
    .description("remove one for good, or with --all every one that fits")
    .option("--all", "every message, or of those the ones that the other options name")
    .option("--reason <reason>", "with --all: only those kept for this reason")
    .option("--peer <name>", "with --all: only those of this peer")
    .addHelpText("after", "\nIt says how many it removed.")
    .action(dropSome);
}

async function list({ json }: { json?: true }): Promise<void> {
  await withQuarantine(async (quarantine) => {
    for (const { id, message } of await quarantine.list()) {
      const { reason, detail, peer, receivedAt, raw, notKept = 0 } = message;
      const bytes = Buffer.byteLength(raw, "base64");
      if (json) print(jsonOf({ id, reason, detail, peer, receivedAt, bytes, notKept }));
      else print(`${id}\n  ${receivedAt}  ${reason}  ${peer.name}  ${bytes} bytes${describeNotKept(message)}`);
    }
  });
}

async function show(id: string, wanted: NumbersWanted): Promise<void> {
  const isMasked = numbersOf(wanted) === "masked";
  const said = (text: string): string => (isMasked ? maskAllNumbers(text) : text);
  await withQuarantine(async (quarantine) => {
    const { message } = await found(quarantine, id);
    const bytes = Buffer.from(message.raw, "base64");
    const [latin1 = ""] = bytes.toString("latin1").split(/\r?\n\r?\n/, 1);
    const header = Buffer.from(latin1, "latin1").toString();
    const { text, parts } = await readSavedBody(bytes).catch((cause: Error) => ({
      text: `(cannot be read: ${cause.message})`,
      parts: [],
    }));
    printWrapped([`${message.receivedAt}  ${message.reason}  ${message.peer.name} (${message.peer.address})`]);
    printWrapped([reasonInWords(message.reason)].filter((words) => words !== ""));
    if (message.detail !== null) print(said(message.detail));
    print(`\n${isMasked ? maskHeader(header, []) : header}`);
    if (text.trim() !== "") print(`\n${said(text.trimEnd())}`);
    for (const part of parts) print(`\n[${said(part)}]`);
    if (message.notKept)
      print(`\n[${some(Buffer.byteLength(message.raw, "base64"), "byte")}${describeNotKept(message)}]`);
  });
}

/** Of a report all that counts is in its header. */
function describeNotKept({ notKept }: QuarantinedMessage): string {
  return notKept ? `; ${some(notKept, "further byte")} of its body not kept` : "";
}

async function replaySome(id: string | undefined, { all, reason }: { all?: true; reason?: string }): Promise<void> {
  if ((id === undefined) === (all === undefined)) throw new Error("Cannot replay: one id or --all must be given");
  await withQuarantine(async (quarantine, config, publish) => {
    const chosen = id === undefined ? await quarantine.list() : [await found(quarantine, id)];
    const peers = loadPeers(config);
    const reading = loadReading(config);
    const replayer = { quarantine, publish, reading, rulesOf: (peer: string) => rulesOf(peers, peer) };
    let failed = 0;
    for (const entry of chosen) {
      if (reason !== undefined && entry.message.reason !== reason) continue;
      if (id === undefined && reason === undefined && entry.message.reason === "not-read") {
        print(`${entry.id}  not tried, because reading it may end this command: name it, or --reason not-read`);
        continue;
      }
      const { published, text } = await replay(entry, replayer);
      print(`${entry.id}  ${text}`);
      if (!published) failed += 1;
    }
    if (id !== undefined && failed > 0) process.exitCode = 1;
  });
}

async function dropSome(
  id: string | undefined,
  { all, reason, peer }: { all?: true; reason?: string; peer?: string },
): Promise<void> {
  if ((id === undefined) === (all === undefined)) throw new Error("Cannot drop: one id or --all must be given");
  await withQuarantine(async (quarantine) => {
    if (id !== undefined) {
      if (await quarantine.drop(id)) return;
      throw new Error(`Cannot drop "${id}": there is no such message in quarantine`);
    }
    let dropped = 0;
    for (const { id: each, message } of await quarantine.list()) {
      if (reason !== undefined && message.reason !== reason) continue;
      if (peer !== undefined && message.peer.name !== peer) continue;
      if (await quarantine.drop(each)) dropped += 1;
    }
    print(`${some(dropped, "message")} removed`);
  });
}

async function found(quarantine: Quarantine, id: string): Promise<QuarantineEntry> {
  const entry = await quarantine.find(id);
  if (!entry) throw new Error(`Cannot find "${id}": there is no such message in quarantine`);
  return entry;
}

async function withQuarantine(
  use: (quarantine: Quarantine, config: Config, publish: Publisher["publish"]) => Promise<void>,
): Promise<void> {
  const { address, settings } = await findQueue(loadSettings("open the quarantine"));
  const { config } = settings;
  await withQueuePlace(address, async (place) => {
    const quarantine = openQuarantine(place);
    // The call that fails reports it.
    const ackWaitsMs = retrySchedule(config.ackRetrySeconds);
    const publisher = createPublisher({ redis: place.redis, settings: config, ackWaitsMs, onError: () => {} });
    try {
      await use(quarantine, config, publisher.publish);
    } finally {
      await Promise.all([quarantine.close(), publisher.close()]);
    }
  });
}
