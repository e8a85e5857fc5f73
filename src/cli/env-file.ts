/** A file of settings: `NAME=value` lines with comments and quotes, as systemd, Docker and `node --env-file` take them. */
import { isUtf8 } from "node:buffer";
import { BOUNDS } from "../bounds/bounds.ts";
import { readNamedBytes } from "../settings/named-file.ts";

/**
 * The two differ in this: for a shell, Docker and Node.js a `#` after a blank begins a
 * comment, and `export` may precede a name. For systemd both are part of the line.
 */
export type Dialect = "shell" | "systemd";

export interface EnvFile {
  readonly values: ReadonlyMap<string, { readonly value: string; readonly line: number }>;
  /** Numbers of the lines that cannot be read. Their text is not kept, because it may hold a secret. */
  readonly faults: readonly { readonly line: number; readonly what: string }[];
}

/** Reads such a file. Throws a sentence when it cannot be read, or is no file, because that may never end. */
export function readEnvFile(path: string, dialect: Dialect): EnvFile {
  return parseEnvFile(readBounded(path), dialect);
}

/** The file's text. Throws when it is no text, or longer than any file of settings. */
export function readBounded(path: string): string {
  const bytes = readNamedBytes(path, BOUNDS.envFileBytes.value);
  if (bytes.includes(0)) throw new Error("it is no text");
  if (!isUtf8(bytes)) throw new Error("it is not written in UTF-8");
  return bytes.toString("utf8");
}

/** Reads by the rules of systemd.exec(5), EnvironmentFile=, except for the dialect. The last value of a name counts. */
export function parseEnvFile(text: string, dialect: Dialect): EnvFile {
  const values = new Map<string, { value: string; line: number }>();
  const faults: { line: number; what: string }[] = [];
  const rest = readerOf(text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n"));
  for (rest.skip(/\s*/y); !rest.over(); rest.skip(/\s*/y)) {
    const line = rest.line();
    if (rest.skip(/[#;].*/y) !== "") continue;
    const name = nameIn(rest.skip(/[^=\n]*/y), dialect);
    if (rest.skip(/=/y) === "") {
      faults.push({ line, what: 'has no "=", must be NAME=value' });
      continue;
    }
    const value = readValue(rest, dialect);
    if (value === null) faults.push({ line, what: "has a quote that is not closed, must be" });
    else if (name === null) faults.push({ line, what: 'has no name before its "=", must be NAME=value' });
    else values.set(name, { value, line });
  }
  return { values, faults };
}

function nameIn(written: string, dialect: Dialect): string | null {
  const name = (dialect === "shell" ? written.replace(/^export\s+/, "") : written).trim();
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : null;
}

/** Null when a quote is not closed. */
function readValue(rest: Reader, dialect: Dialect): string | null {
  let value = "";
  for (;;) {
    const blank = rest.skip(/[ \t]*/y) !== "";
    const quote = rest.skip(/["']/y);
    if (quote === "") {
      const isComment = dialect === "shell" && blank && rest.at("#");
      const unquoted = isComment ? "" : rest.skip(dialect === "shell" ? UNQUOTED_IN_SHELL : UNQUOTED);
      rest.skip(/[^\n]*/y);
      return value + unquoted.trimEnd().replace(/\\([\s\S])/g, (_, char: string) => (char === "\n" ? "" : char));
    }
    const quoted = rest.skip(quote === "'" ? /[^']*'/y : /(?:[^"\\]|\\[\s\S])*"/y);
    if (quoted === "") {
      rest.skip(/[\s\S]*/y);
      return null;
    }
    const inside = quoted.slice(0, -1);
    value +=
      quote === "'" ? inside : inside.replace(/\\(["\\`$\n])/g, (_, char: string) => (char === "\n" ? "" : char));
  }
}

/** To the end of the line; a backslash takes the next character along, also the end of a line. */
const UNQUOTED = /(?:[^\\\n]|\\[\s\S])*/y;
/** To a blank with a "#" behind it. */
const UNQUOTED_IN_SHELL = /(?:[^\\\n \t]|\\[\s\S]|[ \t]+(?![ \t#]))*/y;

interface Reader {
  /** The current line. */
  line(): number;
  over(): boolean;
  at(char: string): boolean;
  /** Reads the text that a sticky expression matches here. */
  skip(what: RegExp): string;
}

function readerOf(text: string): Reader {
  let at = 0;
  let line = 1;
  return {
    line: () => line,
    over: () => at >= text.length,
    at: (char) => text[at] === char,
    skip(what) {
      what.lastIndex = at;
      const found = what.exec(text)?.[0] ?? "";
      at += found.length;
      line += found.split("\n").length - 1;
      return found;
    },
  };
}
