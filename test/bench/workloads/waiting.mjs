/** Whether a queue in which very many wait slows anything down. */
import { measure } from "../load.mjs";
import { addCopies, trim } from "../queue-filling.mjs";
import { withSubject } from "./with-subject.mjs";

export function waiting(turn) {
  return withSubject(turn, async (server) => {
    const count = turn.quick ? 100_000 : 1_000_000;
    const load = { reports: turn.reports };
    const first = await measure(server, load);
    await addCopies(server.redis.client, count);
    await server.redis.quiet();
    const full = await measure(server, load);
    await trim(server.redis.client, 0);
    await server.redis.quiet();
    // Before and behind, so that neither a warmer server nor a busier machine is taken for the queue's doing.
    const last = await measure(server, load);
    const mean = (name) => (first[name] + last[name]) / 2;
    const names = Object.keys(first).filter((name) => typeof first[name] === "number");
    return [
      { subject: turn.name, ...Object.fromEntries(names.map((name) => [name, mean(name)])), note: "empty queue" },
      { subject: `${turn.name} full`, ...full, note: `${count.toLocaleString("en")} jobs waiting` },
    ];
  });
}
