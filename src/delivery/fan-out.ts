/** Which events go to a further queue, besides the queue that gets all. */
import type { DeliveryEvent } from "./event.ts";

export interface FanOut {
  /** The queue's name. */
  readonly queue: string;
  /** An event must meet all of them. Empty: every event goes there. */
  readonly conditions: readonly Condition[];
}

/** A property of events, and the values that are wanted. */
export interface Condition {
  readonly property: Property;
  readonly values: readonly string[];
}

const PROPERTIES = {
  /** `yes` or `no`. */
  final: ({ data }) => (data.final ? "yes" : "no"),
  outcome: ({ data }) => data.outcome,
  disposition: ({ data }) => data.disposition,
  tag: ({ data }) => data.reason?.tag ?? "none",
  code: ({ data }) => String(data.reason?.code ?? "none"),
  peer: ({ data }) => data.peer.name,
  /** Such as `read-report`. */
  type: ({ type }) => type.split(".")[1] ?? "",
} as const satisfies Record<string, (event: DeliveryEvent) => string>;

type Property = keyof typeof PROPERTIES;

/** Whether the event goes to the queue. */
export function wants({ conditions }: FanOut, event: DeliveryEvent): boolean {
  return conditions.every(({ property, values }) => values.includes(PROPERTIES[property](event)));
}

/**
 * Reads `billing:final`, `fraud:tag=spam|opt-out`, `alarms:final&disposition=failure`,
 * `analytics:*`. Undefined for anything else.
 */
export function readFanOut(text: string): FanOut | undefined {
  const [, queue, filter = ""] = /^([^:\s]{1,100}):(\S+)$/.exec(text.trim()) ?? [];
  if (queue === undefined) return undefined;
  if (filter === "*") return { queue, conditions: [] };
  const conditions = filter.split("&").map(readCondition);
  return conditions.every((condition) => condition !== undefined) ? { queue, conditions } : undefined;
}

function readCondition(text: string): Condition | undefined {
  const [, property = "", list] = /^([a-z]+)(?:=(.+))?$/.exec(text) ?? [];
  if (property === "final" && list === undefined) return { property: "final", values: ["yes"] };
  if (!Object.hasOwn(PROPERTIES, property) || list === undefined) return undefined;
  const values = list.split("|");
  return values.every((value) => value !== "") ? { property: property as Property, values } : undefined;
}
