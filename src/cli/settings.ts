/**
 * The settings a command runs with: from the command line, from the environment,
 * and from the files of `--env-file`. The first that has one counts.
 */

import { ok, type Result } from "../result.ts";
import { SETTINGS, type SettingName } from "../settings/config.ts";
import { type LoadedConfig, loadConfig, type Origin } from "../settings/load.ts";
import { readEnvFile } from "./env-file.ts";

/** The options that every command has, see program.ts. */
export interface GlobalOptions {
  readonly dataDir?: string;
  /** The last of them counts. */
  readonly envFile?: readonly string[];
}

export interface Settings extends LoadedConfig {
  /** The file of `--env-file` that each value comes from. */
  readonly files: Readonly<Partial<Record<SettingName, string>>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

let options: GlobalOptions = {};

/** All settings read from now on include them. */
export function useOptions(given: GlobalOptions): void {
  options = given;
}

/** Reads them. Throws one error with a sentence for each fault. */
export function loadSettings(action: string): Settings {
  const loaded = readSettings();
  if (loaded.ok) return loaded.value;
  throw new Error(loaded.error.map((fault) => `Cannot ${action}: ${fault}`).join("\n"));
}

/** Reads them. Fails with a sentence for each fault. */
export function readSettings(): Result<Settings, readonly string[]> {
  const { values, faults } = readFiles({ ...process.env, ...fromOptions() });
  const loaded = loadConfig({ ...process.env, ...textsOf(values), ...fromOptions() });
  if (!loaded.ok || faults.length > 0) {
    const further = loaded.ok ? [] : loaded.error.map((fault) => placed(fault, values));
    return { ok: false, error: [...faults, ...further] };
  }
  const { config, texts, notes } = loaded.value;
  const origins: Record<SettingName, Origin> = { ...loaded.value.origins };
  const files: Partial<Record<SettingName, string>> = {};
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const found = values.get(SETTINGS[name].env);
    if (origins[name] === "environment" && found) {
      origins[name] = "file";
      files[name] = found.file;
    }
  }
  if (options.dataDir !== undefined) origins.dataDir = "command line";
  return ok({ config, texts, origins, files, notes });
}

/** The variables that another process needs besides our environment to find the same settings. */
export function settingsForOthers(): Readonly<Record<string, string>> {
  return { ...textsOf(readFiles({ ...process.env, ...fromOptions() }).values), ...fromOptions() };
}

function fromOptions(): Readonly<Record<string, string>> {
  return options.dataDir === undefined ? {} : { [SETTINGS.dataDir.env]: options.dataDir };
}

interface FromFile {
  readonly value: string;
  readonly line: number;
  readonly file: string;
}

/** The values of the files that neither the command line nor the environment sets. */
function readFiles(environment: Environment): {
  values: ReadonlyMap<string, FromFile>;
  faults: readonly string[];
} {
  const values = new Map<string, FromFile>();
  const faults: string[] = [];
  for (const file of options.envFile ?? []) {
    try {
      const read = readEnvFile(file, "shell");
      for (const { line, what } of read.faults) faults.push(`line ${line} of ${file} ${what}`);
      for (const [name, { value, line }] of read.values) {
        // A later file may set in another form what an earlier one has set.
        values.delete(otherForm(name));
        values.set(name, { value, line, file });
      }
    } catch (cause) {
      faults.push(`--env-file is "${file}", must be a file that can be read: ${(cause as Error).message}`);
    }
  }
  for (const name of values.keys()) {
    const isOurs = name === "REDIS_URL" || name === "REDIS_URL_FILE" || name.startsWith("MM4D_");
    if (!isOurs || environment[name] !== undefined || environment[otherForm(name)]) values.delete(name);
  }
  return { values, faults };
}

/** A secret, or the peers, may be given in a setting, or in a file that another setting names. */
function otherForm(name: string): string {
  return name.endsWith("_FILE") ? name.slice(0, -"_FILE".length) : `${name}_FILE`;
}

function textsOf(values: ReadonlyMap<string, FromFile>): Readonly<Record<string, string>> {
  return Object.fromEntries([...values].map(([name, { value }]) => [name, value]));
}

/** The fault, with its place when the value is from a file. */
function placed(fault: string, values: ReadonlyMap<string, FromFile>): string {
  const [name = ""] = fault.split(" ", 1);
  const found = values.get(name);
  return found ? `${fault} (line ${found.line} of ${found.file})` : fault;
}
