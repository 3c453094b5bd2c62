import { describe, expect, it } from "vitest";
import { heatMaps } from "./heat-map.ts";

const map = {
  title: "a < b",
  rows: ["low", "high"],
  columns: ["x", "y", "z"],
  values: [
    [1, 10, 100],
    [1000, 5, Number.NaN],
  ],
  xLabel: "across",
  yLabel: "up",
};

describe("heatMaps", () => {
  it("draws a cell for each finite value, first row lowest, colours clipped", () => {
    const { html } = heatMaps([map], { domain: [1, 100] });
    expect(html).toContain("a &lt; b");
    const cells = [...html.matchAll(/<rect x="(\d+)" y="(\d+)"[^>]*fill="rgb\(([^)]*)\)"/g)];
    const [one, ten, hundred, thousand, five] = cells.map(([, x, y, fill]) => ({ x, y, fill }));
    expect(cells).toHaveLength(5);
    expect(Number(one.y)).toBeGreaterThan(Number(thousand.y));
    expect(Number(ten.x)).toBe(Number(five.x));
    expect(thousand.fill).toBe(hundred.fill);
    expect(one.fill).not.toBe(ten.fill);
  });

  it("rings the best of each row", () => {
    const { html } = heatMaps([map], { domain: [1, 100], markRows: true });
    const rings = [...html.matchAll(/<rect x="(\d+)"[^>]*fill="none"/g)].map(([, x]) => Number(x));
    expect(rings).toEqual([63, 101]);
  });

  it("refuses values that do not fit the labels", () => {
    const bad = { ...map, values: [[1, 2, 3]] };
    expect(() => heatMaps([bad], { domain: [1, 2] })).toThrow(
      'heatMaps: values must be [2, 3] as the labels of "a < b" are',
    );
  });
});
