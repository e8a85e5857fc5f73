/** What a connection costs that says nothing. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { kill, LOAD_CORE, rssBytes, start } from "../processes.mjs";
import { withSubject } from "./with-subject.mjs";

const CLIENTS = fileURLToPath(new URL("../idle-clients.mjs", import.meta.url));

export function idle(turn) {
  return withSubject(turn, async (server) => {
    const connections = turn.quick ? 2_000 : 5_000;
    const before = rssBytes(server.child);
    const args = [process.execPath, CLIENTS, JSON.stringify({ port: server.port, connections })];
    const clients = start(args, { core: LOAD_CORE, stdio: ["ignore", "pipe", "inherit"] });
    try {
      await Promise.race([once(clients.stdout, "data"), once(clients, "exit").then(() => Promise.reject(refused()))]);
      await sleep(1_000);
      const bytes = (rssBytes(server.child) - before) / connections;
      return [{ subject: turn.name, bytes, note: `${(bytes / 1024).toFixed(1)} KiB a connection` }];
    } finally {
      await kill(clients);
    }
  });

  function refused() {
    return new Error(`Cannot measure: ${turn.name} does not take the idle connections`);
  }
}
