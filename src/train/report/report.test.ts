import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { ConfusionMatrix } from "../metrics.ts";
import { makeAxis, tickLabel } from "./axis.ts";
import { confusionTable } from "./confusion-table.ts";
import { imageGrid } from "./image-grid.ts";
import { lineChart, lineChartFile, smooth } from "./line-chart.ts";
import { markup } from "./markup.ts";
import { encodePng } from "../../data/node/png.ts";
import { charts, writeReport } from "./report.ts";

describe("markup", () => {
  it("escapes texts and numbers but not markup", () => {
    const inner = markup`<b>${`<&>"'`}</b>`;
    expect(inner.html).toBe("<b>&lt;&amp;&gt;&quot;&#39;</b>");
    expect(markup`<p>${[inner, inner]}${1}</p>`.html).toBe(`<p>${inner.html}${inner.html}1</p>`);
    expect(markup`<p title="${"\\"}">\n</p>`.html).toBe('<p title="\\">\n</p>');
  });
});

describe("encodePng", () => {
  it("stores the rows unfiltered behind a correct header", () => {
    const data = Uint8Array.from({ length: 18 }, (_, i) => i * 14);
    const png = Buffer.from(encodePng({ width: 3, height: 2, channels: 3, data }));
    expect(png.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
    expect(png.toString("latin1", 12, 16)).toBe("IHDR");
    expect([png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25]]).toEqual([3, 2, 8, 2]);
    expect(png.readUInt32BE(29)).toBe(0x12_16_f1_4d); // known CRC of IHDR 3×2, 8-bit RGB
    const size = png.readUInt32BE(33);
    const rows = inflateSync(png.subarray(41, 41 + size));
    expect([...rows]).toEqual([0, ...data.subarray(0, 9), 0, ...data.subarray(9)]);
    expect(png.subarray(-12).toString("hex")).toBe("0000000049454e44ae426082");
  });

  it("refuses data of another size", () => {
    const data = new Uint8Array(5);
    expect(() => encodePng({ width: 2, height: 2, channels: 1, data })).toThrow("got 5");
  });
});

describe("makeAxis", () => {
  const ticks = (values: number[], log = false, tight = false): readonly number[] =>
    makeAxis(values, { from: 0, to: 100, log, tight, labels: 5 }).ticks;

  it("puts labels at round numbers", () => {
    expect(ticks([0.03, 0.97])).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks([1, 1064], false, true)).toEqual([500, 1000]);
    expect(ticks([0.96, 0.99])).toEqual([0.96, 0.97, 0.98, 0.99]);
    expect(ticks([0.002, 3], true)).toEqual([0.01, 0.1, 1]);
    expect(ticks([1e-9, 1e3], true)).toEqual([1e-9, 1e-6, 1e-3, 1, 1e3]);
    expect(ticks([0.2, 0.9], true)).toEqual([0.2, 0.5]);
  });

  it("copes with one value, none, and those a scale cannot show", () => {
    const one = makeAxis([7], { from: 0, to: 100 });
    expect(one.position(7)).toBeCloseTo(50, 0);
    expect(ticks([])).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks([NaN, Infinity, 0, -1, 0.1, 1], true)).toEqual([0.1, 0.2, 0.5, 1]);
    expect(makeAxis([0, 10], { from: 100, to: 0 }).position(2.5)).toBe(75);
  });

  it("labels briefly", () => {
    expect([0, 0.5, 1200, 25_000, 3e6, 1e-5].map(tickLabel)).toEqual([
      "0",
      "0.5",
      "1200",
      "25k",
      "3e6",
      "1e-5",
    ]);
  });
});

