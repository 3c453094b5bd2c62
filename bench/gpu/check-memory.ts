/**
 * Two facts about device memory: `node bench/dist/gpu/check-memory.js [--device cuda]`.
 * A thousand training steps leave it flat; and a step that does not fit ends in an
 * OutOfMemoryError with numbers, after which the process goes on with a smaller batch.
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import {
  OutOfMemoryError,
  type Tensor,
  collectGarbage,
  grad,
  init,
  jit,
  memoryStats,
  rand,
  realizeSync,
} from "athanor";
import * as nn from "athanor/nn";
import * as optim from "athanor/optim";
import type { MakeWorkload } from "../workload.ts";
import { workloads } from "./workloads.ts";

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cuda" },
    steps: { type: "string", default: "1000" },
    width: { type: "string", default: "1024" },
    batch: { type: "string", default: "524288" },
  },
});
const mebibyte = 2 ** 20;

/** MiB in use on the card as its driver says, or undefined where nobody tells. */
function cardMebibytes(): number | undefined {
  const args = ["--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i", "0"];
  const { status, stdout } = spawnSync("nvidia-smi", args, { encoding: "utf8" });
  return status === 0 ? Number(stdout.trim()) : undefined;
}

interface Use {
  readonly live: number;
  readonly buffers: number;
  readonly reserved: number;
  readonly card: number | undefined;
}

/** Memory in use once finalizers have run. */
async function use(): Promise<Use> {
  await collectGarbage();
  const { liveBytes, liveBuffers, reservedBytes } = memoryStats();
  return {
    live: liveBytes,
    buffers: liveBuffers,
    reserved: reservedBytes,
    card: cardMebibytes(),
  };
}

function report(name: string, isGood: boolean, text: string): void {
  console.log(`${isGood ? "ok    " : "FAILED"} ${name}: ${text}`);
  if (!isGood) process.exitCode = 1;
}

/** Whether `steps` runs of a workload need no more memory than the first twenty. */
async function checkFlat(name: string, make: MakeWorkload, steps: number): Promise<void> {
  const workload = await make();
  for (let i = 0; i < 20; i++) await workload.run();
  const before = await use();
  for (let i = 0; i < steps; i++) await workload.run();
  const after = await use();
  const isFlat =
    after.live <= before.live &&
    after.buffers <= before.buffers &&
    after.reserved <= before.reserved &&
    (after.card ?? 0) <= (before.card ?? 0);
  const describe = ({ live, buffers, reserved, card }: Use): string =>
    `${live} B in ${buffers} buffers, ${(reserved / mebibyte).toFixed(1)} MiB held` +
    (card === undefined ? "" : `, ${card} MiB on the card`);
  report(
    `${name}, ${steps} steps`,
    isFlat,
    isFlat ? describe(after) : `${describe(before)}, then ${describe(after)}`,
  );
}

/** A training step whose activations grow with the batch. */
function makeStep(width: number): (batch: number) => number {
  const model = new nn.Sequential(
    new nn.Linear(width, width),
    new nn.GELU(),
    new nn.Linear(width, width),
    new nn.GELU(),
    new nn.Linear(width, 1),
  );
  const optimizer = new optim.AdamW(model.parameters());
  realizeSync(...model.parameters());
  const step = jit((x: Tensor) => {
    const loss = model.forward(x).square().mean();
    optimizer.step(grad(loss, optimizer.parameters));
    return loss;
  });
  return (batch) => {
    using x = rand([batch, width]);
    using loss = step(x);
    return loss.itemSync();
  };
}

/** Batches twice as large each time until one does not fit, then the last that did once more. */
async function checkOutOfMemory(width: number, first: number): Promise<void> {
  const step = makeStep(width);
  let fitting = 0;
  let failure: unknown;
  for (let batch = first; failure === undefined && batch < 2 ** 40; batch *= 2) {
    try {
      console.log(`       batch ${batch}: loss ${step(batch).toFixed(4)}`);
      fitting = batch;
    } catch (error) {
      failure = error;
      console.log(`       batch ${batch}: ${String(error)}`);
    }
  }
  const text = failure instanceof OutOfMemoryError ? failure.message : "";
  const isOutOfMemory = text !== "";
  report("too large a step", isOutOfMemory, isOutOfMemory ? "OutOfMemoryError" : "another error");
  report("its numbers", /\d/.test(text), "requested and available bytes");
  report("its tensors", /\[\d+(, ?\d+)*\]/.test(text), "the largest, with their shapes");
  const batch = Math.max(1, Math.min(fitting, first));
  const loss = step(batch);
  report(`batch ${batch} afterwards`, Number.isFinite(loss), `loss ${loss.toFixed(4)}`);
  const { reserved } = await use();
  console.log(`       ${(reserved / mebibyte).toFixed(1)} MiB held at the end`);
}

const { name, features } = await init({ device: values.device });
console.log(`${name}: ${features.join(", ")}`);
for (const row of ["mlp step/jit", "ddpg update/jit", "gpt step/jit"]) {
  await checkFlat(row, workloads[row], Number(values.steps));
}
await checkOutOfMemory(Number(values.width), Number(values.batch));
