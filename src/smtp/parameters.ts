/**
 * The parameters behind the address of MAIL and RCPT: whether they can be, and are
 * known. Pure. The library looks at those that mean something here, and blames the
 * address for what it cannot decode.
 *
 * Sources: RFC 5321 §4.1.1.11 (syntax, and 555), RFC 3461 §4 (xtext, DSN, each once at most),
 * RFC 4954 §5 (AUTH), RFC 1870 §3 (SIZE), RFC 6152 §2 (BODY).
 */
import { BOUNDS } from "../bounds/bounds.ts";
import { readUtf8 } from "../mm4/header.ts";
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
  const { behind, parameters, known } = takeApart(command);
  if (behind !== "" && !/^[ \t]/.test(behind)) return "wrong";
  if (parameters.length > BOUNDS.parameters.value) return "wrong";
  const names = parameters.map((parameter) => nameAndValue(parameter).name);
  if (new Set(names).size < names.length) return "wrong";
  const faults = parameters.map((parameter) => faultOf(parameter, known, indulgent));
  return faults.find((fault) => fault === "wrong") ?? faults.find((fault) => fault !== undefined);
}

/** The command without what means nothing here, of which the library has rules of its own. */
export function withUsedParameters(command: string): string {
  const { addressed, parameters, known } = takeApart(command);
  return [addressed, ...parameters.filter((parameter) => known[nameAndValue(parameter).name]?.used)].join(" ");
}

function takeApart(command: string) {
  const { name = "", behind = "" } = splitAddressCommand(command) ?? {};
  const addressed = command.slice(0, command.length - behind.length);
  const parameters = behind.split(/[ \t]+/).filter((parameter) => parameter !== "");
  return { addressed, behind, parameters, known: KNOWN[name.slice(0, "MAIL".length)] ?? {} };
}

/** The name in capitals; the value with its sign of equality, or empty. */
function nameAndValue(parameter: string): { readonly name: string; readonly value: string } {
  const equals = parameter.indexOf("=");
  if (equals === -1) return { name: parameter.toUpperCase(), value: "" };
  return { name: parameter.slice(0, equals).toUpperCase(), value: parameter.slice(equals) };
}

function faultOf(parameter: string, known: Parameters, indulgent: boolean): ParameterFault | undefined {
  const { name, value } = nameAndValue(parameter);
  if (hasControls(value) || hasControls(name)) return "wrong";
  const rule = known[name];
  if (rule?.used === false && indulgent) return undefined;
  if (rule) return rule.value.test(value) ? undefined : "wrong";
  // An address is none of an extension's words: the one before it may be its name only.
  if (/[<>@]/.test(name)) return "wrong";
  if (indulgent) return undefined;
  return /^[a-z0-9][a-z0-9-]*(?:=[!-<>-~]+)?$/i.test(parameter) ? "unknown" : "wrong";
}

/**
 * As it stands, or as xtext has it. Octets of 0x80 to 0x9f are controls of Latin-1, and
 * parts of most characters in UTF-8, which an address of SMTPUTF8 is in. RFC 6533 §3.
 */
function hasControls(text: string): boolean {
  const bytes = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return /\p{Cc}/u.test(readUtf8(bytes) ?? bytes);
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
