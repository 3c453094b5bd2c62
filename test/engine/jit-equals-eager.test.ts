import fc from "fast-check";
import { expect, it } from "vitest";
import type { Tensor } from "athanor";
import { grad, jit, memoryStats, scope, setJit, tensor } from "athanor";

/** One instruction over a pool of tensors that starts with 2 arguments and 3 states. */
type Instruction =
  | {
      readonly kind: "add" | "mulTanh" | "detach" | "clone";
      readonly a: number;
      readonly b: number;
    }
  | { readonly kind: "grad"; readonly a: number; readonly b: number }
  | { readonly kind: "assign"; readonly a: number; readonly b: number };

/** What happens between calls to tensors the jitted function also sees. */
interface Interlude {
  readonly kind: "hold" | "pending" | "assign" | "read" | "same";
  readonly state: number;
}

const index = fc.nat({ max: 30 });
const instruction: fc.Arbitrary<Instruction> = fc.record({
  kind: fc.constantFrom("add", "mulTanh", "detach", "clone", "grad", "assign", "assign"),
  a: index,
  b: index,
});
const interlude: fc.Arbitrary<Interlude> = fc.record({
  kind: fc.constantFrom("hold", "pending", "assign", "read", "same"),
  state: fc.nat({ max: 2 }),
});

function run(program: readonly Instruction[], returned: readonly number[]) {
  return (states: readonly Tensor[], args: readonly Tensor[]): Tensor[] => {
    const pool = [...args, ...states];
    const at = (i: number): Tensor => pool[i % pool.length];
    for (const { kind, a, b } of program) {
      if (kind === "add") pool.push(at(a).add(at(b)));
      else if (kind === "mulTanh") pool.push(at(a).mul(at(b)).tanh());
      else if (kind === "detach") pool.push(at(a).detach());
      else if (kind === "clone") pool.push(at(a).clone());
      else if (kind === "assign") pool[a % 5].assign(at(b));
      else pool.push(...grad(at(a).square().sum(), [at(b)], { allowUnused: true }));
    }
    return returned.map(at);
  };
}

async function play(
  program: readonly Instruction[],
  returned: readonly number[],
  interludes: readonly Interlude[],
  isCompiled: boolean,
): Promise<unknown> {
  const before = setJit(isCompiled);
  try {
    return await scope(async () => {
      const states = [0, 1, 2].map((i) => tensor([0.1 * i, 0.5, -0.3], { requiresGrad: i < 2 }));
      const body = run(program, returned);
      const f = jit((x: Tensor, y: Tensor) => body(states, [x, y]));
      const held: Tensor[] = [];
      const log: unknown[] = [];
      for (const { kind, state } of interludes) {
        const arg = kind === "same" ? states[state] : tensor([0.2, -0.4, 0.7]);
        const results = f(arg, tensor([1, 0.25, -0.5]));
        log.push(await Promise.all([...results, arg].map((result) => result.tolist())));
        if (kind === "hold") held.push(states[state].detach());
        if (kind === "pending") held.push(states[state].mul(3));
        if (kind === "assign") states[state].assign(states[state].mul(0.5));
        if (kind === "read") await states[state].data();
      }
      log.push(await Promise.all([...states, ...held].map((result) => result.tolist())));
      f.dispose();
      for (const state of states) state.dispose();
      return log;
    });
  } finally {
    setJit(before);
  }
}

it("gives what the function gives un-jitted, whatever is assigned, held or returned", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(instruction, { maxLength: 10 }),
      fc.array(index, { maxLength: 4 }),
      fc.array(interlude, { minLength: 1, maxLength: 4 }),
      async (program, returned, interludes) => {
        const { liveBytes } = memoryStats();
        const compiled = await play(program, returned, interludes, true);
        expect(compiled).toEqual(await play(program, returned, interludes, false));
        expect(memoryStats().liveBytes).toBe(liveBytes);
      },
    ),
    { numRuns: 300, seed: 20260730 },
  );
});
