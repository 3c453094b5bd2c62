import { Tensor, defaultDevice } from "athanor";
import { describe, expect, it } from "vitest";
import { cuda } from "../../src/backends/cuda/entry.ts";
import { deviceNames, resolveDevice } from "../../src/engine/devices.ts";
import { cuda as absent } from "../../src/engine/no-cuda.ts";

const hasCard = (): boolean => (cuda?.count() ?? 0) > 0;

describe("devices", () => {
  it("knows cards by their numbers", () => {
    expect(deviceNames()).toContain("cuda");
    expect(resolveDevice("cuda:0")).toBe("cuda");
    expect(deviceNames()).not.toContain("cuda:3");
    expect(resolveDevice("cuda:3")).toBe("cuda:3");
    expect(() => resolveDevice("cuda:x")).toThrow('got "cuda:x"');
    expect(() => resolveDevice("cuda3")).toThrow(/one of .*cuda.* or auto/);
  });

  it("takes a card as the best device only where there is one", () => {
    expect(resolveDevice("auto")).toBe(hasCard() ? "cuda" : "wasm");
    expect(defaultDevice()).toBe(process.env["ATHANOR_DEVICE"]);
  });

  it("says what a machine without a card lacks, and goes on", ({ skip }) => {
    const isEmulated = process.env["ATHANOR_CUDA_EMULATOR"] === "1";
    skip(hasCard() || isEmulated, "this machine has a card");
    expect(() => Tensor.from(Float32Array.of(1), [1], { device: "cuda" })).toThrow(
      /libcuda\.so\.1|no CUDA card/,
    );
    expect(Tensor.from(Float32Array.of(1), [1]).device).toBe(process.env["ATHANOR_DEVICE"]);
  });

  it("is without cards in pages", () => {
    expect(absent).toBeNull();
  });
});
