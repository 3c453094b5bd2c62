/**
 * Draws by rejection. A lazy graph has no loop per element, so a fixed number of candidates is drawn
 * for each and the first accepted one counts; that none is has a probability below 1e-11.
 */
import { range } from "../base/integers.ts";
import * as ir from "../ir/build.ts";
import type { Shape } from "../ir/shape.ts";
import { gammainc } from "./ops/special-gamma.ts";
import type { RandomOptions } from "./random.ts";
import { normal, uniform } from "./random.ts";
import { where } from "./functions.ts";
import { grad } from "./grad.ts";
import type { Tensor } from "./tensor.ts";
import { derive } from "./tensor.ts";

/** Where draws come from. */
export type DrawOptions = Pick<RandomOptions, "generator">;

/** A candidate and whether it is accepted. */
type Attempt = readonly [value: Tensor, accepted: Tensor];

/** The first accepted candidate. */
function firstAccepted(attempts: readonly Attempt[]): Tensor {
  const [last] = attempts[attempts.length - 1];
  return attempts.reduceRight((rest, [value, accepted]) => where(accepted, value, rest), last);
}

/** [count, ...shape] uniform values in [0, 1), as a list. */
function uniforms(count: number, like: Tensor, { generator }: DrawOptions): Tensor[] {
  const { shape, dtype, device } = like;
  return uniform([count, ...shape], { dtype, device, generator }).unbind();
}

/** A tensor broadcast to a shape, in doubles, without its history. */
const fixed = (x: Tensor, shape: Shape): Tensor => x.detach().to("f64").broadcastTo(shape);

/**
 * ln of gamma variables of rate 1 and a shape ≥ 1 in f64.
 * @see Marsaglia and Tsang 2000, "A simple method for generating gamma variables"
 */
function logGammaAboveOne(concentration: Tensor, options: DrawOptions): Tensor {
  const tries = 10;
  const { shape, device } = concentration;
  const d = concentration.sub(1 / 3);
  const c = d.mul(9).rsqrt();
  const { generator } = options;
  const normals = normal([tries, ...shape], { dtype: "f64", device, generator }).unbind();
  const rolls = uniforms(tries, concentration, options);
  const attempts = range(tries).map((i): Attempt => {
    const x = normals[i];
    const base = x.mul(c).add(1);
    const positive = base.gt(0);
    const logCube = where(positive, base, 1).log().mul(3);
    const bound = x
      .square()
      .mul(0.5)
      .add(d.mul(logCube.add(1).sub(logCube.exp())));
    return [logCube, positive.logicalAnd(rolls[i].neg().log1p().le(bound))];
  });
  return firstAccepted(attempts).add(d.log());
}

/** d ln z / da of a gamma variable z of shape a at fixed probability, all in f64. */
function logGammaSlope(concentration: Tensor, logValue: Tensor): Tensor {
  // Near 0 the distribution function is zᵃ / Γ(a + 1).
  const isTiny = logValue.lt(-20);
  const origin = logValue.sub(concentration.add(1).digamma()).div(concentration).neg();
  const at = concentration.clone().detach();
  const z = where(isTiny, 1, logValue.exp());
  const probability = derive([at, z], gammainc(at.node, z.node));
  const [slope] = grad(probability.sum(), [at]);
  const density = at.mul(z.log()).sub(z).sub(at.lgamma()).exp();
  const rest = slope.div(where(density.gt(0), density, 1)).neg();
  return where(isTiny, origin, rest);
}

/**
 * ln of gamma variables with rate 1, of the dtype of the concentration. The gradient with respect to
 * the concentration is that of the variable at fixed probability (implicit reparametrisation).
 * @see Figurnov et al. 2018, "Implicit Reparameterization Gradients", https://arxiv.org/abs/1805.08498
 */
export function logStandardGamma(
  concentration: Tensor,
  shape: Shape,
  { isDifferentiable, ...options }: DrawOptions & { readonly isDifferentiable: boolean },
): Tensor {
  const a = fixed(concentration, shape);
  const isSmall = a.lt(1);
  const boosted = logGammaAboveOne(where(isSmall, a.add(1), a), options);
  const [roll] = uniforms(1, a, options);
  const lowered = boosted.add(roll.neg().log1p().div(a));
  const drawn = where(isSmall, lowered, boosted);
  if (!isDifferentiable) return drawn.to(concentration.dtype);
  const wide = concentration.to("f64").broadcastTo(shape);
  const slope = logGammaSlope(a, drawn).nanToNum().detach();
  return drawn.add(wide.sub(a).mul(slope)).to(concentration.dtype);
}

/** Poisson variables with a mean below 10, by inversion. */
function poissonSmall(rate: Tensor, roll: Tensor): Tensor {
  const steps = [48];
  const k = derive([], ir.cast(ir.iota(steps, 0), "f64"), rate.device);
  const ratios = where(
    k.eq(0),
    rate.neg().exp().unsqueeze(-1),
    rate.unsqueeze(-1).div(k.clampMin(1)),
  );
  const below = ratios.cumprod(-1).cumsum(-1);
  return roll.unsqueeze(-1).ge(below).to("f64").sum({ dim: -1 });
}

