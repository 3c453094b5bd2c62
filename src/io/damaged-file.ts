import { CheckpointError } from "../base/errors.ts";

/** The error for a file that breaks its format. `format` is also the prefix of the message. */
export function damagedFile(
  format: string,
  file: string,
  invariant: string,
  got: string,
  cause?: unknown,
): CheckpointError {
  const advice = `the file is damaged or is no ${format} file, download or save it again`;
  return new CheckpointError(`${format}: ${invariant}, got ${got} in ${file}; ${advice}`, {
    ...(cause !== undefined && { cause }),
    details: { file },
  });
}

/** A value of a JSON file as an error shows it. */
export function shownJson(value: unknown, length = 120): string {
  try {
    return (JSON.stringify(value) ?? "none").slice(0, length);
  } catch {
    // JSON is parsed at any depth, but only written as deep as the stack reaches.
    return "a value nested too deeply";
  }
}

/** Text of a file as an error shows it: quoted, one line, short. */
export function quoted(text: string, length = 60): string {
  return JSON.stringify(text.slice(0, length));
}
