import { Pendulum, loadMujoco, make } from "athanor/rl";
import type { Frame } from "athanor/rl";

/** What the program saw, as plain numbers. */
export interface Physics {
  readonly cheetah: number[];
  readonly pendulum: number[];
  /** The mean of a drawn frame. */
  readonly light: number;
}

/** Some steps of physics; in a page `wasm` is the address of MuJoCo's module. */
export async function simulate(wasm?: string): Promise<Physics> {
  if (wasm !== undefined) await loadMujoco({ locateFile: () => wasm });
  const options = { renderMode: "rgb_array", width: 64, height: 64 } as const;
  const cheetah = await make<Float64Array, Float32Array>("HalfCheetah-v5", options);
  const seen = [...cheetah.reset({ seed: 42 }).observation];
  for (let step = 0; step < 30; step++) {
    const action = Float32Array.from({ length: 6 }, (_, i) => ((step * 5 + i * 3) % 7) / 3.5 - 1);
    seen.push(...cheetah.step(action).observation);
  }
  const { data } = cheetah.render() as Frame;
  cheetah.close();
  const pendulum = new Pendulum();
  pendulum.reset({ seed: 42 });
  const { observation } = pendulum.step(Float32Array.of(1.5));
  const light = data.reduce((sum, part) => sum + part, 0) / data.length;
  return { cheetah: seen, pendulum: [...observation], light };
}
