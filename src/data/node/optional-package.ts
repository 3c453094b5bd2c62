import { ConfigError } from "../../base/errors.ts";

/**
 * Loads a package that users install only if they need it.
 *
 * @throws {ConfigError} that says how to install it.
 */
export async function optionalPackage<Module>(
  reader: string,
  name: string,
  load: () => Promise<Module>,
): Promise<Module> {
  try {
    return await load();
  } catch (cause) {
    const isMissing =
      cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND";
    if (!isMissing) throw cause;
    throw new ConfigError(
      `${reader}: the npm package "${name}" must be installed, got none; run: npm install ${name}`,
      { cause },
    );
  }
}
