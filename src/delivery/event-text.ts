/** An event as JSON. */
import type { DeliveryEvent } from "./event.ts";

const texts = new WeakMap<DeliveryEvent, string>();

/**
 * The JSON of an event, made once, because journal, queue and trace write the same
 * text and making it costs more than reading the report.
 */
export function textOf(event: DeliveryEvent): string {
  const known = texts.get(event);
  if (known !== undefined) return known;
  const text = JSON.stringify(event);
  texts.set(event, text);
  return text;
}
