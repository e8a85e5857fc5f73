/**
 * Rewrites a listed peer's command in the form of RFC 5321 §4.1.1. Pure.
 *
 * Seen in practice: `EHLO mms gateway 1`, `MAIL<tab>FROM`, two blanks, blanks around the
 * colon and at the end. Each is unambiguous, and after a refused EHLO the peer could deliver nothing.
 */
import { withoutBlanks } from "./path.ts";

/** Words with one blank between them, as most lines are: nothing of these changes, but EHLO and HELO keep one name. */
const TIDY = /^(?:(?:EHLO|HELO) [^ \t]+|(?!EHLO|HELO)[^ \t]+(?: [^ \t]+)*)$/i;

export function tidyCommand(line: string): string {
  if (TIDY.test(line)) return line;
  const text = withoutBlanks(line);
  const [verb = ""] = /^[^ \t]*/.exec(text) ?? [];
  const behind = withoutBlanks(text.slice(verb.length));
  // A client's name is only for people, and the first of several words tells them enough.
  const said = /^(?:EHLO|HELO)$/i.test(verb) ? behind.split(/[ \t]/, 1)[0] : behind;
  return said ? `${verb} ${said}` : verb;
}
