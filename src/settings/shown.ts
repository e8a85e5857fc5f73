/** Makes values of settings, and of the files that they name, fit to be printed. */
import { visible } from "../text/visible.ts";
import { SETTINGS, type Setting, type SettingName } from "./config.ts";
import { maskUrl } from "./redis-url.ts";

/** A value fit to be printed: a URL without its password, any other secret as stars. */
export function shownValue(name: SettingName, text: string): string {
  const setting: Setting<unknown> = SETTINGS[name];
  if (!setting.secret || text === "") return text;
  return name === "redisUrl" ? maskUrl(text) : "***";
}

/** A text on one line, to be put in quotes. */
export function shownText(text: string): string {
  return visible(text).replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/** Names characters in a secret that cannot be seen. They may be told, because an editor or a copy has left them there. */
export function unseenIn(text: string): string {
  const unseen = [...new Set([...text].map(shownText).filter((char) => char.startsWith("\\") && char.length > 1))];
  return unseen.length === 0 ? "" : ` and holds ${unseen.join(", ")}`;
}

const MAX_SHOWN = 60;

/** A value of a file as JSON, cut off where it is long. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
