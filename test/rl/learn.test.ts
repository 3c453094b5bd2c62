import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Env, VectorEnv } from "athanor/rl";
import {
  NormalizeObservation,
  NormalizeReward,
  SyncVectorEnv,
  VectorNormalizeObservation,
  VectorNormalizeReward,
} from "athanor/rl";
import type { Callback, LearnEnv, Learner, LearnOptions, RunState, Training } from "athanor/train";
import {
  CheckpointCallback,
  csvLogger,
  EvalCallback,
  eventLogger,
  everyNSteps,
  learn,
  loadCheckpoint,
  loadPolicy,
  readCsv,
  readJsonl,
  readScalars,
  restorePolicy,
  jsonlLogger,
  StopOnMaxEpisodes,
  StopOnNoModelImprovement,
  StopOnRewardThreshold,
  tableLogger,
  tensorboardLogger,
} from "athanor/train";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PointEnv, TinyLearner } from "./tiny-task.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-learn-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Every number that is logged but times, by step. */
function recorder() {
  const lines: [number, Record<string, number>][] = [];
  return {
    lines,
    write(step: number, values: Readonly<Record<string, number>>) {
      const kept = Object.entries(values).filter(([name]) => !/fps|elapsed/.test(name));
      lines.push([step, Object.fromEntries(kept)]);
    },
    close() {},
  };
}

/** A vector environment that only answers later. */
function withoutSync<O, A>(env: VectorEnv<O, A>): VectorEnv<O, A> {
  const { numEnvs, autoresetMode, singleObservationSpace, singleActionSpace, spec } = env;
  const { observationSpace, actionSpace } = env;
  return {
    numEnvs,
    autoresetMode,
    singleObservationSpace,
    singleActionSpace,
    observationSpace,
    actionSpace,
    spec,
    reset: (options) => env.reset(options),
    step: (actions) => env.step(actions),
    render: () => env.render(),
    call: (method, ...args) => env.call(method, ...args),
    close: () => env.close(),
    [Symbol.asyncDispose]: () => env.close(),
  };
}

const pathsIn = (name: string): string[] =>
  readdirSync(join(folder, name)).map((file) => join(folder, name, file));

