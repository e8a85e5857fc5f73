/** Makes chosen system calls of a running process fail or wait, as a broken disk does. strace(1), "Tampering". */
import { spawn } from "node:child_process";

export interface Tampering {
  /** Heals. */
  stop(): Promise<void>;
}

/** `effect` as strace writes it: `error=EIO`, `delay_enter=6000000` (in microseconds). Only calls that concern `path`. */
export async function tamper(pid: number, calls: string, path: string, effect: string): Promise<Tampering> {
  const options = ["-f", "-p", String(pid), "-P", path, "-e", `trace=${calls}`, "-e", `inject=${calls}:${effect}`];
  const strace = spawn("strace", [...options, "-o", "/dev/null"], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise<void>((resolve) => strace.once("exit", () => resolve()));
  let said = "";
  await new Promise<void>((resolve, reject) => {
    strace.once("error", reject);
    strace.stderr.setEncoding("utf8").on("data", (text) => {
      said += text;
      if (said.includes("attached")) resolve();
    });
    void ended.then(() => reject(new Error(`Cannot tamper with process ${pid}: ${said}`)));
  });
  return {
    async stop() {
      strace.kill("SIGINT");
      await ended;
    },
  };
}
