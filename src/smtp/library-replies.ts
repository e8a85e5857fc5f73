/** The replies that smtp-server 3.21.6 words itself, and which row of our table each one is. */
import { REPLIES, type SmtpReply } from "./replies.ts";

/** Our row for a reply of the library. A reply that is in none of these tables is our own error. */
export function findReply(code: number, words: string, context: string | undefined): SmtpReply {
  // The context may also be the name of a command, which is the client's to choose.
  const inContext = context === undefined ? undefined : BY_CONTEXT[context];
  return (
    (inContext?.code === code ? inContext : undefined) ??
    BY_WORDS.get(`${code} ${words}`) ??
    BY_CODE[code] ??
    REPLIES.internalError
  );
}

const BY_WORDS: ReadonlyMap<string, SmtpReply> = new Map<string, SmtpReply>([
  ...Object.values(REPLIES).map((reply: SmtpReply) => [`${reply.code} ${reply.text}`, reply] as const),
  ["250 OK", REPLIES.noop],
  ["250 Flushed", REPLIES.reset],
  ["421 HTTP requests not allowed", REPLIES.http],
]);

const BY_CONTEXT: Readonly<Record<string, SmtpReply>> = {
  MAIL_FROM_OK: REPLIES.senderAccepted,
  RCPT_TO_OK: REPLIES.recipientAccepted,
  SENDER_SYNTAX_ERROR: REPLIES.badSender,
  MAILBOX_SYNTAX_ERROR: REPLIES.badRecipient,
  TOO_MANY_RECIPIENTS: REPLIES.tooManyRecipients,
  MESSAGE_TOO_BIG: REPLIES.messageTooLarge,
};

const BY_CODE: Readonly<Record<number, SmtpReply>> = {
  220: REPLIES.readyForTls,
  221: REPLIES.bye,
  235: REPLIES.authenticated,
  354: REPLIES.goAhead,
  421: REPLIES.earlyTalker,
  500: REPLIES.unknownCommand,
  501: REPLIES.badParameters,
  503: REPLIES.outOfOrder,
  504: REPLIES.authMechanism,
  530: REPLIES.tlsRequired,
};