describe("learn", () => {
  it("steps, remembers, updates and logs", async () => {
    const learner = new TinyLearner();
    const log = recorder();
    const options = { totalSteps: 200, seed: 3, logger: log, logEvery: 80 };
    const result = await learn(learner, new PointEnv(), options);
    expect(result).toMatchObject({ status: "finished", steps: 200, episodes: 8, updates: 150 });
    expect(learner.remembered).toHaveLength(200);
    expect(learner.remembered[24]).toMatchObject({ count: 1, truncated: Uint8Array.of(1) });
    const [first, second] = [learner.remembered[24], learner.remembered[25]];
    expect(first.nextObservations).not.toEqual(second.observations);
    expect(learner.remembered[23].nextObservations).toEqual(first.observations);
    expect([learner.progress, learner.episodesEnded]).toEqual([1, 8]);
    expect(log.lines.map(([step]) => step)).toEqual([80, 160, 200]);
    expect(Object.keys(log.lines[2][1]).toSorted()).toEqual([
      "rollout/action_saturation",
      "rollout/discounted_return",
      "rollout/ep_len_mean",
      "rollout/ep_rew_mean",
      "rollout/success_rate",
      "time/episodes",
      "time/total_timesteps",
      "train/critic_loss",
      "train/n_updates",
      "train/q_mean",
    ]);
  });

  it.each([
    [{ gradientSteps: -1, trainFrequency: 4 }, 3, 300 - 48],
    [{ gradientSteps: 2, trainFrequency: 5 }, 1, 2 * 50],
  ])("updates as %j says", async (options, count, updates) => {
    const learner = new TinyLearner(options);
    const envs = Array.from({ length: count }, () => new PointEnv());
    const result = await learn(learner, envs, { totalSteps: 300, seed: 0 });
    expect(result.updates).toBe(updates);
    expect(learner.updates).toBe(updates);
  });

  it("gets the same from a vector environment in every mode, and from its environments", async () => {
    const make = (): PointEnv[] => [new PointEnv({ limit: 7 }), new PointEnv({ limit: 11 })];
    const stored = async (env: LearnEnv): Promise<string[]> => {
      // Policies that do not draw act the same whatever the order of rows.
      const learner = new TinyLearner();
      learner.act = (rows, n) => Float32Array.from({ length: n }, (_, i) => Math.sin(rows[2 * i]));
      await learn(learner, env, { totalSteps: 60, seed: 9 });
      const rows = learner.remembered.flatMap((t) =>
        Array.from({ length: t.count }, (_, i) =>
          [
            ...t.observations.subarray(2 * i, 2 * i + 2),
            ...t.nextObservations.subarray(2 * i, 2 * i + 2),
            t.rewards[i],
            t.terminated[i],
            t.truncated[i],
          ].join(" "),
        ),
      );
      return rows.toSorted();
    };
    const direct = await stored(make());
    for (const autoresetMode of ["SameStep", "Disabled"] as const) {
      expect(await stored(new SyncVectorEnv(make(), { autoresetMode }))).toEqual(direct);
    }
    const nextStep = await stored(new SyncVectorEnv(make(), { autoresetMode: "NextStep" }));
    expect(nextStep).toHaveLength(60);
    expect(nextStep.filter((row) => !direct.includes(row)).length).toBeLessThan(10);
  });

  it("waits for environments and policies that answer later", async () => {
    const make = (): PointEnv[] => [new PointEnv({ limit: 7 }), new PointEnv({ limit: 11 })];
    const run = async (isLate: boolean): Promise<unknown> => {
      const sync = new SyncVectorEnv(make(), { autoresetMode: "SameStep" });
      const env = isLate ? withoutSync(sync) : sync;
      const learner = new TinyLearner();
      const act = learner.act.bind(learner);
      if (isLate) {
        const late: Learner = learner;
        late.act = async (...args) => act(...args);
      }
      const seen: number[] = [];
      const callbacks = [
        everyNSteps(20, async ({ steps }) => void seen.push(steps)),
        everyNSteps(20, ({ steps }) => void seen.push(steps)),
      ];
      await learn(learner, env, { totalSteps: 60, seed: 9, callbacks });
      return [learner.remembered, learner.weights, seen];
    };
    const [late, direct] = [await run(true), await run(false)];
    expect(late).toEqual(direct);
    expect(late).toMatchObject([{ length: 30 }, {}, [20, 20, 40, 40, 60, 60]]);
  });

  it("calls callbacks in their order, and stops when one says so", async () => {
    const calls: string[] = [];
    const named = (name: string): Callback => ({
      onTrainingStart: () => void calls.push(`${name} start`),
      onEpisodeEnd: () => void calls.push(`${name} episode`),
      onStep: ({ steps }: Training) => void (steps === 25 && calls.push(`${name} step`)),
      onTrainingEnd: () => void calls.push(`${name} end`),
      close: () => void calls.push(`${name} close`),
    });
    const callbacks = [named("a"), everyNSteps(25, () => false), named("b")];
    const options = { totalSteps: 100, seed: 0, callbacks };
    const result = await learn(new TinyLearner(), new PointEnv(), options);
    expect(result).toMatchObject({ status: "stopped", steps: 25 });
    expect(calls).toEqual(
      ["start", "episode", "step", "end", "close"].flatMap((call) => [`a ${call}`, `b ${call}`]),
    );
  });

  it("stops after episodes, at a threshold, and without improvement", async () => {
    const run = (callback: Callback, extra: Partial<LearnOptions> = {}) =>
      learn(new TinyLearner(), new PointEnv(), {
        totalSteps: 2000,
        seed: 0,
        evaluation: { env: new PointEnv(), everySteps: 100, episodes: 2 },
        callbacks: callback,
        ...extra,
      });
    expect(await run(new StopOnMaxEpisodes(3))).toMatchObject({ steps: 75, episodes: 3 });
    const reached = await run(new StopOnRewardThreshold(-1e9));
    expect(reached).toMatchObject({ status: "stopped", steps: 100 });
    expect(reached.reason).toMatch(/^mean return -?\d+\.\d\d over 2 episodes reached -1000000000$/);
    const stuck = await run(new StopOnNoModelImprovement({ maxNoImprovementEvals: 2 }));
    expect(stuck.reason).toMatch(/no better mean return than .* in 3 evaluations/);
  });

  it("evaluates without touching the training, and keeps the best policy", async () => {
    const [alone, judged] = [recorder(), recorder()];
    const options = { totalSteps: 500, seed: 1, logEvery: 250 };
    await learn(new TinyLearner(), new PointEnv(), { ...options, logger: alone });
    const learner = new TinyLearner();
    const evaluation = new EvalCallback({
      env: new PointEnv(),
      everySteps: 100,
      episodes: 3,
      bestFolder: join(folder, "best"),
    });
    const callbacks = [evaluation];
    await learn(learner, new PointEnv(), { ...options, logger: judged, callbacks });
    const withoutEval = judged.lines.map(([step, values]) => [
      step,
      Object.fromEntries(Object.entries(values).filter(([name]) => !name.startsWith("eval/"))),
    ]);
    expect(withoutEval).toEqual(alone.lines);
    expect(judged.lines[0][1]).toMatchObject({
      "eval/mean_ep_length": 25,
      "eval/best_mean_reward": expect.any(Number) as number,
      "eval/success_rate": expect.any(Number) as number,
    });
    const saved = await loadPolicy(join(folder, "best"));
    expect(saved.meanReturn).toBe(evaluation.bestMeanReturn);
    expect(pathsIn("best")).toHaveLength(1);
    await restorePolicy(new TinyLearner(), saved);
    await expect(restorePolicy(new TinyLearner({ algorithm: "other" }), saved)).rejects.toThrow(
      "checkpoint: algorithm must be that of the saved run, got other instead of tiny",
    );
  });

  it("refuses to evaluate in the environment it trains in", async () => {
    const env = new PointEnv();
    const run = learn(new TinyLearner(), env, { totalSteps: 10, evaluation: { env } });
    await expect(run).rejects.toThrow("EvalCallback: env must be an environment of its own");
  });
});

