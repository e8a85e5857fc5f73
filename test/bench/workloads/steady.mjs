/** Half of what a subject sustains: how long a relay waits for its 250, and a worker for its event. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { measure } from "../load.mjs";
import { ANY_CORE, kill, start } from "../processes.mjs";
import { median, numbers } from "../table.mjs";
import { withSubject } from "./with-subject.mjs";

const WORKER = fileURLToPath(new URL("../worker.mjs", import.meta.url));
const REACHED = 0.95;

export function steady(turn) {
  return withSubject(turn, async (server) => {
    // A Redis that rewrites has a core for that, elsewhere. Here relay, server, Redis and worker use both.
    await server.redis.rewriteNothing();
    const { sustained, from } = await sustainedRate(turn, server);
    const perSecond = Math.round(sustained / 2);
    const worker = startWorker(server.redis.port);
    try {
      // What came before is not of this load.
      while ((await server.stored()) > 0) await sleep(50);
      await sleep(200);
      await worker.ask("forget");
      const load = { reports: (turn.quick ? 5 : 20) * perSecond, perSecond };
      const toReply = await measure(server, load, () => worker.ask("count"));
      const slow = toReply.answeredPerSecond < REACHED * perSecond;
      const rate = `at ${perSecond.toLocaleString("en")}/s, half of ${from}`;
      return [
        { subject: turn.name, ...toReply, note: slow ? `${rate}: NOT REACHED, no latencies of that rate` : rate },
        { subject: `${turn.name} to worker`, ...(await worker.ask("result")) },
      ];
    } finally {
      await worker.stop();
    }
  });
}

/** As `dialogue` has found it in this very run; alone it looks first. */
async function sustainedRate({ name, earlier, reports }, server) {
  const found = numbers(
    earlier.filter((row) => row.workload === "dialogue" && row.subject === name),
    "perSecond",
  );
  if (found.length > 0) return { sustained: median(found), from: "dialogue's median" };
  const { perSecond } = await measure(server, { reports });
  return { sustained: perSecond, from: `the ${Math.round(perSecond).toLocaleString("en")}/s measured before` };
}

function startWorker(redisPort) {
  const child = start([process.execPath, WORKER, String(redisPort)], {
    // With generator and Redis it takes more than one core at this rate, and half of the server's is free.
    core: ANY_CORE,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  return {
    async ask(question) {
      child.send(question);
      const [answer] = await once(child, "message");
      return answer;
    },
    stop: () => kill(child),
  };
}
