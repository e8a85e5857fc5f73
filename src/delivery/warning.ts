/**
 * Every tolerance that reading a report can need, by name, with what it means.
 * An event lists the names of those it needed; each has a message under
 * test/messages/.
 */
export const WARNINGS = {
  "byte-order-mark": "A byte-order mark stood before the first header field and was passed over",
  "malformed-header-line": "A line of the header is no header field and was passed over",
  "no-end-of-header": "The message ended without the empty line that ends a header",
  "not-utf-8": "A field is not UTF-8 and was read as Latin-1",
  "undecodable-word": "An encoded word could not be decoded and was kept as written",
  "control-characters-removed": "Control characters were removed from a field",
  "duplicate-header": "A field occurs more than once with different values; the first was taken",
  "duplicate-status": "There are several status fields that differ; the last failure was taken, otherwise the last",
  "duplicate-code":
    "There are several internal status codes that differ; the last failure was taken, otherwise the last",
  "missing-version": "X-Mms-3GPP-MMS-Version is missing",
  "unusual-version": "The MM4 version does not begin with a number",
  "version-in-x-mms-3gpp-version": "The MM4 version stands in X-Mms-3GPP-Version",
  "missing-transaction-id": "X-Mms-Transaction-ID is missing",
  "missing-message-id": "X-Mms-Message-ID is missing, so the report cannot be tied to a message by its id",
  "message-id-in-angle-brackets": "X-Mms-Message-ID stands in angle brackets, which were removed",
  "folded-token": "An id, a type, a code or a date is folded in its middle; the fold was passed over",
  "unpaired-quote": "Of the quotes or angle brackets around an id one is lost; the other was removed",
  "blank-in-id": "An id has a blank in it, which was kept",
  "missing-recipient": "The address of the recipient is missing",
  "missing-originator": "The address of the originator is missing",
  "unreadable-recipient": "The recipient's address is no number, short code or mailbox; its text is in raw",
  "unreadable-originator": "The originator's address is no number, short code or mailbox; its text is in raw",
  "several-recipients": "The report names several recipients; the first was taken",
  "several-originators": "The report names several originators; the first was taken",
  "unreadable-request-recipient":
    "A recipient that the response names is no number, short code or mailbox; its text is in raw",
  "recipients-without-commas": "The recipients that the response names are joined by something else than commas",
  "unusual-address":
    "An address holds what MM4 does not write, such as a blank, a hyphen, %2B or tel:, beside a number that is certain",
  "unreadable-domain": "What stands behind the @ of an address is no domain; its text is in raw",
  "international-prefix-removed": "A number began with an international prefix of the peer, which was taken off",
  "number-without-plus": "A number has no plus sign and was read as international",
  "missing-date": "The Date is missing",
  "unparsable-date": "The Date cannot be read; its text is in raw",
  "date-not-rfc5322": "The Date is not written as RFC 5322 asks, but names an instant",
  "date-without-zone": "The Date has no time zone, so the instant is not known; its text is in raw",
  "status-in-x-mms-status": "The status stands in X-Mms-Status",
  "status-in-x-mms-status-code": "The status stands in X-Mms-Status-Code",
  "request-status-in-x-mms-response-status": "The request status stands in X-Mms-Response-Status",
  "read-status-in-x-mms-mm-read-status": "The read status stands in X-Mms-MM-Read-Status",
  "request-status-in-report":
    "The report has an X-Mms-Request-Status-Code, which belongs into a response; it was not judged",
  "missing-status": "There is no status; only an internal status code can tell what happened",
  "unknown-status": "The status is a word nobody has documented",
  "unknown-status-extension": "The status extension is a word nobody has documented",
  "numeric-status": "The status is written as a number",
  "unknown-request-status":
    "The request status is a word nobody has documented; it is an error only where it begins with Error",
  "code-with-text": "Text follows the internal status code",
  "code-zero-padded": "The internal status code has leading zeros",
  "code-in-http-form": "The internal status code is in its four-digit HTTP form",
  "code-not-a-number": "The internal status code is not a number; its text is in raw",
  "code-out-of-range": "The internal status code is outside every range in use and was not judged",
} as const;

/** The name of one tolerance. */
export type Warning = keyof typeof WARNINGS;
