import type { Seed } from "../../base/pcg64.ts";
import type { Env } from "../../rl/env.ts";
import type { Frame } from "../../rl/frame.ts";
import type { EpisodeRecord } from "./episode-record.ts";
import { EpisodeTracker } from "./episode-record.ts";
import type { Learner } from "./learner.ts";
import { requireCount } from "./option-checks.ts";
import { mean, standardDeviation } from "./means.ts";
import { actionReader, rowSize, writeObservation } from "./space-rows.ts";

/** Options of {@link evaluatePolicy}. */
export interface EvaluatePolicyOptions {
  /** @defaultValue 10 */
  readonly episodes?: number;
  /** Episode i begins with `reset({ seed: seed + i })`. @defaultValue 0 */
  readonly seed?: Seed;
  /** Without it the policy explores as in training. @defaultValue true */
  readonly deterministic?: boolean;
  /**
   * Takes a picture of each state of an environment made with `renderMode: "rgb_array"`, until it
   * returns false.
   */
  readonly onFrame?: (frame: Frame, episode: number) => boolean | void;
  /** When it aborts, the present episode is the last. */
  readonly signal?: AbortSignal | undefined;
}

/** What episodes brought. */
export interface PolicyEvaluation {
  readonly episodes: readonly EpisodeRecord[];
  readonly meanReturn: number;
  /** Standard deviation of the returns. */
  readonly stdReturn: number;
  readonly meanLength: number;
  /** NaN where the environment does not say what success is. */
  readonly successRate: number;
}

/**
 * Plays whole episodes and reports their returns. The learner does not learn from them: nothing of
 * its state changes while `deterministic`.
 *
 * @param env - an environment of its own, not the one that training uses.
 */
export async function evaluatePolicy(
  learner: Pick<Learner, "act">,
  env: Env,
  options: EvaluatePolicyOptions = {},
): Promise<PolicyEvaluation> {
  const { episodes: count = 10, seed = 0, deterministic = true, signal } = options;
  requireCount("evaluatePolicy", "episodes", count);
  const episodes: EpisodeRecord[] = [];
  const camera = new Camera(env, options.onFrame);
  for (let i = 0; i < count && signal?.aborted !== true; i++) {
    const episode = { seed: BigInt(seed) + BigInt(i), index: i, deterministic };
    episodes.push(await playEpisode(learner, env, episode, camera));
  }
  const returns = episodes.map((episode) => episode.return);
  const known = episodes.filter(({ success }) => success !== null);
  return {
    episodes,
    meanReturn: mean(returns),
    stdReturn: standardDeviation(returns),
    meanLength: mean(episodes.map(({ length }) => length)),
    successRate: mean(known.map(({ success }) => (success === true ? 1 : 0))),
  };
}

/** Shows the states of an environment to whom it may concern. */
class Camera {
  readonly #env: Env;
  readonly #onFrame: EvaluatePolicyOptions["onFrame"];
  #isOn: boolean;

  constructor(env: Env, onFrame: EvaluatePolicyOptions["onFrame"]) {
    this.#env = env;
    this.#onFrame = onFrame;
    this.#isOn = onFrame !== undefined;
  }

  shoot(episode: number): void {
    const frame = this.#isOn ? this.#env.render() : null;
    if (isFrame(frame)) this.#isOn = this.#onFrame?.(frame, episode) !== false;
  }
}

async function playEpisode(
  learner: Pick<Learner, "act">,
  env: Env,
  how: { readonly seed: Seed; readonly index: number; readonly deterministic: boolean },
  camera: Camera,
): Promise<EpisodeRecord> {
  const { seed, index, deterministic } = how;
  const readAction = actionReader(env.actionSpace);
  const observation = new Float32Array(rowSize(env.observationSpace, "observation"));
  const tracker = new EpisodeTracker(index, 1);
  writeObservation(env.reset({ seed }).observation, observation, 0);
  camera.shoot(index);
  for (;;) {
    const acted = learner.act(observation.slice(), 1, !deterministic);
    const rows = acted instanceof Promise ? await acted : acted;
    const step = env.step(readAction(rows, 0));
    tracker.add(step.reward);
    camera.shoot(index);
    if (step.terminated || step.truncated) return tracker.end(step.terminated, step.info);
    writeObservation(step.observation, observation, 0);
  }
}

function isFrame(value: ReturnType<Env["render"]>): value is Frame {
  return typeof value === "object" && value !== null && "data" in value;
}
