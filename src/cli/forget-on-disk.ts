/** What `mm4d forget` does in the data directory: journals, damaged bytes, archive. */
import { existsSync } from "node:fs";
import { type Concerns, forgetInArchive } from "../archive/forget.ts";
import { archiveDirectory } from "../archive/places.ts";
import { blotDamaged } from "../journal/damaged.ts";
import { inspectJournal } from "../journal/inspect.ts";
import { furtherNumbers, journalDirectory, processDirectory } from "../process/directories.ts";
import type { PartySought } from "../text/party-sought.ts";
import type { Found, Result } from "./forget.ts";
import { blotted, isHeldIn } from "./party-in-message.ts";
import { createSearchReader } from "./record-reader.ts";
import type { QueueFound } from "./running-service.ts";

/** Reads journals, but removes nothing from them, because only their services may; writes the archive anew. */
export async function forgetOnDisk(
  { settings, found }: QueueFound,
  party: PartySought,
  dryRun: boolean,
): Promise<Result> {
  const dataDir = found.kind === "running" ? found.dataDir : settings.config.dataDir;
  const left: Found[] = [];
  const removed: Found[] = [];
  const notReached: string[] = [];
  const read = createSearchReader(settings.config);
  const look = async (directory: string): Promise<void> => {
    const counts = { [WAITING]: 0, [QUEUED]: 0 };
    for await (const one of inspectJournal(directory).found()) {
      if (one.kind !== "record" || !(await isHeldIn(read(one.record), party))) continue;
      counts[one.state === "waiting" ? WAITING : QUEUED] += 1;
    }
    for (const [state, count] of Object.entries(counts)) {
      if (count > 0) left.push({ where: directory, what: "record", state, count });
    }
    for (const file of await blotDamaged(directory, (text) => blotted(party, text), dryRun)) {
      removed.push({ where: file, what: "file", state: "where it is blotted out", count: 1 });
    }
  };
  const lookInArchive = async (directory: string): Promise<void> => {
    const concerns: Concerns = async (record, text) =>
      party.mentions(text) || (record !== undefined && isHeldIn(read(record), party));
    const { records, waiting, damaged } = await forgetInArchive(directory, concerns, dryRun);
    if (records > 0) removed.push({ where: directory, what: "record", state: null, count: records });
    if (waiting > 0)
      left.push({
        where: directory,
        what: "segment",
        state: "not looked into: it is packed within seconds",
        count: waiting,
      });
    if (damaged > 0) notReached.push(`${damaged} bytes in ${directory} that are damaged, until they expire`);
  };
  // Segments go from their journals to the archive meanwhile: looked for in this order, none is passed over.
  try {
    // Also those of processes that there are no more, because their damaged bytes stay.
    const numbers = [1, ...furtherNumbers(dataDir)];
    const there = numbers.map((number) => journalDirectory(processDirectory(dataDir, number))).filter(existsSync);
    for (const directory of there) await look(directory);
    if (there.length === 0)
      notReached.push(`a journal: there is none below ${dataDir} (--data-dir names another place)`);
  } catch (cause) {
    notReached.push(`the journal and damaged/ below ${dataDir}: ${(cause as Error).message}`);
  }
  // Behind the journals: what moves into the archive meanwhile is found twice rather than not at all.
  try {
    await lookInArchive(archiveDirectory(dataDir));
  } catch (cause) {
    notReached.push(`the archive below ${dataDir}: ${(cause as Error).message}`);
  }
  return { removed, left, notReached };
}

const WAITING = "waiting for Redis";
const QUEUED = "on the queue already, in the journal for some minutes more";
