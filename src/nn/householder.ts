import { orthonormalize, reflectorVectors } from "../base/orthonormal.ts";
import { customOp } from "../tensor/custom-op.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Works on one row-major matrix in place. */
type InPlace = (matrix: Float64Array, rows: number, columns: number) => void;

const registered = new Map<InPlace, (x: Tensor) => Tensor>();

/** The host operation of a function; registered at first use, because imports have no effects. */
function hostOp(name: string, run: InPlace): (x: Tensor) => Tensor {
  const known = registered.get(run);
  if (known !== undefined) return known;
  const made = customOp({
    name,
    // The first two elements are the sizes of the matrices that follow.
    forward: ([input], output) => {
      const [rows, columns] = [Number(input[0]), Number(input[1])];
      const size = rows * columns;
      for (let at = 0; at < output.length; at += size) {
        const matrix = Float64Array.from(input.slice(2 + at, 2 + at + size), Number);
        run(matrix, rows, columns);
        (output as Float64Array).set(matrix, at);
      }
    },
    result: (input) => ({ shape: [input.numel - 2], dtype: "f64" }),
  });
  registered.set(run, made);
  return made;
}

function onMatrices(name: string, run: InPlace, x: Tensor): Tensor {
  if (x.numel === 0) return x;
  const [rows, columns] = x.shape.slice(-2);
  const elements = x.to("f64").reshape([x.numel]);
  const sizes = Tensor.from(Float64Array.of(rows, columns), [2], { device: x.device });
  const joined = elements.pad([2, 0]).add(sizes.pad([0, x.numel]));
  return hostOp(name, run)(joined).reshape(x.shape).to(x.dtype);
}

/**
 * Orthonormal columns spanning those of x [..., n, k] with n ≥ k: Q of the QR factorization whose R
 * has a positive diagonal. Computed on the host, without gradient.
 */
export function orthonormalColumns(x: Tensor): Tensor {
  return onMatrices("nn.orthonormalColumns", orthonormalize, x);
}

/**
 * The vectors of the reflections whose product has those columns, below the diagonal, and on it the
 * signs they need. Computed on the host, without gradient.
 */
export function reflectors(x: Tensor): Tensor {
  return onMatrices("nn.reflectors", reflectorVectors, x);
}
