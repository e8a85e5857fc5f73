/** Describes an event or a code for a person. */

import type { CodeEntry } from "../delivery/code.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { beginningOf } from "./beginning.ts";
import { codeInWords } from "./codes.ts";

/** An event in a few lines: what happened, to which message, why, and what to do. Long ids are cut. */
export function describeEvent({ data }: DeliveryEvent): readonly string[] {
  const { outcome, disposition, final, conflict, reason, recipient, requestRecipients } = data;
  const to = recipient ?? requestRecipients[0]?.party ?? null;
  const marks = [
    disposition,
    final ? "final" : "not final",
    ...(conflict ? ["conflict"] : []),
    ...(data.replayed ? ["replayed"] : []),
  ].join(", ");
  return [
    `${outcome} (${marks})${reason ? `  ${codeInWords(reason)}` : ""}`,
    `  message ${beginningOf(data.messageId ?? "without id")}, recipient ${beginningOf(to?.number ?? to?.raw ?? "unknown")}, peer ${data.peer.name}`,
    ...(reason ? [`  ${reason.explanation}`, `  To do: ${reason.remedy}`] : []),
  ];
}

/** Everything that a table says about a code. `vendor`: whose table it is; null for a peer's own. */
export function describeCode(entry: CodeEntry, vendor: string | null): readonly string[] {
  const { explanation, remedy, fault, reportedBy, retryable, maxRetries, suppress, tag, httpCode, source } = entry;
  const again = retryable
    ? maxRetries === null
      ? "yes"
      : `yes, ${maxRetries} time at most`
    : suppress
      ? "never: suppress the recipient"
      : "no";
  return [
    codeInWords(entry),
    `  ${explanation}`,
    `  To do: ${remedy}`,
    `  Fault: ${fault ?? "not said"}; reported by: ${reportedBy ?? "not said"}; alone it means: ${entry.outcome ?? "nothing"}`,
    `  Send again unchanged: ${again}${tag === null ? "" : `; tag: ${tag}`}${httpCode === null ? "" : `; over HTTP: ${httpCode}`}`,
    `  Source: ${source}${entry.documented || vendor === null ? "" : ` (not explained in ${vendor}'s MM4 table)`}`,
  ];
}
