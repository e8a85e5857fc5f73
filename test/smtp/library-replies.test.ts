import { expect, test } from "vitest";
import { findReply } from "../../src/smtp/library-replies.ts";
import { REPLIES } from "../../src/smtp/replies.ts";

test.each([
  [250, "Accepted", "MAIL_FROM_OK", REPLIES.senderAccepted],
  [250, "Accepted", "RCPT_TO_OK", REPLIES.recipientAccepted],
  [501, "Error: Bad sender address syntax", "SENDER_SYNTAX_ERROR", REPLIES.badSender],
  [452, "Error: too many recipients", "TOO_MANY_RECIPIENTS", REPLIES.tooManyRecipients],
  [250, "OK", undefined, REPLIES.noop],
  [421, "HTTP requests not allowed", "GET", REPLIES.http],
  [REPLIES.tooFast.code, REPLIES.tooFast.text, undefined, REPLIES.tooFast],
  [999, "", undefined, REPLIES.internalError],
])("findReply(): %i %s in %s", (code, words, context, reply) => expect(findReply(code, words, context)).toBe(reply));

test.each(["MAIL_FROM_OK", "SENDER_SYNTAX_ERROR", "MESSAGE_TOO_BIG"])(
  "a command called %s is an unknown one",
  (name) => {
    expect(findReply(500, "Error: command not recognized", name)).toBe(REPLIES.unknownCommand);
  },
);
