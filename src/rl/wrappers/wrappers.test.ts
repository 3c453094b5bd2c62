import { describe, expect, test } from "vitest";
import { ConfigError } from "../../base/errors.ts";
import { Box } from "../box.ts";
import { Dict } from "../dict.ts";
import type { DictValue } from "../dict.ts";
import { Discrete } from "../discrete.ts";
import { Env } from "../env.ts";
import type { Reset, ResetOptions, Step } from "../env.ts";
import { CartPole } from "../envs/cart-pole.ts";
import { LqrTracking } from "../envs/lqr-tracking.ts";
import { Pendulum } from "../envs/pendulum.ts";
import { make } from "../registry.ts";
import { ClipAction } from "./clip-action.ts";
import { DiscretizeAction } from "./discretize-action.ts";
import { FlattenObservation } from "./flatten-observation.ts";
import { FrameStackObservation } from "./frame-stack-observation.ts";
import { RecordVideo } from "./record-video.ts";
import type { RecordedVideo } from "./record-video.ts";
import { RescaleAction } from "./rescale-action.ts";
import { TimeAwareObservation } from "./time-aware-observation.ts";
import { TransformAction } from "./transform-action.ts";
import { TransformObservation } from "./transform-observation.ts";
import { TransformReward } from "./transform-reward.ts";

/** Shows the last action and the number of steps. */
class Echo extends Env<Float32Array, Float32Array> {
  readonly observationSpace: Box = new Box(-Infinity, Infinity, { shape: [3] });
  readonly actionSpace: Box = new Box([-2, 0], [2, 5]);
  #steps = 0;

  reset(options?: ResetOptions): Reset<Float32Array> {
    this.begin(options);
    this.#steps = 0;
    return { observation: Float32Array.of(0, 0, 0), info: {} };
  }

