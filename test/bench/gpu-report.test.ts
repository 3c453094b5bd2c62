import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { GpuResult, Measured } from "../../bench/gpu/measure.ts";
import { reportTable, targetLines } from "../../bench/gpu/report.ts";
import type { GpuReport } from "../../bench/gpu/report.ts";
import { gpuRows } from "../../bench/gpu/rows.ts";
import { gpt2Parameters, gpuSizes } from "../../bench/gpu/sizes.ts";
import { workloads } from "../../bench/gpu/workloads.ts";

function measured(side: Measured["side"], variant: string, median: number): Measured {
  return {
    side,
    variant,
    timing: { median, best: median, samples: 1 },
    check: 1,
    startMilliseconds: 1,
    hostMicroseconds: 20,
    peakBytes: 3e9,
    reservedBytes: 4e9,
  };
}

function reportOf(...results: GpuResult[]): GpuReport {
  return { device: "card", date: "2026-01-01", athanor: "A", pytorch: "P", results };
}

const copy: GpuResult = {
  row: "copy",
  contenders: [measured("athanor", "jit", 1), measured("pytorch", "eager", 0.8)],
  failures: [],
};

describe("bench/gpu", () => {
  it("has a workload for every way of every row, and a peer", () => {
    const ways = gpuRows.flatMap(({ name, athanor }) => athanor.map((way) => `${name}/${way}`));
    expect(Object.keys(workloads).toSorted()).toEqual(ways.toSorted());
    const peers = readFileSync(new URL("../../bench/gpu/peers/rows.py", import.meta.url), "utf8");
    const known = gpuRows.filter(({ name }) => !/^(gpt2|resnet50) /.test(name));
    for (const { name } of known) expect(peers).toContain(`"${name}": `);
  });

  it("counts GPT-2's parameters", () => {
    expect(gpt2Parameters(gpuSizes.gpt2)).toBe(124_475_904);
  });

  it("shows each side's best and shares of the faster copy", () => {
    const softmax: GpuResult = {
      row: "softmax",
      contenders: [
        measured("athanor", "jit", 0.2),
        measured("pytorch", "eager", 0.5),
        measured("pytorch", "compile", 0.3),
      ],
      failures: [],
    };
    const [, , , line] = reportTable(reportOf(copy, softmax)).split("\n");
    const cells = line.split("|").map((cell) => cell.trim());
    // 2^29 bytes in 0.2 ms, and the copy's 2^31 in 0.8 ms.
    expect(cells.slice(2, 7)).toEqual([
      "**0.20**",
      "0.30 (compile)",
      "1.50×",
      "2684 GB/s",
      "100 %",
    ]);
  });

  it("says which targets are met", () => {
    const mlp: GpuResult = {
      row: "mlp step",
      contenders: [
        measured("athanor", "jit", 0.1),
        measured("pytorch", "eager", 1.8),
        measured("pytorch", "graph", 0.14),
      ],
      failures: [],
    };
    expect(targetLines(reportOf(mlp))).toEqual([
      "met    mlp step: PyTorch's best / ours 1.40, wanted 1",
      "met    mlp step: PyTorch eager / ours 18.00, wanted 10",
      "MISSED mlp step: PyTorch's captured graph / ours 1.40, wanted 1.5",
    ]);
  });

  it("shows a row one side failed on", () => {
    const failed: GpuResult = {
      row: "gpt2 B16",
      contenders: [measured("pytorch", "compile", 40)],
      failures: ["athanor autocast: out of memory"],
    };
    expect(reportTable(reportOf(failed))).toMatch(/\| +failed \|/);
  });
});
