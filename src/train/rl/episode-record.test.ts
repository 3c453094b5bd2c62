import { describe, expect, it } from "vitest";
import type { CriticFigures } from "./critic-check.ts";
import { overestimationWarning } from "./critic-check.ts";
import { EpisodeTracker } from "./episode-record.ts";

/** An episode of these rewards. */
function episode(rewards: readonly number[], gamma: number, terminated: boolean, info = {}) {
  const tracker = new EpisodeTracker(3, gamma);
  for (const reward of rewards) tracker.add(reward);
  return tracker.end(terminated, info);
}

describe("EpisodeTracker", () => {
  it("sums rewards, and discounts them from each step on", () => {
    const ended = episode([1, 2, 4], 0.5, true, { isSuccess: true });
    // 1 + 2/2 + 4/4 = 3, 2 + 4/2 = 4, 4.
    const discountedReturn = (3 + 4 + 4) / 3;
    const facts = { index: 3, return: 7, length: 3, terminated: true, success: true };
    expect(ended).toEqual({ ...facts, discountedReturn });
  });

  it("takes rewards after a time limit as those before it", () => {
    // Rewards of 1 for ever are worth 1 / (1 - γ) at every step.
    expect(episode([1, 1, 1], 0.5, false).discountedReturn).toBe(2);
    expect(episode([9, 1, 1], 0.5, false).discountedReturn).toBe((10 + 2 + 2) / 3);
    expect(episode([1, 1], 1, false).discountedReturn).toBeNaN();
    expect(episode([1, 1], 1, true).discountedReturn).toBe(1.5);
  });

  it("believes a wrapper that saw the true rewards, and begins anew after an end", () => {
    const tracker = new EpisodeTracker(0, 0.9);
    tracker.add(0.1);
    expect(tracker.end(true, { episode: { r: 12 } }).return).toBe(12);
    tracker.add(2);
    const other = new EpisodeTracker(0, 0.9);
    other.loadState(tracker.state());
    expect(other.end(true, {})).toMatchObject({ return: 2, length: 1, success: null });
  });
});

describe("overestimationWarning", () => {
  const warn = (changes: Partial<CriticFigures>): string | null => {
    const rewardRange = [0, 1] as const;
    const figures = { algorithm: "ddpg", q: 120, gamma: 0.99, rewardRange, observed: 40.25 };
    return overestimationWarning({ ...figures, ...changes });
  };

  it("comes where the mean Q is above what any policy can get", () => {
    expect(warn({})).toMatch(
      /mean Q 120 exceeds r_max \/ \(1 - gamma\) = 100, .* \(episodes brought 40\.25\)/,
    );
    // Of negative rewards nothing is better than an end.
    expect(warn({ q: 90, rewardRange: [-16, -0.1] })).toMatch(/= 0,/);
  });

  it.each<Partial<CriticFigures>>([
    { q: 104 },
    { q: 70, rewardRange: [-16, -0.1] },
    { algorithm: "sac" },
    { gamma: 1 },
  ])("does not come for %j", (changes) => {
    expect(warn(changes)).toBeNull();
  });
});
