/** One rule for telephone numbers on the command line: what people read is masked, and what programs read (--json) is whole. */

/** How numbers are printed. */
export type Numbers = "masked" | "full";

/** The option of every command that prints numbers for people: its flag, and what it does. */
export const FULL_NUMBERS = ["--full-numbers", "do not mask telephone numbers"] as const;

/** What a command's options say. */
export interface NumbersWanted {
  readonly fullNumbers?: true | undefined;
}

export function numbersOf({ fullNumbers }: NumbersWanted): Numbers {
  return fullNumbers ? "full" : "masked";
}
