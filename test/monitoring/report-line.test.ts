/** The lines about a report, byte for byte. */
import { afterEach, expect, test, vi } from "vitest";
import { createLog } from "../../src/monitoring/log.ts";
import { deliveryReport, eventOf } from "../support/report.ts";

afterEach(() => vi.useRealTimers());

test.each([
  ["masked", null],
  ["masked", 2],
  ["full", 2],
] as const)("numbers %s, process %s", (numbers, process) => {
  vi.useFakeTimers({ now: new Date("2026-11-28T02:16:22.000Z"), toFake: ["Date"] });
  const lines: string[] = [];
  const log = createLog({ level: "info", numbers, process, to: { write: (line) => lines.push(line) } });
  const fields = { "X-Mms-Message-ID": "a\\b-12025550199", "X-Internal-Status-Code": "333" };
  const event = { ...eventOf(deliveryReport(fields)), id: "r1", time: "2026-11-28T02:16:21.684Z" };
  log.reportPublished("s1", event, "j1");
  vi.setSystemTime("2026-11-28T02:16:22.001Z");
  log.reportDuplicate(null, event, "j0");
  log.reportConflict(event);
  log.codeUnknown(event);

  const number = (end: string): string => (numbers === "full" ? `1202555${end}` : `*******${end}`);
  const begin = (level: string, time: string): string =>
    `{"level":"${level}","time":"2026-11-28T02:16:22.${time}Z"${process === null ? "" : `,"process":${process}`}`;
  const report =
    `"eventId":"r1","peer":"carrier","messageId":"a\\\\b-${number("0199")}","transactionId":"tx-1@mmsc.example.net",` +
    `"recipient":"+${number("0100")}","originator":"+${number("0199")}","type":"mm4d.delivery-report.v1",` +
    `"status":"Retrieved","code":333,"outcome":"indeterminate","disposition":"unknown","final":true`;
  const effect = '"effect":"…"}\n';
  expect(lines.map((line) => line.replace(/"effect":"[^"]+"/, '"effect":"…"'))).toEqual([
    `${begin("info", "000")},"event":"report.published","sessionId":"s1",${report},"jobId":"j1","tookMs":316}\n`,
    `${begin("info", "001")},"event":"report.duplicate","sessionId":null,${report},"firstJobId":"j0"}\n`,
    `${begin("warn", "001")},"event":"report.conflict",${report},${effect}`,
    `${begin("error", "001")},"event":"code.unknown",${report},${effect}`,
  ]);
});
