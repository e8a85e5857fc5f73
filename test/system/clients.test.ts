/** A client that nobody here wrote. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { eventually } from "../support/redis.ts";
import { deliveryReport } from "../support/report.ts";
import { startServiceProcess } from "../support/service.ts";

test("swaks delivers a report", async () => {
  const service = await startServiceProcess();
  try {
    const { stdout } = await promisify(execFile)("swaks", [
      ...["--server", "127.0.0.1", "--port", String(service.smtpPort), "--helo", "mmsc.example.net"],
      ...["--from", "system-user@mmsc.example.net", "--to", "system-user@mms.example.net"],
      ...["--data", Buffer.from(deliveryReport({ "X-Mms-Message-ID": "by-swaks" })).toString()],
    ]);
    expect(stdout).toContain("250 2.0.0 Report stored");
    await eventually(
      () => service.log().find(({ event }) => event === "report.published")?.messageId,
      (id) => id === "by-swaks",
    );
  } finally {
    await service.stop();
  }
});
