import type { Frame, RenderMode } from "../frame.ts";
import { frameText } from "./frame-text.ts";

/** A frame as the mode wants it: text for `ansi`, itself otherwise. */
export function shown(frame: Frame, mode: RenderMode): Frame | string {
  return mode === "ansi" ? frameText(frame, 80) : frame;
}
