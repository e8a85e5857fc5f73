/** Cuts what a peer may have made large to as much as a person looks at. */
import { BOUNDS } from "../bounds/bounds.ts";

/**
 * The first characters of a text, followed by … when it is longer. It never ends
 * inside a number, because masking does not recognise a piece of one.
 */
export function beginningOf(text: string, most: number = BOUNDS.textShown.value): string {
  if (text.length <= most) return text;
  let end = most;
  while (end > 0 && MAY_BE_IN_NUMBER.has(text.charCodeAt(end - 1))) end -= 1;
  return `${text.slice(0, end)}…`;
}

const MAY_BE_IN_NUMBER = new Set([..."0123456789 ().-+"].map((char) => char.charCodeAt(0)));

/**
 * A value with its long texts and long lists cut, so that the whole is about as long as
 * a page has room for. A small value is unchanged. An object stays an object: when there
 * is no room left, its texts become …
 */
export function beginningOfValue(value: unknown): unknown {
  return beginning(value, { left: BOUNDS.valueShown.value });
}

function beginning(value: unknown, room: { left: number }): unknown {
  if (typeof value === "string") {
    const text = beginningOf(value, Math.max(0, Math.min(BOUNDS.textShown.value, room.left)));
    room.left -= text.length;
    return text;
  }
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) {
    const kept: unknown[] = [];
    while (kept.length < Math.min(value.length, BOUNDS.listShown.value) && room.left > 0) {
      kept.push(beginning(value[kept.length], room));
    }
    const more = value.length - kept.length;
    return more === 0 ? kept : [...kept, `… and ${more} more`];
  }
  const entries = Object.entries(value);
  const kept = entries.slice(0, BOUNDS.listShown.value).map(([name, part]) => {
    room.left -= name.length;
    return [beginningOf(name), beginning(part, room)] as const;
  });
  const more = entries.length - kept.length;
  return Object.fromEntries(more === 0 ? kept : [...kept, ["…", `and ${more} more`]]);
}
