/** What `mm4d acks list` tells. */
import type { AcknowledgementEntry, AcknowledgementState } from "../../src/acknowledgement/desk.ts";
import { runCommandWithin } from "./command-within.ts";
import { rowsOf } from "./service.ts";

export async function acks(
  env: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<readonly AcknowledgementEntry[]> {
  return rowsOf((await runCommandWithin(["acks", "list", "--json", ...args], env)).stdout);
}

/** How far each has come, also those that are sent, by its transaction. */
export async function statesOfAcks(
  env: Readonly<Record<string, string>>,
): Promise<ReadonlyMap<string | null, AcknowledgementState>> {
  const lists = await Promise.all([acks(env), acks(env, "--state", "sent")]);
  return new Map(lists.flat().map(({ state, acknowledgement }) => [acknowledgement.transactionId, state]));
}
