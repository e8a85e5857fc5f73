/** What tsc leaves out: makes the built command executable, and puts the page's files beside its code. `node ops/assets.mjs DIST` */
import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [, , dist] = process.argv;
const main = join(dist, "main.js");
// Node.js reads the file of --env-file itself, wherever the word stands, and without any bound: but not behind "--"
// (nodejs/node#54232). A shell puts it there, as env knows no -S everywhere. To JavaScript it is a text and a comment.
const started = `#!/usr/bin/env sh\n":" //; exec node -- "$0" "$@"\n`;
writeFileSync(
  main,
  readFileSync(main, "utf8").replace(/^#!.*\n/, () => started),
);
chmodSync(main, 0o755);
cpSync(new URL("../src/admin/assets", import.meta.url), join(dist, "admin/assets"), { recursive: true });
// Where main.js lets Node.js keep what it compiles: of a checkout only, as package.json's `files` leaves it out.
mkdirSync(join(dist, ".compile-cache"));
