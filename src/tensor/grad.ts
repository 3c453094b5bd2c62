import { ShapeError, UsageError } from "../base/errors.ts";
import { gradients } from "../autodiff/gradients.ts";
import * as ir from "../ir/build.ts";
import { isFloat } from "../ir/dtype.ts";
import { formatShape } from "../ir/shape.ts";
import { foundationCell } from "./cells.ts";
import { collectRuleTensors } from "./custom-vjp.ts";
import { Tensor, derive } from "./tensor.ts";

/** Options of {@link grad}. */
export interface GradOptions {
  /** Gives zeros for tensors the loss does not depend on, instead of an error. */
  readonly allowUnused?: boolean;
  /** Cotangent of the loss, which then may have any shape. @defaultValue 1 */
  readonly gradOutput?: Tensor;
}

function refuseUnused(loss: Tensor, tensor: Tensor, position: number): never {
  const name = `tensor ${position}, ${tensor.dtype}${formatShape(tensor.shape)},`;
  if (!isFloat(tensor.dtype)) {
    throw new UsageError(`grad: tensors must be floats, got ${name} which has no gradient`);
  }
  const wasCut = !loss.cell.requiresGrad && !tensor.requiresGrad;
  throw new UsageError(
    `grad: the loss must depend on every tensor, but not on ${name} found; ` +
      "pass { allowUnused: true } for zeros" +
      (wasCut
        ? ", or set requiresGrad on the tensor if the loss, or something on its way, was read before"
        : ", or compute the loss after the tensor's last assign()"),
  );
}

/**
 * Gradients of a scalar with respect to tensors, as tensors: ∂loss/∂tensor. They are graphs like
 * any other, so gradients of gradients work. Each tensor counts with its current value: after an
 * `assign`, gradients are with respect to the assigned value.
 * Shapes: loss [] or one element -> one gradient of the shape and dtype of each tensor.
 * @throws {UsageError} if the loss does not depend on a tensor; {ShapeError} if it is no scalar.
 */
export function grad(
  loss: Tensor,
  tensors: readonly Tensor[],
  { allowUnused = false, gradOutput }: GradOptions = {},
): Tensor[] {
  if (gradOutput === undefined && loss.numel !== 1) {
    throw new ShapeError(
      `grad: loss must have one element, got ${formatShape(loss.shape)}; ` +
        "reduce it with sum() or mean(), or pass gradOutput",
    );
  }
  const { value: results, made } = collectRuleTensors(loss.device, () =>
    gradients(
      loss.node,
      gradOutput?.node,
      tensors.map((tensor) => tensor.node),
    ),
  );
  const sources = [loss, ...(gradOutput === undefined ? [] : [gradOutput]), ...tensors, ...made];
  const foundation = foundationCell(loss);
  if (foundation !== undefined) sources.push(new Tensor(foundation));
  const found = results.map((node, i) => {
    const tensor = tensors[i];
    if (node === null && !allowUnused) refuseUnused(loss, tensor, i);
    return derive(sources, node ?? ir.fullLike(tensor.node, 0));
  });
  foundation?.dispose();
  return found;
}

/** Runs `fn` and differentiates its result: [loss, gradients]. */
export function valueAndGrad(
  fn: () => Tensor,
  tensors: readonly Tensor[],
  options?: GradOptions,
): [loss: Tensor, gradients: Tensor[]] {
  const loss = fn();
  return [loss, grad(loss, tensors, options)];
}