  step(action: Float32Array): Step<Float32Array> {
    this.#steps++;
    const observation = Float32Array.of(action[0], action[1], this.#steps);
    return { observation, reward: 1, terminated: false, truncated: false, info: { a: 1 } };
  }
}

function echo<T extends Env>(env: T): T {
  env.reset();
  return env;
}

const of = (...values: readonly number[]): Float32Array => Float32Array.from(values);

test("RescaleAction maps its bounds to those inside", () => {
  const env = echo(new RescaleAction(new Echo()));
  expect(env.actionSpace.equals(new Box(-1, 1, { shape: [2] }))).toBe(true);
  expect([...env.step(of(-1, 1)).observation]).toEqual([-2, 5, 1]);
  expect([...env.step(of(0, 0)).observation]).toEqual([0, 2.5, 2]);
  const other = echo(new RescaleAction(new Echo(), [0, -1], [4, 0]));
  expect([...other.step(of(3, -0.2)).observation]).toEqual([1, 4, 1]);
  expect(() => new RescaleAction(new Echo(), 1, 1)).toThrow("got 1 and 1 at element 0");
  expect(() => new RescaleAction(new CartPole())).toThrow("must be a Box, got Discrete(2)");
  expect(() => new RescaleAction(new ClipAction(new Echo()))).toThrow("must have finite bounds");
});

test("ClipAction clips to the bounds inside", () => {
  const env = echo(new ClipAction(new Echo()));
  expect(String(env.actionSpace)).toBe("Box(-Infinity, Infinity, [2], f32)");
  expect([...env.step(of(-7, 9)).observation]).toEqual([-2, 5, 1]);
});

describe("DiscretizeAction", () => {
  test("takes the middles of bins, as Gymnasium does", () => {
    const env = new DiscretizeAction(new Pendulum(), { bins: 10 });
    expect(env.actionSpace.equals(new Discrete(10))).toBe(true);
    env.reset({ seed: 42 });
    const { observation } = env.step(3);
    // The numbers of Gymnasium's documentation.
    expect([...observation]).toEqual([...of(-0.17606162, 0.9843792, 0.5292768)]);
  });

  test("numbers combinations with the first dimension counting most", () => {
    const env = echo(new DiscretizeAction(new Echo(), { bins: [4, 5] }));
    expect(env.actionSpace.equals(new Discrete(20))).toBe(true);
    expect([...env.decode(0)]).toEqual([-1.5, 0.5]);
    expect([...env.decode(1)]).toEqual([-1.5, 1.5]);
    expect([...env.step(19).observation]).toEqual([1.5, 4.5, 1]);
    const all = new Set(Array.from({ length: 20 }, (_, i) => env.decode(i).join()));
    expect(all.size).toBe(20);
  });

  test("refuses more than a million combinations with their number", () => {
    const tracking = (d: number): Env => new LqrTracking({ d });
    const joint = new DiscretizeAction(tracking(8), { bins: 3 }).actionSpace;
    expect(joint.equals(new Discrete(6561))).toBe(true);
    expect(() => new DiscretizeAction(tracking(64), { bins: 3 })).toThrow(
      "must be at most 1000000 actions, got 3^64 = 3.43e30; take fewer bins",
    );
    expect(() => new DiscretizeAction(tracking(256), { bins: 3 })).toThrow("3^256 = 1.39e122");
    expect(() => new DiscretizeAction(new Echo(), { bins: [2000, 1000] })).toThrow(
      "got 2000 × 1000 = 2000000",
    );
    expect(() => new DiscretizeAction(new Echo(), { bins: 0 })).toThrow("got 0");
    expect(() => new DiscretizeAction(new Echo(), { bins: [3] })).toThrow("or 2 of them, got 3");
  });
});

test("TransformAction, TransformObservation, TransformReward", () => {
  const doubled = echo(
    new TransformAction(new Echo(), (action: Float32Array) => action.map((x) => 2 * x)),
  );
  expect([...doubled.step(of(1, 2)).observation]).toEqual([2, 4, 1]);
  const space = new Box(-1, 1);
  const first = new TransformObservation(new Echo(), (seen: Float32Array) => seen.slice(2), space);
  expect([...first.reset().observation]).toEqual([0]);
  expect(first.observationSpace).toBe(space);
  expect(first.step(of(1, 2))).toEqual({
    observation: of(1),
    reward: 1,
    terminated: false,
    truncated: false,
    info: { a: 1 },
  });
  const scaled = echo(new TransformReward(new Echo(), (reward) => -3 * reward));
  expect(scaled.step(of(0, 0)).reward).toBe(-3);
});

test("FrameStackObservation shows the oldest first", () => {
  const env = new FrameStackObservation(new Echo(), 2);
  expect(env.observationSpace.shape).toEqual([2, 3]);
  expect([...env.reset().observation]).toEqual([0, 0, 0, 0, 0, 0]);
  const { observation } = env.step(of(1, 2));
  expect([...observation]).toEqual([0, 0, 0, 1, 2, 1]);
  expect([...env.step(of(3, 4)).observation]).toEqual([1, 2, 1, 3, 4, 2]);
  expect([...observation]).toEqual([0, 0, 0, 1, 2, 1]);
});

test("FrameStackObservation pads with the first observation or zeros", () => {
  const stacked = (padding: "reset" | "zero"): number[] => {
    const env = new FrameStackObservation(new Pendulum(), 3, { padding });
    return [...env.reset({ options: { xInit: 0, yInit: 0 } }).observation];
  };
  expect(stacked("reset")).toEqual([1, 0, 0, 1, 0, 0, 1, 0, 0]);
  expect(stacked("zero")).toEqual([0, 0, 0, 0, 0, 0, 1, 0, 0]);
  expect(() => new FrameStackObservation(new Echo(), 0)).toThrow("positive integer, got 0");
  expect(() => new FrameStackObservation(new Echo(), 2, { padding: "last" as "zero" })).toThrow(
    "must be reset or zero, got last",
  );
});

test("TimeAwareObservation adds the steps taken", async () => {
  const env = new TimeAwareObservation(await make<Float32Array, Float32Array>("Pendulum-v1"));
  expect(env.reset({ seed: 0 }).observation[3]).toBe(0);
  expect(env.step(of(0)).observation[3]).toBe(1);
  expect(env.step(of(0)).observation[3]).toBe(2);
  expect(env.observationSpace.whyNot(env.reset().observation)).toBeNull();
  const normal = new TimeAwareObservation(await make("Pendulum-v1"), { normalizeTime: true });
  normal.reset();
  expect(normal.step(of(0)).observation[3]).toBeCloseTo(1 / 200, 7);
  expect(() => new TimeAwareObservation(new Echo())).toThrow("Echo must have a time limit");
});

const pairSpace = new Dict({ b: new Box(-1, 1, { shape: [2] }), a: new Discrete(3) });
type Pair = DictValue<(typeof pairSpace)["spaces"]>;

/** Shows an object. */
class PairEnv extends Env<Pair, number> {
  readonly observationSpace: typeof pairSpace = pairSpace;
  readonly actionSpace: Discrete = new Discrete(3);

