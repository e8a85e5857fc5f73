/** What `mm4d doctor` finds: of what, how bad it is, and what to do. */

/** One thing that was checked. */
export interface Finding {
  /** What was checked. */
  readonly about: string;
  readonly verdict: "ok" | "warning" | "fault";
  /** What was found. For a warning or a fault it also says what to do. */
  readonly text: string;
}

export type Findings = readonly Finding[];

export function ok(about: string, text: string): Finding {
  return { about, verdict: "ok", text };
}

export function warning(about: string, text: string): Finding {
  return { about, verdict: "warning", text };
}

export function fault(about: string, text: string): Finding {
  return { about, verdict: "fault", text };
}

/** One for each line. */
export function faults(about: string, lines: string): Findings {
  return lines.split("\n").map((text) => fault(about, text));
}

/** What went wrong, in the words of the error. */
export function inWords(cause: unknown): string {
  return (cause as Error).message || (cause as Error).name;
}
