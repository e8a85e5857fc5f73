/**
 * The body of a kept message, as mailparser reads it: for a person who looks at
 * one. Never on the way of a report, because a hostile body can hold the event
 * loop for seconds.
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
    // Of what has no other text, the markup as it stands.
    text: parsed.text || parsed.html || "",
    parts: parsed.attachments.map(
      ({ contentType, filename, size }) => `${contentType}, ${filename ?? "without a name"}, ${size} bytes`,
    ),
  };
}
