/** `mm4d trace`: all that is known of a report. */
import type { Command } from "commander";
import { headerOf, tellReport } from "../delivery/trace.ts";
import { withRedis } from "../queue/redis.ts";
import { findTrace } from "../queue/trace.ts";
import { visible } from "../visible.ts";
import { findQueue } from "./running-service.ts";
import { loadSettings } from "./settings.ts";
import { fitted, jsonOf, printLine } from "./terminal.ts";

export function addTraceCommand(program: Command): void {
  program
    .command("trace <id>")
    .description("tell all that is known of a report: by message id, transaction id, event id or telephone number")
    .option("--headers", "with the header of each message, as it came")
    .option("--full-numbers", "do not mask telephone numbers")
    .option("--json", "print it as JSON, with the events and numbers in full")
    .addHelpText(
      "after",
      `
From the SMTP session to the queue and the acknowledgement, with times; then
what was said later of the same message. It is remembered for as long as
MM4D_TRACE_HOURS and MM4D_TRACE_MAX_BYTES allow. What came just now, or waits in
the journal while Redis is away, is there a second after it is on the queue.

Exit code 1 when nothing is known.`,
    )
    .action(trace);
}

interface Wanted {
  readonly headers?: true;
  readonly fullNumbers?: true;
  readonly json?: true;
}

async function trace(id: string, { headers, fullNumbers, json }: Wanted): Promise<void> {
  const { redis: place, queue, queuePrefix } = await findQueue(loadSettings("trace"));
  const found = await withRedis(place, (redis) => findTrace(redis, queuePrefix, queue, id));
  if (json) await printLine(jsonOf(found));
  if (found.reports.length === 0) {
    throw new Error(
      `Cannot find "${id}": nothing is remembered under that id or number. It may have come longer ago than MM4D_TRACE_HOURS, wait in the journal ("mm4d journal status"), or never have come ("mm4d refusals")`,
    );
  }
  if (json) return;
  const numbers = fullNumbers ? "full" : "masked";
  for (const [index, report] of found.reports.entries()) {
    if (index > 0) await printLine("");
    const { headline, steps } = tellReport(report, numbers);
    await printLine(fitted([...headline, ...steps.map(({ at, text }) => `  ${at}  ${text}`)]));
    const header = headers ? headerOf(report, numbers) : null;
    if (header !== null) await printLine(`\n${visible(header).replace(/^/gm, "    ")}`);
  }
  if (found.more) await printLine("\nThere are more; these are the newest.");
}
