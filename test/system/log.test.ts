/** The service while whoever reads its log stands still: a real process that is stopped, at the end of a real pipe. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { eventually } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { rowsOf, startServiceProcess } from "../support/service.ts";
import { openSession } from "../support/smtp-client.ts";

const directory = mkdtempSync(join(tmpdir(), "mm4d-stalled-"));
const [pipe, out] = [join(directory, "pipe"), join(directory, "out")];
const readers: ChildProcess[] = [];
afterAll(() => {
  for (const reader of readers) reader.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

/** It opens the pipe, and reads nothing before it is told to go on. */
function startReader(): ChildProcess {
  const reader = spawn("sh", ["-c", `exec 3< ${pipe}; kill -STOP $$; exec cat <&3 > ${out}`], { stdio: "ignore" });
  readers.push(reader);
  return reader;
}

test("a reader that stands still holds nothing up, and one that goes on misses nothing", async () => {
  execFileSync("mkfifo", [pipe]);
  const first = startReader();
  const service = await startServiceProcess({}, ["sh", "-c", `exec "$@" > ${pipe}`, "sh"]);
  /** Each is a line of some hundred bytes; a pipe takes 64 KiB. */
  const deliver = async (name: string) => {
    const client = await openSession(service.smtpPort);
    for (let number = 0; number < 160; number += 1) {
      const report = deliveryReport({
        "X-Mms-Message-ID": `${name}-${number}`,
        "X-Mms-Transaction-ID": `tx-${name}-${number}`,
      });
      expect(await client.deliver(report)).toMatch(/^250/);
    }
    client.end();
    await service.metric("mm4d_published_total", (count) => count === 160);
    expect((await service.get("/livez")).status).toBe(200);
    (await openSession(service.smtpPort)).end();
  };
  try {
    await deliver("stalled");
    service.signal("SIGTERM");
    expect(await service.exited()).toBe(0);

    // What stands in the pipe goes with the last that has it open.
    const ended = new Promise((resolve) => first.once("exit", resolve));
    first.kill("SIGKILL");
    await ended;
    const reader = startReader();
    await service.restart();
    await deliver("read");
    expect(await service.metric("mm4d_log_lines_lost_total")).toBe(0);
    reader.kill("SIGCONT");
    service.signal("SIGTERM");
    expect(await service.exited()).toBe(0);
    await eventually(
      () => reader.exitCode,
      (code) => code === 0,
    );
    const lines = rowsOf(readFileSync(out, "utf8"));
    const published = lines.filter(({ event }) => event === "report.published").map(({ messageId }) => messageId);
    // One whose call failed once comes behind others.
    expect(published.toSorted()).toEqual(Array.from({ length: 160 }, (_, number) => `read-${number}`).sort());
    expect(lines[0]?.event).toBe("redis.embedded");
    expect(lines.at(-1)).toMatchObject({ event: "service.stopped", clean: true });
  } finally {
    await service.stop();
  }
});
