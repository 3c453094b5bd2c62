import { AthanorError } from "../../base/errors.ts";

/** An error as plain data, as it comes from another thread. */
export interface FailureData {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** An error as plain data. */
export function failureData(error: unknown): FailureData {
  const { name, message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  return { name, message, stack };
}

/**
 * An error of one environment among others; it tells which one and why.
 *
 * @param note - what became of the others.
 */
export function envFailure(
  caller: string,
  doing: string,
  index: number,
  cause: unknown,
  note: string = "all environments were closed",
): AthanorError {
  const { name, message } = failureData(cause);
  return new AthanorError(
    "ENVIRONMENT",
    `${caller}: environment ${index} must ${doing}, got ${name}: ${message}; ${note}`,
    { cause, details: { index } },
  );
}
