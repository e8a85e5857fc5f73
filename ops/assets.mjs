/** What tsc leaves out: makes the built command executable, and puts the page's files beside its code. */
import { chmodSync, cpSync } from "node:fs";

chmodSync(new URL("../dist/main.js", import.meta.url), 0o755);
cpSync(new URL("../src/admin/assets", import.meta.url), new URL("../dist/admin/assets", import.meta.url), {
  recursive: true,
});
