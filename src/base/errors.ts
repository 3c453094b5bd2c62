/** Extra facts an error carries for programs that inspect it (values, shapes, paths). */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** Options of every Athanor error: the standard `cause` and structured details. */
export interface AthanorErrorOptions {
  readonly cause?: unknown;
  readonly details?: ErrorDetails;
}

/**
 * Root of every error Athanor throws on purpose. The message has the form
 * `operation: invariant, got values; what to do`.
 */
export class AthanorError extends Error {
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(code: string, message: string, options: AthanorErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Shapes, dims or sizes do not fit together. */
export class ShapeError extends AthanorError {
  constructor(message: string, options?: AthanorErrorOptions) {
    super("SHAPE", message, options);
  }
}

/** A dtype is unknown, unsupported here, or would need an implicit conversion. */
export class DTypeError extends AthanorError {
  constructor(message: string, options?: AthanorErrorOptions) {
    super("DTYPE", message, options);
  }
}

/** A device is missing, or tensors of different devices meet. */
export class DeviceError extends AthanorError {
  constructor(message: string, options?: AthanorErrorOptions) {
    super("DEVICE", message, options);
  }
}

/** The operation exists but this backend or transformation cannot do it. */
export class UnsupportedOpError extends AthanorError {
  constructor(message: string, options?: AthanorErrorOptions) {
    super("UNSUPPORTED_OP", message, options);
  }
}

/** A compiler invariant is broken: a bug of Athanor, never of its user. */
export class CompileError extends AthanorError {
  constructor(message: string, options?: AthanorErrorOptions) {
    super("COMPILE", message, options);
  }
}

/** A checkpoint, weight file or dataset file is damaged or does not match. */
export class CheckpointError extends AthanorError {
  constructor(message: string, options?: AthanorErrorOptions) {
    super("CHECKPOINT", message, options);
  }
}

/** An option or argument is out of its range. */
export class ConfigError extends AthanorError {
  constructor(message: string, options?: AthanorErrorOptions) {
    super("CONFIG", message, options);
  }
}

/** A matrix is singular or not positive definite where an algorithm needs it to be. */
export class LinalgError extends AthanorError {
  constructor(message: string, options?: AthanorErrorOptions) {
    super("LINALG", message, options);
  }
}

/** The device has no room for a buffer. */
export class OutOfMemoryError extends AthanorError {
  constructor(message: string, options?: AthanorErrorOptions) {
    super("OUT_OF_MEMORY", message, options);
  }
}

/** A process of a group is gone, late, or does something else than the others. */
export class DistributedError extends AthanorError {
  constructor(message: string, options?: AthanorErrorOptions) {
    super("DISTRIBUTED", message, options);
  }
}

/** A tensor was used after it was disposed, or a transformation was used out of place. */
export class UsageError extends AthanorError {
  constructor(message: string, options?: AthanorErrorOptions) {
    super("USAGE", message, options);
  }
}

/** Throws a CompileError when an internal invariant does not hold. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new CompileError(`internal: ${message}; please report this`);
}
