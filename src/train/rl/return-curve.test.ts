import { describe, expect, it } from "vitest";
import type { ProgressStream } from "../progress-bar.ts";
import type { Training } from "./callback.ts";
import { ProgressCallback } from "./callbacks/progress-callback.ts";
import { returnCurve } from "./return-curve.ts";

describe("returnCurve", () => {
  it("draws lines of dots between range and steps", () => {
    const points = [
      [0, 0],
      [50, 100],
      [100, 0],
    ] as const;
    const size = { columns: 13, rows: 3, totalSteps: 100, goal: 100 };
    expect(returnCurve(points, size)).toEqual([
      "100 ⠁⠀⢁⠔⠣⡀⠁⠀",
      "    ⠀⢠⠊⠀⠀⠑⡄⠀",
      "  0 ⡰⠁⠀⠀⠀⠀⠈⢆",
      "    0    100",
    ]);
  });

  it("draws a level where all returns are one", () => {
    const size = { columns: 12, rows: 1, totalSteps: 10 };
    const [line] = returnCurve([[1, 5] as const, [10, 5] as const], size);
    expect(line).toMatch(/^5 [⠀-⣿]+$/);
  });
});

describe("ProgressCallback", () => {
  function show(stream: Partial<ProgressStream>): string {
    let text = "";
    const write = (part: string): void => void (text += part);
    let time = 0;
    const now = (): number => (time += 500);
    const callback = new ProgressCallback({ stream: { ...stream, write }, now });
    const training = { totalSteps: 40, rollout: { meanReturn: 1 } };
    const at = (steps: number) => ({ ...training, steps }) as unknown as Training;
    callback.onTrainingStart(at(0));
    for (const steps of [10, 20, 30, 40]) {
      const facts = { index: 0, length: 10, terminated: true, success: null, discountedReturn: 0 };
      callback.onEpisodeEnd(at(steps), { ...facts, return: steps });
      callback.onStep(at(steps));
    }
    callback.onTrainingEnd(at(40));
    callback.close();
    return text;
  }

  it("draws a curve above a bar on a terminal, over itself", () => {
    const text = show({ isTTY: true, columns: 60 });
    expect(text).toContain("\u001B[9A\u001B[J");
    const [last] = text.split("\u001B[J").slice(-1);
    expect(last.split("\n")[0]).toMatch(/40 [⠀-⣿]{10,}$/);
    expect(last).toMatch(/training █+ 100 % {2}40\/40/);
  });

  it("prints lines elsewhere", () => {
    expect(show({})).toMatch(/^training {3}25 % {2}10\/40 .* return 1\n/);
    expect(show({})).not.toMatch(/[⠀-⣿]/);
    expect(show({})).not.toContain("\u001B");
  });
});
