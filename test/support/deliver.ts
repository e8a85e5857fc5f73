/** Delivers reports as a relay does. */
import { expect } from "vitest";
import { deliveryReport, type FieldsOf } from "./report.ts";
import { openSession } from "./smtp-client.ts";

/** Valid delivery reports with the named fields replaced, in one session; each must be stored. */
export async function deliverReports(port: number, ...all: readonly FieldsOf[]): Promise<void> {
  const client = await openSession(port);
  for (const fields of all) expect(await client.deliver(deliveryReport(fields))).toMatch(/^250 /);
  client.end();
}
