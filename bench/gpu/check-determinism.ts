/**
 * Whether the same seed gives the same bits: `node bench/dist/gpu/check-determinism.js
 * [--device cuda]` trains several nets twice in each of two processes and compares a hash of all
 * weights and losses.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Tensor, autocast, grad, init, jit, random } from "athanor";
import * as nn from "athanor/nn";
import * as optim from "athanor/optim";
import { cnnSetup, gptSetup, mlpSetup } from "../athanor/training.ts";
import type { TrainingSetup } from "../athanor/training.ts";
import { classes } from "../inputs.ts";

const { values } = parseArgs({
  options: {
    device: { type: "string", default: "cuda" },
    steps: { type: "string", default: "10" },
    child: { type: "boolean", default: false },
  },
});

/** Ties, dropout and colliding indices: what a careless reduction orders differently each time. */
function mixedSetup(): TrainingSetup {
  const [batch, length, vocab, width] = [32, 64, 50, 128];
  const embedding = new nn.Embedding(vocab, width);
  const body = new nn.Sequential(
    new nn.Linear(width, 4 * width),
    new nn.GELU(),
    new nn.Dropout(0.1),
    new nn.Linear(4 * width, vocab),
  );
  const parameters = [...embedding.parameters(), ...body.parameters()];
  const tokens = (seed: number): Tensor =>
    Tensor.from(classes(batch * length, seed, vocab), [batch, length]);
  return {
    parameters,
    inputs: [tokens(1), tokens(2)],
    loss: (x, y) => {
      const logits = body.forward(embedding.forward(x)).flatten({ endDim: 1 });
      const best = logits
        .sort({ dim: -1 })
        .values.narrow(1, vocab - 4, 4)
        .mean();
      return nn.functional.crossEntropy(logits, y.flatten()).add(best.mul(1e-3));
    },
    optimizer: new optim.AdamW(parameters, { lr: 1e-3 }),
  };
}

const setups: Readonly<Record<string, () => TrainingSetup>> = {
  mlp: mlpSetup,
  cnn: cnnSetup,
  gpt: gptSetup,
  mixed: mixedSetup,
};

function bytesOf(tensor: Tensor): Uint8Array {
  const data = tensor.to("f32").dataSync();
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** Hash of the losses and the weights after some steps from one seed. */
function trainedHash(make: () => TrainingSetup, isHalf: boolean, steps: number): string {
  random.manualSeed(7);
  const { parameters, inputs, loss, optimizer } = make();
  const step = jit((...given: Tensor[]) => {
    const value = isHalf ? autocast({ dtype: "bf16" }, () => loss(...given)) : loss(...given);
    optimizer.step(grad(value, optimizer.parameters));
    return value;
  });
  const hash = createHash("sha256");
  for (let i = 0; i < steps; i++) {
    using value = step(...inputs);
    hash.update(bytesOf(value));
  }
  for (const parameter of parameters) hash.update(bytesOf(parameter));
  return hash.digest("hex").slice(0, 16);
}

/** Lines `name hash hash`: both runs of this process. */
async function printHashes(): Promise<void> {
  await init({ device: values.device });
  for (const [name, make] of Object.entries(setups)) {
    for (const isHalf of [false, true]) {
      const hashes = [1, 2].map(() => trainedHash(make, isHalf, Number(values.steps)));
      console.log(`${name} ${isHalf ? "bf16" : "f32"}\t${hashes.join("\t")}`);
    }
  }
}

function childHashes(): Map<string, readonly string[]> {
  const args = [fileURLToPath(import.meta.url), "--child", "--device", values.device];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...args, "--steps", values.steps],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`check-determinism: a run failed\n${stdout}${stderr}`);
  const lines = stdout.trim().split("\n");
  return new Map(
    lines.map((line) => {
      const [name, ...hashes] = line.split("\t");
      return [name, hashes];
    }),
  );
}

function compare(): void {
  const [first, second] = [childHashes(), childHashes()];
  for (const [name, hashes] of first) {
    const all = [...hashes, ...(second.get(name) ?? ["none"])];
    const isSame = all.every((hash) => hash === all[0]);
    console.log(`${isSame ? "ok    " : "FAILED"} ${name}: ${isSame ? all[0] : all.join(" ")}`);
    if (!isSame) process.exitCode = 1;
  }
}

if (values.child) await printHashes();
else compare();
