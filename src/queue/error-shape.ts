/** When errors of jobs are alike. */

/** The first line of an error, and its shape: errors of one shape differ only in an id, a number or a time. */
export function shapeOf(error: string): { readonly line: string; readonly shape: string } {
  const [line = ""] = error.split("\n", 1);
  const shape = line
    .split(" ")
    .map((word) => (/\d/.test(word) ? "#" : word))
    .join(" ");
  return { line, shape };
}
