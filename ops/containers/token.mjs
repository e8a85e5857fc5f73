/**
 * Sees to the operators' token before mm4d starts in a container: writes that of
 * MM4D_ADMIN_TOKEN into the file that MM4D_ADMIN_TOKEN_FILE names, or else makes one, once.
 */
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";

const { MM4D_ADMIN_TOKEN: given, MM4D_ADMIN_TOKEN_FILE: file } = process.env;

if (given || !existsSync(file)) {
  writeFileSync(file, given || randomBytes(24).toString("base64url"), { mode: 0o600 });
}
