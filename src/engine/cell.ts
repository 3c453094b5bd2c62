import { UsageError } from "../base/errors.ts";
import type { DType } from "../ir/dtype.ts";
import type { Node } from "../ir/node.ts";
import type { Shape } from "../ir/shape.ts";
import { formatShape } from "../ir/shape.ts";
import type { DeviceName } from "./devices.ts";
import { forgetAssigned } from "./realize.ts";
import type { Trace } from "./trace.ts";
import type { Value } from "./value.ts";

/** Type and place of a tensor. */
export interface CellType {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly device: DeviceName;
}

/**
 * What a tensor handle points to: a variable that holds a value (outside a trace) or a graph node
 * (inside one). It lives apart from the handle so that a finalizer can release it.
 */
export class Cell implements CellType {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly device: DeviceName;
  /** The trace the cell was made in; its tensors end with it. */
  readonly trace: Trace | undefined;
  /** Node of a cell made in a trace. */
  symbol: Node | undefined;
  requiresGrad = false;
  isDisposed = false;
  #value: Value | undefined;

  constructor(
    type: CellType,
    content: { value?: Value; symbol?: Node; trace?: Trace | undefined },
  ) {
    this.shape = type.shape;
    this.dtype = type.dtype;
    this.device = type.device;
    this.#value = content.value;
    this.symbol = content.symbol;
    this.trace = content.trace;
  }

  /** @throws {UsageError} if the tensor was disposed or exists only inside a trace. */
  get value(): Value {
    if (this.#value === undefined) throw this.unusable();
    return this.#value;
  }

  /** Whether the cell has a value, pending or stored. */
  get hasValue(): boolean {
    return this.#value !== undefined;
  }

  /** Takes over one reference of the new value and gives the old one back. */
  replace(value: Value): void {
    const old = this.value;
    this.#value = value;
    old.release();
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    this.symbol = undefined;
    forgetAssigned(this);
    this.#value?.release();
    this.#value = undefined;
  }

  /** Why the cell has no value. */
  unusable(): UsageError {
    const name = `${this.dtype}${formatShape(this.shape)}`;
    if (this.trace !== undefined) {
      return new UsageError(
        this.trace.isOpen
          ? `${this.trace.kind}: a value cannot be read while its function is traced, got a read of ${name}; ` +
              "return the tensor and read it outside, and use where() instead of branching on values"
          : `${this.trace.kind}: ${name} lived inside a traced function that has ended; ` +
              "return it, or store it in a tensor made outside with assign()",
      );
    }
    return new UsageError(
      `tensor: ${name} was used after it was disposed; dispose it later, or return it from its scope`,
    );
  }
}
