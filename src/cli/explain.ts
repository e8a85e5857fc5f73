/** `mm4d explain`: reads a saved message, and says what would become of it. */
import type { Command } from "commander";
import type { Problem } from "../delivery/problem.ts";
import { WARNINGS } from "../delivery/warning.ts";
import { readEvent } from "../flow/read.ts";
import { loadPeers, rulesOf } from "../settings/peers.ts";
import { loadReading } from "../settings/reading.ts";
import { describeEvent } from "../text/describe.ts";
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
Reads as the service does, but stores and sends nothing. The peer's name is
part of the event's id, and its entry says how its reports are read.

Exit code 1 when the message makes no event; the reason is printed.`,
    )
    .action(explain);
}

/** What becomes of a message that makes no event. */
const PROBLEMS: Record<Problem["kind"], string> = {
  "not-mm4":
    "It is no MM4 message: it has no X-Mms-Message-Type field. It is refused with 554, unless it comes back: with the null sender and the id of an acknowledgement of ours in it, it is a bounce, and answered 250",
  bounce:
    "It is a bounce (DSN) of a mail of ours. It is answered 250, tied to its acknowledgement and counted, when its envelope has the null sender; otherwise refused with 554",
  "type-outside-header":
    "It has an X-Mms-Message-Type field, but not in its header: a report within another mail, or behind an empty line. It is answered 250 and kept in quarantine",
  "header-too-large": "Its header is longer than mm4d reads. It is refused with 552",
  "too-many-fields": "Its header has more fields than mm4d reads. It is refused with 552",
  "other-pdu": "It is another MM4 message than a report. It is answered 250, counted and not queued",
  "unknown-type": "Its X-Mms-Message-Type is none that mm4d knows. It is answered 250 and kept in quarantine",
  "no-status":
    "It is a report without a status and without an internal status code. It is answered 250 and kept in quarantine",
  "event-too-large": "It is more than an event may hold. It is answered 250 and kept in quarantine",
};

function explain(file: string, { peer: name, json }: { peer: string; json?: true }): void {
  const { config } = loadSettings("explain");
  const peers = loadPeers(config);
  if (name !== "loopback" && !peers.some((known) => known.name === name))
    throw new Error(`Cannot explain: there is no peer "${name}" (mm4d peers list)`);
  const bytes = readSavedMessage(file);
  const peer = { name, address: "127.0.0.1", helo: null, tls: null, user: null };
  const read = readEvent({ bytes, peer, rules: rulesOf(peers, name), receivedAt: new Date() }, loadReading(config));
  if (!read.ok) {
    const detail = "detail" in read.error ? `. ${read.error.detail}` : "";
    throw new Error(`There is no event. ${PROBLEMS[read.error.kind]}${detail}`);
  }
  const event = read.value;
  if (json) {
    print(jsonOf(event, 2));
    return;
  }
  const tolerated = event.data.warnings.map((warning) => `    ${warning}: ${WARNINGS[warning]}`);
  printWrapped([
    ...describeEvent(event),
    `  handled at ${event.data.handledAt ?? "a time that is not known"}`,
    `  event ${event.id} (${event.type})`,
    ...(tolerated.length > 0 ? ["  Tolerated:", ...tolerated] : []),
  ]);
}
