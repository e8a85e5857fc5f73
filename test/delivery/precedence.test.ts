/** Every status of protocol.md §2, and none, with every class of code: what §9c says of each. */
import { describe, expect, test } from "vitest";
import type { JudgedClass } from "../../src/delivery/precedence.ts";
import { findPrecedence } from "../../src/delivery/precedence.ts";
import { MM_STATUSES, type StatusFamily } from "../../src/delivery/status.ts";
import { deliveryReport, eventOf, read } from "../support/report.ts";

/** A cell: outcome, then who rejected (b: bandwidth, c: carrier), then "!" for a conflict. */
const OUTCOMES = {
  del: { outcome: "delivered", disposition: "success", final: true, stage: "handset" },
  fwd: { outcome: "forwarded", disposition: "success", final: false, stage: "carrier" },
  FWD: { outcome: "forwarded", disposition: "success", final: true, stage: "carrier" },
  dfr: { outcome: "deferred", disposition: "pending", final: false, stage: null },
  exp: { outcome: "expired", disposition: "failure", final: true, stage: null },
  rej: { outcome: "rejected", disposition: "failure", final: true, stage: null },
  unr: { outcome: "unrecognised", disposition: "failure", final: true, stage: null },
  fai: { outcome: "failed", disposition: "failure", final: true, stage: null },
  ind: { outcome: "indeterminate", disposition: "unknown", final: true, stage: null },
  unk: { outcome: "unknown", disposition: "unknown", final: false, stage: null },
} as const;
const REJECTED_BY: Record<string, string> = { b: "bandwidth", c: "carrier" };

const CODES =
  "absent   0     text   1      2     100   201   211   231   242   301    470    500   650    750    902   999   888";
const EXPECTED = {
  none: "          quar     FWD   unk    rej:b  dfr   fai   exp   fai   fai   fai   rej:b  rej:b  fai   fai:c  rej:c  ind   fai   unk",
  Teleported:
    "    unk      FWD   unk    rej:b  dfr   fai   exp   fai   fai   fai   rej:b  rej:b  fai   fai:c  rej:c  ind   fai   unk",
  Retrieved:
    "     del      del   del    ind!   del!  del!  del!  del!  ind!  ind!  ind!   ind!   del!  ind!   ind!   del   del!  del",
  Forwarded:
    "     fwd      fwd   fwd    rej:b! dfr   fai!  exp!  fai!  fai!  fai!  rej:b! rej:b! fai!  fai:c! rej:c! FWD   fai!  fwd",
  Deferred:
    "      dfr      dfr   dfr    rej:b  dfr   dfr   exp   dfr   fai   fai   rej:b  rej:b  dfr   fai:c  rej:c  ind   fai   dfr",
  ForwardedToMMBox:
    "dfr    dfr   dfr    rej:b  dfr   dfr   exp   dfr   fai   fai   rej:b  rej:b  dfr   fai:c  rej:c  ind   fai   dfr",
  Indeterminate:
    " ind      ind   ind    rej:b  dfr   fai   exp   fai   fai   fai   rej:b  rej:b  fai   fai:c  rej:c  ind   fai   ind",
  Unknown:
    "       ind      ind   ind    rej:b  dfr   fai   exp   fai   fai   fai   rej:b  rej:b  fai   fai:c  rej:c  ind   fai   ind",
  Expired:
    "       exp      exp!  exp    rej:b  exp!  exp   exp   exp   fai   fai   rej:b  rej:b  exp   exp:c  rej:c  ind   exp   exp",
  Rejected:
    "      rej      rej!  rej    rej:b  rej!  fai   exp   fai   fai   fai   rej:b  rej:b  fai   fai:c  rej:c  ind   fai   rej",
  Unrecognised:
    "  unr      unr!  unr    rej:b  unr!  fai   exp   fai   fai   fai   rej:b  rej:b  fai   fai:c  rej:c  ind   fai   unr",
  Unrecognized:
    "  unr      unr!  unr    rej:b  unr!  fai   exp   fai   fai   fai   rej:b  rej:b  fai   fai:c  rej:c  ind   fai   unr",
  NotSupported:
    "  unr      unr!  unr    rej:b  unr!  fai   exp   fai   fai   fai   rej:b  rej:b  fai   fai:c  rej:c  ind   fai   unr",
  Unreachable:
    "   fai      fai!  fai    rej:b  fai!  fai   exp   fai   fai   fai   rej:b  rej:b  fai   fai:c  rej:c  ind   fai   fai",
};

