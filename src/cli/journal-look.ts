/** Finds the journals of a service, running or not. Changes nothing there. */
import { existsSync } from "node:fs";
import { type Inspection, inspectJournal } from "../journal/inspect.ts";
import type { ServiceFacts } from "../process/control.ts";
import { journalDirectory, journalShare, processDirectory, processNumbers } from "../process/directories.ts";
import type { Config } from "../settings/config.ts";
import { describeDenied, type Found as FoundService, weightiest } from "./find-service.ts";
import { askService, followService } from "./running-service.ts";
import { loadSettings } from "./settings.ts";
import { tell } from "./terminal.ts";

/** The journal of one process, looked at. */
export interface Look {
  readonly directory: string;
  /** Of the command, with those of the running service where nobody has set one. */
  readonly config: Config;
  readonly maxBytes: number;
  /** The answer of the service on the directory; undefined when none answers. */
  readonly service: ServiceFacts | undefined;
  readonly inspection: Inspection;
}

/** Looks at the journal of each process of the service. */
export async function looks(): Promise<readonly Look[]> {
  const { config } = await findData("journal", (dataDir) => existsSync(journalDirectory(dataDir)));
  const numbers = processNumbers(config.dataDir, config.processes);
  const maxBytes = journalShare(config.journalMaxBytes, config.processes);
  // A journal of a further process exists only once the service has run with so many processes.
  const there = numbers.filter((n) => n === 1 || existsSync(journalDirectory(processDirectory(config.dataDir, n))));
  return Promise.all(there.map((number) => look(processDirectory(config.dataDir, number), config, maxBytes)));
}

/** The settings with the data directory to read, and the service there, running or not. */
export interface FoundData {
  readonly config: Config;
  readonly found: FoundService;
}

/** Finds the data directory of a service that has such a thing in it: its `journal`, or its `archive`. */
export async function findData(what: string, has: (dataDir: string) => boolean): Promise<FoundData> {
  const { settings, found } = await followService(loadSettings(`read the ${what}`));
  if (found.kind === "running") return { config: settings.config, found };
  return { config: { ...settings.config, dataDir: dataDirOf(found, what, has) }, found };
}

/** The directory of a service that does not answer: where it holds the socket, else the first place that has it. */
function dataDirOf(
  { looks }: Extract<FoundService, { kind: "none" }>,
  what: string,
  has: (dataDir: string) => boolean,
): string {
  const [first] = looks;
  const most = weightiest(looks);
  const held = (["silent", "first-down", "unanswered"] as const).some((state) => state === most.state)
    ? most
    : undefined;
  const found = held ?? looks.find((one) => has(one.dataDir));
  if (!found && most.state === "denied") throw new Error(`Cannot read the ${what}: ${describeDenied(most)}`);
  const { dataDir } = found ?? first;
  if (dataDir !== first.dataDir) tell(`Using the ${what} of the data directory ${dataDir}`);
  return dataDir;
}

async function look(dataDir: string, config: Config, maxBytes: number): Promise<Look> {
  const directory = journalDirectory(dataDir);
  const service = await askService({ dataDir });
  try {
    return { directory, config, maxBytes, service, inspection: inspectJournal(directory) };
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const state =
      code === "ENOENT"
        ? `${directory} does not exist, must be in the data directory of a service (--data-dir, MM4D_DATA_DIR)`
        : message;
    throw new Error(`Cannot read the journal: ${state}`);
  }
}
