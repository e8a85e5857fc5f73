/**
 * A process that reads what waits in a journal, as the drain does, and is killed where it is told so.
 *
 *   node reads-and-dies.mjs <directory> <ids that kill the process that reads them> <id before whose batch it is killed>
 *
 * Prints `read <id>` or `unread <id>` for each record that has ended.
 */
import { readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { createInBatches } from "../../dist/flow/in-batches.js";
import { MOST_ENDS } from "../../dist/flow/ready.js";
import { openJournal } from "../../dist/journal/journal.js";

const [directory = "", poisons = "", before] = process.argv.slice(2);

const journal = await openJournal({ directory, maxBytes: 1e8, onFault: (fault) => tell(`fault ${fault.kind}`) });
const { backlog, inHand } = journal;
// Time does not end a batch here.
const inBatches = createInBatches({ inHand, read, nowMs: () => 0 });
while (backlog.records() > 0) {
  await backlog.load();
  for (let batch = backlog.takeSome(32, 1e6); batch.length > 0; batch = backlog.takeSome(32, 1e6)) {
    if (batch.some(({ record }) => record.id === before)) {
      // In vain only where the disk takes no note.
      for (let looks = 0; noted() && looks < 100; looks++) await wait(5);
      die();
    }
    const entries = [...batch];
    while (entries.length > 0) {
      for (const { entry, ready } of await inBatches.some(entries)) {
        tell(`${ready} ${entry.record.id}`);
        backlog.done(entry);
      }
    }
  }
}
await journal.tellRedis("redis");
await journal.close();

function read({ id }, ends) {
  if (ends >= MOST_ENDS) return "unread";
  if (poisons.split(",").includes(id)) die();
  return "read";
}

/** Nobody waits for it to be taken back. */
function noted() {
  return !readFileSync(join(directory, "in-hand"), "latin1").includes('"ends":[]');
}

/** Synchronously, because it may be killed next. */
function tell(line) {
  writeSync(1, `${line}\n`);
}

function die() {
  process.kill(process.pid, "SIGKILL");
  // The signal may come a little later.
  for (;;);
}
