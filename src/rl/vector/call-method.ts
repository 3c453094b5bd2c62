import { UsageError } from "../../base/errors.ts";
import type { Env } from "../env.ts";

/** The object of a stack of wrappers that has the member: from the outside in. */
function holderOf(env: object, member: string): Record<string, unknown> | null {
  for (let here: object | undefined = env; here !== undefined;) {
    if (member in here) return here as Record<string, unknown>;
    here = (here as { env?: object }).env;
  }
  return null;
}

/**
 * Calls a method of an environment, or of the first one inside its wrappers that has it.
 *
 * @throws {UsageError} if none has it, or it belongs to the vector environment.
 */
export async function callMethod(
  env: Env<unknown, unknown>,
  method: string,
  args: readonly unknown[],
): Promise<unknown> {
  if (["reset", "step", "close"].includes(method)) {
    throw new UsageError(`call: ${method} must be called on the vector environment itself`);
  }
  const holder = holderOf(env, method);
  const found = holder?.[method];
  if (typeof found === "function") return (await found.apply(holder, [...args])) as unknown;
  throw new UsageError(
    `call: the environment must have the method "${method}", got ${typeof found} in ` +
      `${env.unwrapped.constructor.name} and its wrappers`,
  );
}
