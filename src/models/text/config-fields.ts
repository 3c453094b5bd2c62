import { ConfigError } from "../../base/errors.ts";
import { snakeCase } from "../../nn/state-key.ts";
import type { LayerType } from "./decoder-config.ts";
import type { RopeParameters, RopeType } from "./rope-parameters.ts";
import { ropeTypes } from "./rope-parameters.ts";

/** The contents of a `config.json`. */
export type ConfigJson = Readonly<Record<string, unknown>>;

/** Reads fields of a `config.json`, checking their types; null counts as absent, as in transformers. */
export class ConfigFields {
  readonly json: ConfigJson;
  /** The file, in error messages. */
  readonly where: string;

  constructor(json: ConfigJson, where: string) {
    this.json = json;
    this.where = where;
  }

  has(name: string): boolean {
    return this.json[name] !== undefined && this.json[name] !== null;
  }

  number(name: string, fallback?: number): number {
    const value = this.json[name] ?? fallback;
    if (typeof value === "number") return value;
    throw this.#refuse(name, "a number", value);
  }

  text(name: string, fallback?: string): string {
    const value = this.json[name] ?? fallback;
    if (typeof value === "string") return value;
    throw this.#refuse(name, "a text", value);
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.json[name] ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.#refuse(name, "true or false", value);
  }

  numberOrNull(name: string, fallback: number | null = null): number | null {
    // Here an explicit null says something: no window, no cap.
    const value = this.json[name] === undefined ? fallback : this.json[name];
    if (value === null || typeof value === "number") return value;
    throw this.#refuse(name, "a number or null", value);
  }

  /** A token, several, or none. */
  tokens(name: string, fallback: number | null): number | readonly number[] | null {
    const value = this.json[name] === undefined ? fallback : this.json[name];
    if (Array.isArray(value) && value.every(Number.isSafeInteger)) return value as number[];
    if (value === null || Number.isSafeInteger(value)) return value as number | null;
    throw this.#refuse(name, "a token or a list of tokens", value);
  }

  /** A token or none. */
  token(name: string, fallback: number | null): number | null {
    const value = this.tokens(name, fallback);
    if (value === null || typeof value === "number") return value;
    throw this.#refuse(name, "one token", value);
  }

  layerTypes(fallback: () => readonly LayerType[]): readonly LayerType[] {
    const value = this.json["layer_types"] ?? fallback();
    if (Array.isArray(value)) return value as LayerType[];
    throw this.#refuse("layer_types", "a list", value);
  }

  /** An object in the object. */
  inner(name: string): ConfigFields {
    const value = this.json[name];
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return new ConfigFields(value as ConfigJson, `${name} of ${this.where}`);
    }
    throw this.#refuse(name, "an object", value);
  }

  /** Refuses fields whose value would change the results. @throws {ConfigError} */
  require(expected: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(expected)) {
      if (this.has(name) && this.json[name] !== value) {
        throw this.#refuse(
          name,
          `${JSON.stringify(value)}; others are not supported`,
          this.json[name],
        );
      }
    }
  }

  /** The object `name` as the `rope_parameters` of a file; empty if there is none. */
  renamed(name: string): ConfigFields {
    const value = this.json[name] ?? {};
    return new ConfigFields({ rope_parameters: value }, `${name} of ${this.where}`);
  }

  /** `rope_parameters`, or `rope_theta` and `rope_scaling` of older files. */
  rope(defaultTheta = 10_000): RopeParameters {
    if (this.has("rope_parameters"))
      return this.inner("rope_parameters").#ropeOptions(defaultTheta);
    const ropeTheta = this.number("rope_theta", defaultTheta);
    if (!this.has("rope_scaling")) return { ropeType: "default", ropeTheta };
    const rope = this.inner("rope_scaling").#ropeOptions(ropeTheta);
    const original = this.json["original_max_position_embeddings"];
    return typeof original === "number"
      ? { ...rope, originalMaxPositionEmbeddings: original }
      : rope;
  }

  #ropeOptions(defaultTheta: number): RopeParameters {
    const { type, rope_type: ropeType = type ?? "default", ...options } = this.json;
    this.require({ partial_rotary_factor: 1 });
    const named = ropeType === "su" ? "longrope" : ropeType;
    if (!ropeTypes.includes(named as RopeType)) {
      throw this.#refuse("rope_type", `one of ${ropeTypes.join(", ")}`, ropeType);
    }
    const known = Object.entries(options).filter(
      ([name, value]) => value !== null && name !== "partial_rotary_factor",
    );
    return {
      ropeTheta: defaultTheta,
      ...Object.fromEntries(known.map(([name, value]) => [camelCase(name), value])),
      ropeType: named as RopeType,
    };
  }

  #refuse(name: string, rule: string, value: unknown): ConfigError {
    return new ConfigError(
      `config: ${name} must be ${rule}, got ${JSON.stringify(value) ?? "nothing"} in ${this.where}`,
    );
  }
}

/** `rope_theta` as `ropeTheta`. */
function camelCase(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}

/** Fields under transformers' spelling, all the way down; undefined ones are left out. */
export function toJsonFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [snakeCase(name), isPlain(value) ? toJsonFields(value) : value]),
  );
}