  reset(): Reset<Pair> {
    return { observation: { a: 0, b: of(0.5, 0.25) }, info: {} };
  }

  step(action: number): Step<Pair> {
    const observation = { a: action, b: of(1, -1) };
    return { observation, reward: 0, terminated: false, truncated: false, info: {} };
  }
}

test("FlattenObservation makes one row of an object", () => {
  const env = new FlattenObservation(new PairEnv());
  expect(String(env.observationSpace)).toBe("Box([0, 0, 0, -1, -1], 1, [5], f32)");
  expect(env.reset().observation).toEqual(of(1, 0, 0, 0.5, 0.25));
  expect(env.step(2).observation).toEqual(of(0, 0, 1, 1, -1));
});

describe("RecordVideo", () => {
  /** Draws the number of its steps. */
  class Drawn extends Echo {
    override readonly renderModes = ["rgb_array"] as const;
    override readonly renderFps: number = 20;
    override renderMode: "rgb_array" | null = "rgb_array";
    #count = 0;

    override step(action: Float32Array): Step<Float32Array> {
      this.#count++;
      return { ...super.step(action), truncated: this.#count % 4 === 0 };
    }

    override render(): { width: number; height: number; data: Uint8Array } {
      return { width: 1, height: 1, data: Uint8Array.of(this.#count, 0, 0) };
    }
  }

  const shown = (video: RecordedVideo): number[] => video.frames.map(({ data }) => data[0]);

  function run(env: Env, episodes: number): void {
    for (let i = 0; i < episodes; i++) {
      env.reset();
      while (!env.step(of(0, 0)).truncated);
    }
  }

  test("keeps the episodes that were asked for", () => {
    const videos: RecordedVideo[] = [];
    const sink = (video: RecordedVideo): number => videos.push(video);
    run(new RecordVideo(new Drawn(), { sink, episodeTrigger: (episode) => episode % 2 === 1 }), 4);
    expect(videos.map(({ episode }) => episode)).toEqual([1, 3]);
    expect(videos.map(shown)).toEqual([
      [4, 5, 6, 7, 8],
      [12, 13, 14, 15, 16],
    ]);
    expect(videos[1]).toMatchObject({ firstStep: 12, fps: 20 });
  });

  test("without a trigger: cubes", () => {
    const videos: RecordedVideo[] = [];
    run(new RecordVideo(new Drawn(), { sink: (video) => void videos.push(video) }), 30);
    expect(videos.map(({ episode }) => episode)).toEqual([0, 1, 8, 27]);
  });

  test("begins at steps, has a length, and is handed over when closed", () => {
    const videos: RecordedVideo[] = [];
    const env = new RecordVideo(new Drawn(), {
      sink: (video) => void videos.push(video),
      stepTrigger: (step) => step === 2 || step === 10,
      videoLength: 3,
    });
    run(env, 3);
    expect(videos.map(shown)).toEqual([[2, 3, 4, 4]]);
    expect(env.isRecording).toBe(true);
    env.close();
    expect(videos.map(shown)[1]).toEqual([10, 11, 12]);
  });

  test("needs frames", () => {
    const env = new Drawn();
    env.renderMode = null;
    expect(() => new RecordVideo(env, { sink: () => {} })).toThrow("got null; make it with");
    expect(() => new RecordVideo(new Drawn(), { sink: () => {}, videoLength: 0 })).toThrow("got 0");
  });
});

test("wrappers pass the rest through", async () => {
  const inner = await make("Pendulum-v1", { renderMode: "rgb_array" });
  const env = new TransformReward(new ClipAction(inner), (reward) => reward);
  expect(env.unwrapped).toBeInstanceOf(Pendulum);
  expect(env.spec).toBe(inner.spec);
  expect(env.renderModes).toEqual(["rgb_array", "ansi"]);
  env.reset({ seed: 5 });
  expect(env.random).toBe(inner.unwrapped.random);
  expect(() => new ClipAction(new PairEnv())).toThrow(ConfigError);
});
