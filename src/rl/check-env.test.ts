import { expect, test } from "vitest";
import { Box } from "./box.ts";
import { checkEnv } from "./check-env.ts";
import { Env } from "./env.ts";
import type { Reset, ResetOptions, Step } from "./env.ts";
import { LqrTracking } from "./envs/lqr-tracking.ts";
import { MountainCarContinuous } from "./envs/mountain-car-continuous.ts";
import type { Frame, RenderMode } from "./frame.ts";
import { loadMujoco } from "./mujoco/mujoco-module.ts";
import { make, registrations } from "./registry.ts";
import type { Space } from "./space.ts";

/** Walks on a line; subclasses have one fault each. */
class Walk extends Env<Float32Array, Float32Array> {
  readonly observationSpace: Space<Float32Array> = new Box(-10, 10, { shape: [2] });
  readonly actionSpace: Space<Float32Array> = new Box(-1, 1);
  protected place = 0;
  protected steps = 0;

  reset(options?: ResetOptions): Reset<Float32Array> {
    this.begin(options);
    this.steps = 0;
    this.place = this.random.uniform(-1, 1);
    return { observation: this.observe(), info: {} };
  }

  step(action: Float32Array): Step<Float32Array> {
    this.steps++;
    this.place += 0.1 * action[0] + 0.01 * this.random.standardNormal();
    const terminated = this.steps >= 20;
    const reward = -(this.place ** 2);
    return { observation: this.observe(), reward, terminated, truncated: false, info: {} };
  }

  protected observe(): Float32Array {
    return Float32Array.of(this.place, this.steps / 2);
  }
}

test("finds nothing in a sound environment", () => {
  expect(checkEnv(new Walk())).toEqual([]);
});

let calls = 0;

