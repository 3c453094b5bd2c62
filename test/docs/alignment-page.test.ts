import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

// The claims docs/alignment.md makes, checked against the numbers its picture was drawn from.

interface Results {
  readonly families: readonly {
    readonly name: string;
    readonly kl: number;
    readonly relative: number;
    readonly worst: number;
  }[];
  readonly shares: Readonly<Record<"ppo" | "rloo" | "grpo", number>>;
  readonly rewardModel: { readonly accuracy: number; readonly bayes: number; readonly ece: number };
}

const docs = new URL("../../docs/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, docs), "utf8");
const results = JSON.parse(read("images/exact-alignment.json")) as Results;
const page = read("alignment.md");
const { families, shares, rewardModel } = results;
const [exact, drawn, robust, noisy, smoothed, ipo] = families;

describe("docs/alignment.md", () => {
  it("says what DPO and its relatives reached", () => {
    for (const { kl } of [exact, robust, ipo]) expect(Math.abs(kl)).toBeLessThan(1e-3);
    expect(exact.worst).toBeLessThan(0.01);
    expect(page).toContain(`off by ${(100 * exact.relative).toFixed(2)} %`);
    expect(page).toContain(`(the worst ${(100 * exact.worst).toFixed(1)} %)`);
    expect(page).toContain(`= ${drawn.kl.toFixed(3)}: what is left`);
    expect(page).toContain(`= ${noisy.kl.toFixed(2)}: its rewards are too small`);
    expect(smoothed.kl).toBeCloseTo(noisy.kl, 4);
  });

  it("says how near the others came", () => {
    expect(shares.ppo).toBeGreaterThan(0.99);
    expect(page).toContain(`${(100 * shares.ppo).toFixed(1)} % of the best objective`);
    const [rloo, grpo] = [shares.rloo, shares.grpo].map((share) => (100 * share).toFixed(1));
    expect(page).toContain(`${rloo} %, ${grpo} %`);
    const { accuracy, bayes, ece } = rewardModel;
    expect(bayes - accuracy).toBeLessThan(0.02);
    const [got, best] = [accuracy, bayes].map((share) => (100 * share).toFixed(1));
    expect(page).toContain(`pairs ${got} %; the best there is: ${best} %; ECE ${ece.toFixed(3)}`);
  });
});