describe("resuming", () => {
  const evaluation = () => ({ env: new PointEnv(), everySteps: 70, episodes: 2 });
  const envs = (): PointEnv[] => [new PointEnv(), new PointEnv({ limit: 31 })];

  async function wholeRun(): Promise<[TinyLearner, ReturnType<typeof recorder>]> {
    const [learner, log] = [new TinyLearner(), recorder()];
    const options = { totalSteps: 600, seed: 4, logger: log, logEvery: 100 };
    await learn(learner, envs(), { ...options, evaluation: evaluation() });
    return [learner, log];
  }

  it.each([222, 301, 450])("goes on bit for bit from step %i", async (stopAt) => {
    const [whole, wholeLog] = await wholeRun();
    const controller = new AbortController();
    const [first, log] = [new TinyLearner(), recorder()];
    const checkpoints = new CheckpointCallback({ folder: join(folder, "latest") });
    const stopper: Callback = {
      onStep: ({ steps }) => void (steps >= stopAt && controller.abort()),
    };
    const result = await learn(first, envs(), {
      totalSteps: 600,
      seed: 4,
      logger: log,
      logEvery: 100,
      evaluation: evaluation(),
      callbacks: [stopper, checkpoints],
      signal: controller.signal,
    });
    const stopped = stopAt + (stopAt % 2);
    expect(result).toMatchObject({ status: "interrupted", steps: stopped });
    const [path] = pathsIn("latest");
    const resume = await loadCheckpoint<RunState>(path);
    const second = new TinyLearner();
    const options = { totalSteps: 600, logger: log, logEvery: 100, resume };
    await learn(second, envs(), { ...options, evaluation: evaluation() });
    expect(log.lines).toEqual(wholeLog.lines);
    expect(second.weights).toEqual(whole.weights);
    const memory = first.remembered.concat(second.remembered);
    expect(memory).toEqual(whole.remembered);
  });

  it("goes on bit for bit with normalisers, which evaluations take over and leave alone", async () => {
    const make = (): Env => new NormalizeObservation(new PointEnv());
    const learner = (): TinyLearner => new TinyLearner({ bound: Infinity });
    const run = async (steps: number, resume?: RunState) => {
      const [one, log] = [learner(), recorder()];
      await learn(one, make(), {
        totalSteps: steps,
        seed: 4,
        logger: log,
        logEvery: 110,
        evaluation: { env: make(), everySteps: 50, episodes: 1 },
        callbacks: new CheckpointCallback({ folder: join(folder, "latest") }),
        ...(resume !== undefined && { resume }),
        onNote: (text) => expect.unreachable(text),
      });
      return [one, log] as const;
    };
    const [whole, wholeLog] = await run(330);
    rmSync(join(folder, "latest"), { recursive: true });
    await run(215);
    const resume = await loadCheckpoint<RunState>(pathsIn("latest")[0]);
    expect(resume.envs?.[0].wrappers).toHaveLength(1);
    const [second, log] = await run(330, resume);
    expect(second.weights).toEqual(whole.weights);
    const { "rollout/action_saturation": _one, ...last } = wholeLog.lines.at(-1)?.[1] ?? {};
    expect(log.lines.at(-1)?.[1]).toMatchObject(last);
  });

  it("keeps normalisers of vectors, and gives them to evaluation and play", async () => {
    const bound = Infinity;
    const vector = () => {
      const inner = envs().map((env) => new NormalizeReward(env));
      const core = new SyncVectorEnv(inner);
      const observations = new VectorNormalizeObservation(core);
      return { inner, observations, all: new VectorNormalizeReward(observations) };
    };
    const state = ({ inner, observations, all }: ReturnType<typeof vector>): unknown[] =>
      [observations, all, ...inner].map(({ statistics }) => statistics.state());
    const one = () => {
      const observations = new NormalizeObservation(new PointEnv());
      return { observations, all: new NormalizeReward(observations) };
    };
    const [trained, judged, played] = [vector(), one(), one()];
    const best = join(folder, "best");
    const onNote = (): void => {};
    const learner = new TinyLearner({ bound });
    await learn(learner, trained.all, {
      totalSteps: 100,
      seed: 1,
      evaluation: { env: judged.all, everySteps: 100, episodes: 1, bestFolder: best },
      callbacks: new CheckpointCallback({ folder: join(folder, "latest") }),
    });
    const learned = state(trained);
    for (const { observations, all } of [judged, played]) {
      if (all === played.all) await restorePolicy(learner, await loadPolicy(best), all);
      all.reset({ seed: 0 });
      all.step(Float32Array.of(1));
      expect(observations.statistics.state()).toEqual(learned[0]);
      expect(all.statistics.state()).toEqual(learned[1]);
    }
    const resumed = vector();
    const resume = await loadCheckpoint<RunState>(pathsIn("latest")[0]);
    // Nothing is left to do: what was loaded is seen, and the first observations of new episodes.
    await learn(new TinyLearner({ bound }), resumed.all, { totalSteps: 100, resume, onNote });
    const counts = (all: readonly unknown[]): number[] =>
      all.map((one) => Math.round((one as { readonly count: number }).count));
    expect(counts(state(resumed))).toEqual(counts(learned).map((n, i) => (i === 0 ? n + 2 : n)));
    expect(state(resumed).slice(1)).toEqual(learned.slice(1));
  });

  it("begins new episodes where they cannot be played again, and says so", async () => {
    const latest = join(folder, "latest");
    const callbacks = new CheckpointCallback({ folder: latest });
    const vector = (): SyncVectorEnv<Float32Array, Float32Array> => new SyncVectorEnv(envs());
    await learn(new TinyLearner(), vector(), { totalSteps: 100, seed: 1, callbacks });
    const resume = await loadCheckpoint<RunState>(pathsIn("latest")[0]);
    const notes: string[] = [];
    const onNote = (text: string): void => void notes.push(text);
    const options = { totalSteps: 200, resume, onNote };
    const result = await learn(new TinyLearner(), vector(), options);
    expect(result.steps).toBeGreaterThanOrEqual(200);
    expect(notes).toEqual([expect.stringContaining("episodes of SyncVectorEnv cannot be brought")]);
  });

  it("fills an empty memory first when the replay buffer was not saved", async () => {
    const callbacks = new CheckpointCallback({ folder: join(folder, "l"), withReplay: false });
    await learn(new TinyLearner(), new PointEnv(), { totalSteps: 100, seed: 1, callbacks });
    const resume = await loadCheckpoint<RunState>(pathsIn("l")[0]);
    const result = await learn(new TinyLearner(), new PointEnv(), { totalSteps: 180, resume });
    // 50 updates before, then 50 steps without.
    expect(result.updates).toBe(50 + 30);
  });

  it("refuses another algorithm, number of environments, and a truncated file", async () => {
    const callbacks = new CheckpointCallback({ folder: join(folder, "latest") });
    await learn(new TinyLearner(), new PointEnv(), { totalSteps: 60, seed: 1, callbacks });
    const [path] = pathsIn("latest");
    const resume = await loadCheckpoint<RunState>(path);
    const options = { totalSteps: 100, resume };
    await expect(
      learn(new TinyLearner({ algorithm: "sac" }), new PointEnv(), options),
    ).rejects.toThrow(
      "checkpoint: algorithm must be that of the saved run, got sac instead of tiny; use what it",
    );
    await expect(learn(new TinyLearner(), envs(), options)).rejects.toThrow(
      "checkpoint: numEnvs must be that of the saved run, got 2 instead of 1",
    );
    writeFileSync(path, readFileSync(path).subarray(0, 900));
    await expect(loadCheckpoint(path)).rejects.toThrow(/checkpoint|safetensors/i);
  });
});