describe("lineChart", () => {
  it("smooths without a bias at the start and skips what is not finite", () => {
    expect(smooth([4, 4, NaN, 4], 0.9)).toEqual([expect.closeTo(4), expect.closeTo(4), NaN, 4]);
    expect(smooth([1, 3], 0.5)[1]).toBeCloseTo((0.25 * 1 + 0.5 * 3) / 0.75);
    expect(smooth([1, 2, 3], 0)).toEqual([1, 2, 3]);
  });

  it("draws scattered points without a line, and no last value that would mean nothing", () => {
    const points: [number, number][] = [
      [2, 1],
      [1, 3],
      [3, 2],
    ];
    const series = [{ name: "found", points, dots: true, line: false }];
    const { html } = lineChart({ title: "Rewards", series, xLabel: "true" });
    expect(html.match(/<circle/g)).toHaveLength(3);
    expect(html).not.toContain("<path");
    expect(html).toContain(">found</text>");
  });

  it("draws curves with gaps, a legend and labels", () => {
    const { html } = lineChart({
      title: "Loss <1>",
      series: [
        {
          name: "train",
          points: [
            [0, 1],
            [1, NaN],
            [2, 3],
            [3, 2],
          ],
        },
      ],
      xLabel: "step",
      width: 200,
      height: 150,
    });
    expect(html).toContain("<figcaption>Loss &lt;1&gt;</figcaption>");
    expect(html).toContain(">train 2</text>");
    expect(html.match(/class="series series-0" d="([^"]*)"/)?.[1]).toBe(
      "M54.0 110.0M142.0 34.0L186.0 72.0",
    );
  });

  it("keeps long curves short, with their peaks", () => {
    const points = Array.from({ length: 100_000 }, (_, i) => [i, i === 54_321 ? 9 : 1] as const);
    const { html } = lineChart({ title: "", series: [{ name: "", points }], xLabel: "" });
    expect(html.length).toBeLessThan(20_000);
    const high = lineChart({
      title: "",
      series: [
        {
          name: "",
          points: [
            [0, 1],
            [1, 9],
          ],
        },
      ],
      xLabel: "",
    });
    const top = high.html.match(/L[\d.]+ ([\d.]+)"/)?.[1];
    expect(html).toContain(` ${top}`);
  });
});

describe("lineChart with bands and marks", () => {
  const series = [
    {
      name: "median",
      points: [
        [0, 1],
        [1, 2],
      ],
      band: [
        [0, 0, 2],
        [1, 1, 4],
      ],
      colour: 3,
    },
  ] as const;

  it("tints the area between low and high, which the axis shows too", () => {
    const { html } = lineChart({ title: "", series, xLabel: "", width: 200, height: 150 });
    const band = html.match(/class="band band-3" d="([^"]*)"/)?.[1];
    expect(band).toBe("M54.0 110.0L186.0 91.0L186.0 34.0L54.0 72.0Z");
    expect(html).toContain('class="series series-3"');
  });

  it("keeps the texts of marks apart and breaks a long legend", () => {
    const marks = [
      { y: 4, label: "goal" },
      { y: 3.99, label: "peer" },
    ];
    const { html } = lineChart({ title: "", series, xLabel: "", marks });
    const texts = [...html.matchAll(/y="([\d.]+)">(goal|peer)</g)];
    expect(Number(texts[1][1]) - Number(texts[0][1])).toBeGreaterThanOrEqual(12);
    expect(html.match(/class="level"/g)).toHaveLength(2);
    const names = ["a", "b", "c"].map((name) => ({ name: name.repeat(40), points: [] }));
    const wide = lineChart({ title: "", series: names, xLabel: "" });
    expect(wide.html).toContain(`y="38">${"c".repeat(40)}`);
  });

  it("makes files that need no page around them", () => {
    const file = lineChartFile({ title: "Return <1>", series, xLabel: "s", logX: true });
    expect(file).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 -26 680 326"/);
    expect(file).toContain(">Return &lt;1&gt;</text>");
    expect(file).toContain("prefers-color-scheme: dark");
    expect(file).toContain(">s (logarithmic)</text>");
  });
});

describe("writeReport", () => {
  it("writes one page that refers to nothing outside", async () => {
    const folder = mkdtempSync(join(tmpdir(), "athanor-report-"));
    try {
      const matrix = new ConfusionMatrix(2);
      matrix.add([0, 0, 1], [0, 1, 1]);
      const picture = { width: 1, height: 1, channels: 1, data: Uint8Array.of(7) } as const;
      const chart = lineChart({ title: "c", series: [], xLabel: "x" });
      await writeReport(join(folder, "report.html"), {
        title: "A & B",
        summary: [["accuracy", "66.7 %"]],
        sections: [
          { heading: "Charts", content: charts(chart) },
          { heading: "Confusion", note: "rows", content: confusionTable(matrix, ["a", "b"]) },
          { heading: "Images", content: imageGrid([{ picture, caption: "7", note: "sure" }]) },
        ],
      });
      const html = readFileSync(join(folder, "report.html"), "utf8");
      expect(html).toContain("<title>A &amp; B</title>");
      expect(html).toContain('title="true 0, predicted 1: 1">1</td>');
      expect(html).toContain('src="data:image/png;base64,');
      expect(html).not.toMatch(/(src|href)="(?!data:)|url\(|@import|<script/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
