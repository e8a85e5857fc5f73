/** What a report of 830 bytes takes on the journal's disk and, for its trace, in Redis. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { measure } from "../load.mjs";
import { withSubject } from "./with-subject.mjs";

const TRACE = "bull:mm4d-trace3:";

export function bytes(turn) {
  return withSubject(turn, async (server) => {
    const before = await stored(server);
    const { reports } = await measure(server, { reports: turn.reports });
    const after = await stored(server);
    const each = (name) => (after[name] - before[name]) / reports;
    const [journalBytes, traceBytes] = [each("journal"), each("blocks")];
    const of = [
      `journal ${Math.round(journalBytes)}`,
      `trace ${Math.round(traceBytes)} in blocks, ${Math.round(each("index"))} in its index`,
    ];
    return [{ subject: turn.name, journalBytes, traceBytes, note: `bytes a report: ${of.join("; ")}` }];
  });
}

/** Nothing is removed meanwhile: a record that is on the queue stays for a minute, and a trace for days. */
async function stored({ directory, redis }) {
  const journal = join(directory, "data", "journal");
  const segments = readdirSync(journal).filter((name) => name.endsWith(".journal"));
  const keys = await redis.client.keys(`${TRACE}*:*`);
  const memory = async (wanted) => {
    const sizes = keys.filter((key) => wanted.test(key)).map((key) => redis.client.memory("USAGE", key));
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  };
  return {
    journal: segments.reduce((sum, name) => sum + statSync(join(journal, name)).size, 0),
    blocks: await memory(/:b\d+$/),
    index: await memory(/:i[0-9a-f]{2}$/),
  };
}
