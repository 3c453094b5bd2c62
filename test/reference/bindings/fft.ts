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

/** A short-time transform: x and an optional window. */
const framed =
  (call: (x: Tensor, nFft: number, options: fft.IstftOptions) => Tensor): Binding =>
  ([x, window], { nFft, ...options }) => {
    if (x == null) throw new Error("fixture: an operand is missing");
    return call(x, Number(nFft), { ...options, window: window ?? null });
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
  hfft2: one(fft.hfft2),
  ihfft2: one(fft.ihfft2),
  hfftn: one(fft.hfftn),
  ihfftn: one(fft.ihfftn),
  stft: framed(fft.stft),
  istft: framed(fft.istft),
  fftshift: one(fft.fftshift),
  ifftshift: one(fft.ifftshift),
  fftfreq: (_, { n, d }) => fft.fftfreq(Number(n), { d: Number(d) }),
  rfftfreq: (_, { n, d }) => fft.rfftfreq(Number(n), { d: Number(d) }),
  complexAbs: one(fft.abs),
  complexAngle: one(fft.angle),
  complexPolar: ([magnitude, phase]) => {
    if (magnitude == null || phase == null) throw new Error("fixture: an operand is missing");
    return fft.polar(magnitude, phase);
  },
  complexConj: one(fft.conj),
  complexMul: ([a, b]) => {
    if (a == null || b == null) throw new Error("fixture: an operand is missing");
    return fft.mul(a, b);
  },
};
