/**
 * A process that reads what waits in a journal, as the drain does: what was in hand at an unclean end by itself, all
 * else in batches, and what was there three times not at all. It is killed where a record says so.
 *
 *   node reads-and-dies.mjs <directory> <ids that kill the one that reads them> <id before whose batch it is killed>
 *
 * Prints `read <id>` or `unread <id>` for each record that has ended.
 */
import { writeSync } from "node:fs";
import { openJournal } from "../../dist/journal/journal.js";

const [directory = "", poisons = "", before] = process.argv.slice(2);
const BATCH = 32;

const journal = await openJournal({ directory, maxBytes: 1e8, onFault: (fault) => tell(`fault ${fault.kind}`) });
const { backlog, inHand } = journal;
while (backlog.records() > 0) {
  await backlog.load();
  let batch = [];
  for (let entry = backlog.take(); entry; entry = backlog.take()) {
    const ends = inHand.endsOf(entry.record.id);
    if (ends > 0) {
      work(batch);
      batch = [];
    }
    batch.push(entry);
    if (ends > 0 || batch.length === BATCH) {
      work(batch);
      batch = [];
    }
  }
  work(batch);
}
await journal.tellRedis("redis");
await journal.close();

function work(batch) {
  if (batch.length === 0) return;
  if (batch.some(({ record }) => record.id === before)) die();
  const ids = batch.map(({ record }) => record.id);
  if (ids.some((id) => inHand.endsOf(id) >= 3)) {
    for (const id of ids) tell(`unread ${id}`);
  } else {
    inHand.begin(ids);
    for (const id of ids) if (poisons.split(",").includes(id)) die();
    inHand.end();
    for (const id of ids) tell(`read ${id}`);
  }
  for (const entry of batch) backlog.done(entry);
}

/** Before it may be killed. */
function tell(line) {
  writeSync(1, `${line}\n`);
}

function die() {
  process.kill(process.pid, "SIGKILL");
  // The signal may come a little later.
  for (;;);
}
