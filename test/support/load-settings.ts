import { type LoadedConfig, loadConfig } from "../../src/settings/load.ts";

/** What an environment sets. */
export function load(env: Readonly<Record<string, string>>): LoadedConfig {
  const loaded = loadConfig(env);
  if (!loaded.ok) throw new Error(loaded.error.join("\n"));
  return loaded.value;
}

/** What is wrong with an environment. */
export function faults(env: Readonly<Record<string, string>>): readonly string[] {
  const loaded = loadConfig(env);
  return loaded.ok ? [] : loaded.error;
}
