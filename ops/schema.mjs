/**
 * Writes the JSON Schema of the event, from its one definition in TypeScript,
 * beside the build: `delivery-event.schema.json`. `node ops/schema.mjs DIST`
 *
 * Objects may have further properties: additions keep the event's version.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createGenerator } from "ts-json-schema-generator";

const [, , dist] = process.argv;
const { EVENT_SCHEMA_ID } = await import(pathToFileURL(join(dist, "delivery/event.js")).href);
const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const generated = createGenerator({
  path: path("src/delivery/event.ts"),
  type: "DeliveryEvent",
  tsconfig: path("tsconfig.json"),
  topRef: false,
  expose: "none",
  additionalProperties: true,
}).createSchema("DeliveryEvent");

const { $schema, definitions, ...rest } = generated;
const schema = { $schema, $id: EVENT_SCHEMA_ID, title: "A delivery event of mm4d, version 1", ...rest };
writeFileSync(join(dist, "delivery-event.schema.json"), `${JSON.stringify(schema, null, 2)}\n`);
