import { Box, Env } from "athanor/rl";
import type { Reset, ResetOptions, Step } from "athanor/rl";

/** The twin of the environment in tools/fixtures/rl_vector.py. */
export class Walk extends Env<Float32Array, Float32Array> {
  readonly observationSpace = new Box(-Infinity, Infinity, { shape: [2] });
  readonly actionSpace = new Box(-1, 1);
  isClosed = false;
  #x = 0;
  #count = 0;

  override reset(options?: ResetOptions): Reset<Float32Array> {
    this.begin(options);
    this.#x = this.random.uniform(-1, 1);
    this.#count = 0;
    return { observation: this.#observe(), info: { start: this.#x, nested: { first: true } } };
  }

  override step(action: Float32Array): Step<Float32Array> {
    this.#x += 0.1 * action[0] + this.random.uniform(-0.3, 0.3);
    this.#count++;
    const x = this.#x;
    const isEven = this.#count % 2 === 0;
    return {
      observation: this.#observe(),
      reward: x,
      terminated: Math.abs(x) > 1.2,
      truncated: this.#count >= 7,
      info: isEven ? { pair: Float64Array.of(x, -x), name: "walk" } : {},
    };
  }

  override close(): void {
    this.isClosed = true;
  }

  /** For tests of calls by name. */
  double(value: number): number {
    return 2 * value;
  }

  #observe(): Float32Array {
    return Float32Array.of(this.#x, this.#count);
  }
}

/** The actions of the fixtures: [count] numbers a step. */
export function* actionStream(count: number): Generator<Float32Array, never> {
  let s = 7;
  for (;;) {
    yield Float32Array.from({ length: count }, () => {
      s = (Math.imul(1664525, s) + 1013904223) >>> 0;
      return s / 2 ** 31 - 1;
    });
  }
}

/** All numbers, texts and nulls of a structure of arrays, in order. */
export function flat(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Array.from(value as Float64Array);
  if (Array.isArray(value)) return value.flatMap((part) => flat(part));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, flat(part)]));
  }
  return typeof value === "boolean" ? Number(value) : value;
}
