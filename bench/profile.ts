/** Prints where the time of the training steps goes: `npm run bench:profile -- [mlp|cnn|gpt …]`. */
import { profile } from "athanor";
import { grad, init, jit } from "athanor";
import type { Tensor } from "athanor";
import { cnnSetup, gptSetup, mlpSetup } from "./athanor/training.ts";

const setups = { mlp: mlpSetup, cnn: cnnSetup, gpt: gptSetup };
const warmUpRuns = 30;
const shownKernels = 25;
type Name = keyof typeof setups;

const isName = (text: string): text is Name => text in setups;

/** Profiles a step several times and prints the fastest profile. */
async function show(name: Name): Promise<void> {
  const { inputs, loss, optimizer } = setups[name]();
  const step = jit((...given: Tensor[]) => {
    const value = loss(...given);
    optimizer.step(grad(value, optimizer.parameters));
    return value;
  });
  for (let i = 0; i < warmUpRuns; i++) step(...inputs).dispose();
  let walls = Infinity;
  let best = await profile(() => step(...inputs));
  for (let i = 0; i < warmUpRuns; i++) {
    const start = performance.now();
    step(...inputs).dispose();
    walls = Math.min(walls, performance.now() - start);
    const next = await profile(() => step(...inputs));
    if (next.milliseconds < best.milliseconds) best = next;
  }
  const lines = String(best).split("\n");
  const hidden = lines.length - 2 - shownKernels;
  const shown = hidden > 0 ? [...lines.slice(0, shownKernels + 1), `… ${hidden} more`] : lines;
  console.log(`\n${name}: best step ${walls.toFixed(3)} ms`);
  console.log(shown.join("\n"));
  if (hidden > 0) console.log(lines.at(-1));
}

const threads = Number(process.env["ATHANOR_THREADS"] ?? 0);
await init(threads > 0 ? { threads } : {});
const names = process.argv.slice(2);
for (const name of names.length > 0 ? names : Object.keys(setups)) {
  if (isName(name)) await show(name);
  else console.error(`profile: a step is one of ${Object.keys(setups).join(", ")}, got ${name}`);
}
