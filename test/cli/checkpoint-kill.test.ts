import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { HostRandom } from "../../src/base/host-random.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { CheckpointFolder } from "../../src/train/checkpoint-folder.ts";
import { execute, root } from "../package/consumer.ts";

/** Saves checkpoints of 8 MB as fast as it can: all values of a tensor are its step. */
const writer = `
  import { Tensor } from ${JSON.stringify(join(root, "dist/tensor/tensor.js"))};
  import { CheckpointFolder } from ${JSON.stringify(join(root, "dist/train/checkpoint-folder.js"))};
  const checkpoints = new CheckpointFolder(process.argv[1]);
  const before = (await checkpoints.latest())?.step ?? 0;
  for (let step = before + 1; ; step++) {
    const weights = Tensor.from(new Float32Array(2_000_000).fill(step));
    await checkpoints.save(step, { step, weights });
    if (step === before + 1) process.stdout.write("saving");
    weights.dispose();
  }`;

let folder: string;
beforeAll(() => {
  execute(process.execPath, ["tools/build.mjs"], root);
  folder = mkdtempSync(join(tmpdir(), "athanor-kill-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Kills a writer some time after its first checkpoint. */
function writeAndKill(afterMs: number): Promise<void> {
  const args = ["--input-type=module", "--eval", writer, folder];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.once("data", () => setTimeout(() => child.kill("SIGKILL"), afterMs));
  return new Promise((resolve) => {
    child.on("close", () => resolve());
  });
}

it("leaves whole checkpoints only, whenever the process is killed", async () => {
  const random = new HostRandom(1);
  let last = 0;
  for (let round = 0; round < 8; round++) {
    await writeAndKill(random.integer(60));
    const checkpoints = new CheckpointFolder(folder);
    const saved = await checkpoints.list();
    expect(saved.length).toBeGreaterThan(0);
    expect(saved.length).toBeLessThanOrEqual(3); // a kill may come before the oldest is removed
    const state = await checkpoints.load<{ step: number; weights: Tensor }>();
    expect(state.step).toBe(saved.at(-1)?.step);
    expect(state.step).toBeGreaterThan(last);
    const values = await state.weights.data();
    expect(values.every((value) => value === state.step)).toBe(true);
    state.weights.dispose();
    last = state.step;
  }
  // At most the files of the last killed writer are left beside the checkpoints.
  expect(readdirSync(folder).filter((name) => name.endsWith(".tmp")).length).toBeLessThanOrEqual(1);
}, 60_000);
