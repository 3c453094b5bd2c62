import { CheckpointError, ShapeError } from "../base/errors.ts";
import { Tensor } from "../tensor/tensor.ts";
import { cat } from "../tensor/functions.ts";
import { keep, scope } from "../tensor/memory.ts";
import { zeros } from "../tensor/factories.ts";
import { requireChoice, requireInRange, requireNonNegative } from "./checks.ts";
import type { Trial } from "./line-search.ts";
import { strongWolfe } from "./line-search.ts";
import type { ComputeDType } from "./param-group.ts";
import { ParamGroup, computeDTypeOf } from "./param-group.ts";

/** Hyper-parameters of {@link LBFGS} other than the learning rate. */
export interface LBFGSGroupOptions {
  /** Most iterations of one step. @defaultValue 20 */
  readonly maxIter: number;
  /** Most evaluations of the closure in one step. @defaultValue maxIter · 5/4 */
  readonly maxEval: number;
  /** A step ends where no element of the gradient is larger. @defaultValue 1e-7 */
  readonly toleranceGrad: number;
  /** A step ends where neither the loss nor a parameter changes more. @defaultValue 1e-9 */
  readonly toleranceChange: number;
  /** How many pairs of changes are kept; each takes the memory of two gradients. @defaultValue 100 */
  readonly historySize: number;
  /** @defaultValue null: full steps of size lr */
  readonly lineSearchFn: "strong_wolfe" | null;
}

/** Options of {@link LBFGS}. */
export interface LBFGSOptions extends Partial<LBFGSGroupOptions> {
  /** @defaultValue 1 */
  readonly lr?: number;
}

/** The loss at the present parameters, and its gradients in the order of `parameters`. */
export interface Evaluation {
  readonly loss: Tensor;
  readonly grads: readonly (Tensor | null)[];
}

/** State of {@link LBFGS}, under PyTorch's names. */
export interface LBFGSState {
  readonly funcEvals: number;
  readonly nIter: number;
  readonly t: number;
  readonly prevLoss: number;
  readonly hDiag: number;
  readonly d: Tensor | null;
  readonly prevFlatGrad: Tensor | null;
  readonly oldDirs: readonly Tensor[];
  readonly oldStps: readonly Tensor[];
  readonly ro: readonly number[];
  readonly lr: number;
}

interface Pair {
  /** Change of the gradient. */
  readonly y: Tensor;
  /** Change of the parameters. */
  readonly s: Tensor;
  /** 1 / (y · s). */
  readonly ro: number;
}

/**
 * Quasi-Newton steps for smooth losses over all data: the inverse Hessian is built from the last
 * changes of gradient and parameters. Each `step` evaluates the loss several times, so it takes a
 * function, which is best jitted:
 * @example
 * const optimizer = new LBFGS(parameters, { lineSearchFn: "strong_wolfe" });
 * const evaluate = jit(() => {
 *   const loss = lossOf(parameters);
 *   return { loss, grads: grad(loss, parameters) };
 * });
 * await optimizer.step(evaluate);
 *
 * One group on one device; it cannot itself run inside jit, because its decisions depend on values.
 * @see Liu and Nocedal 1989, "On the limited memory BFGS method for large scale optimization"
 */
export class LBFGS {
  readonly paramGroups: readonly [ParamGroup<LBFGSGroupOptions>];
  readonly #dtype: ComputeDType;
  #pairs: Pair[] = [];
  #direction: Tensor | null = null;
  #previousGradient: Tensor | null = null;
  #previousLoss = 0;
  #scale = 1;
  #t = 0;
  #funcEvals = 0;
  #nIter = 0;

  /** @throws {ConfigError} if an option is out of range or there are no parameters. */
  constructor(parameters: Iterable<Tensor>, options: LBFGSOptions = {}) {
    const { lr = 1, maxIter = 20, maxEval = Math.floor((maxIter * 5) / 4) } = options;
    const { toleranceGrad = 1e-7, toleranceChange = 1e-9, historySize = 100 } = options;
    const { lineSearchFn = null } = options;
    const count = { min: 1, isInteger: true };
    for (const [name, value] of Object.entries({ maxIter, maxEval, historySize })) {
      requireInRange("LBFGS", name, value, count);
    }
    requireNonNegative("LBFGS", { toleranceGrad, toleranceChange });
    requireChoice("LBFGS", "lineSearchFn", lineSearchFn, [null, "strong_wolfe"]);
    const limits = { maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearchFn };
    const group = new ParamGroup<LBFGSGroupOptions>("LBFGS", [...parameters], lr, limits);
    this.paramGroups = [group];
    this.#dtype = group.params.some((one) => computeDTypeOf(one) === "f64") ? "f64" : "f32";
  }