const faulty: Record<string, { readonly env: Env; readonly message: string }> = {
  "no action space": {
    env: new (class extends Walk {
      override readonly actionSpace = undefined as unknown as Box;
    })(),
    message: "actionSpace must be a space, got undefined",
  },
  "actions without a choice": {
    env: new (class extends Walk {
      override readonly actionSpace: Box = new Box([-1, 2], [1, 2]);
    })(),
    message: "actionSpace must leave a choice, got the bound 2 twice at element 1",
  },
  "the observation alone from reset": {
    env: new (class extends Walk {
      override reset(): Reset<Float32Array> {
        return this.observe() as unknown as Reset<Float32Array>;
      }
    })(),
    message: "reset must return { observation, info }, got [0, 0]",
  },
  "an observation outside its space": {
    env: new (class extends Walk {
      override readonly observationSpace: Box = new Box(-10, 5, { shape: [2] });
    })(),
    message: "step: the observation must be in [-10, 5] at element 1, got 5.5",
  },
  "an observation of other length": {
    env: new (class extends Walk {
      protected override observe(): Float32Array {
        return Float32Array.of(this.place);
      }
    })(),
    message: "reset: the observation must have 2 elements, got 1",
  },
  "an observation of doubles": {
    env: new (class extends Walk {
      protected override observe(): Float32Array {
        return Float64Array.of(0, 0) as unknown as Float32Array;
      }
    })(),
    message: "must be a Float32Array, got Float64Array",
  },
  "NaN in rewards": {
    env: new (class extends Walk {
      override step(action: Float32Array): Step<Float32Array> {
        return { ...super.step(action), reward: this.steps > 15 ? Number.NaN : 0 };
      }
    })(),
    message: "step: reward must be a finite number, got NaN",
  },
  "NaN in observations": {
    env: new (class extends Walk {
      protected override observe(): Float32Array {
        return Float32Array.of(this.steps > 3 ? Number.NaN : 0, 0);
      }
    })(),
    message: "step: the observation must be in [-10, 10] at element 0, got NaN",
  },
  "a number as terminated": {
    env: new (class extends Walk {
      override step(action: Float32Array): Step<Float32Array> {
        return { ...super.step(action), terminated: 0 as unknown as boolean };
      }
    })(),
    message: "step: terminated must be true or false, got 0",
  },
  "no info": {
    env: new (class extends Walk {
      override step(action: Float32Array): Step<Float32Array> {
        return { ...super.step(action), info: undefined as unknown as Record<string, unknown> };
      }
    })(),
    message: "step: info must be an object, got undefined",
  },
  "random numbers from elsewhere": {
    env: new (class extends Walk {
      protected override observe(): Float32Array {
        // A stand-in for Math.random that no seed reaches.
        return Float32Array.of((calls++ % 1000) / 1000, 0);
      }
    })(),
    message: "reset({ seed: 123 }) twice must give the same observation",
  },
  "a seed that is not used": {
    env: new (class extends Walk {
      override reset(): Reset<Float32Array> {
        this.place = 0;
        this.steps = 0;
        return { observation: this.observe(), info: {} };
      }
    })(),
    message: "reset({ seed }) must seed the generator; begin reset with this.begin(options)",
  },
  "the same start without a seed": {
    env: new (class extends Walk {
      override reset(options?: ResetOptions): Reset<Float32Array> {
        return super.reset({ seed: options?.seed ?? 0 });
      }
    })(),
    message: "reset() without a seed must go on with the generator",
  },
  "state that a reset leaves": {
    env: new (class extends Walk {
      #all = 0;
      override step(action: Float32Array): Step<Float32Array> {
        return { ...super.step(action), reward: this.#all++ };
      }
    })(),
    message: "step must repeat: after the same seed and actions, reward was",
  },
  "info that does not repeat": {
    env: new (class extends Walk {
      #all = 0;
      override step(action: Float32Array): Step<Float32Array> {
        return { ...super.step(action), info: { count: this.#all++ } };
      }
    })(),
    message: "step must repeat: after the same seed and actions, info was",
  },
  "one array for all observations": {
    env: new (class extends Walk {
      readonly #shared = new Float32Array(2);
      protected override observe(): Float32Array {
        this.#shared.set(super.observe());
        return this.#shared;
      }
    })(),
    message: "an observation must not change after it was returned; return a copy",
  },
  "a changed action": {
    env: new (class extends Walk {
      override step(action: Float32Array): Step<Float32Array> {
        action[0] *= 0.5;
        return super.step(action);
      }
    })(),
    message: "step must not change the action it is given",
  },
  "a wrong picture": {
    env: new (class extends Walk {
      override readonly renderModes: readonly RenderMode[] = ["rgb_array"];
      override renderMode: RenderMode | null = "rgb_array";
      override render(): Frame {
        return { width: 4, height: 3, data: new Uint8Array(12) };
      }
    })(),
    message: "with width × height × 3 bytes, got 4 × 3 and 12 bytes",
  },
  "a mode that is not listed": {
    env: new (class extends Walk {
      override renderMode: RenderMode | null = "ansi";
    })(),
    message: "renderModes must include the mode ansi, got none",
  },
  "an exception": {
    env: new (class extends Walk {
      override step(action: Float32Array): Step<Float32Array> {
        if (this.steps === 12) throw new RangeError("no such place");
        return super.step(action);
      }
    })(),
    message: "threw no such place",
  },
  "closing once only": {
    env: new (class extends Walk {
      #isClosed = false;
      override close(): void {
        if (this.#isClosed) throw new Error("already closed");
        this.#isClosed = true;
      }
    })(),
    message: "threw already closed",
  },
};

test.each(Object.keys(faulty))("finds %s", (name) => {
  const { env, message } = faulty[name];
  expect(() => checkEnv(env)).toThrow(message);
});

test("lists several faults at once", () => {
  const env = new (class extends Walk {
    #all = 0;
    override step(action: Float32Array): Step<Float32Array> {
      action[0] = 0;
      return { ...super.step(action), reward: this.#all++ };
    }
  })();
  expect(() => checkEnv(env)).toThrow(/has faults:\n- step must repeat.*\n- step must not change/);
});

test("warns of what makes learning harder", () => {
  const open = new (class extends Walk {
    override readonly actionSpace: Box = new Box(-Infinity, Infinity);
  })();
  const oneSided = new (class extends Walk {
    override readonly actionSpace: Box = new Box(0, 1);
  })();
  expect(checkEnv(open)[0]).toContain("actions have no finite bounds");
  expect(checkEnv(oneSided)[0]).toContain("actions are not symmetric about 0");
  expect(() => checkEnv(new Walk(), { step: 3 } as never)).toThrow("did you mean steps?");
});

test("the environments of make are sound", async () => {
  const own = registrations().filter(({ needs }) => needs === undefined);
  for (const { id } of own) expect(checkEnv(await make(id), { steps: 600 })).toEqual([]);
  expect(checkEnv(new LqrTracking({ d: 3 }))).toEqual([]);
  expect(checkEnv(new MountainCarContinuous({ renderMode: "rgb_array" }))).toEqual([]);
});

const hasMujoco = await loadMujoco().then(
  () => true,
  () => false,
);
const reason = hasMujoco ? "" : " (skipped: the optional package @mujoco/mujoco is missing)";

test.skipIf(!hasMujoco)(`those with MuJoCo's physics too${reason}`, async () => {
  const own = registrations().filter(({ needs }) => needs === "@mujoco/mujoco");
  expect(own.length).toBeGreaterThan(5);
  for (const { id } of own) expect(checkEnv(await make(id), { steps: 60 })).toEqual([]);
});
