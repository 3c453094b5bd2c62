import { ConfigError, ShapeError } from "../../../base/errors.ts";
import { formatShape } from "../../../ir/shape.ts";
import { zerosLike } from "../../../tensor/factories.ts";
import { cat } from "../../../tensor/functions.ts";
import { scan } from "../../../tensor/loops.ts";
import type { Tensor } from "../../../tensor/tensor.ts";
import { requireOneOf } from "./option-checks.ts";
import { keepMasked } from "./masked.ts";

/** Options of {@link generalizedAdvantages}. */
export interface GaeOptions {
  /** Discount. @defaultValue 1 */
  readonly gamma?: number | undefined;
  /** Weight of longer returns. @defaultValue 0.95 */
  readonly lam?: number | undefined;
  /** bool [B, T]: tokens of the response; behind them values and rewards count as 0. */
  readonly mask?: Tensor | undefined;
}

/** What {@link generalizedAdvantages} returns; both [B, T] and without gradient. */
export interface GeneralizedAdvantages {
  readonly advantages: Tensor;
  /** Advantages + values: what the value head is drawn to. */
  readonly returns: Tensor;
}

/**
 * Generalised advantage estimation: $A_t = δ_t + γλ A_{t+1}$ with $δ_t = r_t + γ V_{t+1} - V_t$, and
 * V = 0 behind the end. Shapes: rewards, values f32 [B, T].
 *
 * @throws {ShapeError} if the shapes differ.
 * @see Schulman et al. 2015, https://arxiv.org/abs/1506.02438
 */
export function generalizedAdvantages(
  rewards: Tensor,
  values: Tensor,
  { gamma = 1, lam = 0.95, mask }: GaeOptions = {},
): GeneralizedAdvantages {
  if (rewards.ndim !== 2 || rewards.shape.join() !== values.shape.join()) {
    throw new ShapeError(
      `generalizedAdvantages: rewards and values must both be [batch, tokens], got ` +
        `${formatShape(rewards.shape)} and ${formatShape(values.shape)}`,
    );
  }
  const real = (x: Tensor): Tensor =>
    mask === undefined ? x.detach() : keepMasked(x.detach(), mask);
  const [r, v] = [real(rewards), real(values)];
  const next = cat([v.narrow(1, 1, v.shape[1] - 1), zerosLike(v.narrow(1, 0, 1))], { dim: 1 });
  const deltas = r.add(next.mul(gamma)).sub(v);
  const step = (later: Tensor, delta: Tensor): [Tensor, Tensor] => {
    const advantage = later.mul(gamma * lam).add(delta);
    return [advantage, advantage];
  };
  const first = zerosLike(v.select(1, 0));
  const { ys } = scan(step, first, deltas, { reverse: true, dim: 1 });
  const advantages = real(ys);
  return { advantages, returns: advantages.add(v) };
}

/** What the standard deviation is taken over, by which advantages are divided. */
export type ScaleRewards = "group" | "batch" | "none";

/** Options of {@link groupAdvantages}. */
export interface GroupAdvantagesOptions {
  /** Completions per prompt; those of a prompt stand next to each other. */
  readonly numGenerations: number;
  /** @defaultValue "group" */
  readonly scaleRewards?: ScaleRewards | undefined;
}

/** Advantages of completions in groups. */
export interface GroupAdvantages {
  /** [B]. Completions whose reward is NaN have 0. */
  readonly advantages: Tensor;
  /** Mean and unbiased standard deviation of each group, [B / numGenerations]. */
  readonly groupMeans: Tensor;
  readonly groupStds: Tensor;
}

/** Added to standard deviations, as TRL does. */
const stdEps = 1e-4;

/**
 * GRPO's advantages: rewards minus the mean of their group, divided by the standard deviation of the
 * group, of the batch, or by nothing (Dr. GRPO). A reward of NaN says that a completion could not be
 * scored: it neither counts nor learns. Shapes: rewards f32 [B].
 *
 * @throws {ShapeError} if rewards are no vector of whole groups.
 * @see Shao et al. 2024, "DeepSeekMath", https://arxiv.org/abs/2402.03300
 */
