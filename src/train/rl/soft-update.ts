import type { Module } from "../../nn/module.ts";

/**
 * Moves a target net towards the online one, in place: $θ' ← θ' + τ (θ - θ')$ (Polyak averaging).
 * Inside jit it is part of the program.
 */
export function softUpdate(online: Module, target: Module, tau: number): void {
  const from = online.parameters();
  target.parameters().forEach((parameter, i) => {
    parameter.assign(tau === 1 ? from[i] : parameter.lerp(from[i], tau));
  });
}

/** Makes the target net equal to the online one, once, outside of jit. */
export function copyNet(online: Module, target: Module): void {
  target.loadStateDict(online.stateDict());
}
