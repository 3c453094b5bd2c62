import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckpointError } from "../../base/errors.ts";
import { loadMnist } from "./mnist.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-mnist-"));
  mkdirSync(join(folder, "src", "digits"), { recursive: true });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function writeDigits(values: (digit: number) => unknown): void {
  for (let digit = 0; digit < 10; digit++) {
    writeFileSync(join(folder, "src/digits", `${digit}.json`), JSON.stringify(values(digit)));
  }
}

describe("loadMnist", () => {
  it("reads the installed package", async () => {
    const { images, labels } = await loadMnist();
    expect([images.shape, images.dtype]).toEqual([[10_000, 1, 28, 28], "u8"]);
    expect([labels.shape, labels.dtype]).toEqual([[10_000], "i32"]);
    expect([labels.data[0], labels.data[9_999]]).toEqual([0, 9]);
    let ink = 0;
    for (const value of images.data) ink += value;
    expect(ink / images.data.length / 255).toBeCloseTo(0.13, 2); // MNIST's well-known mean
  });

  it("restores bytes from three decimals", async () => {
    const row = Array.from({ length: 784 }, (_, i) => Number(((i % 256) / 255).toFixed(3)));
    writeDigits((digit) => ({ data: digit === 3 ? [...row, ...row] : row }));
    const { images, labels } = await loadMnist({ folder });
    expect([...images.data.subarray(0, 784)]).toEqual(row.map((_, i) => i % 256));
    expect([...labels.data]).toEqual([0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("refuses damaged and missing files", async () => {
    writeDigits((digit) => ({ data: Array.from({ length: digit === 5 ? 783 : 784 }, () => 0) }));
    await expect(loadMnist({ folder })).rejects.toThrow(
      /5\.json must hold whole .* got 783 values/,
    );
    writeDigits(() => []);
    await expect(loadMnist({ folder })).rejects.toThrow("got no data");
    await expect(loadMnist({ folder: join(folder, "none") })).rejects.toThrow(CheckpointError);
  });
});
