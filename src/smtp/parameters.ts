/**
 * The parameters behind the address of MAIL and RCPT: whether they can be, and are
 * known. Pure. The library looks at those that mean something here, and blames the
 * address for what it cannot decode.
 *
 * Sources: RFC 5321 §4.1.1.11 (syntax, and 555), RFC 3461 §4 (xtext, DSN),
 * RFC 4954 §5 (AUTH), RFC 1870 §3 (SIZE), RFC 6152 §2 (BODY).
 */
import { BOUNDS } from "../bounds/bounds.ts";
import { splitAddressCommand } from "./path.ts";

export type ParameterFault = "wrong" | "unknown";

/**
 * What is wrong with the parameters of a command; undefined for a command that has
 * none, or whose address cannot be told from them.
 *
 * `indulgent`: what means nothing here is passed over, known or not, as long as it
 * can be text. A server that does not trust its client takes AUTH for `<>` (RFC 4954
 * §5), and nothing of DSN or an unknown extension changes what becomes of a report.
 */
export function findParameterFault(command: string, indulgent: boolean): ParameterFault | undefined {
  const { name = "", behind = "" } = splitAddressCommand(command) ?? {};
  const known = KNOWN[name.slice(0, "MAIL".length)] ?? {};
  if (behind !== "" && !/^[ \t]/.test(behind)) return "wrong";
  const parameters = behind.split(/[ \t]+/).filter((parameter) => parameter !== "");
  if (parameters.length > BOUNDS.parameters.value) return "wrong";
  const faults = parameters.map((parameter) => faultOf(parameter, known, indulgent));
  return faults.find((fault) => fault === "wrong") ?? faults.find((fault) => fault !== undefined);
}

function faultOf(parameter: string, known: Parameters, indulgent: boolean): ParameterFault | undefined {
  const equals = parameter.indexOf("=");
  const name = equals === -1 ? parameter : parameter.slice(0, equals);
  const value = equals === -1 ? "" : parameter.slice(equals);
  if (hasControls(value) || hasControls(name)) return "wrong";
  const rule = known[name.toUpperCase()];
  if (rule?.used === false && indulgent) return undefined;
  if (rule) return rule.value.test(value) ? undefined : "wrong";
  if (indulgent) return undefined;
  return /^[a-z0-9][a-z0-9-]*(?:=[!-<>-~]+)?$/i.test(parameter) ? "unknown" : "wrong";
}

/** In the bytes, or as xtext has them. */
function hasControls(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those it looks for
  return /[\0-\x1f\x7f-\x9f]|\+(?:[01][0-9A-F]|7F|[89][0-9A-F])/.test(text);
}

type Parameters = Readonly<Record<string, { readonly value: RegExp; readonly used: boolean }>>;

const XTEXT = "(?:[!-*,-<>-~]|\\+[0-9A-F]{2})+";
/** `used`: whether it means something here. Each with the sign of equality, or empty without. */
const KNOWN: Readonly<Record<string, Parameters>> = {
  MAIL: {
    SIZE: { value: /^=\d{1,20}$/, used: true },
    BODY: { value: /^=(?:7BIT|8BITMIME)$/i, used: true },
    SMTPUTF8: { value: /^$/, used: true },
    REQUIRETLS: { value: /^$/, used: true },
    AUTH: { value: new RegExp(`^=(?:<>|${XTEXT})$`), used: false },
    RET: { value: /^=(?:FULL|HDRS)$/i, used: false },
    ENVID: { value: new RegExp(`^=${XTEXT}$`), used: false },
  },
  RCPT: {
    NOTIFY: { value: /^=(?:NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*)$/i, used: false },
    ORCPT: { value: new RegExp(`^=[!-*,-:<>-~]+;${XTEXT}$`), used: false },
  },
};
