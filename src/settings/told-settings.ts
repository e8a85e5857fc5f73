/** The settings of the running service, as it tells them to the command line on its machine. */
import { resolve } from "node:path";
import { type Config, SETTINGS, type SettingName } from "./config.ts";

/** Settings by name. A service of another version has more or fewer. */
export type ToldSettings = Partial<Config>;

/** Places where it listens, and of its Redis. They are told separately, as they are and not as they were set. */
const TOLD_APART = /^(?:redis(?!Checks$)|smtp|smtps|admin)[A-Z]/;
/** Paths, which are made absolute, because a command may run in another directory. */
const PATHS: readonly SettingName[] = [
  "dataDir",
  "peersFile",
  "catalogueFile",
  "tlsCertFile",
  "tlsKeyFile",
  "tlsCaFile",
];

/** All settings but secrets and places. */
export function toldSettings(config: Config): ToldSettings {
  const told = (Object.keys(SETTINGS) as SettingName[]).filter(
    (name) => !("secret" in SETTINGS[name]) && !TOLD_APART.test(name),
  );
  return Object.fromEntries(
    told.map((name) => {
      const value = config[name];
      return [name, PATHS.includes(name) && typeof value === "string" && value !== "" ? resolve(value) : value];
    }),
  );
}
