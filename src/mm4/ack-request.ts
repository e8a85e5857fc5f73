/**
 * Reads which answer a message asks for: whether any, where to, and what the answer
 * must echo. Pure, and never fails: a field that is missing is null.
 *
 * Sources: 3GPP TS 23.140 §8.4.2, §8.4.3, §8.4.6 (versions).
 */
import { BOUNDS } from "../bounds/bounds.ts";
import type { AckRequest } from "../delivery/acknowledgement.ts";
import type { Party } from "../delivery/party.ts";
import type { PeerRules } from "../delivery/peer-rules.ts";
import { type ReadParty, readMailbox, readParty } from "./address.ts";
import { splitAddresses } from "./address-list.ts";
import { valuesIn } from "./fields.ts";
import { findPdu } from "./pdus.ts";
import type { OpenMessage } from "./read-message.ts";
import { asSaid, readUnfolded } from "./unfold.ts";

/** How a message came, as far as the answer depends on it. */
export interface AckContext {
  /** Of the envelope; empty for the null sender. */
  readonly mailFrom: string;
  /** Our own address. A message from it is never answered. */
  readonly systemAddress: string;
  readonly rules: PeerRules;
  /** Whether a message is answered although it does not ask for it. */
  readonly always: boolean;
}

/**
 * Null for a message that does not ask for an answer, and for one that never gets
 * one: an answer, our own mail, or a message whose id is too long to be echoed.
 */
export function readAckRequest({ header, fields }: OpenMessage, context: AckContext): AckRequest | null {
  const said = (name: string): string =>
    header.fields.find(({ key, bytes }) => key === name && bytes !== "")?.bytes ?? "";
  if (!context.always && !isYes(said("x-mms-ack-request"))) return null;
  const messageType = responseTo(
    fields.of("messageType").first === undefined ? undefined : fields.token("messageType").text,
  );
  if (messageType === null) return null;

  const sender = readMailbox(said("sender"));
  const mailFrom = readMailbox(context.mailFrom);
  const isOurs = (address: string | null): boolean => address?.toLowerCase() === context.systemAddress.toLowerCase();
  const to = addressOf(sender, readMailbox(said("x-mms-originator-system")), mailFrom);
  // Two systems that acknowledge each other's mail would do so for ever.
  if (isOurs(sender) || isOurs(mailFrom) || isOurs(to)) return null;

  // The echo leaves out folds, because a fold is no part of the value.
  const transactionId = fields.token("transactionId").bytes || null;
  const messageId = fields.token("messageId").bytes || null;
  // An id is echoed whole or the message is not answered. 3GPP TS 23.140 §8.4.2.
  if (isTooLong(transactionId) || isTooLong(messageId)) return null;

  const parties = fields.of(context.rules.swapAddresses ? "from" : "to").field;
  return {
    messageType,
    version: versionOf(fields.token("version").bytes),
    transactionId,
    messageId,
    to,
    originator: numberIn(parties?.folded ?? "", context.rules),
  };
}

/** The number of the first address, read by the same rules as in the event. */
function numberIn(list: string, rules: PeerRules): string | null {
  const first = splitAddresses(list, 1).addresses[0] ?? "";
  const read = (text: string): ReadParty => readParty(text, rules);
  return (read(asSaid(first)).party.number ?? readUnfolded(first, read, true)?.party.number) || null;
}

/** All parties that a message names, as it writes them, each with the number of the first address in its field. */
export function* partiesNamed(
  { fields }: Pick<OpenMessage, "fields">,
  rules: PeerRules,
): Generator<Pick<Party, "raw" | "number">> {
  for (const property of ["from", "to", "requestRecipients"] as const) {
    const said = fields.of(property);
    const number = numberIn(said.field?.folded ?? "", rules);
    for (const raw of valuesIn(said)) yield { raw, number };
  }
}

/**
 * Seen in practice: small letters (Alltel), 1 and 0 (AT&T, mmsgw); 128 is Yes in
 * the binary encoding of MM1.
 */
function isYes(written: string): boolean {
  return /^(?:yes|y|1|true|128)$/i.test((written.includes('"') ? written.replaceAll('"', "") : written).trim());
}

function isTooLong(id: string | null): boolean {
  return id !== null && id.length > BOUNDS.idEchoed.value;
}

/** A report without a type is answered as a delivery report, because this link is for delivery reports. */
function responseTo(written: string | undefined): string | null {
  if (written === undefined) return DELIVERY_RESPONSE;
  const pdu = findPdu(written);
  if (pdu) return pdu.response;
  const [, name, half] = /^"?(MM4_[a-z_]{1,60})\.(REQ|RES)"?$/i.exec(written.trim()) ?? [];
  if (name === undefined) return DELIVERY_RESPONSE;
  return half?.toUpperCase() === "REQ" ? `${name}.RES` : null;
}

const DELIVERY_RESPONSE = "MM4_delivery_report.RES";

/**
 * The Sender, else the originator's system, else the envelope's sender. When the
 * Sender is a subscriber's number and the system is not, the system.
 *
 * Seen in practice: four carriers answered to X-Mms-Originator-System, where the
 * Sender was `+…/TYPE=PLMN@…`.
 */
function addressOf(sender: string | null, system: string | null, mailFrom: string | null): string | null {
  if (sender !== null && system !== null && isNumber(sender) && !isNumber(system)) return system;
  return sender ?? system ?? mailFrom;
}

function isNumber(mailbox: string): boolean {
  return /^\+?\d+(?:\/TYPE=|@)/i.test(mailbox);
}

/** 3GPP TS 23.140 §8.4.6: a response has its request's major version. When that is not ours, we repeat the request's version. */
function versionOf(written: string): string | null {
  const [, version, major] = /^"?((\d{1,3})(?:\.\d{1,3}){0,2})"?$/.exec(written) ?? [];
  return version === undefined || major === OUR_MAJOR ? null : version;
}

const OUR_MAJOR = "6";