describe("logs", () => {
  it("read back as they were written", async () => {
    const events = jsonlLogger(join(folder, "log.jsonl"));
    const printed: string[] = [];
    const log = recorder();
    await learn(new TinyLearner(), new PointEnv(), {
      totalSteps: 300,
      seed: 0,
      logEvery: 100,
      evaluation: { env: new PointEnv(), everySteps: 200, episodes: 1 },
      logger: [
        log,
        csvLogger(join(folder, "progress.csv")),
        eventLogger((event) => events.log(event)),
        tensorboardLogger(join(folder, "tensorboard")),
        tableLogger({ write: (text) => printed.push(text) }),
      ],
    });
    events.close();
    const withoutTimes = (row: object): object =>
      Object.fromEntries(Object.entries(row).filter(([name]) => !/fps|elapsed/.test(name)));
    expect(readCsv(join(folder, "progress.csv")).map(withoutTimes)).toEqual(
      log.lines.map(([, values]) => values),
    );
    expect(readJsonl(join(folder, "log.jsonl")).map(withoutTimes)).toEqual(
      log.lines.map(([step, values]) => ({ event: "metrics", step, ...values })),
    );
    const scalars = readScalars(join(folder, "tensorboard"));
    const curve = scalars.get("rollout/ep_rew_mean") ?? [];
    expect(curve.map(({ step }) => step)).toEqual([100, 200, 300]);
    for (const [i, { value }] of curve.entries()) {
      expect(value).toBeCloseTo(log.lines[i][1]["rollout/ep_rew_mean"], 3);
    }
    expect(printed[1]).toMatch(/^-+\n\| eval\/ +\| +\|\n\| {4}best_mean_reward +\| -?\d/);
  });

  it("keep what a resumed run had written, and drop what came after its checkpoint", () => {
    const path = join(folder, "progress.csv");
    const first = csvLogger(path);
    first.write(10, { a: 1 });
    first.write(20, { a: 2, b: 0.5 });
    first.close();
    writeFileSync(path, `${readFileSync(path, "utf8")}30,3`);
    const second = csvLogger(path, { keepUntil: 10 });
    second.write(20, { a: 7 });
    second.close();
    expect(readFileSync(path, "utf8")).toBe("time/total_timesteps,a\n10,1\n20,7\n");
    expect(existsSync(path)).toBe(true);
  });
});

