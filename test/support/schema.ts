/** The published JSON Schema of the event, held against events by an independent validator. */
import { readFileSync } from "node:fs";
import { Ajv, type AnySchemaObject } from "ajv";
import formats from "ajv-formats";

const PUBLISHED = JSON.parse(
  readFileSync(new URL("../../dist/delivery-event.schema.json", import.meta.url), "utf8"),
) as AnySchemaObject;

const ajv = new Ajv({ allErrors: true, strictTypes: true, allowUnionTypes: true });
formats.default(ajv);
// The published schema allows further properties, so that they can be added; here nothing may be there that it does not name.
const validate = ajv.compile(closed({ ...PUBLISHED, $id: "urn:mm4d:test:closed" }) as AnySchemaObject);

/** The same event, when it is valid; throws with every fault when it is not. */
export function valid<Event>(event: Event): Event {
  // As a consumer gets it: plain JSON.
  if (!validate(JSON.parse(JSON.stringify(event)))) throw new Error(`Not valid: ${ajv.errorsText(validate.errors)}`);
  return event;
}

function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const parts = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return "properties" in parts && !("additionalProperties" in parts)
    ? { ...parts, additionalProperties: false }
    : parts;
}
