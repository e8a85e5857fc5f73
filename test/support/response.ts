export interface ExpectedResponse {
  readonly version: string;
  readonly transactionId: string;
  readonly messageId: string | undefined;
  readonly to: string;
  /** With its angle brackets. */
  readonly mailMessageId: string | undefined;
  readonly date: string | undefined;
}

/** A MM4_delivery_report.RES that says Ok, as it must be, octet by octet. 3GPP TS 23.140 §8.4.2; protocol.md §1b. */
export function okResponse(expected: ExpectedResponse): string {
  return [
    `X-Mms-3GPP-MMS-Version: ${expected.version}`,
    "X-Mms-Message-Type: MM4_delivery_report.RES",
    `X-Mms-Transaction-ID: ${expected.transactionId}`,
    `X-Mms-Message-ID: ${expected.messageId}`,
    "X-Mms-Request-Status-Code: Ok",
    "Sender: system-user@mms.example.net",
    "From: system-user@mms.example.net",
    `To: ${expected.to}`,
    `Message-ID: ${expected.mailMessageId}`,
    `Date: ${expected.date}`,
    "Auto-Submitted: auto-replied",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=us-ascii",
    "",
    "Ok",
    "",
  ].join("\r\n");
}