describe("bad input", () => {
  const run = (options: object, env = new PointEnv(), learner = new TinyLearner()) =>
    learn(learner, env, { totalSteps: 100, seed: 0, onNote: () => {}, ...options });

  it.each([
    [{ totalSteps: 0 }, "learn: totalSteps must be an integer of at least 1, got 0"],
    [{ totalSteps: 1.5 }, "learn: totalSteps must be an integer of at least 1, got 1.5"],
    [{ logEvery: -1 }, "learn: logEvery must be an integer of at least 1, got -1"],
    [{ totalStep: 5 }, "learn: options must be known, got totalStep; did you mean totalSteps?"],
    [
      { evaluation: { env: new PointEnv(), episode: 3 } },
      "EvalCallback: options must be known, got episode; did you mean episodes?",
    ],
  ])("refuses %j", async (options, message) => {
    await expect(run(options)).rejects.toThrow(message);
  });

  it("names environment, step and action when a reward is no number", async () => {
    await expect(run({}, new PointEnv({ brokenAt: 30 }))).rejects.toThrow(
      /learn: rewards and observations must stay finite, got reward NaN of PointEnv at step 5 of its episode, action \[-?\d\.\d+\]; find it with checkEnv\(env\)/,
    );
  });

  it("stops when the policy gives no number", async () => {
    const learner = new TinyLearner();
    learner.act = () => Float32Array.of(NaN);
    await expect(run({}, new PointEnv(), learner)).rejects.toThrow(
      "learn: losses and actions must stay finite, got action[0] = NaN at step 0 after 0 updates",
    );
  });

  it("warns once of a critic that promises more than there is", async () => {
    const learner = new TinyLearner();
    learner.q = 200;
    const notes: string[] = [];
    await run({ onNote: (text: string) => notes.push(text), logEvery: 20 }, undefined, learner);
    expect(notes).toEqual([
      expect.stringMatching(
        /^warning: the critic overestimates: mean Q 200 exceeds r_max .* = \d+(\.\d+)?, /,
      ),
    ]);
  });
});
