// torch.fft over pairs of real and imaginary parts.
import type { Tensor } from "athanor";
import * as fft from "../../../src/tensor/fft.ts";
import type { Binding } from "../bindings.ts";

const one =
  (call: (x: Tensor, options: never) => Tensor): Binding =>
  ([x], args) => {
    if (x == null) throw new Error("fixture: an operand is missing");
    return call(x, args as never);
  };

/** Bindings of the area `fft`. */
export const fftOps: Record<string, Binding> = {
  fft: one(fft.fft),
  ifft: one(fft.ifft),
  rfft: one(fft.rfft),
  irfft: one(fft.irfft),
  hfft: one(fft.hfft),
  ihfft: one(fft.ihfft),
  fft2: one(fft.fft2),
  ifft2: one(fft.ifft2),
  rfft2: one(fft.rfft2),
  irfft2: one(fft.irfft2),
  fftn: one(fft.fftn),
  ifftn: one(fft.ifftn),
  rfftn: one(fft.rfftn),
  irfftn: one(fft.irfftn),
  fftshift: one(fft.fftshift),
  ifftshift: one(fft.ifftshift),
  fftfreq: (_, { n, d }) => fft.fftfreq(Number(n), { d: Number(d) }),
  rfftfreq: (_, { n, d }) => fft.rfftfreq(Number(n), { d: Number(d) }),
  complexAbs: one(fft.abs),
  complexConj: one(fft.conj),
  complexMul: ([a, b]) => {
    if (a == null || b == null) throw new Error("fixture: an operand is missing");
    return fft.mul(a, b);
  },
};
