/**
 * Tells systemd the state of the service by sd_notify(3): ready, stopping, and
 * alive while a watchdog is set.
 *
 * Node.js has no Unix datagram sockets. So `systemd-notify`, which comes with
 * systemd, sends each message. It is another process, so the unit needs
 * `NotifyAccess=all`.
 */
import { execFile } from "node:child_process";

export interface Systemd {
  /** systemd kills a service that sends no beat for so many milliseconds; null when no watchdog is set. */
  readonly watchdogMs: number | null;
  ready(status: string): void;
  stopping(status: string): void;
}

/** Reads the environment that systemd gives a service. Without it nothing is sent. */
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
      // execFile throws when there is no memory for another process. A missed beat is no reason to end.
      told(cause as Error);
    }
  }

  return {
    watchdogMs,
    ready(status) {
      notify("READY=1", `STATUS=${status}`);
      // The event loop that does the work sends the beat, so a service that hangs sends none. Two beats a period,
      // as sd_watchdog_enabled(3) advises.
      if (watchdogMs !== null) setInterval(notify, watchdogMs / 2, "WATCHDOG=1");
    },
    stopping: (status) => notify("STOPPING=1", `STATUS=${status}`),
  };
}
