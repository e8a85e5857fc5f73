/** The report that is sent. */

/** Makes reports of some 830 bytes that differ in their ids; the transaction's tells when it was sent, in µs since 1970. */
export function createMessage(run) {
  const hole = "0".repeat(20);
  const bytes = Buffer.from(
    [
      "Received: from mmsc1.carrier.example.net (mmsc1.carrier.example.net [192.0.2.10]) by relay.carrier.example.net",
      "From: +12025550100/TYPE=PLMN@mms.carrier.example.net",
      "To: +12025550199/TYPE=PLMN@mms.example.net",
      "Subject: Delivery report",
      "Date: Tue, 24 Nov 2026 12:00:00 +0000",
      `Message-ID: <report-${run}@carrier.example.net>`,
      "Sender: system-user@carrier.example.net",
      "MIME-Version: 1.0",
      "Content-Type: text/plain; charset=us-ascii",
      "X-Mms-3GPP-MMS-Version: 6.10.0",
      "X-Mms-Message-Type: MM4_delivery_report.REQ",
      `X-Mms-Transaction-ID: "${hole}"`,
      `X-Mms-Message-ID: "${run}-${hole}@mms.example.net"`,
      "X-Mms-MM-Status-Code: Rejected",
      "X-Mms-Status-Text: rejected by the recipient's carrier as unwanted",
      "X-Internal-Status-Code: 470",
      "X-Mms-Ack-Request: No",
      "",
      ".",
      "",
    ].join("\r\n"),
  );
  const transactionAt = bytes.indexOf(hole);
  const messageAt = bytes.indexOf(hole, transactionAt + hole.length);
  let count = 0;
  return (sentMs) => {
    bytes.write(
      String(Math.round((performance.timeOrigin + sentMs) * 1000)).padStart(20, "0"),
      transactionAt,
      "latin1",
    );
    bytes.write(String(count++).padStart(20, "0"), messageAt, "latin1");
    // The socket may keep it until the kernel has room.
    return Buffer.from(bytes);
  };
}
