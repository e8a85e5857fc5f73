/** The order guard for consumers: reports overtake each other on the way. */
import type { DeliveryEvent } from "../delivery/event.ts";
import { shouldApply as isGreater, type Ordered, ordered } from "../delivery/order.ts";

/**
 * Whether `next` replaces what is held for the same message and recipient. Give
 * it the event that is held, or what was kept of it: its `id`, and of its data
 * `rank` and `handledAt`. Nothing held: always.
 */
export function shouldApply(held: DeliveryEvent | Ordered | null | undefined, next: DeliveryEvent | Ordered): boolean {
  return held === null || held === undefined || isGreater(orderOf(held), orderOf(next));
}

function orderOf(event: DeliveryEvent | Ordered): Ordered {
  return "data" in event ? ordered(event) : event;
}
