/**
 * The parameters after the address of MAIL and RCPT: whether they are well-formed and
 * known. Pure. The library reads those that mean something here, but blames the address
 * when it cannot decode one.
 *
 * Sources: RFC 5321 §4.1.1.11 (syntax, and 555), RFC 3461 §4 (xtext, DSN, each at most once),
 * RFC 4954 §5 (AUTH), RFC 1870 §3 (SIZE), RFC 6152 §2 (BODY).
 */
import { BOUNDS } from "../bounds/bounds.ts";
import { readUtf8 } from "../mm4/header.ts";
import { splitAddressCommand } from "./path.ts";

export type ParameterFault = "wrong" | "unknown";

/**
 * What is wrong with the parameters of a command. Undefined when nothing is, when there
 * are none, or when they cannot be told from the address.
 *
 * With `indulgent`, a parameter that means nothing here is ignored, known or not, as long
 * as it can be text. A server that does not trust its client treats AUTH as `<>` (RFC 4954
 * §5), and neither DSN nor an unknown extension changes what becomes of a report.
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

/** The command without the parameters that mean nothing here, because the library has its own rules for those. */
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

/** The name in capitals, and the value with its equals sign, or empty. */
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
  // This is part of an address, not of an extension: the text before it may have been only a display name.
  if (/[<>@]/.test(name)) return "wrong";
  if (indulgent) return undefined;
  return /^[a-z0-9][a-z0-9-]*(?:=[!-<>-~]+)?$/i.test(parameter) ? "unknown" : "wrong";
}

/**
 * Whether a text has control characters, plain or in xtext. It is read as UTF-8 where it is valid
 * UTF-8, because an address of SMTPUTF8 is written in that. In Latin-1, octets from 0x80 to 0x9f
 * are controls; in UTF-8 they are parts of most characters. RFC 6533 §3.
 */
function hasControls(text: string): boolean {
  const bytes = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return /\p{Cc}/u.test(readUtf8(bytes) ?? bytes);
}

type Parameters = Readonly<Record<string, { readonly value: RegExp; readonly used: boolean }>>;

const XTEXT = "(?:[!-*,-<>-~]|\\+[0-9A-F]{2})+";
/** `used` says whether it means something here. Values begin with the equals sign, or are empty. */
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