export function groupAdvantages(
  rewards: Tensor,
  { numGenerations, scaleRewards = "group" }: GroupAdvantagesOptions,
): GroupAdvantages {
  requireOneOf("groupAdvantages", "scaleRewards", scaleRewards, ["group", "batch", "none"]);
  const groups = inGroups("groupAdvantages", rewards, numGenerations);
  const { mean, std } = momentsOf(groups, 1);
  const centred = groups.sub(mean);
  const scale = scaleRewards === "group" ? std : momentsOf(rewards.detach(), 0).std;
  const scaled = scaleRewards === "none" ? centred : centred.div(scale.add(stdEps));
  return {
    advantages: zeroNan(scaled).reshape(rewards.shape),
    groupMeans: mean.squeeze({ dim: 1 }),
    groupStds: std.squeeze({ dim: 1 }),
  };
}

/** Options of {@link leaveOneOutAdvantages}. */
export interface LeaveOneOutOptions {
  /** Completions per prompt; those of a prompt stand next to each other. At least 2. */
  readonly numGenerations: number;
  /** Whether advantages of the batch get mean 0 and standard deviation 1. @defaultValue false */
  readonly normalizeAdvantages?: boolean | undefined;
}

/**
 * RLOO's advantages: each reward minus the mean reward of the *other* completions of its prompt.
 * Rewards of NaN neither count nor learn. Shapes: rewards f32 [B] -> [B].
 *
 * @throws {ShapeError} if rewards are no vector of whole groups; {ConfigError} for groups of one.
 * @see Ahmadian et al. 2024, "Back to Basics", https://arxiv.org/abs/2402.14740
 */
export function leaveOneOutAdvantages(
  rewards: Tensor,
  { numGenerations, normalizeAdvantages = false }: LeaveOneOutOptions,
): Tensor {
  if (numGenerations < 2) {
    throw new ConfigError(
      `leaveOneOutAdvantages: numGenerations must be at least 2, got ${numGenerations}; ` +
        "a completion is compared with the others of its prompt",
    );
  }
  const groups = inGroups("leaveOneOutAdvantages", rewards, numGenerations);
  const known = groups.isnan().logicalNot();
  const total = zeroNan(groups).sum({ dim: 1, keepdim: true });
  const others = known.to(groups.dtype).sum({ dim: 1, keepdim: true }).sub(1);
  const advantages = groups.sub(total.sub(groups).div(others)).reshape(rewards.shape);
  if (!normalizeAdvantages) return zeroNan(advantages);
  const { mean, std } = momentsOf(advantages, 0);
  return zeroNan(advantages.sub(mean).div(std.add(stdEps)));
}

function inGroups(what: string, rewards: Tensor, size: number): Tensor {
  const isWhole = Number.isSafeInteger(size) && size > 0 && rewards.numel % size === 0;
  if (rewards.ndim === 1 && isWhole) return rewards.detach().reshape([-1, size]);
  throw new ShapeError(
    `${what}: rewards must be a vector whose length is a multiple of numGenerations, got ` +
      `${formatShape(rewards.shape)} with numGenerations ${size}`,
  );
}

const zeroNan = (x: Tensor): Tensor => x.maskedFill(x.isnan(), 0);

/** Mean and unbiased standard deviation of what is not NaN; a single value has 0. */
function momentsOf(x: Tensor, dim: number): { readonly mean: Tensor; readonly std: Tensor } {
  const known = x.isnan().logicalNot().to(x.dtype);
  const count = known.sum({ dim, keepdim: true });
  const mean = zeroNan(x).sum({ dim, keepdim: true }).div(count);
  const squares = zeroNan(x.sub(mean)).square().sum({ dim, keepdim: true });
  return { mean, std: squares.div(count.sub(1).clampMin(1)).sqrt() };
}
