/**
 * No regular expression in src/ takes longer than its text, whatever a peer writes. An
 * engine that searches begins at each character anew: `[">]+$` on a run of `>` that does
 * not end there costs the square of its length, and a nested quantifier more.
 *
 * Two looks at each: scslre, which knows where a quantifier can take up what it was
 * moved past or what another one has, and a trial with texts of the worst kind.
 */
import { readdirSync, readFileSync } from "node:fs";
import { analyse } from "scslre";
// What vitest itself reads TypeScript with.
import { parseSync } from "vite";
import { expect, test } from "vitest";
import { faultOf, SHORTER } from "./support/linear.ts";

interface Expression {
  readonly file: string;
  readonly source: string;
  readonly flags: string;
}

/** The only ones that are not looked at, because their text is ours: put together when they are needed, and of what. */
const PUT_TOGETHER_LATE: Readonly<Record<string, string>> = {
  "text/party-sought.ts":
    "what an operator asks for; every repetition is bounded, and test/text/party-sought.test.ts compares it with a scan",
  "simulator/scenario.ts": "the name of a field of ours; the text is one that it made itself",
};

const SOURCE = new URL("../src/", import.meta.url);
const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const expressions = files.flatMap((file) => expressionsOf(readFileSync(new URL(file, SOURCE), "utf8"), file));

test("every regular expression is found: those that are written, and those that are put together", () => {
  const of = (file: string): number => expressions.filter((expression) => expression.file === file).length;
  expect(expressions.length).toBeGreaterThan(120);
  expect(of("mm4/date.ts")).toBeGreaterThan(5);
  expect(of("text/visible.ts")).toBeGreaterThanOrEqual(3);
  expect(of("text/masking.ts")).toBeGreaterThanOrEqual(6);
});

test("none in src/ can be made to take longer than its text", async () => {
  const faults: string[] = [];
  for (const expression of expressions) {
    const fault = await worst(expression);
    if (fault !== null) faults.push(`${expression.file} /${expression.source}/${expression.flags}: ${fault}`);
  }
  expect(faults).toEqual([]);
});

test.each([
  // What stood still for two seconds in 1.0.0: a message id of 63 KB of ">".
  [/^["<]+|[">]+$/g],
  [/\s*$/],
  [/=+$/],
  [/\s*\n\s*/g],
  [/^(?:a+)+$/],
  [/^(?:\w+\s?)*$/],
  [/^\s*(.*?)\s*$/],
  [/\(.*\)$/],
  [/<[^>]*>$/],
])("%s would be found", async (expression) => {
  expect(await worst({ file: "", source: expression.source, flags: expression.flags })).not.toBeNull();
});

test.each([[/^["<]+/], [/\d(?:[ ().-]{0,2}\d){6,}/g], [/\r?\n\r?\n/], [/^[a-z]+ *: *\S+$/]])(
  "%s is let pass",
  async (expression) => {
    expect(await worst({ file: "", source: expression.source, flags: expression.flags })).toBeNull();
  },
);

/** What is wrong with it; null for nothing. */
async function worst({ source, flags }: Expression): Promise<string | null> {
  const [report] = analyse({ source, flags }, { reportTypes: { Move: true, Self: true, Trade: true } }).reports;
  if (report) return `scslre: ${report.type}`;
  const everywhere = new RegExp(source, flags.includes("g") ? flags : `${flags}g`);
  const trial = (unit: string, end: string, size: number) => {
    const text = unit.repeat(Math.ceil(size / unit.length)) + end;
    return { size, work: () => text.replace(everywhere, "") };
  };
  for (const unit of [...UNITS, ...wordsOf(source)]) {
    for (const end of ENDS) {
      const fault = await faultOf(trial(unit, end, SIZE), () => trial(unit, end, SIZE / SHORTER), CHEAP);
      if (fault !== null) return `on ${JSON.stringify(unit)}, ${JSON.stringify(end)} behind them: ${fault}`;
    }
  }
  return null;
}

const SIZE = 16_000;
/** What is quadratic takes ten times as much of a text of that size. */
const CHEAP = 500;
const UNITS = [
  "a",
  "1",
  " ",
  "\t",
  "\n",
  "\r\n",
  "\n ",
  ">",
  "<",
  '"',
  "(",
  ")",
  ",",
  ";",
  "=?",
  "@",
  ".",
  "\u0000",
  "1 ",
];
const ENDS = ["", "\n!"];

/** The words that it begins with, or has in it: where they stand again and again a search begins as often. */
function wordsOf(source: string): ReadonlySet<string> {
  return new Set(source.replaceAll("\\/", "/").match(/[a-z<>"=;:/@_-]{2,}/gi) ?? []);
}

interface Node {
  readonly type: string;
  readonly value?: unknown;
  readonly regex?: { readonly pattern: string; readonly flags: string };
  readonly name?: string;
  readonly callee?: Node;
  readonly arguments?: readonly Node[];
  readonly object?: Node;
  readonly property?: Node;
  readonly tag?: Node;
  readonly quasi?: Node;
  readonly quasis?: readonly { readonly value: { readonly raw: string; readonly cooked: string } }[];
  readonly expressions?: readonly Node[];
  readonly id?: Node;
  readonly init?: Node | null;
}

/** The expressions of a file: those that are written in it, and those that it puts together of its constants. */
function expressionsOf(text: string, file: string): readonly Expression[] {
  const { program, errors } = parseSync(file, text);
  expect([file, errors]).toEqual([file, []]);
  const nodes = [...nodesIn(program)];
  const constants = new Map(
    nodes.flatMap(({ type, id, init }) => (type === "VariableDeclarator" && id?.name && init ? [[id.name, init]] : [])),
  );

  function sourceOf(node: Node | undefined): string {
    if (node?.regex) return node.regex.pattern;
    if (typeof node?.value === "string") return node.value;
    if (node?.type === "Identifier") return sourceOf(constants.get(node.name ?? ""));
    if (isPutTogether(node)) return sourceOf(node?.arguments?.[0]);
    if (node?.type === "MemberExpression" && node.property?.name === "source") return sourceOf(node.object);
    const template = node?.type === "TaggedTemplateExpression" ? node.quasi : node;
    if (!template?.quasis) throw new Error(`Cannot tell what ${file} puts together for a regular expression`);
    const form = template === node ? "cooked" : "raw";
    return template.quasis
      .flatMap(({ value }, index) => [
        value[form],
        template.expressions?.[index] ? sourceOf(template.expressions[index]) : "",
      ])
      .join("");
  }

  return nodes.flatMap((node) => {
    if (node.regex) return [{ file, source: node.regex.pattern, flags: node.regex.flags }];
    if (!isPutTogether(node) || file in PUT_TOGETHER_LATE) return [];
    const [source, flags] = node.arguments ?? [];
    return [{ file, source: sourceOf(source), flags: typeof flags?.value === "string" ? flags.value : "" }];
  });
}

function isPutTogether(node: Node | undefined): boolean {
  return (node?.type === "NewExpression" || node?.type === "CallExpression") && node.callee?.name === "RegExp";
}

function* nodesIn(value: unknown): Generator<Node> {
  if (value === null || typeof value !== "object") return;
  if (!Array.isArray(value) && "type" in value) yield value as Node;
  for (const part of Object.values(value)) yield* nodesIn(part);
}
