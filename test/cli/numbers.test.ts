/** One rule for telephone numbers: whoever reads a list sees four digits, and all of them with --full-numbers. */
import { expect, test } from "vitest";
import type { AcknowledgementEntry } from "../../src/acknowledgement/desk.ts";
import { describeEntry } from "../../src/cli/acks.ts";
import { commands } from "../support/commands.ts";

const UUID = "6def1234-5678-4000-a59f-202555010012";

const ENTRY: AcknowledgementEntry = {
  id: `a${"0".repeat(32)}`,
  state: "bounced",
  attempts: 1,
  at: "2026-11-30T18:00:00.000Z",
  error: "550 5.1.1 <+12025550199@192.168.100.25> is not known",
  reply: "250 Taken for 2025550100",
  acknowledgement: {
    peer: "carrier",
    eventId: null,
    receivedAt: "2026-11-30T18:00:00.000Z",
    messageType: "MM4_delivery_report.RES",
    version: "6.10.0",
    requestStatus: "Ok",
    statusText: null,
    transactionId: `"${UUID}"`,
    messageId: '"12025550100-20261130"',
    to: "12025550100@mmsc.example",
    originator: "+12025550199",
    numbers: ["12025550100", "12025550199"],
    bounce: {
      action: "failed",
      status: "5.1.1",
      diagnostic: "smtp; 550 no +12025550199 at 192.168.100.25",
      receivedAt: "2026-11-30T18:00:00.000Z",
    },
  },
};

test("acks list masks a number wherever it stands, and nothing else: ids and addresses are whole", () => {
  expect(describeEntry(ENTRY, "masked")).toEqual([
    ENTRY.id,
    "  bounced at 2026-11-30T18:00:00.000Z, 1 attempt",
    "  MM4_delivery_report.RES Ok for carrier to *******0100@mmsc.example",
    `  transaction "${UUID}", message "*******0100-20261130"`,
    "  550 5.1.1 <+*******0199@192.168.100.25> is not known",
    "  250 Taken for ******0100",
    "  failed 2026-11-30T18:00:00.000Z: 5.1.1 smtp; 550 no +*******0199 at 192.168.1…",
  ]);
  expect(describeEntry(ENTRY, "full").join("\n")).toContain("12025550100@mmsc.example");
  expect(describeEntry(ENTRY, "full").join("\n")).not.toContain("*");
});

test("each command that lists reports, messages or acknowledgements for people has the flag, and it is the same", async () => {
  const flags = (await commands()).flatMap((command) => {
    const parent = command.parent?.name() === "mm4d" ? "" : `${command.parent?.name()} `;
    const found = command.options.filter(({ long }) => long === "--full-numbers");
    return found.map(({ description }) => [`${parent}${command.name()}`, description]);
  });
  expect(flags.map(([name]) => name).sort()).toEqual([
    "acks list",
    "archive export",
    "archive list",
    "failed list",
    "quarantine show",
    "replay",
    "tail",
    "trace",
  ]);
  expect(new Set(flags.map(([, description]) => description)).size).toBe(1);
});
