/** `mm4d tail`: prints each event as it is queued, without consuming it. */
import { type Command, Option } from "commander";
import type { DeliveryEvent } from "../delivery/event.ts";
import { OUTCOMES, type Outcome } from "../delivery/verdict.ts";
import { followQueue } from "../queue/follow.ts";
import { describeRedis } from "../queue/redis.ts";
import { describeEvent } from "../text/describe.ts";
import { maskEvent } from "../text/masking.ts";
import { readWholeNumber } from "./arguments.ts";
import { FULL_NUMBERS, type NumbersWanted } from "./numbers.ts";
import { findQueue } from "./running-service.ts";
import { loadSettings } from "./settings.ts";
import { jsonOf, print, printWrapped, tell } from "./terminal.ts";

export function addTailCommand(program: Command): void {
  program
    .command("tail")
    .description("print each event as it is queued, without consuming it, until Ctrl-C")
    .addOption(new Option("--outcome <outcome>", "only events with this outcome").choices(OUTCOMES))
    .option("--peer <name>", "only this peer's")
    .option("--code <number>", "only reports with this code, such as 470 or 4470", readWholeNumber(0, 9_999))
    .option(...FULL_NUMBERS)
    .option("--json", "print each event as one line of JSON, numbers masked there too")
    .addHelpText(
      "after",
      `
Shows events from now on. A report that was sent twice is queued once, and
shown once.`,
    )
    .action(tail);
}

interface Wanted {
  readonly outcome?: Outcome;
  readonly peer?: string;
  readonly code?: number;
}

async function tail({ json, fullNumbers, ...wanted }: Wanted & NumbersWanted & { json?: true }): Promise<void> {
  const { address } = await findQueue(loadSettings("tail"));
  const { redis, queue } = address;
  const say = sayOnce();
  const following = await followQueue({
    address,
    queue,
    onEvent(whole) {
      if (!isWanted(whole, wanted)) return;
      const event = fullNumbers ? whole : maskEvent(whole);
      if (json) print(jsonOf(event));
      else printEvent(event);
    },
    onGone: (jobId) => say(`Job ${jobId} was consumed and removed before it could be shown`),
    onError: (cause) => say(`Redis: ${cause.message || cause.name}`),
  });
  if (!json) tell(`Waiting for events on ${queue}\n  at ${describeRedis(redis)}. Ctrl-C ends.`);

  await new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
  });
  await following.stop();
  process.exit(0);
}

function isWanted({ data }: DeliveryEvent, { outcome, peer, code }: Wanted): boolean {
  return (
    (outcome === undefined || data.outcome === outcome) &&
    (peer === undefined || data.peer.name === peer) &&
    (code === undefined || data.reason?.code === code || data.reason?.httpCode === code)
  );
}

/** Prints a sentence unless it is the same as the last one. */
function sayOnce(): (sentence: string) => void {
  let last = "";
  return (sentence) => {
    if (sentence !== last) tell(sentence);
    last = sentence;
  };
}

function printEvent(event: DeliveryEvent): void {
  const [first = "", ...more] = describeEvent(event);
  const { warnings } = event.data;
  const tolerated = warnings.length > 0 ? [`  Tolerated: ${warnings.join(", ")}`] : [];
  printWrapped([`${event.time.slice(11, 23)} ${first}`, ...more, ...tolerated]);
}