  /** The parameters, in the order gradients are wanted. */
  get parameters(): readonly Tensor[] {
    return this.paramGroups[0].params;
  }

  /** Evaluations of the closure so far. */
  get funcEvals(): number {
    return this.#funcEvals;
  }

  /**
   * Takes up to `maxIter` quasi-Newton steps.
   * @param evaluate - loss and gradients at the present parameters; it is called again and again.
   * @returns the loss before the first of them.
   */
  async step(evaluate: () => Evaluation | Promise<Evaluation>): Promise<number> {
    return scope(async () => {
      const { options, lr } = this.paramGroups[0];
      const { maxIter, maxEval, toleranceGrad, toleranceChange } = options;
      let { loss, gradient } = await this.#evaluate(evaluate);
      const first = loss;
      let evaluations = 1;
      if ((await largest(gradient)) <= toleranceGrad) return first;
      for (let iteration = 1; iteration <= maxIter; iteration++) {
        this.#nIter++;
        const direction = await scope(() => this.#chooseDirection(gradient));
        this.#remember(direction, gradient, loss);
        const isFirst = this.#nIter === 1;
        const size = isFirst ? await gradient.abs().sum().item() : 1;
        let t = isFirst ? Math.min(1, 1 / size) * lr : lr;
        this.#t = t;
        const slope = await dot(gradient, direction);
        if (slope > -toleranceChange) break;
        const before = this.#previousLoss;
        if (options.lineSearchFn === null) {
          await this.#move(t, direction);
          if (iteration < maxIter) {
            ({ loss, gradient } = await this.#evaluate(evaluate));
            evaluations++;
          }
        } else {
          const start = { t: 0, loss, slope, gradient };
          const found = await this.#search(evaluate, start, direction, t, maxEval - evaluations);
          ({ t, loss, gradient } = found.best);
          this.#t = t;
          await this.#move(t, direction);
          evaluations += found.evaluations;
        }
        if (iteration === maxIter || evaluations >= maxEval) break;
        if ((await largest(gradient)) <= toleranceGrad) break;
        if ((await largest(direction)) * Math.abs(t) <= toleranceChange) break;
        if (Math.abs(loss - before) < toleranceChange) break;
      }
      return first;
    });
  }

  /** All that {@link loadStateDict} needs; the tensors are the live ones. */
  stateDict(): LBFGSState {
    return {
      funcEvals: this.#funcEvals,
      nIter: this.#nIter,
      t: this.#t,
      prevLoss: this.#previousLoss,
      hDiag: this.#scale,
      d: this.#direction,
      prevFlatGrad: this.#previousGradient,
      oldDirs: this.#pairs.map(({ y }) => y),
      oldStps: this.#pairs.map(({ s }) => s),
      ro: this.#pairs.map(({ ro }) => ro),
      lr: this.paramGroups[0].lr,
    };
  }

  /** Goes on from a state. @throws {CheckpointError} if its vectors have another length. */
  loadStateDict(state: LBFGSState): void {
    const { device } = this.parameters[0];
    const length = this.parameters.reduce((sum, { numel }) => sum + numel, 0);
    const vectors = [state.d, state.prevFlatGrad, ...state.oldDirs, ...state.oldStps];
    if (vectors.some((vector) => vector !== null && vector.numel !== length)) {
      throw new CheckpointError(
        `loadStateDict: the vectors of LBFGS must have ${length} elements, as the parameters`,
      );
    }
    const own = (vector: Tensor): Tensor => keep(vector.to(device).to(this.#dtype).clone());
    this.#forget();
    this.#pairs = state.oldDirs.map((y, i) => ({
      y: own(y),
      s: own(state.oldStps[i]),
      ro: state.ro[i],
    }));
    this.#direction = state.d === null ? null : own(state.d);
    this.#previousGradient = state.prevFlatGrad === null ? null : own(state.prevFlatGrad);
    this.#funcEvals = state.funcEvals;
    this.#nIter = state.nIter;
    this.#t = state.t;
    this.#previousLoss = state.prevLoss;
    this.#scale = state.hDiag;
    this.paramGroups[0].lr = state.lr;
  }

  /** Frees the history. The parameters stay. */
  dispose(): void {
    this.#forget();
    this.paramGroups[0].dispose();
  }

  #forget(): void {
    for (const { y, s } of this.#pairs) for (const one of [y, s]) one.dispose();
    this.#direction?.dispose();
    this.#previousGradient?.dispose();
    this.#pairs = [];
  }

  /** A host number as an input of programs: as a constant it would make a new program each time. */
  #scalar(value: number): Tensor {
    const { device } = this.parameters[0];
    return Tensor.from(Float64Array.of(value), [], { dtype: this.#dtype, device });
  }

  async #evaluate(
    evaluate: () => Evaluation | Promise<Evaluation>,
  ): Promise<{ loss: number; gradient: Tensor }> {
    const { loss, grads } = await evaluate();
    this.#funcEvals++;
    const { parameters } = this;
    if (grads.length !== parameters.length) {
      throw new ShapeError(
        `LBFGS: one gradient per parameter is needed, got ${grads.length} for ${parameters.length}`,
      );
    }
    const flat = grads.map((gradient, i) => {
      const { numel, device } = parameters[i];
      if (gradient === null) return zeros([numel], { dtype: this.#dtype, device });
      return gradient.to(this.#dtype).reshape([numel]);
    });
    return { loss: await loss.item(), gradient: await cat(flat).realize() };
  }

  /** Moves the parameters along the direction. */
  async #move(t: number, direction: Tensor): Promise<void> {
    const step = this.#scalar(t);
    let start = 0;
    for (const parameter of this.parameters) {
      const part = direction.narrow(0, start, parameter.numel).reshape(parameter.shape);
      parameter.assign(parameter.to(this.#dtype).add(part.mul(step)).to(parameter.dtype));
      start += parameter.numel;
    }
    await Promise.all(this.parameters.map((parameter) => parameter.realize()));
  }

  /** A step size along the direction; the parameters are where they were afterwards. */
  async #search(
    evaluate: () => Evaluation | Promise<Evaluation>,
    start: Trial<Tensor>,
    direction: Tensor,
    firstStep: number,
    maxSearches: number,
  ): Promise<{ readonly best: Trial<Tensor>; readonly evaluations: number }> {
    const before = this.parameters.map((parameter) => parameter.detach().clone());
    const trial = async (t: number): Promise<Trial<Tensor>> => {
      await this.#move(t, direction);
      const { loss, gradient } = await this.#evaluate(evaluate);
      for (const [i, parameter] of this.parameters.entries()) parameter.assign(before[i]);
      return { t, loss, gradient, slope: await dot(gradient, direction) };
    };
    const { toleranceChange } = this.paramGroups[0].options;
    const directionSize = await largest(direction);
    return strongWolfe(trial, start, firstStep, { maxSearches, directionSize, toleranceChange });
  }

  /** Minus the gradient, times what is known of the inverse Hessian. */
  async #chooseDirection(gradient: Tensor): Promise<Tensor> {
    const [before, moved] = [this.#previousGradient, this.#direction];
    if (before === null || moved === null) return gradient.neg().realize();
    const y = await gradient.sub(before).realize();
    const s = await moved.mul(this.#scalar(this.#t)).realize();
    const ys = await dot(y, s);
    if (ys > 1e-10) {
      if (this.#pairs.length === this.paramGroups[0].options.historySize) {
        const oldest = this.#pairs.shift();
        oldest?.y.dispose();
        oldest?.s.dispose();
      }
      this.#pairs.push({ y: keep(y), s: keep(s), ro: 1 / ys });
      this.#scale = ys / (await dot(y, y));
    }
    // Each line is a small program that later iterations find in the cache.
    let q = await gradient.neg().realize();
    const alphas: number[] = [];
    for (const [i, pair] of [...this.#pairs.entries()].toReversed()) {
      alphas[i] = (await dot(pair.s, q)) * pair.ro;
      q = await q.sub(pair.y.mul(this.#scalar(alphas[i]))).realize();
    }
    let direction = await q.mul(this.#scalar(this.#scale)).realize();
    for (const [i, { y: change, s: step, ro }] of this.#pairs.entries()) {
      const beta = (await dot(change, direction)) * ro;
      direction = await direction.add(step.mul(this.#scalar(alphas[i] - beta))).realize();
    }
    return direction;
  }

  #remember(direction: Tensor, gradient: Tensor, loss: number): void {
    const [oldDirection, oldGradient] = [this.#direction, this.#previousGradient];
    this.#direction = keep(direction.clone());
    this.#previousGradient = keep(gradient.clone());
    this.#previousLoss = loss;
    oldDirection?.dispose();
    oldGradient?.dispose();
  }
}

const dot = async (a: Tensor, b: Tensor): Promise<number> => a.mul(b).sum().item();

const largest = async (x: Tensor): Promise<number> => x.abs().amax().item();
