import { ConfigError } from "../../base/errors.ts";
import type { Frame } from "../frame.ts";

/**
 * A frame as text for a terminal of 24-bit colours: each character is an upper half block that
 * shows two points, one in its own colour and one in that of its background.
 *
 * @param columns characters per line.
 * @throws {ConfigError} if it is no positive integer.
 */
export function frameText(frame: Frame, columns: number = 80): string {
  if (!Number.isInteger(columns) || columns < 1) {
    throw new ConfigError(`frameText: columns must be a positive integer, got ${columns}`);
  }
  const width = Math.min(columns, frame.width);
  const rows = 2 * Math.max(1, Math.round((frame.height * width) / frame.width / 2));
  const lines: string[] = [];
  for (let row = 0; row < rows; row += 2) {
    let line = "";
    for (let column = 0; column < width; column++) {
      const upper = meanColour(frame, column / width, row / rows, 1 / width, 1 / rows);
      const lower = meanColour(frame, column / width, (row + 1) / rows, 1 / width, 1 / rows);
      line += `\u001B[38;2;${upper}m\u001B[48;2;${lower}m▀`;
    }
    lines.push(`${line}\u001B[0m`);
  }
  return lines.join("\n");
}

/** The mean over a part of the frame, as an escape sequence writes it. */
function meanColour(frame: Frame, x: number, y: number, width: number, height: number): string {
  const left = Math.floor(x * frame.width);
  const top = Math.floor(y * frame.height);
  const right = Math.max(left + 1, Math.floor((x + width) * frame.width + 1e-9));
  const bottom = Math.max(top + 1, Math.floor((y + height) * frame.height + 1e-9));
  const sums = [0, 0, 0];
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const from = 3 * (row * frame.width + column);
      for (let channel = 0; channel < 3; channel++) sums[channel] += frame.data[from + channel];
    }
  }
  const count = (right - left) * (bottom - top);
  return sums.map((sum) => Math.round(sum / count)).join(";");
}
