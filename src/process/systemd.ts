/**
 * Tells systemd how the service is, as sd_notify(3) has it: ready, stopping,
 * and alive as long as a watchdog asks.
 *
 * Node.js has no datagram sockets of the Unix kind, so that each message is
 * sent by `systemd-notify`, which is there wherever systemd is. It is another
 * process: the unit must have `NotifyAccess=all`.
 */
import { execFile } from "node:child_process";

export interface Systemd {
  /** After so long without a beat of ours systemd kills us, in milliseconds; null when it does not watch. */
  readonly watchdogMs: number | null;
  ready(status: string): void;
  stopping(status: string): void;
}

/** From the environment that systemd gives a service; everything is silence where it gave none. */
export function connectSystemd({ NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): Systemd {
  const watched = NOTIFY_SOCKET && WATCHDOG_USEC && (WATCHDOG_PID ?? String(process.pid)) === String(process.pid);
  const watchdogMs = watched ? Number(WATCHDOG_USEC) / 1000 : null;
  let failed = false;

  function notify(...assignments: readonly string[]): void {
    if (!NOTIFY_SOCKET) return;
    const told = (cause: Error | null): void => {
      if (cause && !failed)
        process.stderr.write(`Cannot tell systemd that ${assignments.join(", ")}: ${cause.message}\n`);
      failed = cause !== null;
    };
    try {
      execFile("systemd-notify", assignments, told);
    } catch (cause) {
      // Without memory for another process it throws. One beat that is missed is no reason to end.
      told(cause as Error);
    }
  }

  return {
    watchdogMs,
    ready(status) {
      notify("READY=1", `STATUS=${status}`);
      // From the loop that does the work: one that hangs sends none. Twice in the time, as sd_watchdog_enabled(3) advises.
      if (watchdogMs !== null) setInterval(notify, watchdogMs / 2, "WATCHDOG=1");
    },
    stopping: (status) => notify("STOPPING=1", `STATUS=${status}`),
  };
}
