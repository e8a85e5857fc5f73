/** Values of settings, made fit to be printed. */
import { visible } from "../text/visible.ts";
import { SETTINGS, type Setting, type SettingName } from "./config.ts";
import { maskUrl } from "./redis-url.ts";

/** A value fit to be printed: a URL without its password, another secret not at all. */
export function shownValue(name: SettingName, text: string): string {
  const setting: Setting<unknown> = SETTINGS[name];
  if (!setting.secret || text === "") return text;
  return name === "redisUrl" ? maskUrl(text) : "***";
}

/** Within quotes, on one line. */
export function shownText(text: string): string {
  return visible(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/** Of a secret too it may be told what an editor or a copy has left in it. */
export function unseenIn(text: string): string {
  const unseen = [...new Set([...text].map(shownText).filter((char) => char.startsWith("\\") && char.length > 1))];
  return unseen.length === 0 ? "" : ` and holds ${unseen.join(", ")}`;
}
