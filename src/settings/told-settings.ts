/** The settings of the running service, as it tells them to the command line on its machine. */
import { resolve } from "node:path";
import { type Config, SETTINGS, type SettingName } from "./config.ts";

/** By name; a service of another version has more or fewer. */
export type ToldSettings = Partial<Config>;

/** Where it listens, and where its Redis is, is told apart: as it is, not as it was set. */
const TOLD_APART = /^(?:redis(?!Checks$)|smtp|smtps|admin)[A-Z]/;
/** Paths, which whoever asks would begin elsewhere. */
const PATHS: readonly SettingName[] = [
  "dataDir",
  "peersFile",
  "catalogueFile",
  "tlsCertFile",
  "tlsKeyFile",
  "tlsCaFile",
];

/** All but secrets. */
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
