/** `mm4d acks`: lists the acknowledgements that peers are owed, and sends them again. */
import { type Command, Option } from "commander";
import {
  type AcknowledgementEntry,
  type AcknowledgementState,
  type Acknowledgements,
  openAcknowledgements,
} from "../acknowledgement/desk.ts";
import { acknowledgementMask, maskAllButAddresses } from "../text/masking.ts";
import { some } from "../text/quantities.ts";
import { FULL_NUMBERS, type Numbers, type NumbersWanted, numbersOf } from "./numbers.ts";
import { withOpened } from "./running-service.ts";
import { firstLine, fitted, jsonOf, printLine, tell } from "./terminal.ts";

interface Choice {
  readonly state?: AcknowledgementState;
  readonly peer?: string;
}

const STATES: readonly AcknowledgementState[] = ["owed", "sending", "retrying", "undelivered", "bounced", "sent"];
const SENT_AGAIN: readonly AcknowledgementState[] = ["undelivered", "retrying", "bounced", "sent"];

export function addAcksCommand(program: Command): void {
  const acks = program.command("acks").description("list the acknowledgements that peers are owed, or send some again");
  acks
    .command("list")
    .description("list them by state, oldest first: where to, what they say, and why one could not be delivered")
    .addOption(new Option("--state <state>", "only these; without it all but those sent").choices(STATES))
    .option("--peer <name>", "only this peer's")
    .option(...FULL_NUMBERS)
    .option("--json", "print them as JSON, one a line, numbers in full")
    .addHelpText(
      "after",
      `
States:
  owed         not tried yet
  sending      on its way just now
  retrying     tried, and tried again: for about an hour in all
  undelivered  refused for good (5xx), or not taken within that hour
  bounced      sent, and came back
  sent         the last ten thousand of five days`,
    )
    .action(list);
  acks
    .command("retry [id]")
    .description("send one again, with a fresh set of attempts; one that is retried anyway now")
    .option("--all", "every one of a state")
    .addOption(new Option("--state <state>", "with --all: of this state (default: undelivered)").choices(SENT_AGAIN))
    .option("--peer <name>", "with --all: only this peer's")
    .addHelpText(
      "after",
      `
An MMSC that could not be reached is asked by one acknowledgement at a time, a
minute apart at most: one that is tried too soon is put off once more.

Mend first what kept it from being delivered: the peer's MMSC, or its entry,
which says where acknowledgements go ("mm4d peers test NAME" tries it).`,
    )
    .action(retry);
}

async function list({ json, fullNumbers, ...choice }: Choice & NumbersWanted & { json?: true }): Promise<void> {
  const numbers = numbersOf({ fullNumbers });
  await withAcknowledgements(async (acknowledgements) => {
    let count = 0;
    for await (const entry of acknowledgements.list()) {
      if (!isChosen(entry, choice) || (choice.state === undefined && entry.state === "sent")) continue;
      count += 1;
      await printLine(json ? jsonOf(entry) : fitted(describeEntry(entry, numbers)));
    }
    if (!json) tell(`${some(count, "acknowledgement")}.`);
  });
}

async function retry(id: string | undefined, { all, ...choice }: Choice & { all?: true }): Promise<void> {
  if ((id === undefined) === (all === undefined)) throw new Error("Cannot retry: one id or --all must be given");
  if (id !== undefined && (choice.state !== undefined || choice.peer !== undefined)) {
    throw new Error("Cannot retry: --state and --peer are given with an id, must be with --all");
  }
  await withAcknowledgements(async (acknowledgements) => {
    if (id !== undefined) {
      if (!(await acknowledgements.retry(id))) {
        throw new Error(`Cannot retry "${id}": there is no acknowledgement of that id that was tried`);
      }
      await printLine(`${id}  is sent again`);
      return;
    }
    let count = 0;
    for await (const entry of acknowledgements.list()) {
      if (
        !isChosen(entry, { state: "undelivered", ...choice }) ||
        !(await acknowledgements.retry(entry.id, entry.state))
      )
        continue;
      count += 1;
      await printLine(`${entry.id}  is sent again`);
    }
    tell(`${some(count, "acknowledgement")} sent again.`);
  });
}

function isChosen({ state, acknowledgement }: AcknowledgementEntry, choice: Choice): boolean {
  return (
    (choice.state === undefined || state === choice.state) &&
    (choice.peer === undefined || acknowledgement.peer === choice.peer)
  );
}

export function describeEntry(entry: AcknowledgementEntry, numbers: Numbers): readonly string[] {
  const { id, state, acknowledgement: ack, attempts, error, reply, at } = numbers === "full" ? entry : masked(entry);
  const tried = attempts === 0 ? "" : `, ${some(attempts, "attempt")}`;
  const when = at === null ? "" : state === "retrying" ? `, next at ${at}` : ` at ${at}`;
  return [
    id,
    `  ${state}${when}${tried}`,
    `  ${ack.messageType} ${ack.requestStatus} for ${ack.peer}${ack.to === null ? "" : ` to ${ack.to}`}`,
    `  transaction ${ack.transactionId ?? "(none)"}, message ${ack.messageId ?? "(none)"}`,
    // Not cut, because its end says what to do.
    ...(error === null ? [] : [`  ${oneLine(error)}`]),
    ...(reply === null ? [] : [`  ${oneLine(reply)}`]),
    ...(ack.bounce ? [firstLine(bounced(ack.bounce))] : []),
  ];
}

function masked(entry: AcknowledgementEntry): AcknowledgementEntry {
  const { acknowledgement: ack, error, reply } = entry;
  const mask = acknowledgementMask(ack);
  const id = (text: string | null): string | null => (text === null ? null : mask(text));
  const said = (text: string | null): string | null => (text === null ? null : mask(maskAllButAddresses(text)));
  return {
    ...entry,
    acknowledgement: {
      ...ack,
      to: id(ack.to),
      transactionId: id(ack.transactionId),
      messageId: id(ack.messageId),
      ...(ack.bounce && { bounce: { ...ack.bounce, diagnostic: said(ack.bounce.diagnostic) } }),
    },
    error: said(error),
    reply: said(reply),
  };
}

function oneLine(text: string): string {
  return (text.trim().split(/[\r\n]/, 1)[0] ?? "").replaceAll("\t", " ");
}

function bounced({
  action,
  status,
  diagnostic,
  receivedAt,
}: NonNullable<AcknowledgementEntry["acknowledgement"]["bounce"]>) {
  return `${action} ${receivedAt}: ${[status, diagnostic].filter((text) => text !== null).join(" ") || "(no reason given)"}`;
}

function withAcknowledgements(use: (acknowledgements: Acknowledgements) => Promise<void>): Promise<void> {
  return withOpened("look for acknowledgements", openAcknowledgements, use);
}
