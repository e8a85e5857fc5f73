import { createCatalogue } from "../../src/catalogue/catalogue.ts";
import { tablesBeside } from "../../src/settings/catalogue-file.ts";

/** The tables of codes, as reading asks for them. A file that cannot be read is a fault of the test. */
export const tables = (catalogue = createCatalogue()) => ({
  catalogue,
  tableOf: tablesBeside(catalogue, new Map(), (cause) => {
    throw cause;
  }),
});
