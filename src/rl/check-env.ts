import { ConfigError } from "../base/errors.ts";
import { Box } from "./box.ts";
import type { Env, Reset, Step } from "./env.ts";
import type { Frame } from "./frame.ts";
import { requireKnownNames } from "./option-names.ts";
import { sameValue } from "./same-value.ts";
import { describeValue } from "./space-array.ts";
import type { Space } from "./space.ts";
import { nameOf } from "./wrappers/wrapper.ts";

/** Options of {@link checkEnv}. */
export interface CheckEnvOptions {
  /** Random steps that are taken. @defaultValue 200 */
  readonly steps?: number;
  /** Leaves pictures out. @defaultValue false */
  readonly skipRender?: boolean;
}

/** Episodes are begun with these. */
const seeds = [123, 456] as const;

/** A broken rule; the message is for the author of the environment. */
class Fault extends Error {}

function require(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Fault(message);
}

/**
 * Takes an environment through resets and random steps and looks for what would make learning
 * fail or lie: values outside their space, NaN, wrong types, seeds that do not repeat an episode,
 * observations that change after they were returned.
 *
 * The environment is reset several times and closed at the end.
 *
 * @returns what is allowed but makes learning harder, such as actions without bounds.
 * @throws {ConfigError} that lists all faults.
 */
export function checkEnv(env: Env, options: CheckEnvOptions = {}): string[] {
  requireKnownNames("checkEnv", options, ["steps", "skipRender"]);
  const { steps = 200, skipRender = false } = options;
  // Where a stage fails, those after it would find the same fault again.
  for (const stage of stagesOf(env, steps, skipRender)) {
    const faults = faultsOf(stage);
    if (faults.length > 0) throw refusal(env, faults);
  }
  return warningsOf(env);
}

function refusal(env: Env, faults: readonly string[]): ConfigError {
  const list = faults.map((fault) => `\n- ${fault}`).join("");
  return new ConfigError(`checkEnv: ${nameOf(env)} has faults:${list}`, { details: { faults } });
}

function stagesOf(env: Env, steps: number, skipRender: boolean): (() => void)[][] {
  return [
    [() => checkSpaces(env)],
    [() => checkReset(env)],
    [() => checkSteps(env, steps)],
    [
      () => checkSeeds(env),
      () => checkUnseededReset(env),
      () => checkRepetition(env),
      () => checkAliases(env),
      ...(skipRender ? [] : [(): void => checkRender(env)]),
    ],
    [() => checkClose(env)],
  ];
}

/** Runs checks; what they or the environment throw is a fault, once. */
function faultsOf(checks: readonly (() => void)[]): string[] {
  const faults = new Set<string>();
  for (const check of checks) {
    try {
      check();
    } catch (error) {
      const { message } = error as Error;
      faults.add(error instanceof Fault ? message : `threw ${message}`);
    }
  }
  return [...faults];
}

function isSpace(value: unknown): value is Space<unknown> {
  const { sample, contains } = (value ?? {}) as Partial<Space<unknown>>;
  return typeof sample === "function" && typeof contains === "function";
}

function checkSpaces(env: Env): void {
  for (const name of ["observationSpace", "actionSpace"] as const) {
    const space: unknown = env[name];
    require(isSpace(space), `${name} must be a space, got ${describeValue(space)}`);
    const value = space.sample();
    require(space.contains(value), `${name} must contain its samples, got ${describeValue(value)}`);
  }
  const { actionSpace } = env as { readonly actionSpace: unknown };
  if (!(actionSpace instanceof Box)) return;
  const equal = actionSpace.low.findIndex((low, i) => low === actionSpace.high[i]);
  require(equal ===
    -1, `actionSpace must leave a choice, got the bound ${actionSpace.low[equal]} twice at element ${equal}`);
}

function requireObservation(env: Env, observation: unknown, call: string): void {
  const problem = env.observationSpace.whyNot(observation);
  require(problem === null, `${call}: the observation ${problem}`);
}

function reset(env: Env, seed?: number): Reset<unknown> {
  const result = env.reset(seed === undefined ? {} : { seed }) as Partial<Reset<unknown>> | null;
  require(typeof result === "object" &&
    result !== null &&
    "observation" in
      result, `reset must return { observation, info }, got ${describeValue(result)}`);
  require(typeof result.info === "object" &&
    result.info !== null, `reset: info must be an object, got ${describeValue(result.info)}`);
  requireObservation(env, result.observation, "reset");
  return result as Reset<unknown>;
}

function requireFlag(step: Step<unknown>, name: "terminated" | "truncated"): void {
  require(typeof step[name] ===
    "boolean", `step: ${name} must be true or false, got ${describeValue(step[name])}`);
}

function step(env: Env, action: unknown): Step<unknown> {
  const result = env.step(action);
  require(typeof result === "object" &&
    result !== null &&
    "observation" in
      result, `step must return { observation, reward, terminated, truncated, info }, got ${describeValue(result)}`);
  requireObservation(env, result.observation, "step");
  require(Number.isFinite(
    result.reward,
  ), `step: reward must be a finite number, got ${describeValue(result.reward)}`);
  requireFlag(result, "terminated");
  requireFlag(result, "truncated");
  require(typeof result.info === "object" &&
    result.info !== null, `step: info must be an object, got ${describeValue(result.info)}`);
  return result;
}

