/**
 * A listed peer's command, as RFC 5321 §4.1.1 would have it written. Pure.
 *
 * Seen in practice: `EHLO mms gateway 1`, `MAIL<tab>FROM`, two blanks, blanks around the
 * colon and at the end. Each is clear, and after a refused EHLO nothing would be taken.
 */
import { withoutBlanks } from "./path.ts";

export function tidyCommand(line: string): string {
  const text = withoutBlanks(line);
  const [verb = ""] = /^[^ \t]*/.exec(text) ?? [];
  const behind = withoutBlanks(text.slice(verb.length));
  // Its name is for people; the first word of several tells them as much.
  const said = /^(?:EHLO|HELO)$/i.test(verb) ? behind.split(/[ \t]/, 1)[0] : behind;
  return said ? `${verb} ${said}` : verb;
}
