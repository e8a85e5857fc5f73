/**
 * Reads the body of a kept message by mailparser, for a person who looks at it. No
 * report is read so, because a hostile body can hold the event loop for seconds.
 */
import { simpleParser } from "mailparser";

export interface SavedBody {
  readonly text: string;
  /** Type, name and size of each attached part. */
  readonly parts: readonly string[];
}

/** Rejects when mailparser gives up on the message. */
export async function readSavedBody(bytes: Uint8Array): Promise<SavedBody> {
  const parsed = await simpleParser(Buffer.from(bytes), {
    skipHtmlToText: true,
    skipTextToHtml: true,
    skipImageLinks: true,
    skipTextLinks: true,
  });
  return {
    // A message without plain text shows its markup.
    text: parsed.text || parsed.html || "",
    parts: parsed.attachments.map(
      ({ contentType, filename, size }) => `${contentType}, ${filename ?? "without a name"}, ${size} bytes`,
    ),
  };
}
