/** A subject, from its start to its end, and the workloads that only send it a load. */
import { measure } from "../load.mjs";
import { rssBytes } from "../processes.mjs";
import { startSubject } from "../subjects.mjs";

/** Starts a subject, warms it up, and ends it whatever happens. */
export async function withSubject({ subject, certificate, quick, core }, use) {
  const server = await startSubject(subject, certificate, core);
  try {
    await measure(server, { reports: quick ? 1_000 : 2_000 });
    return await use(server);
  } finally {
    await server.stop();
  }
}

export function rate(turn, load) {
  const reports = Math.round(turn.reports * (turn.subject.share ?? 1));
  return withSubject(turn, async (server) => [
    { subject: turn.name, ...(await measure(server, { reports, ...load })) },
  ]);
}

export function burst(turn) {
  return withSubject(turn, async (server) => {
    const row = await measure(server, { reports: turn.quick ? 10_000 : 100_000 });
    const residentBytes = rssBytes(server.child);
    const queued = server.redis
      ? `; the last is in the queue ${row.queuedAfterSeconds.toFixed(2)} s after its 250`
      : "";
    return [{ subject: turn.name, ...row, residentBytes, note: `resident ${megabytes(residentBytes)}${queued}` }];
  });
}

export function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`;
}
