/** The settings a command runs with. */
import { type LoadedConfig, loadConfig } from "../config.ts";

/** Reads them from the environment. Throws one error with a sentence for each fault. */
export function loadSettings(action: string): LoadedConfig {
  const loaded = loadConfig(process.env);
  if (loaded.ok) return loaded.value;
  throw new Error(loaded.error.map((fault) => `Cannot ${action}: ${fault}`).join("\n"));
}
