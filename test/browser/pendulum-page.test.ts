import { existsSync } from "node:fs";
import type { Page } from "playwright-core";
import { chromium } from "playwright-core";
import { describe, expect, it } from "vitest";
import type { RunLine } from "../../examples/pendulum-in-browser/pendulum-run.ts";
import { PendulumRun } from "../../examples/pendulum-in-browser/pendulum-run.ts";
import { servePendulum } from "../../examples/pendulum-in-browser/server.ts";
import { relativeError } from "../device.ts";

const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const isMissing = !existsSync(executablePath);
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
const choices = { seed: 3, learningStarts: 100 };
const totalSteps = 600;

interface Outcome {
  readonly returns: number[];
  readonly lines: RunLine[];
}

/** Starts a run on the page, and ends it after `until`. */
async function learn(page: Page, until?: () => Promise<void>): Promise<string | null> {
  await page.getByRole("button", { name: "Start" }).click();
  if (until !== undefined) {
    await until();
    await page.getByRole("button", { name: "Stop" }).click();
  }
  await page.waitForSelector("body[data-ended], body[data-failed]", { timeout: 40_000 });
  const status = await page.locator("#status").textContent();
  expect(await page.locator("body").getAttribute("data-failed"), status ?? "").toBeNull();
  return page.locator("body").getAttribute("data-ended");
}

const outcomeOf = async (page: Page): Promise<Outcome> =>
  JSON.parse((await page.locator("body").getAttribute("data-run")) ?? "");

const numbersOf = ({ criticLoss, actorLoss }: RunLine): number[] => [criticLoss, actorLoss];

/** Points of the canvas that are not paper. */
const drawnPoints = (page: Page): Promise<number> =>
  page.locator("#pendulum").evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 0 && value < 220).length;
  });

describe("the example pendulum-in-browser", { timeout: 90_000 }, () => {
  it("learns in a page what it learns in Node, draws it, and can be stopped", async ({ skip }) => {
    skip(isMissing, `no Chromium at ${executablePath}`);
    using expected = await PendulumRun.make(choices);
    await expected.learn({ totalSteps });
    expect(expected.returns).toHaveLength(3);
    const { server, url } = await servePendulum();
    const browser = await chromium.launch({ executablePath, args });
    try {
      const page = await browser.newPage({ viewport: { width: 800, height: 900 } });
      await page.goto(`${url}?steps=${totalSteps}&learningStarts=${choices.learningStarts}`);
      await page.waitForSelector("#start:enabled");
      await page.locator("#seed").fill(String(choices.seed));
      expect(await learn(page)).toBe("finished");
      const actual = await outcomeOf(page);
      expect(actual.lines.map(({ step }) => step)).toEqual([200, 300, 400, 500, 600]);
      expect(actual.lines.flatMap(numbersOf).every(Number.isFinite)).toBe(true);
      // A browser's Math may differ from Node's in last bits, which training makes larger.
      expect(relativeError([actual.returns[0]], [expected.returns[0]])).toBeLessThan(1e-5);
      const first = numbersOf(actual.lines[0]);
      expect(relativeError(first, numbersOf(expected.lines[0]))).toBeLessThan(1e-5);
      expect(await drawnPoints(page)).toBeGreaterThan(2000);
      const points = await page.locator("#curve polyline").getAttribute("points");
      expect(points?.split(" ")).toHaveLength(3);
      const screenshot = process.env.SCREENSHOT;
      if (screenshot !== undefined) await page.screenshot({ path: screenshot });

      await page.goto(`${url}?steps=1000000&learningStarts=100`);
      await page.waitForSelector("#start:enabled");
      const isUnderWay = async (): Promise<void> => {
        await page.waitForFunction(
          'document.querySelector("#status").textContent.startsWith("step ")',
        );
      };
      expect(await learn(page, isUnderWay)).toBe("interrupted");
      await page.getByRole("button", { name: "Start" }).waitFor();
    } finally {
      await browser.close();
      server.close();
    }
  });
});
