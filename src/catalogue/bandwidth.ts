/**
 * Bandwidth's MM4 error table: its facts copied, its explanations in our own words.
 *
 * Source: Bandwidth support article 12823149, "MM4 error codes".
 */
import type { Fault, Reporter } from "../delivery/code.ts";

/** A row of a vendor's table: its facts, and what they mean in our words. */
export interface CodeText {
  readonly code: number;
  readonly name: string;
  readonly fault: Fault | null;
  readonly reportedBy: Reporter | null;
  /** Whether the MM4 table explains the code. */
  readonly documented: boolean;
  /** What happened. */
  readonly explanation: string;
  /** What to do. */
  readonly remedy: string;
}

/** All rows of the table, in numeric order. */
export const BANDWIDTH_CODES: readonly CodeText[] = [
  {
    code: 1,
    name: "service-not-allowed",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "Bandwidth refused the message because the sender may not use this service. Permissions may be wrong, the service may be switched off for the sender, or the format may be faulty.",
    remedy:
      "Check the message format, and ask Bandwidth support whether MMS over MM4 is enabled for the account and the originator's number. Do not send it again unchanged.",
  },
  {
    code: 2,
    name: "buffered",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, the message has been accepted and is being held, so this is not the last word.",
    remedy:
      "Wait for a later report and do not send it again. If none comes, ask Bandwidth support, with the message id.",
  },
  {
    code: 100,
    name: "temporary-app-error",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, an application inside Bandwidth had a temporary fault.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 101,
    name: "temporary-app-shutdown",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, an application inside Bandwidth was shut down for a time.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 111,
    name: "temporary-app-connection-closed",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, a connection to an application inside Bandwidth was closed for a time.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 112,
    name: "temporary-connection-offline",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, a connection on Bandwidth's side was offline for a time.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 113,
    name: "temporary-connection-shutdown",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, a connection on Bandwidth's side was shut down for a time.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 114,
    name: "temporary-connection-queue-full",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, the queue of a connection on Bandwidth's side was full for a time.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 115,
    name: "temporary-connection-reject-tmp",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, a connection on Bandwidth's side temporarily rejected the message.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 116,
    name: "temporary-connection-ack-timeout",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, an acknowledgement on one of Bandwidth's connections did not come in time, a temporary fault.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 130,
    name: "temporary-database-error",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, a database inside Bandwidth had a temporary fault.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 140,
    name: "temporary-rout-unroute",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, Bandwidth's routing could not route the message for a time.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 141,
    name: "temporary-too-many-hops",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, Bandwidth's routing counted too many hops, a temporary fault.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 150,
    name: "pss-urls-down",
    fault: null,
    reportedBy: null,
    documented: false,
    explanation:
      "Bandwidth's table gives no explanation. By its name, addresses (URLs) of something called PSS were down; its number puts it with the temporary faults inside Bandwidth.",
    remedy: "Sending it again later may work. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 201,
    name: "temporary-rout-error-retries-exceeded",
    fault: "service",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "Bandwidth tried several times to deliver the message without success and then let it expire.",
    remedy: "Sending it again later may work. If the code keeps coming, give Bandwidth support the message id.",
  },
  {
    code: 211,
    name: "temporary-app-error-app-busy",
    fault: "service",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "An application inside Bandwidth was too busy to take the message. The fault is temporary.",
    remedy: "Send it again after a pause. If the code keeps coming, ask Bandwidth support.",
  },
  {
    code: 220,
    name: "temporary-store-error",
    fault: "service",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "Bandwidth could not write the message to its storage, so it did not take it. The fault is temporary by its name.",
    remedy: "Send it again after a pause. If the code keeps coming, ask Bandwidth support.",
  },
  {
    code: 231,
    name: "discarded-concatenation-timeout",
    fault: "service",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "Some parts of a message in several parts never reached Bandwidth, so it discarded the rest.",
    remedy: "Check that every part leaves your system, then send the whole message again.",
  },
  {
    code: 242,
    name: "discarded-cannot-handle-udh-now",
    fault: "service",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "Bandwidth dropped the message because of its User Data Header (UDH). The number of parts may contradict earlier parts, or a part may be a duplicate, perhaps from another message that uses the same UDH id.",
    remedy:
      "Do not send it again unchanged. Check the part count, and that each message in parts has a UDH id of its own.",
  },
  {
    code: 301,
    name: "malformed-invalid-encoding",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The text contains characters that Bandwidth does not support and could not convert for the destination.",
    remedy:
      "Check the character encoding of the text and remove or replace the unusual characters. Do not send it again unchanged.",
  },
  {
    code: 302,
    name: "malformed-invalid-from-number",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The originator's number cannot be routed to any carrier or is not a real number, for instance because it has only nine digits.",
    remedy: "Check the originator's number for missing or extra digits and correct it. Do not send it again unchanged.",
  },
  {
    code: 303,
    name: "malformed-invalid-to-number",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The recipient's number cannot be routed to any carrier or is not a real number, for instance because it has only nine digits.",
    remedy: "Check the recipient's number for missing or extra digits and correct it. Do not send it again unchanged.",
  },
  {
    code: 304,
    name: "malformed-invalid-udh",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The header that joins message parts (UDH, User Data Header) is invalid, so Bandwidth could not handle it.",
    remedy: "Check the software that splits messages into parts and writes the UDH. Do not send it again unchanged.",
  },
  {
    code: 305,
    name: "malformed-invalid-udh",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The header for message parts (UDH, User Data Header) claims to be longer than the whole message, so Bandwidth could not handle it.",
    remedy: "Check the UDH length field that your software writes. Do not send it again unchanged.",
  },
  {
    code: 306,
    name: "malformed-invalid-dlr-flag",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The flag that asks for a delivery receipt has a value Bandwidth does not accept: an ESME may use 0 or 1, an SMSC only 0.",
    remedy:
      "Correct the registered-delivery setting of the sending system, or ask Bandwidth support which value it must have. Do not send it again unchanged.",
  },
  {
    code: 350,
    name: "malformed-for-destination",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "Bandwidth accepted the message at first but could not send it on. Most likely the recipient's number is invalid.",
    remedy: "Check the recipient's number and correct it. Do not send it again unchanged.",
  },
  {
    code: 352,
    name: "malformed-too-large-for-destination",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "The message is bigger than the recipient's carrier can take.",
    remedy: "Shrink or remove attachments before sending it. Do not send it again unchanged.",
  },
  {
    code: 401,
    name: "rejected-loop-detected",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The message goes round in circles inside Bandwidth, mostly because originator and recipient are one number. The recipient's number is wrongly provisioned, or some setting sends the message back and forth between the same two numbers.",
    remedy:
      "Check that the two numbers differ and that no forwarding sends the message back; ask Bandwidth support how the recipient's number is provisioned. Do not send it again before the loop is removed.",
  },
  {
    code: 402,
    name: "rejected-fail-with-code",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The profile of the originator's number at Bandwidth has the attribute data_fail_with_code set. By that name, it makes messages fail on purpose.",
    remedy:
      "Ask Bandwidth support why the attribute is set on the originator's number and have it removed. Do not send it again before that.",
  },
  {
    code: 403,
    name: "rejected-forbidden-from-number",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The originator's number may not send messages, mostly because it belongs neither to Bandwidth nor to the account. It may also be invalid, disconnected, or not enabled in Bandwidth's application.",
    remedy:
      "Check that the originator's number is real, active, on the right account and enabled for messaging at Bandwidth. Do not send it again unchanged.",
  },
  {
    code: 404,
    name: "rejected-forbidden-to-number",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The recipient's number may not receive messages, mostly because it is inactive, cannot take messages, or is no real number.",
    remedy:
      "Check the recipient's number, and that it is active and can receive messages. Do not send it again unchanged.",
  },
  {
    code: 405,
    name: "rejected-unallocated-from-number",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "Bandwidth does not know the originator's number as an active one, or messaging is not switched on for it.",
    remedy:
      "Ask Bandwidth support to check that the originator's number is active and enabled for messaging. Do not send it again unchanged.",
  },
  {
    code: 406,
    name: "rejected-unallocated-to-number",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The recipient's number is well formed for North America, but no carrier has it yet, so there is nowhere to send the message.",
    remedy: "Check the recipient's number with the recipient. Do not send it again unchanged.",
  },
  {
    code: 407,
    name: "rejected-account-not-defined-from-number",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "Bandwidth found no source account for the originator's number. The number is on another account, invalid, or not set up for sending.",
    remedy:
      "Check that the originator's number is right and assigned to your account; ask Bandwidth support to check its setup. Do not send it again unchanged.",
  },
  {
    code: 408,
    name: "rejected-account-not-defined-to-number",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "Bandwidth found no destination account for the recipient's number. The number has no account, is invalid, or is not set up for receiving.",
    remedy:
      "Check the recipient's number; if it is right, ask Bandwidth support to check its account and setup. Do not send it again unchanged.",
  },
  {
    code: 409,
    name: "rejected-invalid-from-profile",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "Bandwidth could not set up the destination because its profile is invalid; despite the name, this is about the recipient. Usually the recipient's number cannot take MMS.",
    remedy:
      "Check whether the recipient's number supports MMS; if it does, ask Bandwidth support to check its profile. Do not send it again unchanged.",
  },
  {
    code: 410,
    name: "media-unavailable",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "Bandwidth could not fetch the media from the web server that holds it.",
    remedy:
      "Open the media URL yourself and see whether it answers; if there is none, because the media travelled inside the message as usual on MM4, ask Bandwidth support. Do not send it again unchanged.",
  },
  {
    code: 411,
    name: "rejected-message-size-limit-exceeded",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "The attachments together are larger than the limit for an MMS.",
    remedy: "Shrink or remove attachments before sending it. Do not send it again unchanged.",
  },
  {
    code: 412,
    name: "media-content-invalid",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "The message contains a kind of media that Bandwidth does not support.",
    remedy:
      "Check the content type of each attachment and convert it to one that Bandwidth supports. Do not send it again unchanged.",
  },
  {
    code: 420,
    name: "rejected-carrier-does-not-exist",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "Bandwidth has no configuration for the carrier from which the message came.",
    remedy:
      "Ask Bandwidth support which upstream carrier they see for the message, and have it configured. Do not send it again unchanged.",
  },
  {
    code: 421,
    name: "rejected-forbidden-no-destination",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "Bandwidth had no destination for the message: a DNS lookup failed, or the customer's destination has not been set up.",
    remedy:
      "Check that the host names used for MM4 resolve in DNS, and ask Bandwidth support whether the destination is set up. Do not send it again before that is settled.",
  },
  {
    code: 431,
    name: "rejected-forbidden-shortcode",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "The account may not send or receive short-code messages, because it has not been set up for them.",
    remedy:
      "Ask Bandwidth support to set up short codes for the account, or use another number. Do not send it again unchanged.",
  },
  {
    code: 432,
    name: "rejected-forbidden-country",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The account may not send messages to this country or zone, or Bandwidth cannot reach the country at all, which applies to MMS in particular.",
    remedy:
      "Check the recipient's country code, and ask Bandwidth support whether MMS to that country can be enabled for the account. Do not send it again unchanged.",
  },
  {
    code: 433,
    name: "rejected-forbidden-tollfree",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "MMS with toll-free numbers is not switched on for the originator's account or for the recipient's.",
    remedy:
      "Ask Bandwidth support to enable toll-free MMS for the account, or use another kind of number. Do not send it again unchanged.",
  },
  {
    code: 435,
    name: "forbidden-too-many-recipients",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "The group message has more recipients than allowed. For messages sent from a long code through Bandwidth's API the limit is ten participants.",
    remedy: "Send to fewer recipients at once, in several messages if need be. Do not send it again unchanged.",
  },
  {
    code: 451,
    name: "rejected-wrong-user-id",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "The user id given is invalid or may not send messages for the account.",
    remedy: "Check the user id against the account, correct it and send again. Do not send it again unchanged.",
  },
  {
    code: 452,
    name: "rejected-wrong-application-id",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "The application id given does not exist or belongs to a different account.",
    remedy: "Check the application id against the account, correct it and send again. Do not send it again unchanged.",
  },
  {
    code: 470,
    name: "rejected-spam-detected",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation:
      "Bandwidth took the message for spam and blocked it. The cause may be its content, the volume sent, or a forbidden subject (SHAFT: sex, hate, alcohol, firearms, tobacco).",
    remedy:
      "Change the content, check the sender's registration and sending volume, and ask Bandwidth support if the block looks wrong. Do not send it again unchanged.",
  },
  {
    code: 475,
    name: "destination-rejected-due-to-user-opt-out",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "The recipient has opted out of messages from this sender; Bandwidth reported it.",
    remedy:
      "Take the recipient's number off the sender's list, and never send to it again until the recipient opts in again.",
  },
  {
    code: 492,
    name: "reject-emergency",
    fault: "client",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "The message was addressed to an emergency number, which is not allowed.",
    remedy: "Check the recipient's number and correct it. Never send messages to emergency numbers.",
  },
  {
    code: 500,
    name: "message-send-failed",
    fault: "service",
    reportedBy: "bandwidth",
    documented: true,
    explanation: "The recipient's carrier told Bandwidth of a general fault in its service while sending the message.",
    remedy: "Send it again after a pause. If the code keeps coming, ask Bandwidth support, with the message id.",
  },
  {
    code: 600,
    name: "destination-carrier-queue-full",
    fault: "service",
    reportedBy: "carrier",
    documented: true,
    explanation:
      "The carrier's system is taking no new messages for now. Its network may be congested, its queue full, or it may be throttling.",
    remedy:
      "Send it again at most once, after a pause, and slow down traffic to this carrier. If the code keeps coming, ask Bandwidth support to take it up with the carrier.",
  },
  {
    code: 620,
    name: "destination-app-error",
    fault: "service",
    reportedBy: "carrier",
    documented: true,
    explanation: "The carrier's application had a general fault while handling the message.",
    remedy:
      "Send it again at most once, after a pause. If it fails again, ask Bandwidth support to take it up with the carrier.",
  },
  {
    code: 650,
    name: "destination-failed",
    fault: "service",
    reportedBy: "carrier",
    documented: true,
    explanation: "The carrier says that it could not send the message to the recipient.",
    remedy:
      "Send it again at most once, after a pause. If it fails again, ask Bandwidth support to take it up with the carrier.",
  },
  {
    code: 700,
    name: "invalid-service-type",
    fault: "client",
    reportedBy: "carrier",
    documented: true,
    explanation:
      "The carrier refused this kind of message. Usually the recipient's carrier or handset does not support SMS or MMS, whichever was sent.",
    remedy:
      "Ask whether the recipient's carrier and handset support MMS; if not, use another way to reach the recipient. Do not send it again unchanged.",
  },
  {
    code: 712,
    name: "media-content-invalid",
    fault: "client",
    reportedBy: "carrier",
    documented: true,
    explanation: "The message contains a kind of media that the carrier does not support.",
    remedy:
      "Check each attachment against Bandwidth's list of accepted types and convert what is not on it. Do not send it again unchanged.",
  },
  {
    code: 720,
    name: "invalid-destination-address",
    fault: "client",
    reportedBy: "carrier",
    documented: true,
    explanation:
      "The carrier refused the recipient's number: it is outside the numbering plan, or cannot take messages, as with a landline. If a toll-free number sent it to T-Mobile, the recipient may have shut out every short-code and toll-free message.",
    remedy:
      "Check that the recipient's number is right and can take messages; a block on toll-free numbers only the recipient can lift, with T-Mobile. Do not send it again unchanged.",
  },
  {
    code: 740,
    name: "invalid-source-address",
    fault: "client",
    reportedBy: "carrier",
    documented: true,
    explanation:
      "The carrier refused the originator's number. It is outside the numbering plan, not authorised, or of an unsupported type, or its own carrier is invalid or disabled.",
    remedy:
      "Check the originator's number, its type and its authorisation, and ask Bandwidth support to check the source carrier. Do not send it again unchanged.",
  },
  {
    code: 750,
    name: "destination-rejected-message",
    fault: "client",
    reportedBy: "carrier",
    documented: true,
    explanation:
      "The recipient's carrier refused the message and gave no reason. At AT&T, the recipient may have a prepaid account with no credit, may be set up to refuse messages of this kind, or the message was taken for spam.",
    remedy:
      "Have the recipient check credit and message blocks with the carrier, and review the content for anything like spam. Do not send it again unchanged.",
  },
  {
    code: 770,
    name: "destination-spam-detected",
    fault: "client",
    reportedBy: "carrier",
    documented: true,
    explanation:
      "The carrier took the message for spam and blocked it. The cause may be unwanted content, a forbidden subject or keyword (SHAFT: sex, hate, alcohol, firearms, tobacco), or an originator known for repeated spam.",
    remedy:
      "Change the content, check the registration and reputation of the originator's number, and ask Bandwidth support to take it up with the carrier if the block looks wrong. Do not send it again unchanged.",
  },
  {
    code: 775,
    name: "destination-rejected-due-to-user-opt-out",
    fault: "client",
    reportedBy: "carrier",
    documented: true,
    explanation: "The recipient has opted out of messages from this sender; the carrier reported it.",
    remedy:
      "Take the recipient's number off the sender's list, and never send to it again until the recipient opts in again.",
  },
  {
    code: 902,
    name: "delivery-receipt-expired",
    fault: "ambiguous",
    reportedBy: "carrier",
    documented: true,
    explanation:
      "Bandwidth waited two hours for a delivery receipt that the carrier never sent or sent too late. This is no proof of failure: the message may have arrived.",
    remedy:
      "Do not count it as failed, do not send it again, and base no bill on this code. Wait: a late report may still come.",
  },
  {
    code: 999,
    name: "unknown-error",
    fault: "ambiguous",
    reportedBy: "carrier",
    documented: true,
    explanation:
      "The carrier answered with an error that Bandwidth does not know or has not yet translated. What went wrong is unclear.",
    remedy:
      "Send it again at most once. If it fails again, ask Bandwidth support, with the message id, what the carrier answered.",
  },
];
