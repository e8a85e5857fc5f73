/** What other MMSCs would write is read as what it means. */
import { expect, test } from "vitest";
import type { Warning } from "../../src/delivery/warning.ts";
import { composePdu, MESSAGE_TYPES, type PduKind } from "../../src/mm4/compose.ts";
import { DIALECTS, type DialectName } from "../../src/mm4/dialects.ts";
import { eventOf, read } from "../support/report.ts";

const WARNINGS: Readonly<Record<DialectName, readonly Warning[]>> = {
  standard: [],
  bandwidth: [],
  mbuni: [],
  vectorcore: ["status-in-x-mms-status", "request-status-in-report"],
  nexmo: ["version-in-x-mms-3gpp-version"],
  cellcom: [],
  mmsgw: [],
  gomsggw: ["message-id-in-angle-brackets"],
  korean: ["status-in-x-mms-status-code", "date-without-zone"],
};

const pdu = (dialect: DialectName, kind: PduKind, status: string | undefined) => ({
  kind,
  transactionId: "tx-1@mmsc",
  messageId: "mm-1@mmsc",
  recipient: "+12025550100/TYPE=PLMN",
  originator: "+12025550199/TYPE=PLMN",
  date: new Date("2026-01-02T03:04:05Z"),
  status,
  dialect: DIALECTS[dialect],
});

test.each(Object.entries(WARNINGS))("%s: %j", (name, warnings) => {
  const dialect = name as DialectName;
  const { data } = eventOf(composePdu(pdu(dialect, "delivery-report", "Expired")));
  expect(data).toMatchObject({
    outcome: "expired",
    transactionId: DIALECTS[dialect].oneId ? "mm-1@mmsc" : "tx-1@mmsc",
    messageId: "mm-1@mmsc",
    recipient: { number: "+12025550100" },
    originator: { number: "+12025550199" },
    handledAt: DIALECTS[dialect].date === "asctime" ? null : "2026-01-02T03:04:05.000Z",
  });
  expect(data.warnings.toSorted()).toEqual(warnings.toSorted());
  expect(eventOf(composePdu(pdu(dialect, "read-report", "Read"))).data.outcome).toBe("read");
  expect(eventOf(composePdu(pdu(dialect, "forward-response", "Ok"))).data.outcome).toBe("forwarded");
});

test("every other PDU is known, and makes no event", () => {
  const kinds = (Object.keys(MESSAGE_TYPES) as PduKind[]).filter(
    (kind) => !["delivery-report", "forward-response", "read-report"].includes(kind),
  );
  expect(kinds.length).toBe(5);
  for (const kind of kinds) {
    expect(read(composePdu(pdu("bandwidth", kind, undefined)))).toMatchObject({ error: { kind: "other-pdu" } });
  }
});
