/** Mail that comes back. */
/** Of the acknowledgement that comes back, unless told otherwise, and the Message-ID of its mail. */
export const ID = `a${"0123456789abcdef".repeat(2)}`;
export const MAIL_ID = `<${ID}@mms.example.net>`;

export interface Parts {
  readonly top?: readonly string[];
  readonly message?: readonly string[];
  readonly recipient?: readonly string[];
  readonly returned?: readonly string[];
  readonly returnedAs?: string;
}

/** In the form of Postfix, unless told otherwise. RFC 3464 §2. */
export function bounce({
  top = [],
  message,
  recipient,
  returned,
  returnedAs = "text/rfc822-headers",
}: Parts = {}): Buffer {
  const lines = [
    "From: MAILER-DAEMON@mmsc.example (Mail Delivery System)",
    "Subject: Undelivered Mail Returned to Sender",
    ...top,
    "MIME-Version: 1.0",
    'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
    "",
    "--b",
    "Content-Type: text/plain; charset=us-ascii",
    "",
    "Action: this text is for people, and says nothing",
    "",
    "--b",
    "Content-Type: message/delivery-status",
    "",
    ...(message ?? ["Reporting-MTA: dns; mmsc.example"]),
    "",
    ...(recipient ?? [
      "Final-Recipient: rfc822; system-user@mmsc.example",
      "Action: failed",
      "Status: 5.1.1",
      "Diagnostic-Code: smtp; 550 5.1.1 <system-user@mmsc.example>: Recipient",
      "    address rejected: User unknown",
    ]),
    "",
    "--b",
    `Content-Type: ${returnedAs}`,
    "",
    ...(returned ?? ["Sender: system-user@mms.example.net", `Message-ID: ${MAIL_ID}`, "X-Mms-Transaction-ID: x"]),
    "",
    "--b--",
    "",
  ];
  return Buffer.from(lines.join("\r\n"));
}
