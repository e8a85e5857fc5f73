/** The order guard for consumers, because reports overtake each other on the way. */
import type { DeliveryEvent } from "../delivery/event.ts";
import { shouldApply as isGreater, type Ordered, ordered } from "../delivery/order.ts";

/**
 * Whether `next` replaces the event held for the same message and recipient. `held`
 * may be that event, or what you have stored of it: its `id`, and `rank` and
 * `handledAt` of its data. When nothing is held, the answer is always yes.
 */
export function shouldApply(held: DeliveryEvent | Ordered | null | undefined, next: DeliveryEvent | Ordered): boolean {
  return held === null || held === undefined || isGreater(orderOf(held), orderOf(next));
}

function orderOf(event: DeliveryEvent | Ordered): Ordered {
  return "data" in event ? ordered(event) : event;
}
