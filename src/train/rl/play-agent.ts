import { join } from "node:path";
import { ConfigError } from "../../base/errors.ts";
import { saveGif } from "../../rl/node/video.ts";
import { init } from "../../tensor/device.ts";
import { scope } from "../../tensor/memory.ts";
import { makeAgentEnv } from "./agent-envs.ts";
import { readSettings } from "./agent-settings.ts";
import { makeLearner } from "./algorithms.ts";
import type { PolicyEvaluation } from "./evaluate-policy.ts";
import { evaluatePolicy } from "./evaluate-policy.ts";
import { loadPolicy, restorePolicy } from "./policy-file.ts";
import { FrameCollector } from "./policy-video.ts";

/** Pictures of a video: all are in memory at once. */
const mostFrames = 300;

/** Options of {@link playAgent}. */
export interface PlayOptions {
  /** Folder that `trainAgent` wrote. */
  readonly run: string;
  /** @defaultValue 10 */
  readonly episodes?: number;
  /** Episode i begins with `reset({ seed: seed + i })`. @defaultValue 3,000,000 */
  readonly seed?: number;
  /** GIF of the first episodes, as far as 300 pictures go. */
  readonly video?: string;
  /** @defaultValue the default device */
  readonly device?: string;
  /** @defaultValue what the machine has */
  readonly threads?: number;
  /** When it aborts, the present episode is the last. */
  readonly signal?: AbortSignal;
}

/** What came of {@link playAgent}. */
export interface PlayResult extends PolicyEvaluation {
  readonly algorithm: string;
  readonly env: string;
  /** Steps of training after which the policy was kept. */
  readonly step: number;
}

/**
 * Lets the best policy of a run play whole episodes, without noise.
 *
 * @throws {CheckpointError} if the folder holds no run, or the run no policy yet; {ConfigError} if a
 *   video is wanted of an environment that cannot be drawn.
 */
export function playAgent(options: PlayOptions): Promise<PlayResult> {
  return scope(() => play(options));
}

async function play(options: PlayOptions): Promise<PlayResult> {
  const { run, episodes = 10, seed = 3_000_000, video, device, threads, signal } = options;
  await init({
    ...(device !== undefined && { device }),
    ...(threads !== undefined && { threads }),
  });
  const settings = readSettings(run);
  const { algorithm, learner: learnerOptions } = settings;
  const saved = await loadPolicy(join(run, "best"));
  const env = await makeAgentEnv(settings, video === undefined ? null : "rgb_array");
  try {
    // The memory is not needed here: it gets no more room than an algorithm asks for.
    const bufferSize = Number(learnerOptions["batchSize"]);
    const learner = makeLearner(algorithm, env, { ...learnerOptions, bufferSize, device: null });
    await restorePolicy(learner, saved, env);
    const collector = new FrameCollector(mostFrames);
    const evaluation = await evaluatePolicy(learner, env, {
      episodes,
      seed,
      signal,
      ...(video !== undefined && { onFrame: collector.add }),
    });
    if (video !== undefined) await writeVideo(video, collector, env.renderFps, settings.env);
    return { ...evaluation, algorithm, env: settings.env, step: saved.step };
  } finally {
    env.close();
  }
}

async function writeVideo(
  path: string,
  { frames }: FrameCollector,
  fps: number,
  env: string,
): Promise<void> {
  if (frames.length > 0) return saveGif(path, frames, { fps });
  throw new ConfigError(`play: video needs pictures, got none of ${env}; leave --video out`);
}
