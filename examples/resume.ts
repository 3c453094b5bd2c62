// A training loop that is stopped half-way and goes on from its checkpoint, bit for bit.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { grad, jit, nn, optim, random } from "athanor";
import type { Tensor } from "athanor";
import { loadCheckpoint, saveCheckpoint } from "athanor/train";

const totalSteps = 40;

/** What a run needs to go on. */
interface Saved {
  readonly model: Record<string, Tensor>;
  readonly optimizer: ReturnType<optim.AdamW["stateDict"]>;
  readonly schedule: ReturnType<optim.Scheduler["stateDict"]>;
  readonly random: readonly number[];
}

/** Trains from a checkpoint, or from the start, up to a step; returns the last loss. */
async function train(upTo: number, options: { from?: string; to?: string }): Promise<number> {
  random.manualSeed(3);
  const model = new nn.Sequential(
    new nn.Linear(1, 32),
    new nn.Tanh(),
    new nn.Dropout(0.1),
    new nn.Linear(32, 1),
  );
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.02 });
  const schedule = optim.warmupCosine(optimizer, { warmupSteps: 5, totalSteps });
  const loss = new nn.HuberLoss();

  if (options.from !== undefined) {
    const saved = await loadCheckpoint<Saved>(options.from);
    model.loadStateDict(saved.model);
    optimizer.loadStateDict(saved.optimizer);
    schedule.loadStateDict(saved.schedule);
    random.defaultGenerator().setState(saved.random);
    console.log(`resumed at step ${schedule.lastEpoch}`);
  }

  const step = jit(() => {
    const x = random.uniform([64, 1], { low: -3, high: 3 });
    const error = loss.forward(model.forward(x), x.sin());
    optimizer.step(grad(error, optimizer.parameters));
    return error;
  });
  let last = Number.NaN;
  while (schedule.lastEpoch < upTo) {
    last = await step().item();
    schedule.step();
    if (schedule.lastEpoch % 10 === 0) console.log(`step ${schedule.lastEpoch}: loss ${last}`);
  }

  if (options.to !== undefined) {
    await saveCheckpoint(options.to, {
      model: model.stateDict(),
      optimizer: optimizer.stateDict(),
      schedule: schedule.stateDict(),
      random: [...(await random.defaultGenerator().getState())],
    });
  }
  return last;
}

const folder = await mkdtemp(join(tmpdir(), "athanor-"));
try {
  const path = join(folder, "half.safetensors");
  const whole = await train(totalSteps, {});
  await train(totalSteps / 2, { to: path });
  const resumed = await train(totalSteps, { from: path });
  console.log(whole === resumed ? "the same loss, bit for bit" : `${whole} is not ${resumed}`);
} finally {
  await rm(folder, { recursive: true });
}
