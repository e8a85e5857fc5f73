/** `mm4d explain`: reads a saved message, and says how it would be answered and what would become of it. */
import type { Command } from "commander";
import type { MessageRules, ReceivedMessage, Recognised } from "../delivery/accepted.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import type { AcceptedMessage, ReadMessage, Refusal, RefusedMessage } from "../delivery/fate.ts";
import { QUARANTINE_REASONS } from "../delivery/quarantined.ts";
import { WARNINGS } from "../delivery/warning.ts";
import { type Acknowledging, type ReadingRules, readSaid } from "../flow/read.ts";
import { type Sorted, sort } from "../flow/sort.ts";
import { loadPeers, rulesOf } from "../settings/peers.ts";
import { loadReading } from "../settings/reading.ts";
import type { Peer } from "../smtp/peer.ts";
import { replyTo } from "../smtp/reply-to.ts";
import { describeEvent } from "../text/describe.ts";
import { acknowledgingOf } from "./record-reader.ts";
import { readSavedMessage } from "./saved-message.ts";
import { loadSettings } from "./settings.ts";
import { jsonOf, print, printWrapped } from "./terminal.ts";

export function addExplainCommand(program: Command): void {
  program
    .command("explain <file>")
    .description("read a saved message (- for stdin), and say what would become of it")
    .option("--peer <name>", "as it would be read from this peer", "loopback")
    .option("--json", "print the event as JSON")
    .addHelpText(
      "after",
      `
Sorts, answers and reads as the service does, but stores and sends nothing. The
peer's name is part of the event's id, and its entry says how its reports are
read. A saved message has no envelope: what differs for mail with the null
sender, which bounces have, is told too.

Exit code 1 when the message makes no event; the reason is printed.`,
    )
    .action(explain);
}

function explain(file: string, { peer: name, json }: { peer: string; json?: true }): void {
  const { config } = loadSettings("explain");
  const peers = loadPeers(config);
  const entry = peers.find((known) => known.name === name);
  if (name !== "loopback" && !entry) throw new Error(`Cannot explain: there is no peer "${name}" (mm4d peers list)`);
  const message = receivedFrom(name, entry ?? ordinaryEntry(peers), readSavedMessage(file));
  const [reading, acknowledging] = [loadReading(config), acknowledgingOf(config)];
  const { event, told } = fateOf(message, reading, acknowledging);
  if (event === null) {
    const back = fateOf({ ...message, mailFrom: "" }, reading, acknowledging).told;
    const otherwise = back === told ? "" : `. With the null sender, as mail that comes back has it: ${back}`;
    throw new Error(`There is no event. ${told}${otherwise}`);
  }
  if (json) {
    print(jsonOf(event, 2));
    return;
  }
  const tolerated = event.data.warnings.map((warning) => `    ${warning}: ${WARNINGS[warning]}`);
  printWrapped([
    ...describeEvent(event),
    `  handled at ${event.data.handledAt ?? "a time that is not known"}`,
    `  event ${event.id} (${event.type})`,
    `  ${told}`,
    ...(tolerated.length > 0 ? ["  Tolerated:", ...tolerated] : []),
  ]);
}

/** This machine, when the peers' file has no entry for it. */
function ordinaryEntry(peers: readonly Peer[]): MessageRules {
  return { rules: rulesOf(peers, ""), acknowledge: { mode: "off", host: null, to: null } };
}

function receivedFrom(name: string, entry: MessageRules, bytes: Uint8Array): ReceivedMessage {
  const identity = { name, address: "127.0.0.1", helo: null, tls: null, user: null };
  const mailFrom = "system-user@mmsc.invalid"; // Anybody: it is told what differs for the null sender.
  return { sessionId: "explain", peer: { identity, entry }, mailFrom, bytes, receivedAt: new Date() };
}

/** What the service would answer, and find behind its answer. */
function fateOf(
  message: ReceivedMessage,
  reading: ReadingRules,
  acknowledging: Acknowledging,
): { readonly event: DeliveryEvent | null; readonly told: string } {
  const sorted = sort(message, reading, acknowledging.systemAddress);
  const { code, text } = replyTo(handledAs(sorted, message));
  const reply = `${code} ${text}`;
  switch (sorted.recognised) {
    case null:
      return { event: null, told: `${REFUSALS[sorted.refusal.kind]}. It is refused with ${reply}` };
    case "bounce":
      return { event: null, told: `It is a bounce. It is answered ${reply}, tied to its acknowledgement and counted` };
    case "report":
    case "unreadable":
    case "other-pdu": {
      const { finding } = readSaid(sorted.said, reading, acknowledging);
      const event = finding.kind === "event" ? finding.event : null;
      return { event, told: describeFinding(finding, sorted.recognised, reply) };
    }
  }
}

function handledAs(sorted: Sorted, message: ReceivedMessage): AcceptedMessage | RefusedMessage {
  const handled = { message, tookMs: 0 };
  return sorted.recognised === null
    ? { ...handled, refused: { kind: "refused", problem: sorted.refusal } }
    : { ...handled, id: "", recognised: sorted.recognised };
}

const REFUSALS: Readonly<Record<Refusal["kind"], string>> = {
  "not-mm4": "It is no MM4 message",
  "header-too-large": "Its header is longer than mm4d reads",
  "too-many-fields": "Its header has more fields than mm4d reads",
};

function describeFinding(finding: ReadMessage["finding"], recognised: Recognised, reply: string): string {
  switch (finding.kind) {
    case "event":
      return `It is answered ${reply}, and its event is queued`;
    case "quarantine": {
      const { reason, detail } = finding.message;
      const answered = recognised === "report" ? `answered ${reply} before it is read, then` : `answered ${reply}, and`;
      return `It is ${QUARANTINE_REASONS[reason].what}. It is ${answered} kept in quarantine${detail === null ? "" : `. ${detail}`}`;
    }
    case "ignored": {
      const { messageType, advice } = finding;
      return `It is ${messageType}, of which no event is made. It is answered ${reply}, counted and not queued${advice === null ? "" : `. ${advice}`}`;
    }
  }
}
