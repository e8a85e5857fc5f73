/** Finds one party in a text that holds messages: also in what they encode. */
import libmime from "libmime";
import type { Ready } from "../flow/ready.ts";
import { encodeRecord } from "../journal/record.ts";
import { readSavedBody } from "../quarantine/saved-body.ts";
import type { PartySought } from "../text/party-sought.ts";

/**
 * Whether a record of the journal names the party: in what was said, or in what that is read as, which has the
 * number without the international prefix of its peer.
 */
export async function isHeldIn({ record, read, job }: Ready, party: PartySought): Promise<boolean> {
  if (await holds(party, encodeRecord(record).toString())) return true;
  if (read === null) return false;
  return (
    (job && party.mentions(encodeRecord(job).toString())) || isHeldBy(Buffer.from(read.said.said, "latin1"), party)
  );
}

/** Whether a text of JSON names the party: as it is written, in a message that it holds as base64, or encoded once more in that. */
export async function holds(party: PartySought, json: string): Promise<boolean> {
  if (party.mentions(json)) return true;
  for (const [, raw = ""] of json.matchAll(RAW)) if (await isHeldBy(Buffer.from(raw, "base64"), party)) return true;
  return false;
}

/** Whether a line of the trace names the party: as it is written, or in a header's encoded words. RFC 2047. */
export function isNamedIn(party: PartySought, line: string): boolean {
  if (party.mentions(line)) return true;
  // Two words with a fold between them are read as one.
  return line.includes("=?") && party.mentions(libmime.decodeWords(line.replaceAll("\\r\\n", "\r\n")));
}

/** The field that holds a message in our JSON; see QuarantinedMessage and BouncedMessage. */
const RAW = /"raw":"([A-Za-z0-9+/]+={0,2})"/g;

async function isHeldBy(message: Buffer, party: PartySought): Promise<boolean> {
  const text = message.toString("latin1");
  if (party.mentions(text) || party.mentions(libmime.decodeWords(text))) return true;
  if (!/^content-transfer-encoding:/im.test(text)) return false;
  // A body that mailparser cannot read was searched above as it is written.
  const body = await readSavedBody(message).catch(() => ({ text: "" }));
  return party.mentions(body.text);
}

/**
 * The text with stars for the party. A damaged record may have lost its beginning or its
 * end, so each piece of base64 is decoded from each of its first four characters.
 */
export async function blotted(party: PartySought, text: string): Promise<string> {
  let after = "";
  let at = 0;
  for (const { 0: piece, index } of text.matchAll(BASE64)) {
    if (!(await isHeldEncoded(piece.replaceAll("\\r\\n", ""), party))) continue;
    after += text.slice(at, index) + "*".repeat(piece.length);
    at = index + piece.length;
  }
  return party.without(after + text.slice(at));
}

async function isHeldEncoded(piece: string, party: PartySought): Promise<boolean> {
  for (const from of [0, 1, 2, 3]) if (await isHeldBy(Buffer.from(piece.slice(from), "base64"), party)) return true;
  return false;
}

/** Seven digits take ten characters in base64. The lines of a body end as JSON writes it. */
const BASE64 = /[A-Za-z0-9+/]{10,}(?:\\r\\n[A-Za-z0-9+/]+)*/g;
