import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { describe, expect, it } from "vitest";
import { serveDigits } from "../../examples/digits-in-browser/server.ts";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const isMissing = !existsSync(executablePath);
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];

describe("the example digits-in-browser", { timeout: 120_000 }, () => {
  it("trains in a page until it reads digits it never saw", async ({ skip }) => {
    skip(isMissing, `no Chromium at ${executablePath}`);
    const { server, url } = await serveDigits({ limit: 5000 });
    const browser = await chromium.launch({ executablePath, args });
    try {
      const page = await browser.newPage({ viewport: { width: 800, height: 900 } });
      await page.goto(`${url}?epochs=3`);
      await page.waitForSelector("body[data-accuracy], body[data-failed]", { timeout: 100_000 });
      const status = await page.locator("#status").textContent();
      expect(await page.locator("body").getAttribute("data-failed"), status ?? "").toBeNull();
      expect(Number(await page.locator("body").getAttribute("data-accuracy"))).toBeGreaterThan(
        0.93,
      );
      expect(await page.locator("figure").count()).toBe(40);
      const screenshot = process.env.SCREENSHOT;
      if (screenshot !== undefined) await page.screenshot({ path: screenshot });
    } finally {
      await browser.close();
      server.close();
    }
  });
});
