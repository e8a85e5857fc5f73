/** `mm4d tail`: prints each event as it is queued, without consuming it. */
import type { Command } from "commander";
import { maskUrl } from "../config.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { followQueue } from "../queue/follow.ts";
import { findRedisUrl } from "./running-service.ts";
import { loadSettings } from "./settings.ts";

export function addTailCommand(program: Command): void {
  program
    .command("tail")
    .description("print each event as it is queued, without consuming it, until Ctrl-C")
    .option("--json", "print each event as one line of JSON")
    .addHelpText(
      "after",
      `
Shows events from now on. A report that was sent twice is queued once, and
shown once.`,
    )
    .action(tail);
}

async function tail({ json }: { json?: true }): Promise<void> {
  const { config } = loadSettings("tail");
  const redisUrl = await findRedisUrl(config);
  const say = sayOnce();
  const following = await followQueue({
    redisUrl,
    queue: config.queue,
    prefix: config.queuePrefix,
    onEvent: (event) => process.stdout.write(json ? `${JSON.stringify(event)}\n` : describe(event)),
    onGone: (jobId) => say(`Job ${jobId} was consumed and removed before it could be shown`),
    onError: (cause) => say(`Redis: ${cause.message || cause.name}`),
  });
  if (!json) process.stderr.write(`Waiting for events on ${config.queue} (${maskUrl(redisUrl)}). Ctrl-C ends.\n`);

  await new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await following.stop();
  process.exit(0);
}

/** The same sentence again and again tells nothing. */
function sayOnce(): (sentence: string) => void {
  let last = "";
  return (sentence) => {
    if (sentence !== last) process.stderr.write(`${sentence}\n`);
    last = sentence;
  };
}

function describe({ time, data }: DeliveryEvent): string {
  const { outcome, disposition, final, conflict, reason, recipient, requestRecipients } = data;
  const to = recipient ?? requestRecipients[0]?.party ?? null;
  const marks = [final ? "final" : "not final", ...(conflict ? ["conflict"] : [])].join(", ");
  const lines = [
    `${time.slice(11, 23)} ${outcome} (${disposition}, ${marks})${reason ? `  ${reason.code} ${reason.name}` : ""}`,
    `  message ${data.messageId ?? "without id"}, recipient ${to?.number ?? to?.raw ?? "unknown"}, peer ${data.peer.name}`,
    ...(reason ? [`  ${reason.explanation}`, `  To do: ${reason.remedy}`] : []),
    ...(data.warnings.length > 0 ? [`  Tolerated: ${data.warnings.join(", ")}`] : []),
  ];
  return `${lines.flatMap((line) => wrapped(line, process.stdout.columns || 80)).join("\n")}\n`;
}

/** Breaks a line at blanks, with further lines indented. A word that is too long stays whole. */
function wrapped(line: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(/(?<=\S) /)) {
    if (current !== "" && current.length + 1 + word.length > columns) {
      lines.push(current);
      current = `    ${word}`;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current];
}
