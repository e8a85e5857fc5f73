import { expect, test } from "vitest";
import { faults } from "../support/load-settings.ts";

test("what cannot be seen in a value, or in a name, is shown", () => {
  expect(faults({ MM4D_SMTP_PORT: "2525\r" })).toEqual([expect.stringContaining('is "2525\\x0d"')]);
  expect(faults({ MM4D_ACCEPT: "\ufeffqueue" })).toEqual([expect.stringContaining('is "\\ufeffqueue"')]);
  expect(faults({ MM4D_LOG_LEVEL: "in\u200bfo\tx\ny" })).toEqual([expect.stringContaining('is "in\\u200bfo\\tx\\ny"')]);
  expect(faults({ MM4D_HOSTNAME: "a\u001b[31m" })).toEqual([expect.stringContaining('is "a\\x1b[31m"')]);
  expect(faults({ "MM4D_SMTP_PORT\r": "1" })).toEqual([expect.stringMatching(/^MM4D_SMTP_PORT\\x0d is unknown\. /)]);
  expect(faults({ MM4D_ADMIN_TOKEN: "short\r\n" })).toEqual([
    "MM4D_ADMIN_TOKEN is a value that is not shown and holds \\x0d, \\n, must be at least 16 characters",
  ]);
  expect(faults({ REDIS_URL_FILE: "/no\r" })[0]).not.toMatch(/\p{Cc}/u);
});
