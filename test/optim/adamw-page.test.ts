import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

// The claims docs/adamw.md makes about its picture, checked against the numbers it was drawn from.

interface Study {
  readonly name: string;
  readonly rates: readonly number[];
  readonly decays: readonly number[];
  /** Test error in percent, [rate][decay]. */
  readonly errors: readonly (readonly number[])[];
}

const path = new URL("../../docs/images/adamw-heatmap.json", import.meta.url);
const { results } = JSON.parse(readFileSync(path, "utf8")) as { results: readonly Study[] };
const [adam, paper, torch] = results;

const best = ({ decays, errors }: Study): number[] =>
  errors.map((line) => decays[line.indexOf(Math.min(...line))]);

/** Slope of log(best λ) over log(rate): 0 is upright, -1 a diagonal along which lr · λ is constant. */
function slope(study: Study, rows: (rate: number) => boolean): number {
  const bests = best(study);
  const points = study.rates
    .map((rate, i) => [Math.log(rate), Math.log(bests[i])] as const)
    .filter((_, i) => rows(study.rates[i]));
  const mean = (k: 0 | 1): number => points.reduce((sum, p) => sum + p[k], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return over / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
}

const all = (): boolean => true;

describe("the map of learning rate and decay", () => {
  it("is a diagonal for Adam with the decay in the gradient", () => {
    expect(slope(adam, (rate) => rate > 5e-4 && rate < 0.02)).toBeLessThan(-1.5);
  });

  it("is upright for AdamW as in the paper", () => {
    expect(Math.abs(slope(paper, all))).toBeLessThan(0.35);
    const bests = best(paper);
    expect(Math.max(...bests) / Math.min(...bests)).toBeLessThan(6);
    for (const [i, line] of paper.errors.entries()) {
      const least = Math.min(...line);
      expect(line[4] - least).toBeLessThan(2.2);
      expect(line[3] - least).toBeLessThan(paper.rates[i] > 5e-4 ? 0.75 : 5);
      expect(Math.min(...line.slice(6)) - least).toBeGreaterThan(4);
    }
  });

  it("keeps the product for AdamW as in PyTorch", () => {
    expect(slope(torch, all)).toBeLessThan(-1);
    const products = best(torch).map((decay, i) => decay * torch.rates[i]);
    expect(Math.max(...products)).toBeLessThan(0.033);
    expect(Math.min(...products)).toBeGreaterThan(0.004);
  });
});