const columns = CODES.split(/\s+/);
for (const [status, row] of Object.entries(EXPECTED)) {
  describe(`status ${status}`, () => {
    test.each(
      row
        .trim()
        .split(/\s+/)
        .map((cell, index) => [columns[index] ?? "", cell] as const),
    )("with code %s is %s", (code, cell) => {
      const bytes = deliveryReport({
        "X-Mms-MM-Status-Code": status === "none" ? undefined : status,
        "X-Internal-Status-Code": code === "absent" ? undefined : code,
      });
      if (cell === "quar") {
        expect(read(bytes)).toMatchObject({ ok: false, error: { kind: "no-status" } });
        return;
      }
      const [, name = "", by, conflict] = /^(\w{3})(?::(\w))?(!)?$/.exec(cell) ?? [];
      const { outcome, disposition, final, stage, rejectedBy, conflict: conflicting } = eventOf(bytes).data;
      expect({ outcome, disposition, final, stage, rejectedBy, conflict: conflicting }).toEqual({
        ...OUTCOMES[name as keyof typeof OUTCOMES],
        rejectedBy: by === undefined ? null : REJECTED_BY[by],
        conflict: conflict !== undefined,
      });
    });
  });
}

test("the grid walks every status that the rules know", () => {
  const walked = Object.keys(EXPECTED).map((status) => status.toLowerCase());
  for (const { words } of MM_STATUSES) for (const word of words) expect(walked).toContain(word);
});

test.each([
  [128, "Expired"],
  [129, "Retrieved"],
  [130, "Rejected"],
  [131, "Deferred"],
  [132, "Unrecognised"],
  [133, "Indeterminate"],
  [134, "Forwarded"],
  [135, "Unreachable"],
])("the number %d is %s, with every code", (number, word) => {
  for (const code of columns) {
    const judged = (status: string) => {
      const fields = { "X-Mms-MM-Status-Code": status, "X-Internal-Status-Code": code === "absent" ? undefined : code };
      const { outcome, disposition, final, stage, rejectedBy, conflict, warnings } = eventOf(
        deliveryReport(fields),
      ).data;
      return { outcome, disposition, final, stage, rejectedBy, conflict, warnings };
    };
    const { warnings, ...verdict } = judged(String(number));
    const { warnings: others, ...same } = judged(word);
    expect([code, verdict]).toEqual([code, same]);
    expect(warnings.toSorted()).toEqual(["numeric-status", ...others].toSorted());
  }
});

test.each(["127", "136", "0", "1129"])("the number %s is no status", (status) => {
  expect(eventOf(deliveryReport({ "X-Mms-MM-Status-Code": status })).data).toMatchObject({
    outcome: "unknown",
    final: false,
    warnings: ["unknown-status"],
  });
});

test("every pair of a status and a class of code lands on a row", () => {
  const families = [
    "retrieved",
    "forwarded",
    "deferred",
    "indeterminate",
    "expired",
    "rejected",
    "other-negative",
    "unfamiliar",
    "absent",
  ];
  const classes = [
    "absent",
    "none",
    "buffered",
    "receipt",
    "soft",
    "retries-exceeded",
    "hard",
    "carrier-service",
    "ambiguous",
  ];
  for (const family of families) {
    for (const codeClass of classes) {
      expect(findPrecedence(family as StatusFamily, codeClass as JudgedClass).row).toMatch(/^\d+[ab]?$/);
    }
  }
});

test("Rejected by the recipient stays so beside any code that fails", () => {
  const fields = { "X-Mms-MM-Status-Code": "Rejected", "X-Mms-MM-Status-Extension": "Rejection-By-MMS-Recipient" };
  for (const code of ["470", "650", "201", "999"]) {
    const { data } = eventOf(deliveryReport({ ...fields, "X-Internal-Status-Code": code }));
    expect([code, data.outcome, data.rejectedBy, data.reason?.code]).toEqual([
      code,
      "rejected",
      "recipient",
      Number(code),
    ]);
  }
});

test("a status extension says who rejected", () => {
  const by = (extension: string) =>
    eventOf(deliveryReport({ "X-Mms-MM-Status-Code": "Rejected", "X-Mms-MM-Status-Extension": extension })).data;
  expect(by("Rejection-By-Other-RS").rejectedBy).toBe("network");
  expect(by("Rejected-by-other-MMSC").rejectedBy).toBe("network");
  expect(by("Rejected-by-recipient").rejectedBy).toBe("recipient");
  expect(by("Rejected-by-VAS-area-limit")).toMatchObject({ rejectedBy: null, warnings: [] });
  expect(by("Rejected-by-nobody")).toMatchObject({ rejectedBy: null, warnings: ["unknown-status-extension"] });
});

test("a peer's peculiarities change only what they name", () => {
  const forwarded = deliveryReport({ "X-Mms-MM-Status-Code": "Forwarded" });
  expect(eventOf(forwarded, { forwardedIsFinal: true }).data).toMatchObject({
    outcome: "forwarded",
    final: true,
    rank: 50,
  });
  expect(eventOf(deliveryReport(), { localLongCode: true }).data).toMatchObject({
    outcome: "delivered",
    stage: "carrier",
    rank: 50,
  });
  const swapped = eventOf(deliveryReport(), { swapAddresses: true }).data;
  expect([swapped.recipient?.number, swapped.originator?.number]).toEqual(["+12025550199", "+12025550100"]);
  expect([swapped.raw.from, swapped.raw.to]).toEqual(["+12025550100/TYPE=PLMN", "+12025550199/TYPE=PLMN"]);
});

