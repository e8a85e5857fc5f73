/**
 * SMTP conversations as text: `<` is what the server must say (a line that
 * begins so), `>` what the client sends. Every one is held with the real service.
 */
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startServiceProcess, type TestService } from "./support/service.ts";
import { connectSmtp } from "./support/smtp-client.ts";

const DIRECTORY = new URL("dialogs/", import.meta.url);
let service: TestService;

beforeAll(async () => {
  service = await startServiceProcess({
    MM4D_HOSTNAME: "mm4d.test",
    MM4D_DOMAIN: "mms.example.net",
    MM4D_MAX_MESSAGE_BYTES: "100000",
  });
});
afterAll(() => service.stop());

for (const name of readdirSync(DIRECTORY)) {
  const lines = readFileSync(new URL(name, DIRECTORY), "utf8").split("\n");
  test(`${name}: ${lines[0]?.replace(/^# /, "")}`, async () => {
    const client = connectSmtp(service.smtpPort);
    let reply: string[] = [];
    for (const line of lines) {
      if (line.startsWith("> ")) {
        expect(reply, `not expected before "${line}"`).toEqual([]);
        client.write(`${line.slice(2)}\r\n`);
      } else if (line === "< (closed)") await client.closed();
      else if (line.startsWith("< ")) {
        if (reply.length === 0) reply = (await client.reply()).split("\r\n");
        const said = reply.shift() ?? "";
        expect(said.startsWith(line.slice(2)), `"${said}" instead of "${line}"`).toBe(true);
        // A short expectation stands for the whole of a reply of many lines.
        if (/^< \d{3}$/.test(line)) reply = [];
      }
    }
    client.end();
  });
}
