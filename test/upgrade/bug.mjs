/** Preloaded into the service of write.ts: a bug of that version, which the next one does not have. */
import libmime from "libmime";

// Paths on this machine are nobody's business.
Error.stackTraceLimit = 0;
const { decodeWords } = libmime;
libmime.decodeWords = (text) => {
  if (text.includes("=?utf-8?Q?a_bug_of_old?=")) throw new Error("A bug of this version");
  return decodeWords(text);
};