test("status fields that differ are a conflict, and the last failure wins", () => {
  const twice = (...statuses: string[]) =>
    eventOf(
      Buffer.from(
        Buffer.from(deliveryReport({ "X-Mms-MM-Status-Code": undefined }))
          .toString()
          .replace(/\r\n$/, `${statuses.map((status) => `X-Mms-MM-Status-Code: ${status}\r\n`).join("")}\r\n`),
      ),
    ).data;
  expect(twice("Rejected", "Expired", "Retrieved")).toMatchObject({
    outcome: "expired",
    conflict: true,
    warnings: ["duplicate-status"],
  });
  expect(twice("Forwarded", "Retrieved")).toMatchObject({ outcome: "delivered", conflict: true });
  expect(twice("Retrieved", "RETRIEVED")).toMatchObject({ outcome: "delivered", conflict: false, warnings: [] });
  // A number says the same as its word, and weighs as much.
  expect(twice("129", "Retrieved")).toMatchObject({ outcome: "delivered", conflict: false });
  expect(twice("130", "Retrieved")).toMatchObject({ outcome: "rejected", conflict: true });
  expect(twice("Rejected", "Expired").raw.mmStatusCode).toBe("Rejected, Expired");
});

describe("forward responses and read reports", () => {
  const response = (status: string | undefined, code?: string) =>
    read(
      deliveryReport({
        "X-Mms-Message-Type": "MM4_forward.RES",
        "X-Mms-MM-Status-Code": undefined,
        "X-Mms-Request-Status-Code": status,
        "X-Internal-Status-Code": code,
      }),
    );

  test.each([
    ["Ok", undefined, "forwarded", "success", false, "carrier", false],
    ["Ok", "0", "forwarded", "success", false, "carrier", false],
    ["0", undefined, "forwarded", "success", false, "carrier", false],
    ["Error-transient-failure", undefined, "failed", "failure", false, null, false],
    ["Error-service-denied", undefined, "rejected", "failure", true, null, false],
    ["Error-permanent-failure", undefined, "rejected", "failure", true, null, false],
    ["Ok", "470", "rejected", "failure", true, null, true],
    ["Ok", "902", "indeterminate", "unknown", true, null, false],
    ["Ok", "2", "deferred", "pending", false, null, false],
    ["Error-unspecified", "600", "failed", "failure", true, null, false],
    ["Error-unspecified", "0", "rejected", "failure", true, null, true],
    [undefined, "301", "rejected", "failure", true, null, false],
    ["Error-never-heard-of", undefined, "rejected", "failure", true, null, false],
    ["Error", undefined, "rejected", "failure", true, null, false],
    ["ERROR: no such user", undefined, "rejected", "failure", true, null, false],
    ["255", undefined, "rejected", "failure", true, null, false],
    ["Success", undefined, "unknown", "unknown", false, null, false],
    ["Accepted", undefined, "unknown", "unknown", false, null, false],
    ["Failed", undefined, "unknown", "unknown", false, null, false],
    ["256", undefined, "unknown", "unknown", false, null, false],
    ["1", undefined, "unknown", "unknown", false, null, false],
    ["Accepted", "0", "forwarded", "success", false, "carrier", false],
    ["Success", "ok", "forwarded", "success", false, "carrier", false],
    ["Success", "888", "unknown", "unknown", false, null, false],
    ["Success", "470", "rejected", "failure", true, null, false],
    ["Success", "902", "indeterminate", "unknown", true, null, false],
    ["Success", "2", "deferred", "pending", false, null, false],
  ])("a response %s with code %s is %s", (status, code, outcome, disposition, final, stage, conflict) => {
    const result = response(status, code);
    expect(result).toMatchObject({
      ok: true,
      value: { data: { outcome, disposition, final, stage, conflict, recipient: null } },
    });
  });

  test.each([
    ["Read", "read"],
    ["Deleted without being read", "deleted-unread"],
    ["Deletedwithoutbeingread", "deleted-unread"],
    ["128", "read"],
    ["129", "deleted-unread"],
  ])("a read status %s is %s, and final", (status, outcome) => {
    const bytes = deliveryReport({
      "X-Mms-Message-Type": "MM4_read_reply_report.REQ",
      "X-Mms-MM-Status-Code": undefined,
      "X-Mms-Read-Status": status,
    });
    expect(eventOf(bytes).data).toMatchObject({
      outcome,
      disposition: "success",
      final: true,
      stage: "handset",
      rank: 80,
    });
  });
});
