/** How many bytes a text takes as UTF-8, asked of each report. */

/** Whether a text takes more bytes than that. They are counted only where it may, because counting costs more than all else. */
export function takesMoreThan(bytes: number, text: string): boolean {
  return text.length * MOST_BYTES_OF_CHARACTER > bytes && Buffer.byteLength(text) > bytes;
}

/** Of one that `length` counts. */
const MOST_BYTES_OF_CHARACTER = 3;
