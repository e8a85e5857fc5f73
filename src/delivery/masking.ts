/** Masks telephone numbers in what people see: all but their last four digits. */
import type { DeliveryEvent } from "./event.ts";
import type { Party } from "./party.ts";

/**
 * Masks the numbers of parties wherever their digits stand, and whatever is
 * written with a "+". Other digits stay, because most ids are made of them.
 */
export function maskNumbers(text: string, parties: readonly (Party | null)[]): string {
  let masked = text;
  // A response may name thousands of recipients.
  for (const party of parties.slice(0, MAX_MASKED_PARTIES)) {
    for (const digits of party ? (`${party.number ?? ""} ${party.raw}`.match(/\d{7,15}/g) ?? []) : []) {
      masked = masked.replaceAll(digits, maskDigits(digits));
    }
  }
  return masked.replace(/(?<=\+)\d{7,15}/g, maskDigits);
}

/** Masks whatever may be a number: for texts of which nothing is known. Ids and dates are hit too. */
export function maskAllNumbers(text: string): string {
  return text.replace(/\d{7,15}/g, maskDigits);
}

/** Fields of a header that hold no number, unless a party's: what people search for. */
const FIELDS_OF_IDS = /^(?:x-mms-message-id|x-mms-transaction-id|x-internal-status-code|message-id|date|received)\s*:/i;

/** Masks the header of a message, whether its parties are known or not. */
export function maskHeader(header: string, parties: readonly (Party | null)[]): string {
  return header
    .split(/\r?\n(?![ \t])/)
    .map((field) => maskNumbers(FIELDS_OF_IDS.test(field) ? field : maskAllNumbers(field), parties))
    .join("\r\n");
}

/** The event with every number in it masked, also where a peer wrote it elsewhere. */
export function maskEvent(event: DeliveryEvent): DeliveryEvent {
  const { raw, ...data } = event.data;
  const parties = partiesOf(event);
  const masked = <T>(value: T): T => JSON.parse(maskNumbers(JSON.stringify(value), parties)) as T;
  const { from, to } = raw;
  const ends = { from: from === null ? null : maskAllNumbers(from), to: to === null ? null : maskAllNumbers(to) };
  return { ...masked(event), data: { ...masked(data), raw: { ...masked(raw), ...ends } } };
}

export function partiesOf({ data }: DeliveryEvent): readonly (Party | null)[] {
  return [data.recipient, data.originator, ...data.requestRecipients.map(({ party }) => party)];
}

const MAX_MASKED_PARTIES = 20;

function maskDigits(digits: string): string {
  return "*".repeat(digits.length - 4) + digits.slice(-4);
}
