/**
 * Writes the JSON Schema of the event, from its one definition in TypeScript,
 * beside the build: `dist/delivery-event.schema.json`.
 *
 * Objects may have further properties: additions keep the event's version.
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createGenerator } from "ts-json-schema-generator";
import { EVENT_SCHEMA_ID } from "../dist/delivery/event.js";

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
writeFileSync(path("dist/delivery-event.schema.json"), `${JSON.stringify(schema, null, 2)}\n`);