function checkReset(env: Env): void {
  reset(env);
  reset(env, seeds[0]);
}

function checkSeeds(env: Env): void {
  const [first, second, other] = [seeds[0], seeds[0], seeds[1]].map((seed) => ({
    ...reset(env, seed),
    state: env.random.state(),
  }));
  require(sameValue(
    first.observation,
    second.observation,
  ), `reset({ seed: ${seeds[0]} }) twice must give the same observation, got ` +
    `${describeValue(first.observation)} and ${describeValue(second.observation)}; ` +
    "draw every random number from this.random, and begin reset with this.begin(options)");
  require(sameValue(first.state, second.state) &&
    !sameValue(
      first.state,
      other.state,
    ), "reset({ seed }) must seed the generator; begin reset with this.begin(options)");
}

/** Resets without a seed go on from where the generator stands. */
function checkUnseededReset(env: Env): void {
  const isRandom = !sameValue(reset(env, seeds[0]).observation, reset(env, seeds[1]).observation);
  const following = seeds.map((seed) => {
    reset(env, seed);
    return reset(env).observation;
  });
  require(!isRandom ||
    !sameValue(
      following[0],
      following[1],
    ), "reset() without a seed must go on with the generator, got the same start after different " +
    "seeds; seed only where options.seed is given");
}

/** The same seed and the same actions give the same episode. */
function checkRepetition(env: Env): void {
  const [first, second] = [0, 1].map(() => {
    reset(env, seeds[0]);
    env.actionSpace.seed(seeds[1]);
    return randomSteps(env, 10);
  });
  for (const [i, one] of first.entries()) {
    for (const name of ["observation", "reward", "terminated", "truncated", "info"] as const) {
      require(sameValue(
        one[name],
        second[i]?.[name],
      ), `step must repeat: after the same seed and actions, ${name} was ` +
        `${describeValue(one[name])} and ${describeValue(second[i]?.[name])} at step ${i + 1}`);
    }
  }
}

function randomSteps(env: Env, count: number): Step<unknown>[] {
  const steps: Step<unknown>[] = [];
  while (steps.length < count) {
    const result = step(env, env.actionSpace.sample());
    steps.push(result);
    if (result.terminated || result.truncated) break;
  }
  return steps;
}

function checkSteps(env: Env, count: number): void {
  let left = count;
  reset(env, seeds[0]);
  while (left > 0) {
    left -= randomSteps(env, left).length;
    reset(env);
  }
}

/** What was returned, and what was passed in, must stay as it is. */
function checkAliases(env: Env): void {
  const first = reset(env, seeds[0]).observation;
  const firstCopy = structuredClone(first);
  const action = env.actionSpace.sample();
  const actionCopy = structuredClone(action);
  const second = step(env, action).observation;
  const secondCopy = structuredClone(second);
  require(sameValue(action, actionCopy), "step must not change the action it is given");
  reset(env);
  randomSteps(env, 1);
  require(sameValue(first, firstCopy) &&
    sameValue(
      second,
      secondCopy,
    ), "an observation must not change after it was returned; return a copy, such as state.slice()");
}

function checkRender(env: Env): void {
  require(env.renderFps > 0, `renderFps must be positive, got ${env.renderFps}`);
  const { renderMode } = env;
  if (renderMode === null) return;
  require(env.renderModes.includes(
    renderMode,
  ), `renderModes must include the mode ${renderMode}, got ${env.renderModes.join(", ") || "none"}`);
  reset(env, seeds[0]);
  const picture = env.render();
  if (renderMode === "ansi") {
    require(typeof picture === "string", `render must return text, got ${describeValue(picture)}`);
  }
  if (renderMode === "rgb_array") checkFrame(picture);
}

function checkFrame(picture: unknown): void {
  const { width, height, data } = (picture ?? {}) as Partial<Frame>;
  require(Number.isInteger(width) &&
    Number.isInteger(height) &&
    data instanceof Uint8Array &&
    data.length ===
      Number(width) *
        Number(height) *
        3, `render must return { width, height, data } with width × height × 3 bytes, got ` +
    `${width} × ${height} and ${data?.length ?? "no"} bytes`);
}

function checkClose(env: Env): void {
  env.close();
  env.close();
}

function warningsOf(env: Env): string[] {
  const warnings: string[] = [];
  const { actionSpace } = env as { readonly actionSpace: unknown };
  if (actionSpace instanceof Box) {
    if (!actionSpace.isBounded) {
      warnings.push(
        `actions have no finite bounds: ${String(actionSpace)}; DDPG, TD3 and SAC need them`,
      );
    } else if (actionSpace.low.some((low, i) => low !== -actionSpace.high[i])) {
      warnings.push(`actions are not symmetric about 0: ${String(actionSpace)}; use RescaleAction`);
    }
  }
  return warnings;
}
