import { element } from "./element.ts";
import type { MjcfAttributes } from "./element.ts";

/** Joints that let a body move in the x-z plane: two slides and a hinge without any resistance. */
export function planarRoot(height = 0): readonly string[] {
  const free = { armature: 0, damping: 0, stiffness: 0, limited: false };
  // A reference makes the joint's value the height itself, not the way from the start.
  const pos = [0, 0, height === 0 ? 0 : -height];
  const ref = height === 0 ? undefined : height;
  return [
    element("joint", { name: "rootx", type: "slide", axis: [1, 0, 0], pos, ...free }),
    element("joint", { name: "rootz", type: "slide", axis: [0, 0, 1], pos, ref, ...free }),
    element("joint", { name: "rooty", type: "hinge", axis: [0, 1, 0], ...free }),
  ];
}

/** The ground, z = 0. */
export function floor(attributes: MjcfAttributes = {}): string {
  return element("geom", {
    name: "floor",
    type: "plane",
    size: [40, 40, 40],
    rgba: [0.78, 0.84, 0.86, 1],
    ...attributes,
  });
}
