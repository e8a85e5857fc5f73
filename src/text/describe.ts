/** Describes an event or a code for a person. */

import type { CodeEntry } from "../delivery/code.ts";
import type { DeliveryEvent } from "../delivery/event.ts";
import { beginningOf } from "./beginning.ts";

/** An event in a few lines: what happened, to which message, why, and what to do. Long ids are cut. */
export function describeEvent({ data }: DeliveryEvent): readonly string[] {
  const { outcome, disposition, final, conflict, reason, recipient, requestRecipients } = data;
  const to = recipient ?? requestRecipients[0]?.party ?? null;
  const marks = [disposition, final ? "final" : "not final", ...(conflict ? ["conflict"] : [])].join(", ");
  return [
    `${outcome} (${marks})${reason ? `  ${reason.code} ${reason.name}` : ""}`,
    `  message ${beginningOf(data.messageId ?? "without id")}, recipient ${beginningOf(to?.number ?? to?.raw ?? "unknown")}, peer ${data.peer.name}`,
    ...(reason ? [`  ${reason.explanation}`, `  To do: ${reason.remedy}`] : []),
  ];
}

/** Everything the catalogue says about a code. */
export function describeCode(entry: CodeEntry): readonly string[] {
  const { code, name, explanation, remedy, fault, reportedBy, retryable, maxRetries, suppress, tag, httpCode, source } =
    entry;
  const again = retryable
    ? maxRetries === null
      ? "yes"
      : `yes, ${maxRetries} time at most`
    : suppress
      ? "never: suppress the recipient"
      : "no";
  return [
    `${code} ${name}`,
    `  ${explanation}`,
    `  To do: ${remedy}`,
    `  Fault: ${fault ?? "not said"}; reported by: ${reportedBy ?? "not said"}; alone it means: ${entry.outcome ?? "nothing"}`,
    `  Send again unchanged: ${again}${tag === null ? "" : `; tag: ${tag}`}${httpCode === null ? "" : `; over HTTP: ${httpCode}`}`,
    `  Source: ${source}${entry.documented ? "" : " (not explained in Bandwidth's MM4 table)"}`,
  ];
}
