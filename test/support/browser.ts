/** A real browser on the operators' page, and what must be true of every page. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { eventually } from "./redis.ts";
import type { ServiceUnderTest } from "./service.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const DESKTOP = { width: 1280, height: 900 };
const TABLET = { width: 820, height: 1180 };
const PHONE = { width: 390, height: 844 };

/** With which operators log in to the services that are started here. */
export const TOKEN = "correct horse battery staple";

export function startBrowser(): Promise<Browser> {
  // Whoever is root has no sandbox.
  return chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
}

export interface Visit {
  readonly page: Page;
  /** Errors in the console, exceptions, dialogs, and requests to another host: there must be none. */
  readonly faults: string[];
}

export async function visit(browser: Browser, base: string): Promise<Visit> {
  const context = await browser.newContext({ baseURL: base, viewport: DESKTOP });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error.message}`));
  page.on("dialog", (dialog) => {
    faults.push(`${page.url()} opens a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${base}/`) && !request.url().startsWith("data:")) faults.push(request.url());
  });
  return { page, faults };
}

/** Visits a service's page, and logs in. */
export async function visitLoggedIn(
  browser: Browser,
  { adminPort }: Pick<ServiceUnderTest, "adminPort">,
): Promise<Visit> {
  const visiting = await visit(browser, `http://127.0.0.1:${adminPort}`);
  await logIn(visiting.page);
  return visiting;
}

export async function logIn(page: Page, token = TOKEN): Promise<void> {
  await page.goto("/login");
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("button", { name: "Log out" }).waitFor();
}

/** What the open page says, without its header. */
export function mainOf(page: Page): Promise<string> {
  return page.locator("main").innerText();
}

/** Opens a page, again and again until it shows what was delivered: the trace is written each second. */
export async function openUntil(page: Page, path: string, fits: (text: string) => boolean): Promise<void> {
  await eventually(async () => {
    await page.goto(path);
    return mainOf(page);
  }, fits);
}

/** What is serious in the eyes of axe, as text. Of a table's rows, which are all alike, the first. */
const serious = (
  only: string,
) => `axe.run({ exclude: ["tbody tr:nth-child(n + 4)"] }, { resultTypes: ["violations"]${only} }).then(({ violations }) => violations
  .filter(({ impact }) => impact === "serious" || impact === "critical")
  .map(({ id, nodes }) => [id, nodes.length, nodes[0].html].join(" ")))`;

/** What can be clicked, and is beside the window. A part that scrolls sideways hides its end, so on a phone nothing needs one. */
const OUT_OF_REACH = `[...document.querySelectorAll("main :is(a[href], button, input, select, summary)")]
  .filter((element) => {
    const { left, right, width } = element.getBoundingClientRect();
    return width > 0 && (left < -1 || right > innerWidth + 1);
  })
  .map(({ outerHTML }) => outerHTML)`;

/** All rules, and those that a further colour scheme may break. */
const SERIOUS = serious("");
const SERIOUS_COLOURS = serious(', runOnly: ["color-contrast"]');

/** Colours do not depend on the size, nor does the layout on the colours: each once is mostly enough for axe. */
const LOOKS = {
  everyWay: [
    [DESKTOP, ["light", "dark"]],
    [TABLET, []],
    [PHONE, ["dark", "light"]],
  ],
  thoroughly: [
    [DESKTOP, ["light"]],
    [PHONE, ["dark"]],
  ],
  quickly: [
    [DESKTOP, []],
    [PHONE, ["dark"]],
  ],
} as const;

/**
 * Looks at the open page, on a desk and on a phone, light and dark: nothing is cut off, all that can be clicked is in
 * reach, and axe finds nothing serious.
 */
export async function lookAtPage(page: Page, how: keyof typeof LOOKS = "quickly"): Promise<void> {
  await page.evaluate(AXE);
  for (const [size, schemes] of LOOKS[how]) {
    await page.setViewportSize(size);
    const wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    expect([page.url(), size.width, wider]).toEqual([page.url(), size.width, 0]);
    if (size === PHONE) expect([page.url(), await page.evaluate(OUT_OF_REACH)]).toEqual([page.url(), []]);
    for (const [index, colorScheme] of schemes.entries()) {
      await page.emulateMedia({ colorScheme });
      const found = await page.evaluate(index === 0 ? SERIOUS : SERIOUS_COLOURS);
      expect([page.url(), size.width, colorScheme, found]).toEqual([page.url(), size.width, colorScheme, []]);
    }
  }
  await page.setViewportSize(DESKTOP);
}
