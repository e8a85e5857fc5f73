/** What a replay would publish, and what would be read otherwise today: nothing is published for either. */

import { type Difference, type Example, findDifferences } from "../replay/differences.ts";
import { replayedEvent } from "../replay/replayed-event.ts";
import { describeEvent } from "../text/describe.ts";
import { maskEvent } from "../text/masking.ts";
import { durationInWords, some } from "../text/quantities.ts";
import { lookAtArchive, tellWhose } from "./archive-look.ts";
import { numbersOf } from "./numbers.ts";
import { readForReplay } from "./replay-archive.ts";
import { archiveFilterOf, filterWanted, RATE, type ReplayOptions, shownWanted, wantedBy } from "./replay-options.ts";
import { fitted, jsonOf, print, printLine, printWrapped } from "./terminal.ts";

/** --diff has found something. */
const DIFFERS = 3;

/** Counts what would be published. Redis is not asked. */
export async function countReports(options: ReplayOptions): Promise<void> {
  const look = await lookAtArchive();
  const wanted = wantedBy(options, look.config.queue, new Date());
  tellWhose(look);
  const { reports, damage } = readForReplay(look, filterWanted(wanted));
  const counts = { events: 0, copies: 0, "no-event": 0, "not-queued-yet": 0 };
  let [first, last]: (string | null)[] = [null, null];
  for await (const report of reports) {
    const event = replayedEvent(report);
    if (typeof event === "string") counts[event] += 1;
    else if (report.became?.kind === "duplicate") counts.copies += 1;
    else {
      counts.events += 1;
      first ??= report.receivedAt;
      last = report.receivedAt;
    }
  }
  if (damage().length > 0) process.exitCode = 1;
  if (options.json) {
    print(jsonOf({ ...shownWanted(wanted), ...counts, first, last, damage: damage() }, 2));
    return;
  }
  const { rate = RATE } = options;
  const atLeast = durationInWords((counts.events / rate) * 1000);
  printWrapped([
    `${some(counts.events, "event")} would be published to "${wanted.queue}", in ${atLeast} at ${rate} a second`,
    ...(first === null || last === null ? [] : [`received from ${first} to ${last}`]),
    ...(counts.copies === 0
      ? []
      : [
          `${some(counts.copies, "report")} came again: each is published only where the first of them is not among these`,
        ]),
    ...(counts["no-event"] === 0 ? [] : [`${some(counts["no-event"], "message")} would make no event`]),
    ...(counts["not-queued-yet"] === 0
      ? []
      : [`Not among them: ${some(counts["not-queued-yet"], "report")} on the way to the queue as new`]),
    ...damage(),
  ]);
}

/** Shows what would be read otherwise today. The exit code is {@link DIFFERS} where anything would. */
export async function printDifferences(options: ReplayOptions): Promise<void> {
  const look = await lookAtArchive();
  tellWhose(look);
  const { reports, damage } = readForReplay(look, archiveFilterOf(options));
  const { groups: found, same, notKnown } = await findDifferences(reports);
  const groups = numbersOf(options) === "full" ? found : found.map(masked);
  if (damage().length > 0) process.exitCode = 1;
  if (groups.length > 0) process.exitCode = DIFFERS;
  if (options.json) {
    print(jsonOf({ groups, same, notKnown, damage: damage() }, 2));
    return;
  }
  for (const group of groups) await printLine(fitted(describeGroup(group)));
  const otherwise = groups.reduce((all, { count }) => all + count, 0);
  printWrapped([
    `${some(otherwise, "report")} would be read otherwise today, ${same} as then`,
    ...(notKnown === 0 ? [] : [`Of ${notKnown} it is not known what became of them, or they are bounces`]),
    ...damage(),
  ]);
}

function masked(group: Difference): Difference {
  const examples = group.examples.map((one) => ({ ...one, event: one.event && maskEvent(one.event) }));
  return { ...group, examples };
}

function describeGroup({ then, today, code, count, examples }: Difference): readonly string[] {
  const about = code === null ? "" : `, code ${code}`;
  return [`${some(count, "report")}: ${then} then, ${today} today${about}`, ...examples.flatMap(describeExample), ""];
}

function describeExample({ receivedAt, peer, eventId, event }: Example): readonly string[] {
  const head = `  ${receivedAt}  ${peer}${eventId === null ? "" : `  ${eventId}`}`;
  return event === null ? [head] : [head, ...describeEvent(event).map((line) => `    ${line.trim()}`)];
}