/** Poisson variables with a mean of 10 or more: Hörmann's transformed rejection. */
function poissonLarge(rate: Tensor, options: DrawOptions): Tensor {
  const tries = 16;
  const rolls = uniforms(2 * tries, rate, options);
  const b = rate.sqrt().mul(2.53).add(0.931);
  const a = b.mul(0.02483).sub(0.059);
  const inverseAlpha = b.sub(3.4).reciprocal().mul(1.1328).add(1.1239);
  const quick = b.sub(2).reciprocal().mul(-3.6224).add(0.9277);
  const attempts = range(tries).map((i): Attempt => {
    const u = rolls[2 * i].sub(0.5);
    const v = rolls[2 * i + 1].neg().add(1);
    const edge = u.abs().neg().add(0.5).clampMin(1e-12);
    const k = a.mul(2).div(edge).add(b).mul(u).add(rate).add(0.43).floor();
    const inside = k.ge(0).logicalAnd(edge.ge(0.013).logicalOr(v.le(edge)));
    const level = v.mul(inverseAlpha).div(a.div(edge.square()).add(b)).log();
    const safe = k.clampMin(0);
    const bound = safe.mul(rate.log()).sub(rate).sub(safe.add(1).lgamma());
    const sure = edge.ge(0.07).logicalAnd(v.le(quick));
    return [safe, sure.logicalOr(inside.logicalAnd(level.le(bound)))];
  });
  return firstAccepted(attempts);
}

/**
 * Poisson variables, in the dtype of the rates. No gradient flows.
 * @see Hörmann 1993, "The transformed rejection method for generating Poisson random variables"
 */
export function poisson(
  rate: Tensor,
  { shape = rate.shape, ...options }: DrawOptions & { readonly shape?: Shape } = {},
): Tensor {
  const mean = fixed(rate, shape);
  const isLarge = mean.ge(10);
  const [roll] = uniforms(1, mean, options);
  const small = poissonSmall(where(isLarge, 1, mean), roll);
  const large = poissonLarge(where(isLarge, mean, 10), options);
  return where(isLarge, large, small).to(rate.dtype);
}

/** Binomial variables with an expected count below 10 by inversion; p ≤ ½. */
function binomialSmall(count: Tensor, p: Tensor, roll: Tensor): Tensor {
  const k = derive([], ir.cast(ir.iota([64], 0), "f64"), p.device);
  const odds = p.div(p.neg().add(1)).unsqueeze(-1);
  const left = count.unsqueeze(-1).sub(k).add(1).clampMin(0);
  const first = count.mul(p.neg().log1p()).exp().unsqueeze(-1);
  const ratios = where(k.eq(0), first, left.div(k.clampMin(1)).mul(odds));
  const below = ratios.cumprod(-1).cumsum(-1);
  const number = roll.unsqueeze(-1).ge(below).to("f64").sum({ dim: -1 });
  return number.minimum(count);
}

/** Binomial variables with an expected count of 10 or more by transformed rejection; p ≤ ½. */
function binomialLarge(count: Tensor, p: Tensor, options: DrawOptions): Tensor {
  const tries = 16;
  const rolls = uniforms(2 * tries, p, options);
  const q = p.neg().add(1);
  const spread = count.mul(p).mul(q).sqrt();
  const b = spread.mul(2.53).add(1.15);
  const a = b.mul(0.0248).sub(0.0873).add(p.mul(0.01));
  const quick = b.reciprocal().mul(-4.2).add(0.92);
  const alpha = b.reciprocal().mul(5.1).add(2.83).mul(spread);
  const mode = count.add(1).mul(p).floor();
  const logChance = (k: Tensor): Tensor =>
    k
      .add(1)
      .lgamma()
      .add(count.sub(k).add(1).lgamma())
      .neg()
      .add(k.mul(p.div(q).log()));
  const top = logChance(mode);
  const attempts = range(tries).map((i): Attempt => {
    const u = rolls[2 * i].sub(0.5);
    const v = rolls[2 * i + 1].neg().add(1);
    const edge = u.abs().neg().add(0.5).clampMin(1e-12);
    const k = a.mul(2).div(edge).add(b).mul(u).add(count.mul(p)).add(0.5).floor();
    const inside = k.ge(0).logicalAnd(k.le(count));
    const safe = where(inside, k, mode);
    const level = v.mul(alpha).div(a.div(edge.square()).add(b)).log();
    const sure = edge.ge(0.07).logicalAnd(v.le(quick));
    return [safe, inside.logicalAnd(sure.logicalOr(level.le(logChance(safe).sub(top))))];
  });
  return firstAccepted(attempts);
}

/**
 * How many of `count` trials succeed with probability `p`, in the dtype of p. No gradient flows.
 * @see Hörmann 1993, "The generation of binomial random variates"
 */
export function binomial(
  count: Tensor,
  p: Tensor,
  { shape, ...options }: DrawOptions & { readonly shape: Shape },
): Tensor {
  const n = fixed(count, shape);
  const chance = fixed(p, shape);
  const isFlipped = chance.gt(0.5);
  const rare = where(isFlipped, chance.neg().add(1), chance);
  const isLarge = n.mul(rare).ge(10);
  const [roll] = uniforms(1, n, options);
  const small = binomialSmall(where(isLarge, 1, n), where(isLarge, 0.5, rare), roll);
  const large = binomialLarge(where(isLarge, n, 20), where(isLarge, rare, 0.5), options);
  const number = where(isLarge, large, small);
  return where(isFlipped, n.sub(number), number).to(p.dtype);
}
