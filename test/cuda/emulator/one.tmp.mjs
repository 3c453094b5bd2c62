import { createRequire } from "node:module";
import { expect } from "vitest";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
// ../../work/main/src/base/integers.ts
/** Product of all entries; 1 for an empty list. */
function product(values) {
	let result = 1;
	for (const value of values) result *= value;
	return result;
}
/** Smallest multiple of `step` that is at least `value`. */
function roundUp(value, step) {
	return Math.ceil(value / step) * step;
}
/** The integers 0 … count-1. */
function range(count) {
	return Array.from({ length: count }, (_, index) => index);
}
/** Whether two lists of numbers are equal entry by entry. */
function sameNumbers(a, b) {
	if (a === b) return true;
	if (a.length !== b.length) return false;
	for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
	return true;
}
// ../../work/main/src/base/errors.ts
/**
* Root of every error Athanor throws on purpose. The message has the form
* `operation: invariant, got values; what to do`.
*/
var AthanorError = class extends Error {
	code;
	details;
	constructor(code, message, options = {}) {
		super(message, options.cause === void 0 ? void 0 : { cause: options.cause });
		this.name = new.target.name;
		this.code = code;
		this.details = options.details ?? {};
	}
};
/** Shapes, dims or sizes do not fit together. */
var ShapeError = class extends AthanorError {
	constructor(message, options) {
		super("SHAPE", message, options);
	}
};
/** A dtype is unknown, unsupported here, or would need an implicit conversion. */
var DTypeError = class extends AthanorError {
	constructor(message, options) {
		super("DTYPE", message, options);
	}
};
/** A device is missing, or tensors of different devices meet. */
var DeviceError = class extends AthanorError {
	constructor(message, options) {
		super("DEVICE", message, options);
	}
};
/** A compiler invariant is broken: a bug of Athanor, never of its user. */
var CompileError = class extends AthanorError {
	constructor(message, options) {
		super("COMPILE", message, options);
	}
};
/** The device has no room for a buffer. */
var OutOfMemoryError = class extends AthanorError {
	constructor(message, options) {
		super("OUT_OF_MEMORY", message, options);
	}
};
/** Throws a CompileError when an internal invariant does not hold. */
function invariant(condition, message) {
	if (!condition) throw new CompileError(`internal: ${message}; please report this`);
}
// ../../work/main/src/ir/dtype.ts
/** Element types. 64-bit integers are read as i32 with a range check, so no i64 exists. */
const dtypes = [
	"f64",
	"f32",
	"f16",
	"bf16",
	"i32",
	"u32",
	"i8",
	"u8",
	"bool"
];
const facts = {
	f64: {
		bytes: 8,
		kind: "float"
	},
	f32: {
		bytes: 4,
		kind: "float"
	},
	f16: {
		bytes: 2,
		kind: "float"
	},
	bf16: {
		bytes: 2,
		kind: "float"
	},
	i32: {
		bytes: 4,
		kind: "int"
	},
	u32: {
		bytes: 4,
		kind: "uint"
	},
	i8: {
		bytes: 1,
		kind: "int"
	},
	u8: {
		bytes: 1,
		kind: "uint"
	},
	bool: {
		bytes: 1,
		kind: "bool"
	}
};
/** Bytes of one element in memory. */
function dtypeBytes(dtype) {
	return facts[dtype].bytes;
}
/** Whether the dtype is f64, f32, f16 or bf16. */
function isFloat(dtype) {
	return facts[dtype].kind === "float";
}
/** Whether the dtype is an integer type (bool is not). */
function isInteger(dtype) {
	return facts[dtype].kind === "int" || facts[dtype].kind === "uint";
}
/** Typed array over `length` elements of a buffer, in the dtype's storage format. */
function hostView(dtype, buffer, byteOffset = 0, length) {
	switch (dtype) {
		case "f64": return new Float64Array(buffer, byteOffset, length);
		case "f32": return new Float32Array(buffer, byteOffset, length);
		case "f16":
		case "bf16": return new Uint16Array(buffer, byteOffset, length);
		case "i32": return new Int32Array(buffer, byteOffset, length);
		case "u32": return new Uint32Array(buffer, byteOffset, length);
		case "i8": return new Int8Array(buffer, byteOffset, length);
		case "u8":
		case "bool": return new Uint8Array(buffer, byteOffset, length);
		default: return dtype;
	}
}
const scratchF32 = /* @__PURE__ */ new Float32Array(1);
const scratchU32 = new Uint32Array(scratchF32.buffer);
/** Bits of the bf16 nearest to `value` (ties to even); NaN stays NaN. */
function bf16FromNumber(value) {
	scratchF32[0] = value;
	const bits = scratchU32[0];
	if (value !== value) return 32704 | bits >>> 31 << 15;
	return bits + 32767 + (bits >>> 16 & 1) >>> 16 & 65535;
}
/** Value of bf16 bits. */
function bf16ToNumber(bits) {
	scratchU32[0] = bits << 16;
	return scratchF32[0];
}
/** Bits of the f16 nearest to `value` (ties to even, overflow to infinity, NaN stays NaN). */
function f16FromNumber(value) {
	const sign = value < 0 || Object.is(value, -0) ? 32768 : 0;
	const magnitude = Math.abs(value);
	if (magnitude !== magnitude) return 32256;
	if (magnitude >= 65520) return sign | 31744;
	if (magnitude < 2 ** -14) return sign | roundTiesToEven(magnitude * 2 ** 24);
	const exponent = Math.floor(Math.log2(magnitude));
	const exact = magnitude / 2 ** exponent >= 2 ? exponent + 1 : exponent;
	const power = magnitude < 2 ** exact ? exact - 1 : exact;
	return sign | (power + 15 << 10) + roundTiesToEven((magnitude / 2 ** power - 1) * 1024);
}
/** Value of f16 bits. */
function f16ToNumber(bits) {
	const sign = bits & 32768 ? -1 : 1;
	const exponent = bits >>> 10 & 31;
	const fraction = bits & 1023;
	if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
	if (exponent === 0) return sign * fraction * 2 ** -24;
	return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
/** Nearest integer, halves to the even one (IEEE 754 and torch.round); keeps the sign of zero. */
function roundTiesToEven(value) {
	const floor = Math.floor(value);
	const rest = value - floor;
	const rounded = rest < .5 || rest === .5 && floor % 2 === 0 ? floor : floor + 1;
	return rounded === 0 && value < 0 ? -0 : rounded;
}
// ../../work/main/src/ir/shape.ts
/** Number of elements of a shape. */
function numel(shape) {
	return product(shape);
}
/** Whether two shapes are equal. */
function sameShape(a, b) {
	return sameNumbers(a, b);
}
/** `[2, 3]` as text. */
function formatShape(shape) {
	return `[${shape.join(", ")}]`;
}
/** Element strides of a contiguous row-major tensor. */
function contiguousStrides(shape) {
	const strides = new Array(shape.length);
	let stride = 1;
	for (let i = shape.length - 1; i >= 0; i--) {
		strides[i] = stride;
		stride *= shape[i];
	}
	return strides;
}
// ../../work/main/src/ir/type-rules.ts
const typeText = (node) => `${node.dtype}${formatShape(node.shape)}`;
function requireCount(op, src, count) {
	if (src.length !== count) throw new ShapeError(`${op}: needs ${count} operands, got ${src.length}`);
}
function requireDType(op, node, ok, wanted) {
	if (!ok) throw new DTypeError(`${op}: operand must be ${wanted}, got ${typeText(node)}`);
}
function requireSame(op, a, b) {
	if (a.dtype !== b.dtype) throw new DTypeError(`${op}: operands must have one dtype, got ${typeText(a)} and ${typeText(b)}; cast one`);
	if (!sameShape(a.shape, b.shape)) throw new ShapeError(`${op}: operands must have one shape, got ${typeText(a)} and ${typeText(b)}`);
}
function requireRank(op, list, node, what) {
	if (list.length !== node.shape.length) throw new ShapeError(`${op}: ${what} needs one entry per dim, got [${list.join(", ")}] for ${typeText(node)}`);
}
function requireDim(op, dim, node) {
	if (!Number.isInteger(dim) || dim < 0 || dim >= node.shape.length) throw new ShapeError(`${op}: dim must be in 0 … ${node.shape.length - 1}, got ${dim} for ${typeText(node)}`);
}
const isNumber = (dtype) => dtype !== "bool";
const isBits = (dtype) => !isFloat(dtype);
const anyDType = () => true;
function unary$1(op, accepts, wanted) {
	return (src) => {
		requireCount(op, src, 1);
		requireDType(op, src[0], accepts(src[0].dtype), wanted);
		return {
			shape: src[0].shape,
			dtype: src[0].dtype
		};
	};
}
function binary$1(op, accepts, wanted, result) {
	return (src) => {
		requireCount(op, src, 2);
		requireSame(op, src[0], src[1]);
		requireDType(op, src[0], accepts(src[0].dtype), wanted);
		return {
			shape: src[0].shape,
			dtype: result ?? src[0].dtype
		};
	};
}
function reduce$1(op, accepts, wanted) {
	return (src, { axes }) => {
		requireCount(op, src, 1);
		requireDType(op, src[0], accepts(src[0].dtype), wanted);
		for (const axis of axes) requireDim(op, axis, src[0]);
		return {
			shape: src[0].shape.map((size, dim) => axes.includes(dim) ? 1 : size),
			dtype: src[0].dtype
		};
	};
}
function extremum$1(op) {
	const rule = reduce$1(op, anyDType, "any dtype");
	return (src, attrs, leaf) => {
		const type = rule(src, attrs, leaf);
		if (attrs.axes.some((axis) => src[0].shape[axis] === 0) && product(type.shape) > 0) throw new ShapeError(`${op}: a maximum or minimum over no elements is undefined, got ${typeText(src[0])} over dims [${attrs.axes.join(", ")}]`);
		return type;
	};
}
function outputSizes(op, attrs, x, k) {
	return x.map((size, i) => {
		const padded = size + attrs.padLow[i] + attrs.padHigh[i];
		const window = attrs.dilation[i] * (k[i] - 1) + 1;
		if (padded < window) throw new ShapeError(`${op}: kernel must fit into the padded input, got kernel [${k.join(", ")}] with dilation [${attrs.dilation.join(", ")}] on input [${x.join(", ")}] with padding [${attrs.padLow.join(", ")}]`);
		return Math.floor((padded - window) / attrs.stride[i]) + 1;
	});
}
const convRule = (src, attrs) => {
	requireCount("conv", src, 2);
	const [x, w] = src;
	if (x.shape.length < 3 || x.shape.length !== w.shape.length || x.dtype !== w.dtype) throw new ShapeError(`conv: needs x [N, C, …] and w [O, C/groups, …] of one dtype, got ${typeText(x)} and ${typeText(w)}`);
	if (x.shape[1] !== w.shape[1] * attrs.groups || w.shape[0] % attrs.groups !== 0) throw new ShapeError(`conv: input channels must be groups × weight channels and output channels a multiple of groups, got ${typeText(x)}, ${typeText(w)}, groups ${attrs.groups}`);
	const sizes = outputSizes("conv", attrs, x.shape.slice(2), w.shape.slice(2));
	return {
		shape: [
			x.shape[0],
			w.shape[0],
			...sizes
		],
		dtype: x.dtype
	};
};
const sameType = (a, b) => a.dtype === b.dtype && sameShape(a.shape, b.shape);
/** An operand or result of a loop: one element per trip along dim 0. */
const stacked = (node, length) => ({
	shape: [length, ...node.shape],
	dtype: node.dtype
});
const loopRule = (src, attrs) => {
	const { body, carries, slices, length, conditional } = attrs;
	requireCount("loop", src, body.inputs.length);
	if (!Number.isInteger(length) || length < 0) throw new ShapeError(`loop: length must be an integer ≥ 0, got ${length}`);
	src.forEach((node, i) => {
		const wanted = i >= carries && i < carries + slices ? stacked(body.inputs[i], length) : body.inputs[i];
		if (!sameType(node, wanted)) throw new ShapeError(`loop: operand ${i} must be ${typeText(wanted)} as its body reads it, got ${typeText(node)}`);
	});
	body.inputs.slice(0, carries).forEach((carry, i) => {
		const next = body.outputs[i];
		if (next === void 0 || !sameType(carry, next)) throw new ShapeError(`loop: carry ${i} must stay ${typeText(carry)}, got ${next === void 0 ? "nothing" : typeText(next)}`);
	});
	if (conditional) {
		const [go] = body.outputs;
		if (carries === 0 || go.dtype !== "bool" || go.shape.length > 0) throw new ShapeError("loop: the first carry of a conditional loop must be bool[]");
		if (slices > 0 || body.outputs.length > carries) throw new ShapeError("loop: a conditional loop has no slices and no stacked results");
	}
	return noValue;
};
/** Types of attention's result and of the logarithms of its rows' totals. */
function attentionResults([q, , v]) {
	const [batch, rows, heads] = q.shape;
	return [{
		shape: [
			batch,
			rows,
			heads,
			v.shape[3]
		],
		dtype: q.dtype
	}, {
		shape: [
			batch,
			heads,
			rows
		],
		dtype: q.dtype === "f64" ? "f64" : "f32"
	}];
}
/** @throws {ShapeError | DTypeError} if the operands are not q, k, v and, maybe, a bias. */
function requireAttention(op, src) {
	const [q, k, v, bias] = src;
	const text = src.map(typeText).join(", ");
	if (src.length < 3 || src.length > 4 || src.some((node) => node.shape.length !== 4)) throw new ShapeError(`${op}: needs q [B, L, H, D], k [B, S, G, D], v [B, S, G, V] and at most a bias [B, H, L, S], got ${text}`);
	const isWide = bias === void 0 || bias.dtype === q.dtype || bias.dtype === "f32";
	if (!isFloat(q.dtype) || !isWide || src.slice(0, 3).some((node) => node.dtype !== q.dtype)) throw new DTypeError(`${op}: operands must have one float dtype, a bias that or f32, got ${text}; cast them`);
	const [batch, rows, heads, width] = q.shape;
	const [, keys, groups] = k.shape;
	if (!(sameShape(k.shape, [
		batch,
		keys,
		groups,
		width
	]) && sameShape(v.shape.slice(0, 3), k.shape.slice(0, 3)) && (bias === void 0 || sameShape(bias.shape, [
		batch,
		heads,
		rows,
		keys
	]))) || keys === 0 || groups === 0 || heads % groups !== 0) throw new ShapeError(`${op}: needs q [B, L, H, D], k [B, S, G, D] with S > 0 and G that divides H, v [B, S, G, V] and a bias [B, H, L, S], got ${text}`);
}
/** What a node with several results has for its own value. */
const noValue = {
	shape: [0],
	dtype: "bool"
};
function resultTypes(from) {
	if (from.op === "attention") return attentionResults(from.src);
	if (from.op === "attentionGrad") return from.src.slice(0, 3);
	if (from.op !== "loop") return [];
	const { body, carries, length } = from.attrs;
	return body.outputs.map((output, i) => i < carries ? output : stacked(output, length));
}
const partRule = ([from], { index }) => {
	const result = from === void 0 ? void 0 : resultTypes(from)[index];
	if (result === void 0) throw new ShapeError(`part: needs a node with a result ${index}, got ${from?.op}`);
	return {
		shape: result.shape,
		dtype: result.dtype
	};
};
/** Type rule of every op: the executable specification of the IR. */
const rules = {
	input: (_src, _attrs, leaf) => {
		if (leaf?.shape === void 0 || leaf.dtype === void 0) throw new ShapeError("input: needs a shape and a dtype");
		for (const size of leaf.shape) if (!Number.isInteger(size) || size < 0) throw new ShapeError(`tensor: sizes must be integers ≥ 0, got ${formatShape(leaf.shape)}`);
		return {
			shape: leaf.shape,
			dtype: leaf.dtype
		};
	},
	constant: (_src, _attrs, leaf) => ({
		shape: [],
		dtype: leaf?.dtype ?? "f32"
	}),
	iota: (_src, { size }) => ({
		shape: [size],
		dtype: "i32"
	}),
	randomBits: (src, { shape }) => {
		requireCount("randomBits", src, 1);
		requireDType("randomBits", src[0], src[0].dtype === "u32" && sameShape(src[0].shape, [2]), "a u32[2] key");
		return {
			shape,
			dtype: "u32"
		};
	},
	neg: unary$1("neg", isNumber, "a number"),
	abs: unary$1("abs", isNumber, "a number"),
	sign: unary$1("sign", isNumber, "a number"),
	floor: unary$1("floor", isFloat, "a float"),
	ceil: unary$1("ceil", isFloat, "a float"),
	trunc: unary$1("trunc", isFloat, "a float"),
	round: unary$1("round", isFloat, "a float"),
	sqrt: unary$1("sqrt", isFloat, "a float"),
	exp: unary$1("exp", isFloat, "a float"),
	expm1: unary$1("expm1", isFloat, "a float"),
	log: unary$1("log", isFloat, "a float"),
	log1p: unary$1("log1p", isFloat, "a float"),
	sin: unary$1("sin", isFloat, "a float"),
	cos: unary$1("cos", isFloat, "a float"),
	tanh: unary$1("tanh", isFloat, "a float"),
	erf: unary$1("erf", isFloat, "a float"),
	not: unary$1("not", isBits, "bool or an integer"),
	cast: (src, { dtype }) => ({
		shape: src[0].shape,
		dtype
	}),
	bitcast: (src, { dtype }) => {
		requireDType("bitcast", src[0], dtypeBytes(src[0].dtype) === dtypeBytes(dtype), `as wide as ${dtype}`);
		return {
			shape: src[0].shape,
			dtype
		};
	},
	add: binary$1("add", isNumber, "a number"),
	sub: binary$1("sub", isNumber, "a number"),
	mul: binary$1("mul", isNumber, "a number"),
	div: binary$1("div", isNumber, "a number"),
	rem: binary$1("rem", isNumber, "a number"),
	pow: binary$1("pow", isFloat, "a float"),
	max: binary$1("max", anyDType, "any dtype"),
	min: binary$1("min", anyDType, "any dtype"),
	and: binary$1("and", isBits, "bool or an integer"),
	or: binary$1("or", isBits, "bool or an integer"),
	xor: binary$1("xor", isBits, "bool or an integer"),
	shl: binary$1("shl", isInteger, "an integer"),
	shr: binary$1("shr", isInteger, "an integer"),
	eq: binary$1("eq", anyDType, "any dtype", "bool"),
	ne: binary$1("ne", anyDType, "any dtype", "bool"),
	lt: binary$1("lt", anyDType, "any dtype", "bool"),
	le: binary$1("le", anyDType, "any dtype", "bool"),
	where: (src) => {
		requireCount("where", src, 3);
		requireDType("where", src[0], src[0].dtype === "bool", "bool");
		requireSame("where", src[1], src[2]);
		if (!sameShape(src[0].shape, src[1].shape)) throw new ShapeError(`where: operands must have one shape, got ${src.map(typeText).join(", ")}`);
		return {
			shape: src[1].shape,
			dtype: src[1].dtype
		};
	},
	reduceSum: reduce$1("reduceSum", isNumber, "a number"),
	reduceProd: reduce$1("reduceProd", isNumber, "a number"),
	reduceMax: extremum$1("reduceMax"),
	reduceMin: extremum$1("reduceMin"),
	argmax: (src, { dim }) => {
		requireDim("argmax", dim, src[0]);
		if (src[0].shape[dim] === 0) throw new ShapeError(`argmax: needs at least one element, got ${typeText(src[0])} along dim ${dim}`);
		return {
			shape: src[0].shape.with(dim, 1),
			dtype: "i32"
		};
	},
	scan: (src, { dim }) => {
		requireDim("scan", dim, src[0]);
		requireDType("scan", src[0], isNumber(src[0].dtype), "a number");
		return {
			shape: src[0].shape,
			dtype: src[0].dtype
		};
	},
	reshape: (src, { shape }) => {
		if (product(shape) !== product(src[0].shape)) throw new ShapeError(`reshape: element count must stay ${product(src[0].shape)}, got ${formatShape(src[0].shape)} to ${formatShape(shape)}`);
		return {
			shape,
			dtype: src[0].dtype
		};
	},
	permute: (src, { perm }) => {
		requireRank("permute", perm, src[0], "perm");
		if (!sameShape(perm.toSorted((a, b) => a - b), perm.map((_, i) => i))) throw new ShapeError(`permute: dims must be a permutation of 0 … ${perm.length - 1}, got [${perm.join(", ")}]`);
		return {
			shape: perm.map((dim) => src[0].shape[dim]),
			dtype: src[0].dtype
		};
	},
	expand: (src, { shape }) => {
		requireRank("expand", shape, src[0], "shape");
		src[0].shape.forEach((size, dim) => {
			if (size !== 1 && size !== shape[dim]) throw new ShapeError(`expand: only dims of size 1 can grow, got ${formatShape(src[0].shape)} to ${formatShape(shape)}`);
		});
		return {
			shape,
			dtype: src[0].dtype
		};
	},
	slice: (src, { start, step, shape }) => {
		requireRank("slice", shape, src[0], "shape");
		shape.forEach((size, dim) => {
			const last = start[dim] + step[dim] * (size - 1);
			const inside = (at) => at >= 0 && at < src[0].shape[dim];
			if (size > 0 && !(inside(start[dim]) && inside(last))) throw new ShapeError(`slice: range ${start[dim]} … ${last} leaves dim ${dim} of ${typeText(src[0])}`);
		});
		return {
			shape,
			dtype: src[0].dtype
		};
	},
	pad: (src, { low, high, interior }) => {
		requireRank("pad", low, src[0], "padding");
		const shape = src[0].shape.map((size, i) => low[i] + high[i] + size + interior[i] * Math.max(size - 1, 0));
		if (low.some((n) => n < 0) || high.some((n) => n < 0)) throw new ShapeError(`pad: amounts must be ≥ 0, got [${low.join(", ")}] and [${high.join(", ")}]`);
		return {
			shape,
			dtype: src[0].dtype
		};
	},
	concat: (src, { dim }) => {
		if (src.length === 0) throw new ShapeError("concat: needs at least one tensor, got none");
		requireDim("concat", dim, src[0]);
		let size = 0;
		for (const node of src) {
			if (!(node.shape.length === src[0].shape.length && node.dtype === src[0].dtype) || node.shape.some((n, i) => i !== dim && n !== src[0].shape[i])) throw new ShapeError(`concat: tensors must agree in dtype and in all dims but ${dim}, got ${src.map(typeText).join(", ")}`);
			size += node.shape[dim];
		}
		return {
			shape: src[0].shape.with(dim, size),
			dtype: src[0].dtype
		};
	},
	window: (src, { dims, size, stride, dilation }) => {
		const shape = [...src[0].shape];
		dims.forEach((dim, i) => {
			requireDim("window", dim, src[0]);
			const extent = dilation[i] * (size[i] - 1) + 1;
			if (extent > shape[dim]) throw new ShapeError(`window: size ${size[i]} (dilation ${dilation[i]}) exceeds dim ${dim} of ${typeText(src[0])}`);
			shape[dim] = Math.floor((shape[dim] - extent) / stride[i]) + 1;
		});
		return {
			shape: [...shape, ...size],
			dtype: src[0].dtype
		};
	},
	gather: (src, { dim }) => {
		const [x, index] = src;
		requireIndex("gather", x, index, dim);
		return {
			shape: index.shape,
			dtype: x.dtype
		};
	},
	scatter: (src, { dim }) => {
		const [base, index, updates] = src;
		requireIndex("scatter", base, index, dim);
		if (updates.dtype !== base.dtype || !sameShape(updates.shape, index.shape)) throw new ShapeError(`scatter: updates must have the index's shape and the base's dtype, got ${src.map(typeText).join(", ")}`);
		return {
			shape: base.shape,
			dtype: base.dtype
		};
	},
	argsort: (src, { dim }) => {
		requireDim("argsort", dim, src[0]);
		return {
			shape: src[0].shape,
			dtype: "i32"
		};
	},
	topk: (src, { dim, k }) => {
		requireDim("topk", dim, src[0]);
		if (!Number.isInteger(k) || k < 0 || k > src[0].shape[dim]) throw new ShapeError(`topk: k must be in 0 … ${src[0].shape[dim]}, got ${k} for ${typeText(src[0])} along dim ${dim}`);
		return {
			shape: src[0].shape.with(dim, k),
			dtype: "i32"
		};
	},
	dot: (src) => {
		const [a, b] = src;
		const rank = a.shape.length;
		if (a.dtype !== b.dtype) throw new DTypeError(`matmul: operands must have one dtype, got ${typeText(a)} and ${typeText(b)}; cast one`);
		if (rank < 2 || rank !== b.shape.length || !sameShape(a.shape.slice(0, -2), b.shape.slice(0, -2))) throw new ShapeError(`matmul: batch dims must match, got ${typeText(a)} @ ${typeText(b)}`);
		if (a.shape[rank - 1] !== b.shape[rank - 2]) throw new ShapeError(`matmul: inner sizes must match, got ${formatShape(a.shape)} @ ${formatShape(b.shape)}; transpose one operand?`);
		return {
			shape: [...a.shape.slice(0, -1), b.shape[rank - 1]],
			dtype: a.dtype
		};
	},
	conv: convRule,
	convInputGrad: ([g, w], attrs) => ({
		shape: [
			g.shape[0],
			w.shape[1] * attrs.groups,
			...attrs.sizes
		],
		dtype: g.dtype
	}),
	convWeightGrad: ([x, g], attrs) => ({
		shape: [
			g.shape[1],
			x.shape[1] / attrs.groups,
			...attrs.sizes
		],
		dtype: x.dtype
	}),
	attention: (src) => {
		requireAttention("attention", src);
		return noValue;
	},
	attentionGrad: (src) => {
		requireAttention("attentionGrad", src.slice(0, -3));
		const [out, stats] = attentionResults(src.slice(0, -3));
		const [own, ownStats, gradient] = src.slice(-3);
		if (!sameType(own, out) || !sameType(ownStats, stats) || !sameType(gradient, out)) throw new ShapeError(`attentionGrad: needs out ${typeText(out)}, stats ${typeText(stats)} and a gradient like out, got ${src.slice(-3).map(typeText).join(", ")}`);
		return noValue;
	},
	assign: (src) => {
		requireCount("assign", src, 2);
		requireSame("assign", src[0], src[1]);
		return {
			shape: src[0].shape,
			dtype: src[0].dtype
		};
	},
	custom: (_src, { shape, dtype }) => ({
		shape,
		dtype
	}),
	barrier: (src) => ({
		shape: src[0].shape,
		dtype: src[0].dtype
	}),
	checkpoint: (src) => ({
		shape: src[0].shape,
		dtype: src[0].dtype
	}),
	customGradient: (src) => ({
		shape: src[0].shape,
		dtype: src[0].dtype
	}),
	loop: loopRule,
	part: partRule
};
function requireIndex(op, x, index, dim) {
	requireDim(op, dim, x);
	if (index.dtype !== "i32") throw new DTypeError(`${op}: index must be i32, got ${typeText(index)}`);
	const fits = index.shape.every((size, i) => i === dim || size <= x.shape[i]);
	if (index.shape.length !== x.shape.length || !fits) throw new ShapeError(`${op}: index must have the tensor's rank and be no larger outside dim ${dim}, got ${typeText(x)} and index ${typeText(index)}`);
}
/** Applies the op's rule. @throws {ShapeError | DTypeError} naming the operands that do not fit. */
function inferType(op, src, attrs, leaf) {
	const rule = rules[op];
	return rule(src, attrs, leaf);
}
// ../../work/main/src/ir/node.ts
let nextId = 0;
const interned = /* @__PURE__ */ new Map();
const collected = new FinalizationRegistry((key) => {
	if (interned.get(key)?.deref() === void 0) interned.delete(key);
});
function attributeText(value) {
	if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
	if (Array.isArray(value)) return `[${value.map(attributeText).join(",")}]`;
	return String(value);
}
const attributeKeys = /* @__PURE__ */ new WeakMap();
/** Attributes as canonical text: part of a node's identity and of structural cache keys. */
function attributesKey(attrs) {
	const known = attributeKeys.get(attrs);
	if (known !== void 0) return known;
	const entries = Object.entries(attrs);
	if (entries.length > 1) entries.sort(([a], [b]) => a < b ? -1 : 1);
	let key = "";
	for (const [name, value] of entries) key += `${name}=${attributeText(value)};`;
	attributeKeys.set(attrs, key);
	return key;
}
/**
* Makes or finds the node `op(src, attrs)`.
* @param dtype - only for leaves and ops whose dtype the operands do not decide.
* @throws {ShapeError | DTypeError} if the op's rule refuses its operands.
*/
function makeNode(op, src, attrs, leaf) {
	const key = `${op}|${src.map((node) => node.id).join(",")}|${attributesKey(attrs)}|${leaf?.dtype ?? ""}`;
	const found = interned.get(key)?.deref();
	if (found !== void 0) return found;
	const type = inferType(op, src, attrs, leaf);
	const node = Object.freeze({
		id: nextId++,
		op,
		src,
		attrs,
		...type
	});
	interned.set(key, new WeakRef(node));
	collected.register(node, key);
	return node;
}
// ../../work/main/src/ir/build.ts
const none = Object.freeze({});
let nextInput = 0;
/** A new placeholder, distinct from every other. */
function input(shape, dtype) {
	return makeNode("input", [], { id: nextInput++ }, {
		shape: [...shape],
		dtype
	});
}
/** Scalar constant; broadcast it with `full`. */
function constant(value, dtype) {
	return makeNode("constant", [], { value }, { dtype });
}
/** Constant of a given shape. */
function full(shape, value, dtype) {
	return broadcastTo(constant(value, dtype), shape);
}
/** A constant with the shape and dtype of another node. */
function fullLike(node, value) {
	return full(node.shape, value, node.dtype);
}
/** 0 … size-1 along `dim` of a tensor of the given shape, i32. */
function iota(shape, dim) {
	return broadcastTo(reshape(makeNode("iota", [], { size: shape[dim] }, void 0), shape.map((size, i) => i === dim ? size : 1)), shape);
}
/** Uniform u32 bits from a Threefry key (u32 [2]). */
function randomBits(key, shape) {
	return makeNode("randomBits", [key], { shape: [...shape] });
}
/** Applies a unary op. */
function unary(op, x) {
	return makeNode(op, [x], none);
}
/** Applies a binary op to two nodes of one shape and dtype. */
function binary(op, a, b) {
	return makeNode(op, [a, b], none);
}
/** a + b. */
const add = (a, b) => binary("add", a, b);
/** a − b. */
const sub = (a, b) => binary("sub", a, b);
/** a · b, elementwise. */
const mul = (a, b) => binary("mul", a, b);
/** a / b. */
const div = (a, b) => binary("div", a, b);
/** −x. */
const neg = (x) => unary("neg", x);
/** Elementwise choice. */
function where(condition, a, b) {
	return makeNode("where", [
		condition,
		a,
		b
	], {});
}
/** Converts the dtype; the node itself if it has it. */
function cast$1(x, dtype) {
	return x.dtype === dtype ? x : makeNode("cast", [x], { dtype });
}
/** Reinterprets the bits. */
function bitcast(x, dtype) {
	return x.dtype === dtype ? x : makeNode("bitcast", [x], { dtype });
}
/** Sum or product over axes, which stay with size 1. */
function reduce(op, x, axes) {
	return axes.length === 0 ? x : makeNode(op, [x], { axes: [...axes] });
}
/** Maximum or minimum over axes, which stay with size 1. */
function extremum(op, x, axes, ties = "even") {
	return axes.length === 0 ? x : makeNode(op, [x], {
		axes: [...axes],
		ties
	});
}
/** Sum over axes, which stay with size 1. */
function reduceSum(x, axes) {
	return reduce("reduceSum", x, axes);
}
/** First index of the maximum along `dim` (kept with size 1), i32. */
function argmax(x, dim) {
	return makeNode("argmax", [x], { dim });
}
/** Inclusive running reduction. */
function scan(x, dim, kind) {
	return makeNode("scan", [x], {
		dim,
		kind
	});
}
/** Same elements in another shape. */
function reshape(x, shape) {
	if (sameShape(x.shape, shape)) return x;
	const base = x.op === "reshape" ? x.src[0] : x;
	if (sameShape(base.shape, shape)) return base;
	return makeNode("reshape", [base], { shape: [...shape] });
}
/** Reorders dims: result dim i is source dim perm[i]. */
function permute(x, perm) {
	if (sameNumbers(perm, range(x.shape.length))) return x;
	if (x.op === "permute") return permute(x.src[0], perm.map((dim) => x.attrs.perm[dim]));
	return makeNode("permute", [x], { perm: [...perm] });
}
/** Swaps two dims. */
function transpose(x, a, b) {
	const perm = range(x.shape.length);
	[perm[a], perm[b]] = [perm[b], perm[a]];
	return permute(x, perm);
}
/** Repeats size-1 dims. */
function expand(x, shape) {
	if (sameShape(x.shape, shape)) return x;
	return makeNode("expand", [x.op === "expand" ? x.src[0] : x], { shape: [...shape] });
}
/** NumPy broadcasting of x to `shape`: leading dims of size 1 are added, then repeated. */
function broadcastTo(x, shape) {
	const missing = shape.length - x.shape.length;
	return expand(missing > 0 ? reshape(x, [...range(missing).fill(1), ...x.shape]) : x, shape);
}
/** Strided range per dim: `shape[d]` elements from `start[d]` by `step[d]` (may be negative). */
function slice(x, start, shape, step = start.map(() => 1)) {
	if (sameShape(shape, x.shape) && start.every((s) => s === 0) && step.every((s) => s === 1)) return x;
	return makeNode("slice", [x], {
		start: [...start],
		step: [...step],
		shape: [...shape]
	});
}
/** `size` elements from `start` along one dim. */
function narrow(x, dim, start, size) {
	return slice(x, x.shape.map((_, i) => i === dim ? start : 0), x.shape.with(dim, size));
}
/** Reverses the given dims. */
function flip(x, dims) {
	const live = dims.filter((dim) => x.shape[dim] > 1);
	const start = x.shape.map((size, dim) => live.includes(dim) ? size - 1 : 0);
	const step = x.shape.map((_, dim) => live.includes(dim) ? -1 : 1);
	return slice(x, start, x.shape, step);
}
/** Pads each dim before, after and between elements. */
function pad(x, low, high, value = 0, interior = low.map(() => 0)) {
	const zero = (list) => list.every((n) => n === 0);
	if (zero(low) && zero(high) && zero(interior)) return x;
	return makeNode("pad", [x], {
		low: [...low],
		high: [...high],
		interior: [...interior],
		value
	});
}
/** Joins nodes along a dim. */
function concat(nodes, dim) {
	return nodes.length === 1 ? nodes[0] : makeNode("concat", [...nodes], { dim });
}
/** Sliding windows; the window dims come last. */
function window(x, attrs) {
	return attrs.dims.length === 0 ? x : makeNode("window", [x], attrs);
}
/** torch.gather. */
function gather(x, index, dim) {
	return makeNode("gather", [x, index], { dim });
}
/** torch.scatter / torch.scatter_add. */
function scatter(base, index, updates, dim, mode) {
	return makeNode("scatter", [
		base,
		index,
		updates
	], {
		dim,
		mode
	});
}
/** Stable sorting permutation, i32. */
function argsort(x, dim, descending) {
	return makeNode("argsort", [x], {
		dim,
		descending
	});
}
/** Indices of the k extreme elements, i32. */
function topk(x, dim, k, largest) {
	return makeNode("topk", [x], {
		dim,
		k,
		largest
	});
}
/** Batched matrix product [B…, M, K] · [B…, K, N]. */
function dot(a, b) {
	return makeNode("dot", [a, b], {});
}
/** N-d convolution. */
function conv(x, w, attrs) {
	return makeNode("conv", [x, w], attrs);
}
/** Gradient of a convolution by its input; `attrs.sizes` are the input's spatial sizes. */
function convInputGrad(g, w, attrs) {
	return makeNode("convInputGrad", [g, w], attrs);
}
/** Gradient of a convolution by its kernel; `attrs.sizes` are the kernel's spatial sizes. */
function convWeightGrad(x, g, attrs) {
	return makeNode("convWeightGrad", [x, g], attrs);
}
/** Attention over [q, k, v, (bias)]; `part` 0 is its result, 1 the logarithms of rows' totals. */
function attention(src, attrs) {
	return makeNode("attention", [...src], attrs);
}
/** Gradients of attention over [q, k, v, (bias), out, stats, gradient]: parts 0 … 2 for q, k, v. */
function attentionGrad(src, attrs) {
	return makeNode("attentionGrad", [...src], attrs);
}
/** In-place update of an input when the program ends. */
function assign(target, value) {
	return makeNode("assign", [target, value], {});
}
/** Host function over whole buffers. */
function custom(src, attrs) {
	return makeNode("custom", src, attrs);
}
/** x, not before `after`, never merged with a twin. */
function barrier(x, after) {
	return makeNode("barrier", [x, ...after], {});
}
/** x, with the gradient of a registered rule with respect to the operands. */
function customGradient(x, operands, rule) {
	return makeNode("customGradient", [x, ...operands], { rule });
}
/** Marks the output of a checkpointed region. */
function checkpoint(x, boundary) {
	return makeNode("checkpoint", [x], { boundary });
}
/** Trips of a body over [initial carries, slice operands, whole operands]; read it with `part`. */
function loop(src, attrs) {
	return makeNode("loop", [...src], attrs);
}
/**
* A result of a node that has several: of a loop, the last value of a carry or a stacked result.
*/
function part(of, index) {
	return makeNode("part", [of], { index });
}
// ../../work/main/test/contract/scene.ts
const floats = [
	"f64",
	"f32",
	"f16",
	"bf16"
];
const integers = [
	"i32",
	"u32",
	"i8",
	"u8"
];
const numbers = [...floats, ...integers];
const everyDType = [...numbers, "bool"];
const wideFloats = ["f64", "f32"];
const floatEdges = [
	NaN,
	Infinity,
	-Infinity,
	0,
	-0,
	1,
	-1,
	.5,
	-.5,
	1.5,
	-1.5,
	2.5,
	-2.5
];
const moreFloatEdges = [
	3.5,
	.49999997,
	1e-30,
	-1e-30,
	1e30,
	-1e30,
	88,
	-88,
	127.9,
	-1.9,
	255.5
];
const castEdges = [
	256,
	-129,
	65504,
	65536,
	2147483647,
	2147483648,
	-2147483649,
	4294967296,
	1e10
];
/** Values at the limits of a dtype. */
const edges = {
	f64: [
		...floatEdges,
		...moreFloatEdges,
		...castEdges
	],
	f32: [
		...floatEdges,
		...moreFloatEdges,
		...castEdges
	],
	f16: [
		...floatEdges,
		...moreFloatEdges,
		...castEdges
	],
	bf16: [
		...floatEdges,
		...moreFloatEdges,
		...castEdges
	],
	i32: [
		0,
		1,
		-1,
		2,
		-3,
		127,
		128,
		255,
		256,
		65535,
		65536,
		-(2 ** 31),
		2 ** 31 - 1,
		16777217
	],
	u32: [
		0,
		1,
		2,
		127,
		128,
		255,
		256,
		65535,
		65536,
		2 ** 31,
		2 ** 32 - 1,
		16777217
	],
	i8: [
		0,
		1,
		-1,
		2,
		-3,
		127,
		-127,
		-128,
		64
	],
	u8: [
		0,
		1,
		2,
		127,
		128,
		254,
		255
	],
	bool: [0, 1]
};
/** Finite values a vectorised function must get right, without the huge ones. */
const plainFloats = [
	0,
	-0,
	1,
	-1,
	.5,
	-.5,
	1e-4,
	-1e-4,
	3,
	-3,
	10
];
const integerRanges = {
	i32: [-(2 ** 31), 2 ** 32],
	u32: [0, 2 ** 32],
	i8: [-128, 256],
	u8: [0, 256]
};
/** Deterministic uniform numbers in [0, 1), by Marsaglia's xorshift. */
function makeRandom(seed) {
	let state = Math.imul(seed + 1, 2654435761) | 1;
	return () => {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		return (state >>> 0) / 2 ** 32;
	};
}
function drawFloat(fill, u) {
	if (fill === "positive") return .1 + 3.9 * u;
	if (fill === "unit") return 1.98 * u - .99;
	return (fill === "wide" ? 100 : 4) * (u - .5);
}
function drawInteger(fill, dtype, u) {
	const [low, size] = integerRanges[dtype] ?? [0, 2];
	if (fill === "positive") return 1 + Math.floor(u * Math.min(size / 2 - 1, 100));
	if (fill === "wide" || size <= 256) return low + Math.floor(u * size);
	return Math.max(low, -1e3) + Math.floor(u * 2e3);
}
/** The numbers of a fill. */
function drawNumbers(fill, dtype, count, seed) {
	const list = fill === "edge" ? edges[dtype] : fill;
	if (typeof list !== "string") return Array.from({ length: count }, (_, i) => list[i % list.length]);
	const random = makeRandom(seed);
	return Array.from({ length: count }, () => isFloat(dtype) ? drawFloat(list, random()) : drawInteger(list, dtype, random()));
}
/** Numbers in the storage format of a dtype. */
function hostArray(dtype, values) {
	switch (dtype) {
		case "f64": return Float64Array.from(values);
		case "f32": return Float32Array.from(values);
		case "f16": return Uint16Array.from(values, f16FromNumber);
		case "bf16": return Uint16Array.from(values, bf16FromNumber);
		case "i32": return Int32Array.from(values);
		case "u32": return Uint32Array.from(values);
		case "i8": return Int8Array.from(values);
		case "u8": return Uint8Array.from(values);
		case "bool": return Uint8Array.from(values, (value) => Number(value !== 0));
		default: return dtype;
	}
}
/** Builds a case for one dtype. */
function buildCase(spec, dtype) {
	const inputs = [];
	const data = [];
	const scene = {
		dtype,
		input(shape, fill = "mixed", own = dtype) {
			const node = input(shape, own);
			const seed = inputs.push(node);
			data.push(hostArray(own, drawNumbers(fill, own, numel(shape), seed)));
			return node;
		}
	};
	const built = spec.build(scene);
	return {
		inputs,
		data,
		outputs: Array.isArray(built) ? built : [built]
	};
}
// ../../work/main/test/contract/cases-attention.ts
const close$1 = {
	tolerance: {
		f32: {
			rtol: 13e-6,
			atol: 4e-5
		},
		f16: {
			rtol: .004,
			atol: .004
		},
		bf16: {
			rtol: .03,
			atol: .03
		}
	},
	reason: "terms of both signs cancel, and backends sum in another order"
};
/** Operands q, k, v and maybe a bias, and a gradient of the result. */
function operandsOf({ input }, sizes) {
	const { batch = 1, rows, keys = rows, heads = 1, groups = heads, width = 8 } = sizes;
	const { depth = width, bias } = sizes;
	const src = [
		input([
			batch,
			rows,
			heads,
			width
		]),
		input([
			batch,
			keys,
			groups,
			width
		], "unit"),
		input([
			batch,
			keys,
			groups,
			depth
		])
	];
	if (bias !== void 0) src.push(input([
		batch,
		heads,
		rows,
		keys
	], bias));
	return {
		src,
		gradient: input([
			batch,
			rows,
			heads,
			depth
		], "unit")
	};
}
const forwardOf = (src, { causal = false, width = 8 }) => attention(src, {
	causal,
	scale: 1 / Math.sqrt(width)
});
function forward(scene, sizes) {
	const node = forwardOf(operandsOf(scene, sizes).src, sizes);
	return [part(node, 0), part(node, 1)];
}
function backward(scene, sizes) {
	const { src, gradient } = operandsOf(scene, sizes);
	const node = forwardOf(src, sizes);
	if (node.op !== "attention") throw new Error("attention makes a node of its own");
	const results = [part(node, 0), part(node, 1)];
	const gradients = attentionGrad([
		...src,
		...results,
		gradient
	], node.attrs);
	return [
		0,
		1,
		2
	].map((i) => part(gradients, i));
}
const masked = [
	0,
	-Infinity,
	0,
	0,
	1,
	-Infinity,
	-2
];
/** Lengths around the kernels' blocks, few and many heads, two widths, every kind of mask. */
const everySizes = [
	{ rows: 1 },
	{
		rows: 5,
		keys: 1,
		heads: 2
	},
	{
		rows: 7,
		keys: 19,
		width: 5,
		depth: 3
	},
	{
		rows: 33,
		heads: 2,
		causal: true
	},
	{
		batch: 2,
		rows: 17,
		keys: 70,
		heads: 4,
		groups: 2,
		width: 16
	},
	{
		batch: 2,
		rows: 66,
		keys: 9,
		heads: 6,
		groups: 2,
		causal: true
	},
	{
		rows: 9,
		keys: 21,
		heads: 2,
		bias: "unit"
	},
	{
		batch: 2,
		rows: 6,
		keys: 7,
		heads: 2,
		groups: 1,
		bias: masked,
		causal: true
	},
	{
		rows: 3,
		keys: 4,
		bias: [-Infinity]
	},
	{
		batch: 0,
		rows: 3
	}
];
const shapes$1 = (run) => ({
	name: "lengths, heads, widths and masks",
	dtypes: floats,
	...close$1,
	build: (scene) => everySizes.flatMap((sizes) => run(scene, sizes))
});
/** q, k and v as slices of one product, broadcast biases, results that go on. */
const views = {
	name: "slices of one operand, and a bias all heads share",
	dtypes: floats,
	...close$1,
	build: ({ input }) => {
		const [batch, rows, heads, width] = [
			2,
			10,
			2,
			8
		];
		const joined = reshape(input([
			batch,
			rows,
			3 * heads * width
		]), [
			batch,
			rows,
			3,
			heads,
			width
		]);
		const src = [
			0,
			1,
			2
		].map((i) => reshape(narrow(joined, 2, i, 1), [
			batch,
			rows,
			heads,
			width
		]));
		const bias = broadcastTo(input([rows, rows], masked), [
			batch,
			heads,
			rows,
			rows
		]);
		const node = attention([...src, neg(bias)], {
			causal: false,
			scale: .5
		});
		return [neg(permute(part(node, 0), [
			0,
			2,
			1,
			3
		]))];
	}
};
const long = {
	name: "rows in blocks",
	dtypes: ["f32"],
	...close$1,
	build: (scene) => [reduceSum(forward(scene, {
		rows: 1100,
		keys: 1e3,
		causal: true
	})[0], [3]), ...backward(scene, {
		rows: 1100,
		keys: 1e3,
		width: 2
	})]
};
const attentionRows = {
	attention: [
		shapes$1(forward),
		views,
		long
	],
	attentionGrad: [shapes$1(backward)]
};
// ../../work/main/test/contract/cases-contraction.ts
const close = {
	tolerance: {
		f32: {
			rtol: 13e-7,
			atol: 4e-5
		},
		f16: {
			rtol: .002,
			atol: .002
		},
		bf16: {
			rtol: .016,
			atol: .01
		}
	},
	reason: "terms of both signs cancel, and backends sum f32 in another order"
};
/** [batch…, M, K, N]. */
const products = [
	[
		1,
		1,
		1
	],
	[
		1,
		5,
		1
	],
	[
		3,
		5,
		7
	],
	[
		1,
		33,
		17
	],
	[
		17,
		33,
		1
	],
	[
		6,
		8,
		16
	],
	[
		7,
		9,
		17
	],
	[
		64,
		64,
		64
	],
	[
		65,
		31,
		67
	],
	[
		3,
		0,
		4
	],
	[
		0,
		3,
		4
	],
	[
		3,
		4,
		0
	],
	[
		2,
		3,
		4,
		5
	],
	[
		5,
		1,
		8,
		8
	],
	[
		0,
		2,
		3,
		4
	],
	[
		2,
		3,
		4,
		5,
		6
	]
];
const dotCases = [
	{
		name: "shapes",
		dtypes: floats,
		...close,
		build: ({ input }) => products.map((sizes) => {
			const [m, k, n] = sizes.slice(-3);
			const batch = sizes.slice(0, -3);
			return dot(input([
				...batch,
				m,
				k
			]), input([
				...batch,
				k,
				n
			]));
		})
	},
	{
		name: "integers wrap",
		dtypes: integers,
		exact: true,
		build: ({ input }) => [
			dot(input([3, 5], "wide"), input([5, 7], "wide")),
			dot(input([
				2,
				9,
				4
			], "wide"), permute(input([
				2,
				6,
				4
			], "wide"), [
				0,
				2,
				1
			])),
			dot(input([2, 0]), input([0, 3]))
		]
	},
	{
		name: "transposed, reversed, padded, broadcast operands",
		dtypes: floats,
		...close,
		build: ({ input }) => {
			const a = input([9, 13]);
			const c = input([13, 6]);
			const at = transpose(input([13, 9]), 0, 1);
			const ct = transpose(input([6, 13]), 0, 1);
			return [
				dot(at, c),
				dot(a, ct),
				dot(at, ct),
				dot(flip(a, [0]), flip(c, [0, 1])),
				dot(slice(input([18, 26]), [17, 0], [9, 13], [-2, 2]), c),
				dot(pad(input([9, 11]), [0, 1], [0, 1], 1), pad(input([6, 3]), [0, 0], [7, 3])),
				dot(expand(input([1, 13]), [4, 13]), expand(input([13, 1]), [13, 5])),
				dot(broadcastTo(a, [
					3,
					9,
					13
				]), permute(input([
					6,
					3,
					13
				]), [
					1,
					2,
					0
				])),
				dot(input([
					3,
					9,
					13
				]), broadcastTo(c, [
					3,
					13,
					6
				])),
				dot(permute(input([
					9,
					2,
					13
				]), [
					1,
					0,
					2
				]), permute(input([
					13,
					2,
					6
				]), [
					1,
					0,
					2
				]))
			];
		}
	},
	{
		name: "one operand twice, chained products",
		dtypes: wideFloats,
		...close,
		build: ({ input }) => {
			const x = input([11, 11], "unit");
			const gram = dot(x, transpose(x, 0, 1));
			return [
				dot(x, x),
				gram,
				dot(dot(x, x), x),
				dot(gram, input([11, 3]))
			];
		}
	},
	{
		name: "elementwise before and after, reduction after",
		dtypes: wideFloats,
		...close,
		build: ({ input }) => {
			const x = input([10, 12]);
			const w = input([12, 9]);
			const bias = broadcastTo(input([9]), [10, 9]);
			const y = dot(unary("tanh", x), mul(w, fullLike(w, .5)));
			const hidden = binary("max", add(y, bias), fullLike(y, 0));
			return [
				hidden,
				add(hidden, y),
				reduceSum(hidden, [0]),
				extremum("reduceMax", y, [1])
			];
		}
	},
	{
		name: "half storage with a cast result",
		dtypes: ["f16", "bf16"],
		...close,
		build: ({ input }) => cast$1(dot(input([5, 20]), input([20, 6])), "f32")
	}
];
function geometry(x, w, { stride = 1, pad = 0, dilation = 1, groups = 1, padHigh = pad } = {}) {
	const each = (value) => x.slice(2).map(() => value);
	return {
		x,
		w,
		stride: each(stride),
		padLow: each(pad),
		padHigh: each(padHigh),
		dilation: each(dilation),
		groups
	};
}
const geometries = [
	geometry([
		2,
		3,
		9
	], [
		4,
		3,
		3
	]),
	geometry([
		1,
		2,
		11
	], [
		3,
		2,
		4
	], {
		stride: 2,
		pad: 1,
		dilation: 2
	}),
	geometry([
		2,
		3,
		7,
		6
	], [
		5,
		3,
		3,
		3
	], { pad: 1 }),
	geometry([
		1,
		1,
		5,
		5
	], [
		1,
		1,
		1,
		1
	]),
	geometry([
		3,
		5,
		4,
		6
	], [
		7,
		5,
		1,
		1
	]),
	geometry([
		2,
		4,
		8,
		9
	], [
		6,
		4,
		3,
		2
	], {
		stride: 2,
		pad: 1,
		padHigh: 2
	}),
	geometry([
		1,
		3,
		9,
		9
	], [
		2,
		3,
		3,
		3
	], {
		dilation: 2,
		pad: 2
	}),
	geometry([
		2,
		6,
		5,
		5
	], [
		4,
		3,
		3,
		3
	], {
		groups: 2,
		pad: 1
	}),
	geometry([
		2,
		4,
		6,
		6
	], [
		8,
		1,
		3,
		3
	], {
		groups: 4,
		stride: 2,
		pad: 1
	}),
	geometry([
		1,
		2,
		4,
		4
	], [
		3,
		2,
		4,
		4
	]),
	geometry([
		1,
		2,
		2,
		2
	], [
		2,
		2,
		3,
		3
	], {
		pad: 2,
		stride: 3
	}),
	geometry([
		0,
		2,
		5,
		5
	], [
		3,
		2,
		3,
		3
	], { pad: 1 }),
	geometry([
		1,
		17,
		12,
		13
	], [
		19,
		17,
		3,
		3
	], { pad: 1 }),
	geometry([
		1,
		2,
		4,
		5,
		6
	], [
		3,
		2,
		2,
		3,
		2
	], {
		pad: 1,
		stride: 2
	}),
	{
		...geometry([
			2,
			2,
			8,
			7
		], [
			3,
			2,
			2,
			3
		]),
		stride: [2, 1],
		padLow: [0, 2],
		padHigh: [1, 0],
		dilation: [3, 1]
	}
];
const attrsOf = ({ x: _x, w: _w, ...attrs }) => attrs;
/** Gradient of the output's shape, for the backward convolutions. */
function outputShape(geo) {
	return conv(full(geo.x, 0, "f32"), full(geo.w, 0, "f32"), attrsOf(geo)).shape;
}
function convInput({ input }, geo) {
	return convInputGrad(input(outputShape(geo)), input(geo.w), {
		...attrsOf(geo),
		sizes: geo.x.slice(2)
	});
}
function convWeight({ input }, geo) {
	return convWeightGrad(input(geo.x), input(outputShape(geo)), {
		...attrsOf(geo),
		sizes: geo.w.slice(2)
	});
}
const image = geometry([
	2,
	4,
	6,
	5
], [
	6,
	4,
	3,
	3
], { pad: 1 });
const contractionRows = {
	dot: dotCases,
	conv: [
		{
			name: "ranks, strides, paddings, dilations, groups",
			dtypes: floats,
			...close,
			build: ({ input }) => geometries.map((geo) => conv(input(geo.x), input(geo.w), attrsOf(geo)))
		},
		{
			name: "views as operands",
			dtypes: wideFloats,
			...close,
			build: ({ input }) => {
				const channelsLast = permute(input([
					2,
					6,
					5,
					4
				]), [
					0,
					3,
					1,
					2
				]);
				const w = input(image.w);
				const broadcast = expand(input([
					1,
					4,
					6,
					1
				]), [
					2,
					4,
					6,
					5
				]);
				const padded = pad(input([
					2,
					4,
					3,
					5
				]), [
					0,
					0,
					1,
					0
				], [
					0,
					0,
					2,
					0
				], 1);
				return [
					conv(channelsLast, w, attrsOf(image)),
					conv(flip(input(image.x), [3]), flip(w, [2, 3]), attrsOf(image)),
					conv(broadcast, transpose(input([
						4,
						6,
						3,
						3
					]), 0, 1), attrsOf(image)),
					conv(padded, w, attrsOf(image))
				];
			}
		},
		{
			name: "elementwise before and after, pooling after",
			dtypes: wideFloats,
			...close,
			build: ({ input }) => {
				const y = conv(unary("tanh", input(image.x)), input(image.w), attrsOf(image));
				const bias = expand(reshape(input([6]), [
					1,
					6,
					1,
					1
				]), y.shape);
				const relu = binary("max", add(y, bias), fullLike(y, 0));
				return [
					relu,
					extremum("reduceMax", window(relu, {
						dims: [2, 3],
						size: [2, 2],
						stride: [2, 2],
						dilation: [1, 1]
					}), [4, 5], "first"),
					reduceSum(y, [
						0,
						2,
						3
					])
				];
			}
		}
	],
	convInputGrad: [{
		name: "ranks, strides, paddings, dilations, groups",
		dtypes: floats,
		...close,
		build: (scene) => geometries.map((geo) => convInput(scene, geo))
	}, {
		name: "views as operands, elementwise around",
		dtypes: wideFloats,
		...close,
		build: ({ input }) => {
			const attrs = {
				...attrsOf(image),
				sizes: [6, 5]
			};
			const g = permute(input([
				2,
				6,
				5,
				6
			]), [
				0,
				3,
				1,
				2
			]);
			const dx = convInputGrad(g, flip(input(image.w), [2]), attrs);
			return [
				dx,
				mul(dx, input(image.x)),
				convInputGrad(neg(g), input(image.w), attrs)
			];
		}
	}],
	convWeightGrad: [{
		name: "ranks, strides, paddings, dilations, groups",
		dtypes: floats,
		...close,
		build: (scene) => geometries.map((geo) => convWeight(scene, geo))
	}, {
		name: "views as operands, elementwise around",
		dtypes: wideFloats,
		...close,
		build: ({ input }) => {
			const attrs = {
				...attrsOf(image),
				sizes: [3, 3]
			};
			const g = permute(input([
				2,
				6,
				5,
				6
			]), [
				0,
				3,
				1,
				2
			]);
			const dw = convWeightGrad(flip(input(image.x), [2]), g, attrs);
			return [
				dw,
				add(dw, input(image.w)),
				convWeightGrad(neg(input(image.x)), g, attrs)
			];
		}
	}]
};
// ../../work/main/test/contract/cases-elementwise.ts
const shapes = [
	[],
	[1],
	[0],
	[7],
	[3, 5],
	[
		2,
		0,
		3
	],
	[
		2,
		3,
		4,
		5
	],
	[1031]
];
/** Views of different strides, all [4, 3]. */
function viewsOf({ input }, fill = "mixed") {
	return [
		permute(input([3, 4], fill), [1, 0]),
		flip(input([4, 3], fill), [0, 1]),
		expand(input([4, 1], fill), [4, 3]),
		expand(input([1, 3], fill), [4, 3]),
		slice(input([9, 8], fill), [8, 1], [4, 3], [-2, 3]),
		broadcastTo(input([], fill), [4, 3]),
		reshape(permute(input([
			3,
			2,
			2
		], fill), [
			2,
			0,
			1
		]), [4, 3]),
		permute(slice(pad(input([2, 2], fill), [1, 0], [1, 2], 1), [3, 0], [3, 4], [-1, 1]), [1, 0])
	];
}
/** Functions a vectorised approximation computes: a few ulp instead of the table's eleven. */
const vectorMath = {
	tolerance: {
		f32: {
			rtol: 5e-7,
			atol: 12e-8
		},
		f64: {
			rtol: 1e-13,
			atol: 1e-14
		}
	},
	reason: "approximations keep a few ulp"
};
function unaryCases(op, on, options = {}) {
	const { fill = "mixed", special = "edge", ...rest } = options;
	const apply = (x) => unary(op, x);
	return [
		{
			name: "shapes",
			dtypes: on,
			build: ({ input }) => shapes.map((s) => apply(input(s, fill))),
			...rest
		},
		{
			name: "views",
			dtypes: on,
			build: (scene) => viewsOf(scene, fill).map(apply),
			...rest
		},
		{
			name: "special values",
			dtypes: on,
			build: ({ input }) => apply(input([41], special)),
			...rest
		}
	];
}
const exact = { exact: true };
const spread = [
	-100,
	-31.4,
	-9.5,
	-3.1415927,
	-1.5707964,
	-.78,
	.001,
	.78,
	1.5707964,
	3.1415927,
	22,
	99
];
const trigonometry = {
	...vectorMath,
	special: [
		...spread,
		NaN,
		Infinity,
		-Infinity
	]
};
const unaryRows = {
	neg: unaryCases("neg", numbers, exact),
	abs: unaryCases("abs", numbers, exact),
	sign: unaryCases("sign", numbers, exact),
	floor: unaryCases("floor", floats, exact),
	ceil: unaryCases("ceil", floats, exact),
	trunc: unaryCases("trunc", floats, exact),
	round: unaryCases("round", floats, exact),
	sqrt: unaryCases("sqrt", floats, {
		fill: "positive",
		exact: true
	}),
	exp: unaryCases("exp", floats, {
		...vectorMath,
		fill: "unit"
	}),
	expm1: unaryCases("expm1", floats, vectorMath),
	log: unaryCases("log", floats, {
		...vectorMath,
		fill: "positive"
	}),
	log1p: unaryCases("log1p", floats, {
		...vectorMath,
		fill: "unit"
	}),
	sin: unaryCases("sin", floats, trigonometry),
	cos: unaryCases("cos", floats, trigonometry),
	tanh: unaryCases("tanh", floats, vectorMath),
	erf: unaryCases("erf", floats, vectorMath),
	not: unaryCases("not", [...integers, "bool"], exact)
};
/** Every pair of two lists as two operands. */
function pairs({ input }, left, right, count) {
	return [expand(input([count, 1], left), [count, count]), expand(input([1, count], right), [count, count])];
}
function binaryCases(op, on, options = {}) {
	const { left = "mixed", right = "mixed", ...rest } = options;
	return [
		{
			name: "shapes",
			dtypes: on,
			build: ({ input }) => shapes.map((s) => binary(op, input(s, left), input(s, right))),
			...rest
		},
		{
			name: "broadcast operands",
			dtypes: on,
			build: ({ input }) => {
				const x = input([
					4,
					3,
					5
				], left);
				return [
					[],
					[5],
					[3, 1],
					[
						4,
						1,
						1
					],
					[
						4,
						1,
						5
					],
					[
						1,
						1,
						1
					]
				].map((s) => binary(op, x, broadcastTo(input(s, right), [
					4,
					3,
					5
				])));
			},
			...rest
		},
		{
			name: "views on both sides",
			dtypes: on,
			build: (scene) => {
				const rights = viewsOf(scene, right).reverse();
				return viewsOf(scene, left).map((x, i) => binary(op, x, rights[i]));
			},
			...rest
		},
		{
			name: "one operand twice",
			dtypes: on,
			build: ({ input }) => {
				const x = input([3, 7], right);
				return binary(op, x, x);
			},
			...rest
		}
	];
}
function edgePairs(op, on, options = {}) {
	return {
		name: "all pairs of special values",
		dtypes: on,
		exact: true,
		...options,
		build: (scene) => {
			const [x, y] = pairs(scene, "edge", "edge", edges[scene.dtype].length);
			return binary(op, x, y);
		}
	};
}
const withEdges = (op, on) => [...binaryCases(op, on, exact), edgePairs(op, on)];
const powerSpecial = [
	0,
	-0,
	1,
	-1,
	2,
	-2,
	3,
	.5,
	-.5,
	1.5,
	-3,
	NaN,
	Infinity,
	-Infinity,
	7
];
function shiftCases(op) {
	return [...binaryCases(op, integers, {
		left: "wide",
		right: [
			0,
			1,
			2,
			3,
			7
		],
		exact: true
	}), {
		name: "every amount of a 32-bit type",
		dtypes: ["i32", "u32"],
		exact: true,
		build: (scene) => binary(op, ...pairs(scene, "edge", Array.from({ length: 32 }, (_, i) => i), 32))
	}];
}
const bits = [...integers, "bool"];
const binaryRows = {
	add: withEdges("add", numbers),
	sub: withEdges("sub", numbers),
	mul: withEdges("mul", numbers),
	div: [...binaryCases("div", numbers, {
		right: "positive",
		exact: true
	}), edgePairs("div", numbers)],
	rem: [
		...binaryCases("rem", numbers, {
			left: "wide",
			right: "positive"
		}),
		edgePairs("rem", integers),
		{
			name: "signs, zeros, infinities, NaN",
			dtypes: floats,
			build: (scene) => binary("rem", ...pairs(scene, powerSpecial, powerSpecial, powerSpecial.length))
		}
	],
	pow: [...binaryCases("pow", floats, { left: "positive" }), {
		name: "signs, zeros, infinities, NaN",
		dtypes: floats,
		build: (scene) => binary("pow", ...pairs(scene, powerSpecial, powerSpecial, powerSpecial.length))
	}],
	max: withEdges("max", everyDType),
	min: withEdges("min", everyDType),
	and: withEdges("and", bits),
	or: withEdges("or", bits),
	xor: withEdges("xor", bits),
	shl: shiftCases("shl"),
	shr: shiftCases("shr"),
	eq: withEdges("eq", everyDType),
	ne: withEdges("ne", everyDType),
	lt: withEdges("lt", everyDType),
	le: withEdges("le", everyDType)
};
const otherElementwiseRows = {
	where: [
		{
			name: "shapes",
			dtypes: everyDType,
			exact: true,
			build: ({ input }) => shapes.map((s) => where(input(s, "mixed", "bool"), input(s), input(s)))
		},
		{
			name: "views, a comparison as condition, NaN in the branch not taken",
			dtypes: everyDType,
			exact: true,
			build: (scene) => {
				const lefts = viewsOf(scene);
				const rights = viewsOf(scene, "edge").reverse();
				return lefts.map((x, i) => where(binary("lt", x, rights[i]), x, rights[i]));
			}
		},
		{
			name: "broadcast mask",
			dtypes: everyDType,
			exact: true,
			build: ({ input }) => {
				return where(expand(input([1, 5], [
					1,
					0,
					0
				], "bool"), [4, 5]), input([4, 5]), broadcastTo(input([]), [4, 5]));
			}
		}
	],
	cast: [
		{
			name: "to every dtype, special values",
			dtypes: everyDType,
			exact: true,
			build: ({ input, dtype }) => {
				const x = input([edges[dtype].length], "edge");
				return dtypes.map((to) => cast$1(x, to));
			}
		},
		{
			name: "to every dtype, shapes",
			dtypes: everyDType,
			exact: true,
			build: ({ input }) => shapes.flatMap((s) => dtypes.map((to) => cast$1(input(s, "wide"), to)))
		},
		{
			name: "to every dtype, views",
			dtypes: everyDType,
			exact: true,
			build: (scene) => viewsOf(scene).flatMap((x) => dtypes.map((to) => cast$1(x, to)))
		}
	],
	bitcast: [{
		name: "to every dtype of the same width",
		dtypes: everyDType.filter((dtype) => dtype !== "bool" && dtype !== "u8" && dtype !== "i8"),
		exact: true,
		build: ({ input, dtype }) => dtypes.filter((to) => dtypeBytes(to) === dtypeBytes(dtype)).flatMap((to) => [bitcast(input([17], plainFloats), to), bitcast(permute(input([3, 5], "positive"), [1, 0]), to)])
	}, {
		name: "between bytes",
		dtypes: ["i8", "u8"],
		exact: true,
		build: ({ input }) => [
			bitcast(input([7], "edge"), "u8"),
			bitcast(input([7], "edge"), "i8"),
			bitcast(input([5], [0, 1]), "bool")
		]
	}]
};
// ../../work/main/test/contract/cases-reduce.ts
/** Shapes with every kind of axis set: first, last, middle, several, all, of size 1 and 0. */
const reductions = [
	[[7], [0]],
	[[1], [0]],
	[[3, 5], [0]],
	[[3, 5], [1]],
	[[3, 5], [0, 1]],
	[[
		2,
		3,
		4
	], [1]],
	[[
		2,
		3,
		4
	], [0, 2]],
	[[
		2,
		3,
		4
	], [0, 1]],
	[[
		2,
		3,
		4,
		5
	], [1, 3]],
	[[
		2,
		1,
		4
	], [1]],
	[[0, 3], [1]],
	[[
		3,
		0,
		2
	], [0]],
	[[4, 261], [1]],
	[[261, 4], [0]],
	[[
		3,
		17,
		6
	], [
		0,
		1,
		2
	]]
];
const emptyReductions = [
	[[0], [0]],
	[[0, 3], [0]],
	[[
		2,
		0,
		3
	], [1]],
	[[
		2,
		0,
		3
	], [1, 2]]
];
const apply = (op, x, axes) => op === "reduceSum" || op === "reduceProd" ? reduce(op, x, axes) : extremum(op, x, axes);
function reduceCases(op, on, { fill = "mixed", ...rest }) {
	const extremum = op === "reduceMax" || op === "reduceMin";
	return [
		{
			name: "shapes and axes",
			dtypes: on,
			build: ({ input }) => [...reductions, ...extremum ? [] : emptyReductions].map(([shape, axes]) => apply(op, input(shape, fill), axes)),
			...rest
		},
		{
			name: "views",
			dtypes: on,
			build: (scene) => viewsOf(scene, fill).flatMap((x) => [
				apply(op, x, [0]),
				apply(op, x, [1]),
				apply(op, x, [0, 1])
			]),
			...rest
		},
		{
			name: "of an elementwise chain, with a chain after it",
			dtypes: on.filter((dtype) => dtype !== "bool"),
			build: ({ input }) => {
				const x = input([5, 9], fill);
				const y = apply(op, mul(x, expand(input([1, 9], fill), [5, 9])), [1]);
				return sub(expand(neg(y), [5, 9]), x);
			},
			...rest
		},
		{
			name: "of a reduction, and one operand over several axes",
			dtypes: on,
			build: ({ input }) => {
				const x = input([
					4,
					3,
					6
				], fill);
				const rows = apply(op, x, [2]);
				return [
					apply(op, rows, [0]),
					apply(op, x, [0]),
					apply(op, x, [1]),
					rows
				];
			},
			...rest
		}
	];
}
const extremumCases = (op) => [...reduceCases(op, everyDType, { exact: true }), {
	name: "special values: NaN wins, all infinite, limits",
	dtypes: everyDType,
	exact: true,
	build: ({ input, dtype }) => {
		const far = isFloat(dtype) ? [-Infinity] : [1];
		const out = [apply(op, input([50], "edge"), [0]), apply(op, input([4, 3], far), [1])];
		if (!isFloat(dtype)) return out;
		const rows = input([3, 20], [
			...Array(24).fill(-7),
			NaN,
			...Array(35).fill(5)
		]);
		return [
			...out,
			apply(op, rows, [1]),
			apply(op, rows, [0])
		];
	}
}];
const reordered = {
	tolerance: {
		f32: {
			rtol: 13e-7,
			atol: 5e-5
		},
		f16: {
			rtol: .001,
			atol: 1e-4
		},
		bf16: {
			rtol: .016,
			atol: 1e-4
		}
	},
	reason: "backends may sum in f32 in another order"
};
const reduceRows = {
	reduceSum: [
		...reduceCases("reduceSum", numbers, reordered),
		{
			name: "large rows and columns",
			dtypes: wideFloats,
			tolerance: {
				f64: {
					rtol: 1e-12,
					atol: 1e-9
				},
				f32: {
					rtol: 13e-7,
					atol: .001
				}
			},
			reason: "20,000 terms of both signs cancel",
			build: ({ input }) => {
				const x = input([3, 20011]);
				return [
					reduceSum(x, [1]),
					reduceSum(transpose(x, 0, 1), [0]),
					reduceSum(x, [0, 1])
				];
			}
		},
		{
			name: "infinities and NaN",
			dtypes: floats,
			build: ({ input }) => reduceSum(input([4, 3], [
				1,
				Infinity,
				2,
				-Infinity,
				Infinity,
				1,
				NaN,
				1,
				2,
				3
			]), [1])
		}
	],
	reduceProd: reduceCases("reduceProd", numbers, {
		fill: [
			.5,
			2,
			-1,
			1.5,
			1,
			-1,
			1,
			1,
			2,
			.5,
			1
		],
		...reordered
	}),
	reduceMax: extremumCases("reduceMax"),
	reduceMin: extremumCases("reduceMin"),
	argmax: [
		{
			name: "shapes and dims",
			dtypes: everyDType,
			exact: true,
			build: ({ input }) => [
				argmax(input([7]), 0),
				argmax(input([1]), 0),
				argmax(input([3, 5]), 0),
				argmax(input([3, 5]), 1),
				argmax(input([
					2,
					3,
					4
				]), 1),
				argmax(input([5, 300]), 1),
				argmax(input([0, 3]), 1)
			]
		},
		{
			name: "ties take the first, views",
			dtypes: everyDType,
			exact: true,
			build: (scene) => [...viewsOf(scene).flatMap((x) => [argmax(x, 0), argmax(x, 1)]), argmax(scene.input([4, 6], [
				0,
				1,
				1,
				0,
				1
			]), 1)]
		},
		{
			name: "NaN is largest, all −∞, of an expression",
			dtypes: floats,
			exact: true,
			build: ({ input }) => {
				const x = input([4, 4], [
					1,
					NaN,
					3,
					NaN,
					2,
					9,
					NaN,
					1,
					-Infinity,
					-Infinity,
					-Infinity,
					-Infinity,
					0,
					-0,
					0,
					0
				]);
				return [
					argmax(x, 1),
					argmax(x, 0),
					argmax(neg(x), 1)
				];
			}
		}
	]
};
const scanCases = [
	"sum",
	"prod",
	"max",
	"min"
].flatMap((kind) => {
	const fill = kind === "prod" ? [
		.5,
		2,
		-1,
		1.5,
		1,
		-1,
		1
	] : "mixed";
	return [
		{
			name: `${kind}: shapes and dims`,
			dtypes: numbers,
			...reordered,
			build: ({ input }) => [
				scan(input([9], fill), 0, kind),
				scan(input([1], fill), 0, kind),
				scan(input([0], fill), 0, kind),
				scan(input([3, 5], fill), 0, kind),
				scan(input([3, 5], fill), 1, kind),
				scan(input([
					2,
					3,
					4
				], fill), 1, kind),
				scan(input([2, 70], fill), 1, kind)
			]
		},
		{
			name: `${kind}: views, inside a chain`,
			dtypes: numbers,
			...reordered,
			build: (scene) => viewsOf(scene, fill).map((x) => add(scan(neg(x), 0, kind), x))
		},
		{
			name: `${kind}: NaN stays`,
			dtypes: floats,
			build: ({ input }) => scan(input([2, 5], [
				1,
				2,
				NaN,
				3,
				.5
			]), 1, kind)
		}
	];
});
// ../../work/main/test/contract/cases-indexing.ts
const i32 = "i32";
const gatherCases = [
	{
		name: "dims and shapes",
		dtypes: everyDType,
		exact: true,
		build: ({ input }) => [
			gather(input([7]), input([5], [
				6,
				0,
				3,
				3,
				1
			], i32), 0),
			gather(input([7]), input([0], [0], i32), 0),
			gather(input([1]), input([4], [0], i32), 0),
			gather(input([4, 5]), input([3, 5], [
				0,
				3,
				1,
				2
			], i32), 0),
			gather(input([4, 5]), input([4, 9], [
				4,
				0,
				2
			], i32), 1),
			gather(input([4, 5]), input([2, 3], [
				4,
				0,
				2,
				1
			], i32), 1),
			gather(input([
				3,
				4,
				5
			]), input([
				2,
				6,
				4
			], [
				3,
				0,
				1
			], i32), 1),
			gather(input([
				3,
				4,
				5
			]), input([
				7,
				4,
				5
			], [
				2,
				0,
				1,
				1
			], i32), 0)
		]
	},
	{
		name: "embedding: rows by an expanded index",
		dtypes: everyDType,
		exact: true,
		build: ({ input }) => {
			const index = expand(input([6, 1], [
				9,
				0,
				4,
				4,
				2,
				9
			], i32), [6, 3]);
			return gather(input([10, 3]), index, 0);
		}
	},
	{
		name: "of views by a computed index, inside a chain",
		dtypes: numbers,
		exact: true,
		build: (scene) => {
			const index = sub(fullLike(iota([4, 3], 0), 3), iota([4, 3], 0));
			const shifted = binary("rem", add(index, iota([4, 3], 1)), full([4, 3], 4, i32));
			return viewsOf(scene).flatMap((x) => [gather(x, index, 0), neg(gather(neg(x), shifted, 0))]);
		}
	}
];
function scatterCases(mode) {
	return [
		{
			name: `${mode}: dims and shapes, repeated indices`,
			dtypes: mode === "set" ? everyDType : numbers,
			exact: mode === "set",
			...mode === "add" && {
				tolerance: {
					f16: {
						rtol: .002,
						atol: .004
					},
					bf16: {
						rtol: .016,
						atol: .03
					}
				},
				reason: "several halves meet in one element"
			},
			build: ({ input }) => [
				scatter(input([7]), input([5], [
					6,
					0,
					3,
					3,
					1
				], i32), input([5]), 0, mode),
				scatter(input([7]), input([0], [0], i32), input([0]), 0, mode),
				scatter(input([1]), input([4], [0], i32), input([4]), 0, mode),
				scatter(input([4, 5]), input([3, 5], [
					0,
					3,
					1,
					2
				], i32), input([3, 5]), 0, mode),
				scatter(input([4, 5]), input([4, 9], [
					4,
					0,
					2
				], i32), input([4, 9]), 1, mode),
				scatter(input([4, 5]), input([2, 3], [
					4,
					0,
					2,
					1
				], i32), input([2, 3]), 1, mode),
				scatter(input([
					3,
					4,
					5
				]), input([
					2,
					6,
					4
				], [
					3,
					0,
					1
				], i32), input([
					2,
					6,
					4
				]), 1, mode)
			]
		},
		{
			name: `${mode}: base, index and updates are views or expressions`,
			dtypes: [
				"f64",
				"f32",
				"i32"
			],
			build: (scene) => {
				const { input } = scene;
				const index = expand(input([4, 1], [
					3,
					1,
					1,
					0
				], i32), [4, 3]);
				const updates = permute(input([3, 4]), [1, 0]);
				return viewsOf(scene).flatMap((x) => [scatter(x, index, add(updates, x), 0, mode), neg(scatter(full([4, 3], 0, x.dtype), index, flip(updates, [0]), 0, mode))]);
			}
		},
		{
			name: `${mode}: the base is used again`,
			dtypes: [
				"f64",
				"f32",
				"i32"
			],
			build: ({ input }) => {
				const x = input([6, 2]);
				const index = input([3, 2], [
					5,
					0,
					2,
					2,
					5,
					1
				], i32);
				const y = scatter(x, index, input([3, 2]), 0, mode);
				return [
					y,
					sub(y, x),
					x,
					scatter(y, index, slice(x, [1, 0], [3, 2]), 0, mode)
				];
			}
		}
	];
}
const sortValues = [
	3,
	1,
	2,
	1,
	3,
	0,
	-0,
	2
];
const sortSpecial = [
	1,
	NaN,
	-Infinity,
	3,
	NaN,
	Infinity,
	0,
	-1,
	NaN,
	1
];
const argsortCases = [
	{
		name: "dims, shapes, stable ties",
		dtypes: everyDType,
		exact: true,
		build: ({ input }) => [false, true].flatMap((descending) => [
			argsort(input([9]), 0, descending),
			argsort(input([1]), 0, descending),
			argsort(input([0]), 0, descending),
			argsort(input([16], sortValues), 0, descending),
			argsort(input([3, 7], sortValues), 1, descending),
			argsort(input([7, 3], sortValues), 0, descending),
			argsort(input([
				2,
				5,
				3
			]), 1, descending),
			argsort(input([2, 0]), 0, descending),
			argsort(input([2, 203]), 1, descending)
		])
	},
	{
		name: "NaN is largest",
		dtypes: floats,
		exact: true,
		build: ({ input }) => [argsort(input([10], sortSpecial), 0, false), argsort(input([10], sortSpecial), 0, true)]
	},
	{
		name: "views, and sorting through gather",
		dtypes: numbers,
		exact: true,
		build: (scene) => viewsOf(scene).flatMap((x) => {
			const order = argsort(neg(x), 0, false);
			return [order, gather(x, order, 0)];
		})
	}
];
const topkCases = [{
	name: "dims, shapes, ties, every k",
	dtypes: everyDType,
	exact: true,
	build: ({ input }) => [false, true].flatMap((largest) => [
		topk(input([9]), 0, 3, largest),
		topk(input([9]), 0, 0, largest),
		topk(input([9]), 0, 9, largest),
		topk(input([0]), 0, 0, largest),
		topk(input([16], sortValues), 0, 5, largest),
		topk(input([3, 7], sortValues), 1, 2, largest),
		topk(input([
			2,
			5,
			3
		]), 1, 4, largest),
		topk(input([2, 203]), 1, 10, largest)
	])
}, {
	name: "NaN is largest, views",
	dtypes: floats,
	exact: true,
	build: (scene) => [
		topk(scene.input([10], sortSpecial), 0, 5, true),
		topk(scene.input([10], sortSpecial), 0, 9, false),
		...viewsOf(scene).map((x) => topk(x, 0, 2, true))
	]
}];
const indexingRows = {
	scan: scanCases,
	gather: gatherCases,
	scatter: [...scatterCases("add"), ...scatterCases("set")],
	argsort: argsortCases,
	topk: topkCases
};
// ../../work/main/src/ir/graph.ts
/** All nodes the roots need, operands first. Ids grow from operand to user, so sorting is enough. */
function topologicalOrder(roots) {
	const seen = new Set(roots);
	const pending = [...seen];
	for (let node = pending.pop(); node !== void 0; node = pending.pop()) for (const source of node.src) {
		if (seen.has(source)) continue;
		seen.add(source);
		pending.push(source);
	}
	return [...seen].sort((a, b) => a.id - b.id);
}
/**
* All nodes the roots need, operands first, in an order that only the structure decides. Ids do
* not: a constant that an earlier graph interned is older than nodes it used to follow.
*/
function structuralOrder(roots) {
	const done = /* @__PURE__ */ new Set();
	const pending = roots.toReversed();
	while (pending.length > 0) {
		const node = pending[pending.length - 1];
		const missing = done.has(node) ? [] : node.src.filter((source) => !done.has(source));
		if (missing.length === 0) {
			done.add(node);
			pending.pop();
		} else pending.push(...missing.toReversed());
	}
	return [...done];
}
/** The same operation over other operands; the node itself if they did not change. */
function withSources(node, src) {
	if (node.src.every((old, i) => old === src[i])) return node;
	const leaf = node.op === "constant" || node.op === "input" ? node : void 0;
	return makeNode(node.op, src, node.attrs, leaf);
}
/**
* Rebuilds the graph bottom-up. `visit` sees each node with rebuilt operands and may return a
* replacement; `preset` fixes what some nodes become and is not descended into.
*/
function rewrite(roots, visit, preset = /* @__PURE__ */ new Map()) {
	const done = new Map(preset);
	for (const node of topologicalOrder(roots)) {
		if (done.has(node)) continue;
		const src = node.src.map((source) => done.get(source) ?? source);
		done.set(node, visit(withSources(node, src)));
	}
	return roots.map((root) => done.get(root) ?? root);
}
/** Replaces nodes by others of the same type. */
function substitute(roots, map) {
	return rewrite(roots, (node) => node, map);
}
/** Structural identity of a graph: equal for graphs that compile to the same program. */
function graphKey(graph) {
	const numbers = /* @__PURE__ */ new Map();
	graph.inputs.forEach((node, i) => numbers.set(node, i));
	const parts = graph.inputs.map((node) => `${node.dtype}${node.shape.join("x")}`);
	for (const node of structuralOrder(graph.outputs)) {
		if (numbers.has(node)) continue;
		const operands = node.src.map((source) => numbers.get(source)).join(",");
		numbers.set(node, numbers.size);
		const type = node.op === "constant" ? node.dtype : "";
		const attrs = node.op === "checkpoint" ? "" : attributesKey(node.attrs);
		parts.push(`${node.op}${type}(${operands})${attrs}`);
	}
	parts.push(graph.outputs.map((node) => numbers.get(node)).join(","));
	return parts.join("\n");
}
/** Checks every node against its type rule and the graph's own invariants. @throws {CompileError} */
function verifyGraph(graph, pass) {
	const inputs = new Set(graph.inputs);
	for (const node of structuralOrder(graph.outputs)) {
		if (node.op === "input" && !inputs.has(node)) throw new CompileError(`verify after ${pass}: input ${node.id} is not listed among the inputs`);
		if (node.op === "loop") verifyGraph(node.attrs.body, `${pass}, loop body`);
		const type = inferType(node.op, node.src, node.attrs, node);
		if (type.dtype !== node.dtype || !sameShape(type.shape, node.shape)) throw new CompileError(`verify after ${pass}: ${node.op} must be ${type.dtype}${formatShape(type.shape)}, got ${node.dtype}${formatShape(node.shape)}`);
		if (node.op === "assign" && node.src[0].op !== "input") throw new CompileError(`verify after ${pass}: assign must target an input, got ${node.src[0].op}`);
	}
}
// ../../work/main/src/ir/loop.ts
/**
* What one trip of a loop computes. Inputs: the carries, one element of each slice operand, then
* what every trip reads; outputs: the next carries, then one element of each stacked result. Its
* text is its structure, so that loops with equal bodies are one node and one cached program.
*/
var LoopBody = class {
	inputs;
	outputs;
	#key;
	constructor(inputs, outputs) {
		this.inputs = inputs.filter((node) => node.op === "input");
		this.outputs = outputs;
	}
	toString() {
		this.#key ??= `(${graphKey(this)})`;
		return this.#key;
	}
};
/** Whether a node calls a host function, itself or in a loop's body. */
function callsHost(node) {
	if (node.op === "custom") return true;
	return node.op === "loop" && topologicalOrder(node.attrs.body.outputs).some(callsHost);
}
// ../../work/main/test/contract/cases-loop.ts
/** All results of a loop over [carries, slices, wholes]; the body returns [carries, stacked]. */
function loopOf(length, operands, body, { reverse = false, conditional = false } = {}) {
	const { carries = [], slices = [], wholes = [] } = operands;
	const like = (node) => input(node.shape, node.dtype);
	const own = [
		carries.map(like),
		slices.map((node) => input(node.shape.slice(1), node.dtype)),
		wholes.map(like)
	];
	const outputs = body(own[0], own[1], own[2]);
	const loop$1 = loop([
		...carries,
		...slices,
		...wholes
	], {
		body: new LoopBody(own.flat(), outputs),
		carries: carries.length,
		slices: slices.length,
		length,
		reverse,
		conditional
	});
	return outputs.map((_, i) => part(loop$1, i));
}
const one = (dtype) => constant(1, dtype);
const loopRows = {
	loop: [
		{
			name: "carries, slices and wholes, both ways, one to four trips",
			dtypes: numbers,
			build: ({ input }) => [
				1,
				2,
				3,
				4
			].flatMap((length) => [false, true].flatMap((reverse) => {
				return loopOf(length, {
					carries: [input([3], "unit")],
					slices: [input([length, 3], "unit")],
					wholes: [input([3], "unit")]
				}, ([sum], [x], [w]) => {
					const next = add(sum, mul(x, w));
					return [
						next,
						next,
						sub(x, sum)
					];
				}, { reverse });
			}))
		},
		{
			name: "values that pass through: the operands themselves as results",
			dtypes: everyDType,
			exact: true,
			build: ({ input }) => {
				const [x, y] = [input([2, 3]), input([2, 3])];
				return loopOf(5, {
					carries: [x, y],
					slices: [input([5, 4])],
					wholes: [input([2])]
				}, ([left, right], [row], [whole]) => [
					right,
					left,
					left,
					row,
					whole
				]);
			}
		},
		{
			name: "a product and a reduction per trip",
			dtypes: floats,
			build: ({ input }) => {
				return loopOf(5, {
					carries: [input([4, 6], "unit")],
					slices: [input([
						5,
						4,
						6
					], "unit")],
					wholes: [input([6, 6], "unit")]
				}, ([h], [x], [w]) => {
					const product = dot(h, w);
					const next = add(product, x);
					const mean = reduceSum(next, [1]);
					return [sub(next, expand(mean, [4, 6])), mean];
				});
			}
		},
		{
			name: "loops in loops",
			dtypes: ["f32", "i32"],
			build: ({ input, dtype }) => {
				return loopOf(3, {
					carries: [input([2], "unit")],
					slices: [input([
						3,
						4,
						2
					], "unit")]
				}, ([sum], [rows]) => {
					const [inner, all] = loopOf(4, {
						carries: [sum],
						slices: [rows]
					}, ([part], [row]) => {
						const next = add(part, mul(row, full([2], 2, dtype)));
						return [next, next];
					}, { reverse: true });
					return [
						inner,
						all,
						inner
					];
				});
			}
		},
		{
			name: "sorting, gathering and random bits in trips",
			dtypes: ["f32"],
			build: ({ input }) => {
				return loopOf(3, {
					carries: [input([2], [7, 9], "u32")],
					slices: [input([3, 5])]
				}, ([state], [x]) => {
					const order = argsort(x, 0, false);
					return [
						add(state, cast$1(iota([2], 0), "u32")),
						gather(x, order, 0),
						randomBits(state, [4])
					];
				});
			}
		},
		{
			name: "no trips, nothing in a value",
			dtypes: ["f32"],
			exact: true,
			build: ({ input }) => [...loopOf(0, {
				carries: [input([3])],
				slices: [input([0, 3])]
			}, ([sum], [x]) => [add(sum, x), x]), ...loopOf(3, {
				carries: [input([0])],
				slices: [input([3, 0])]
			}, ([sum], [x]) => [add(sum, x), x])]
		},
		{
			name: "as long as a condition holds",
			dtypes: ["i32"],
			exact: true,
			build: ({ input }) => [
				0,
				1,
				2,
				5,
				50
			].flatMap((limit) => {
				const most = input([], [limit], "i32");
				const start = constant(0, "i32");
				return loopOf(20, {
					carries: [
						binary("lt", start, most),
						start,
						input([3], [
							1,
							2,
							3
						])
					],
					wholes: [most]
				}, ([, count, x], _, [end]) => {
					const next = add(count, one("i32"));
					return [
						binary("lt", next, end),
						next,
						add(x, x)
					];
				}, { conditional: true });
			})
		}
	],
	part: [{
		name: "results nobody reads, results read twice",
		dtypes: ["f32"],
		build: ({ input }) => {
			const results = loopOf(4, {
				carries: [input([3]), input([2])],
				slices: [input([4, 3])]
			}, ([sum, other], [x]) => [
				add(sum, x),
				neg(other),
				mul(x, x),
				neg(x)
			]);
			return [
				results[0],
				neg(results[0]),
				reduceSum(results[3], [0])
			];
		}
	}]
};
// ../../work/main/test/contract/cases-movement.ts
/** Movement is exact for every dtype. */
function moves(name, build) {
	return {
		name,
		dtypes: everyDType,
		exact: true,
		build
	};
}
/** Each result as it is, and read by an elementwise op and by a reduction. */
function consumed(name, build) {
	return {
		name,
		dtypes: numbers,
		tolerance: {
			f32: {
				rtol: 13e-7,
				atol: 2e-4
			},
			f16: {
				rtol: .002,
				atol: .001
			},
			bf16: {
				rtol: .016,
				atol: .01
			}
		},
		reason: "up to 1,500 terms of both signs cancel",
		build: (scene) => build(scene).flatMap((x) => {
			const rank = x.shape.length;
			const all = x.shape.map((_, dim) => dim);
			const sums = rank === 0 ? [] : [
				reduceSum(x, [rank - 1]),
				reduceSum(x, [0]),
				reduceSum(x, all)
			];
			return [
				neg(x),
				add(x, x),
				...sums
			];
		})
	};
}
const both = (name, build) => [moves(name, build), consumed(`${name}, read by other ops`, build)];
const movementRows = {
	reshape: [...both("shapes", ({ input }) => [
		reshape(input([6]), [2, 3]),
		reshape(input([
			2,
			3,
			4
		]), [6, 4]),
		reshape(input([
			2,
			3,
			4
		]), [4, 6]),
		reshape(input([1]), []),
		reshape(input([]), [1, 1]),
		reshape(input([0, 3]), [5, 0]),
		reshape(input([
			2,
			1,
			3,
			1
		]), [1, 6])
	]), ...both("of views", (scene) => viewsOf(scene).map((x) => reshape(x, [2, 6])))],
	permute: both("shapes", ({ input }) => {
		const x = input([
			2,
			3,
			4
		]);
		return [
			permute(input([3, 5]), [1, 0]),
			permute(input([1, 7]), [1, 0]),
			permute(input([0, 3]), [1, 0]),
			...[
				[
					0,
					2,
					1
				],
				[
					1,
					0,
					2
				],
				[
					1,
					2,
					0
				],
				[
					2,
					0,
					1
				],
				[
					2,
					1,
					0
				]
			].map((perm) => permute(x, perm)),
			permute(input([
				2,
				3,
				4,
				5
			]), [
				0,
				3,
				1,
				2
			]),
			permute(input([
				2,
				3,
				4,
				5
			]), [
				3,
				1,
				2,
				0
			]),
			permute(input([37, 41]), [1, 0])
		];
	}),
	expand: both("shapes", ({ input }) => [
		expand(input([1]), [5]),
		expand(input([1, 3]), [4, 3]),
		expand(input([4, 1]), [4, 3]),
		expand(input([1, 1]), [4, 3]),
		expand(input([
			2,
			1,
			3
		]), [
			2,
			5,
			3
		]),
		expand(input([1]), [0]),
		expand(permute(input([
			3,
			1,
			2
		]), [
			2,
			1,
			0
		]), [
			2,
			7,
			3
		])
	]),
	slice: both("ranges, steps, directions", ({ input }) => [
		slice(input([9]), [2], [5]),
		slice(input([9]), [8], [5], [-2]),
		slice(input([9]), [3], [0]),
		slice(input([9]), [4], [1], [-3]),
		flip(input([1031]), [0]),
		slice(input([5, 7]), [1, 6], [3, 3], [1, -3]),
		slice(input([5, 7]), [4, 0], [5, 7], [-1, 1]),
		slice(input([
			4,
			5,
			6
		]), [
			3,
			1,
			0
		], [
			2,
			2,
			3
		], [
			-3,
			2,
			2
		]),
		slice(slice(input([12]), [11], [6], [-2]), [5], [3], [-2]),
		slice(permute(input([4, 6]), [1, 0]), [5, 1], [3, 2], [-2, 2])
	]),
	pad: [...both("low, high, interior, value", ({ input }) => [
		pad(input([4]), [2], [1]),
		pad(input([4]), [0], [3], 1),
		pad(input([4]), [1], [1], 2, [2]),
		pad(input([0]), [2], [1], 3, [1]),
		pad(input([1]), [0], [0], 3, [4]),
		pad(input([3, 2]), [1, 0], [0, 2], 1),
		pad(input([3, 2]), [1, 2], [2, 1], 0, [1, 2]),
		pad(input([
			2,
			3,
			4
		]), [
			0,
			1,
			1
		], [
			0,
			1,
			1
		]),
		pad(pad(input([3]), [1], [0], 2), [1], [2], 1, [1]),
		pad(flip(input([5]), [0]), [2], [2], 1)
	]), moves("infinite value", ({ input, dtype }) => [pad(input([2, 2]), [1, 1], [1, 1], isFloat(dtype) ? -Infinity : 0), slice(pad(input([2, 2]), [2, 2], [2, 2], 1), [1, 5], [4, 4], [1, -1])])],
	concat: both("along each dim", ({ input }) => {
		const x = input([2, 3]);
		return [
			concat([
				input([3]),
				input([1]),
				input([4])
			], 0),
			concat([x, input([4, 3])], 0),
			concat([
				x,
				input([2, 1]),
				x
			], 1),
			concat([
				input([0, 3]),
				x,
				input([0, 3])
			], 0),
			concat([permute(input([3, 2]), [1, 0]), expand(input([1, 1]), [2, 2])], 1),
			concat([flip(x, [0, 1]), pad(x, [0, 1], [0, 0], 1)], 1),
			concat([concat([x, x], 0), input([4, 2])], 1),
			slice(concat([x, x], 1), [0, 5], [2, 4], [1, -1])
		];
	}),
	window: both("sizes, strides, dilations", ({ input }) => {
		const attrs = (dims, size, stride, dilation) => ({
			dims,
			size,
			stride,
			dilation
		});
		const x = input([
			2,
			7,
			9
		]);
		return [
			window(input([9]), attrs([0], [3], [1], [1])),
			window(input([9]), attrs([0], [3], [2], [1])),
			window(input([9]), attrs([0], [3], [2], [3])),
			window(input([5]), attrs([0], [5], [1], [1])),
			window(x, attrs([1, 2], [3, 2], [2, 3], [1, 2])),
			window(x, attrs([2], [4], [4], [1])),
			window(pad(x, [
				0,
				1,
				1
			], [
				0,
				1,
				1
			]), attrs([1, 2], [3, 3], [2, 2], [1, 1])),
			window(flip(permute(x, [
				0,
				2,
				1
			]), [1]), attrs([1], [2], [2], [1]))
		];
	})
};
both("chains of views", ({ input }) => {
	const x = input([4, 6]);
	const padded = pad(x, [1, 0], [2, 1], 1);
	const turned = permute(slice(padded, [6, 0], [4, 3], [-2, 3]), [1, 0]);
	const grown = expand(reshape(turned, [
		3,
		1,
		4
	]), [
		3,
		2,
		4
	]);
	return [
		turned,
		reshape(turned, [12]),
		grown,
		reshape(grown, [6, 4]),
		permute(reshape(permute(grown, [
			2,
			0,
			1
		]), [
			2,
			2,
			6
		]), [
			2,
			0,
			1
		]),
		pad(slice(reshape(grown, [4, 6]), [3, 5], [4, 3], [-1, -2]), [1, 1], [0, 1], 0, [1, 0]),
		flip(flip(reshape(flip(x, [1]), [8, 3]), [0]), [0, 1]),
		concat([
			reshape(turned, [2, 6]),
			x,
			slice(padded, [0, 0], [2, 6])
		], 0)
	];
});
// ../../work/main/src/runtime/backend.ts
const customKernels = /* @__PURE__ */ new Map();
/** Names a host function for `custom` ops. The name must be unique. */
function registerCustomKernel(name, kernel) {
	customKernels.set(name, kernel);
}
// ../../work/main/test/contract/cases-structure.ts
/** Reverses the elements of its first input, whatever the dtype. */
registerCustomKernel("contract-reverse", ([x], output) => {
	for (let i = 0; i < output.length; i++) output[i] = x[x.length - 1 - i];
});
/** out[i, j] = a[i] · b[j] for f32. */
registerCustomKernel("contract-outer", ([left, right], output) => {
	for (let i = 0; i < output.length; i++) output[i] = left[Math.floor(i / right.length)] * right[i % right.length];
});
const key = [320440878, 57701188];
const leafRows = {
	input: [{
		name: "returned unchanged",
		dtypes: everyDType,
		exact: true,
		build: ({ input }) => [
			input([3, 5], "edge"),
			input([0]),
			input([])
		]
	}, {
		name: "one input as several outputs, an unused input",
		dtypes: everyDType,
		exact: true,
		build: ({ input }) => {
			const x = input([3, 5]);
			input([2]);
			return [
				x,
				x,
				reshape(x, [15]),
				permute(x, [1, 0])
			];
		}
	}],
	constant: [{
		name: "scalars and fills",
		dtypes: everyDType,
		exact: true,
		build: ({ dtype }) => [
			constant(1, dtype),
			full([3, 5], 0, dtype),
			full([0], 1, dtype),
			...(isFloat(dtype) ? [
				NaN,
				Infinity,
				-Infinity,
				-0,
				.1
			] : []).map((x) => full([3], x, dtype))
		]
	}, {
		name: "as an operand",
		dtypes: numbers,
		exact: true,
		build: ({ input, dtype }) => [
			add(input([3, 5]), full([3, 5], 3, dtype)),
			add(constant(2, dtype), constant(3, dtype)),
			mul(full([4], 2, dtype), full([4], 3, dtype)),
			reduceSum(full([4, 5], 2, dtype), [0, 1])
		]
	}],
	iota: [{
		name: "sizes and dims",
		dtypes: ["i32"],
		exact: true,
		build: () => [
			...[
				0,
				1,
				7,
				1031
			].map((size) => iota([size], 0)),
			iota([3, 5], 0),
			iota([3, 5], 1),
			mul(iota([3, 5], 0), iota([3, 5], 1)),
			cast$1(iota([9], 0), "f32"),
			reduceSum(flip(iota([9], 0), [0]), [0])
		]
	}],
	randomBits: [{
		name: "sizes, two keys",
		dtypes: ["u32"],
		exact: true,
		build: ({ input }) => [...[
			[],
			[0],
			[1],
			[5],
			[3, 7],
			[1031]
		].map((shape) => randomBits(input([2], key), shape)), randomBits(input([2], [0, 0]), [9])]
	}, {
		name: "a computed key, views and arithmetic on the bits",
		dtypes: ["u32"],
		exact: true,
		build: ({ input }) => {
			const bits = randomBits(binary("xor", input([2], key), full([2], 5, "u32")), [6, 7]);
			const small = binary("shr", bits, fullLike(bits, 8));
			return [
				permute(bits, [1, 0]),
				cast$1(small, "f32"),
				flip(bits, [1]),
				reduceSum(bits, [1])
			];
		}
	}]
};
const structureRows = {
	assign: [
		{
			name: "of an expression of the target",
			dtypes: numbers,
			exact: true,
			build: ({ input }) => {
				const x = input([3, 5]);
				return assign(x, add(x, input([3, 5])));
			}
		},
		{
			name: "reads of the target see the old value everywhere",
			dtypes: numbers,
			exact: true,
			build: ({ input }) => {
				const x = input([4, 4]);
				const next = add(permute(x, [1, 0]), flip(x, [0]));
				return [
					neg(x),
					assign(x, next),
					extremum("reduceMax", x, [1]),
					x
				];
			}
		},
		{
			name: "the assigned value is used and returned",
			dtypes: numbers,
			exact: true,
			build: ({ input }) => {
				const x = input([6]);
				const next = assign(x, mul(x, fullLike(x, 2)));
				return [next, add(next, x)];
			}
		}
	],
	custom: [{
		name: "every storage format",
		dtypes: everyDType,
		exact: true,
		build: ({ input, dtype }) => {
			const attrs = {
				name: "contract-reverse",
				shape: [3, 4],
				dtype
			};
			return custom([input([3, 4])], attrs);
		}
	}, {
		name: "between other ops, on views, twice",
		dtypes: ["f32"],
		build: ({ input }) => {
			const x = input([5]);
			const attrs = {
				name: "contract-outer",
				shape: [5, 3],
				dtype: "f32"
			};
			const y = custom([flip(neg(x), [0]), slice(input([6]), [5], [3], [-2])], attrs);
			const z = custom([reduceSum(y, [1]), input([3])], attrs);
			return [add(y, z), reduceSum(z, [0])];
		}
	}],
	barrier: [{
		name: "returns its first operand",
		dtypes: everyDType,
		exact: true,
		build: ({ input }) => {
			const x = input([3, 5]);
			const y = barrier(x, [input([2]), permute(x, [1, 0])]);
			return [
				y,
				binary("max", y, x),
				permute(barrier(flip(x, [0]), []), [1, 0])
			];
		}
	}],
	customGradient: [{
		name: "returns its first operand",
		dtypes: everyDType,
		exact: true,
		build: ({ input }) => {
			const x = customGradient(input([3, 5]), [input([2])], 0);
			return [x, binary("min", x, flip(x, [0, 1]))];
		}
	}],
	checkpoint: [{
		name: "returns its operand",
		dtypes: everyDType,
		exact: true,
		build: ({ input }) => {
			const x = checkpoint(input([3, 5]), 0);
			return [x, binary("min", x, flip(x, [0, 1]))];
		}
	}]
};
// ../../work/main/test/contract/cases.ts
/** Cases of every primitive; a new op without a row does not compile. */
const opCases = {
	...leafRows,
	...unaryRows,
	...binaryRows,
	...otherElementwiseRows,
	...reduceRows,
	...movementRows,
	...indexingRows,
	...contractionRows,
	...attentionRows,
	...structureRows,
	...loopRows
};
// ../../work/main/src/backends/cuda/errors.ts
/** Errors after which the context can do nothing any more. */
const stickyCodes = /* @__PURE__ */ new Set([
	214,
	220,
	226,
	700,
	702,
	710,
	714,
	715,
	716,
	717,
	718,
	719
]);
/** Whether the code means that the context is dead. */
function isSticky(code) {
	return stickyCodes.has(code);
}
/** `13.0` of 13000. */
function versionText(version) {
	return `${Math.floor(version / 1e3)}.${Math.floor(version % 1e3 / 10)}`;
}
const rerun = "run again with ATHANOR_CUDA_SYNC=1, which names the kernel";
const describe = ({ call, code, name, text }) => `${call} returned ${code} (${name}${text === "" ? "" : `: ${text}`})`;
function device(remedy) {
	return (failed) => {
		const detail = failed.detail === "" ? "" : `, ${failed.detail}`;
		return new DeviceError(`cuda: ${describe(failed)}${detail}; ${remedy(failed)}`, { details: {
			code: failed.code,
			call: failed.call
		} });
	};
}
function internal(invariantText) {
	return (failed) => new CompileError(`internal: ${invariantText}, got ${describe(failed)}${failed.detail === "" ? "" : ` for ${failed.detail}`}; please report this`, { details: {
		code: failed.code,
		call: failed.call
	} });
}
const mismatch = device(({ driverVersion }) => `the driver supports CUDA ${driverVersion === 0 ? "of an unknown version" : versionText(driverVersion)} and does not fit the card, its kernel module or the libraries; update the NVIDIA driver (and restart after an update), or install libraries of the driver's version`);
const wrongArchitecture = device(() => "the compiled code does not fit this card; empty the cache folder that `athanor info` names, and report this if it happens again");
const makers = {
	1: internal("arguments of a driver call are valid"),
	2: (failed) => new OutOfMemoryError(`cuda: ${describe(failed)}, ${failed.detail}; use a smaller batch or free tensors`, { details: { code: 2 } }),
	3: mismatch,
	34: mismatch,
	35: mismatch,
	36: mismatch,
	46: device(() => "the card is in use exclusively by another process; stop that process"),
	100: device(() => "no CUDA card is visible; look at `nvidia-smi`, at CUDA_VISIBLE_DEVICES, and at whether the container was started with its GPUs, or use the device \"wasm\""),
	101: device(() => "use a device number that `nvidia-smi -L` lists"),
	200: wrongArchitecture,
	201: internal("the context is current"),
	209: wrongArchitecture,
	218: wrongArchitecture,
	222: mismatch,
	701: internal("registers and shared memory of a kernel fit the card"),
	802: device(() => "the GPUs' fabric is still starting; wait, or look at nvidia-fabricmanager"),
	803: mismatch,
	804: mismatch
};
function sticky(failed) {
	const work = failed.pending === "" ? failed.detail : failed.pending;
	return new DeviceError(`cuda: ${describe(failed)}; a kernel failed and the CUDA context is dead${work === "" ? "" : `; it was issued by ${work}`}; ${rerun}, in a new process: this one cannot use the card any more`, { details: {
		code: failed.code,
		call: failed.call,
		pending: failed.pending
	} });
}
/** The error a failed call of the driver is thrown as. */
function cudaError(failed) {
	if (isSticky(failed.code)) return sticky(failed);
	if (failed.code >= 900 && failed.code <= 909) return internal("work on a captured stream may be captured")(failed);
	return (makers[failed.code] ?? device(() => `look the code up in NVIDIA's documentation`))(failed);
}
/** What later calls on a dead context are refused with. */
function deadContext(call, cause) {
	return new DeviceError(`cuda: ${call} is not possible, the CUDA context is dead since an earlier error (${String(cause.details["code"])}); start a new process, with ATHANOR_CUDA_SYNC=1 to find the kernel that failed`, {
		cause,
		details: { code: cause.details["code"] }
	});
}
// ../../work/main/src/backends/cuda/function-table.ts
/** Functions of a library, declared on first use: parsing prototypes costs time. */
var FunctionTable = class {
	library;
	prototypes;
	declared = /* @__PURE__ */ new Map();
	constructor(library, prototypes) {
		this.library = library;
		this.prototypes = prototypes;
	}
	/** Whether the library has the function. */
	has(name) {
		return this.declared.has(name) || this.library.has(name);
	}
	get(name) {
		const known = this.declared.get(name);
		if (known !== void 0) return known;
		const declared = this.library.function(this.prototypes[name]);
		this.declared.set(name, declared);
		return declared;
	}
};
// ../../work/main/src/backends/cuda/prototypes.ts
/**
* Prototypes of the driver API and NVRTC. Aliases: `u64`, `i64`, `u32` are the fixed-width integers
* and `p` is `void *`. Handles and device addresses are `u64`, host memory is `p`; results of every
* function come back through typed arrays. Names are those the libraries export.
*/
const driverPrototypes = {
	cuInit: "int cuInit(u32 flags)",
	cuDriverGetVersion: "int cuDriverGetVersion(p version)",
	cuGetErrorName: "int cuGetErrorName(int code, p text)",
	cuGetErrorString: "int cuGetErrorString(int code, p text)",
	cuDeviceGetCount: "int cuDeviceGetCount(p count)",
	cuDeviceGet: "int cuDeviceGet(p device, int ordinal)",
	cuDeviceGetName: "int cuDeviceGetName(p name, int length, int device)",
	cuDeviceTotalMem_v2: "int cuDeviceTotalMem_v2(p bytes, int device)",
	cuDeviceGetUuid_v2: "int cuDeviceGetUuid_v2(p uuid, int device)",
	cuDeviceGetAttribute: "int cuDeviceGetAttribute(p value, int attribute, int device)",
	cuDevicePrimaryCtxRetain: "int cuDevicePrimaryCtxRetain(p context, int device)",
	cuDevicePrimaryCtxRelease_v2: "int cuDevicePrimaryCtxRelease_v2(int device)",
	cuCtxSetCurrent: "int cuCtxSetCurrent(u64 context)",
	cuStreamCreateWithPriority: "int cuStreamCreateWithPriority(p stream, u32 flags, int priority)",
	cuStreamDestroy_v2: "int cuStreamDestroy_v2(u64 stream)",
	cuStreamSynchronize: "int cuStreamSynchronize(u64 stream)",
	cuStreamWaitEvent: "int cuStreamWaitEvent(u64 stream, u64 event, u32 flags)",
	cuEventCreate: "int cuEventCreate(p event, u32 flags)",
	cuEventRecord: "int cuEventRecord(u64 event, u64 stream)",
	cuEventQuery: "int cuEventQuery(u64 event)",
	cuEventSynchronize: "int cuEventSynchronize(u64 event)",
	cuEventElapsedTime: "int cuEventElapsedTime(p milliseconds, u64 start, u64 end)",
	cuEventDestroy_v2: "int cuEventDestroy_v2(u64 event)",
	cuMemGetInfo_v2: "int cuMemGetInfo_v2(p free, p total)",
	cuMemAllocAsync: "int cuMemAllocAsync(p address, size_t bytes, u64 stream)",
	cuMemFreeAsync: "int cuMemFreeAsync(u64 address, u64 stream)",
	cuMemAlloc_v2: "int cuMemAlloc_v2(p address, size_t bytes)",
	cuMemFree_v2: "int cuMemFree_v2(u64 address)",
	cuDeviceGetDefaultMemPool: "int cuDeviceGetDefaultMemPool(p pool, int device)",
	cuMemPoolSetAttribute: "int cuMemPoolSetAttribute(u64 pool, int attribute, p value)",
	cuMemPoolGetAttribute: "int cuMemPoolGetAttribute(u64 pool, int attribute, p value)",
	cuMemPoolTrimTo: "int cuMemPoolTrimTo(u64 pool, size_t bytes)",
	cuMemAddressReserve: "int cuMemAddressReserve(p address, size_t bytes, size_t alignment, u64 hint, u64 flags)",
	cuMemAddressFree: "int cuMemAddressFree(u64 address, size_t bytes)",
	cuMemCreate: "int cuMemCreate(p handle, size_t bytes, p properties, u64 flags)",
	cuMemMap: "int cuMemMap(u64 address, size_t bytes, size_t offset, u64 handle, u64 flags)",
	cuMemSetAccess: "int cuMemSetAccess(u64 address, size_t bytes, p access, size_t count)",
	cuMemUnmap: "int cuMemUnmap(u64 address, size_t bytes)",
	cuMemRelease: "int cuMemRelease(u64 handle)",
	cuMemGetAllocationGranularity: "int cuMemGetAllocationGranularity(p bytes, p properties, int option)",
	cuMemHostAlloc: "int cuMemHostAlloc(p address, size_t bytes, u32 flags)",
	cuMemFreeHost: "int cuMemFreeHost(u64 address)",
	cuMemcpyHtoDAsync_v2: "int cuMemcpyHtoDAsync_v2(u64 to, u64 from, size_t bytes, u64 stream)",
	cuMemcpyDtoHAsync_v2: "int cuMemcpyDtoHAsync_v2(u64 to, u64 from, size_t bytes, u64 stream)",
	cuMemcpyDtoDAsync_v2: "int cuMemcpyDtoDAsync_v2(u64 to, u64 from, size_t bytes, u64 stream)",
	cuMemsetD8Async: "int cuMemsetD8Async(u64 address, uint8_t value, size_t count, u64 stream)",
	cuModuleLoadData: "int cuModuleLoadData(p module, p image)",
	cuModuleUnload: "int cuModuleUnload(u64 module)",
	cuModuleGetFunction: "int cuModuleGetFunction(p function, u64 module, const char *name)",
	cuFuncSetAttribute: "int cuFuncSetAttribute(u64 function, int attribute, int value)",
	cuFuncGetAttribute: "int cuFuncGetAttribute(p value, int attribute, u64 function)",
	cuLaunchKernel: "int cuLaunchKernel(u64 function, u32 gx, u32 gy, u32 gz, u32 bx, u32 by, u32 bz, u32 shared, u64 stream, u64 parameters, u64 extra)",
	cuStreamBeginCapture_v2: "int cuStreamBeginCapture_v2(u64 stream, int mode)",
	cuStreamEndCapture: "int cuStreamEndCapture(u64 stream, p graph)",
	cuGraphInstantiateWithFlags: "int cuGraphInstantiateWithFlags(p executable, u64 graph, u64 flags)",
	cuGraphUpload: "int cuGraphUpload(u64 executable, u64 stream)",
	cuGraphLaunch: "int cuGraphLaunch(u64 executable, u64 stream)",
	cuGraphExecUpdate_v2: "int cuGraphExecUpdate_v2(u64 executable, u64 graph, p result)",
	cuGraphGetNodes: "int cuGraphGetNodes(u64 graph, p nodes, p count)",
	cuGraphExecDestroy: "int cuGraphExecDestroy(u64 executable)",
	cuGraphDestroy: "int cuGraphDestroy(u64 graph)"
};
/** NVIDIA's run-time compiler. */
const nvrtcPrototypes = {
	nvrtcVersion: "int nvrtcVersion(p major, p minor)",
	nvrtcGetNumSupportedArchs: "int nvrtcGetNumSupportedArchs(p count)",
	nvrtcGetSupportedArchs: "int nvrtcGetSupportedArchs(p list)",
	nvrtcCreateProgram: "int nvrtcCreateProgram(p program, const char *source, const char *name, int headers, p texts, p names)",
	nvrtcCompileProgram: "int nvrtcCompileProgram(u64 program, int count, p options)",
	nvrtcGetProgramLogSize: "int nvrtcGetProgramLogSize(u64 program, p bytes)",
	nvrtcGetProgramLog: "int nvrtcGetProgramLog(u64 program, p text)",
	nvrtcGetCUBINSize: "int nvrtcGetCUBINSize(u64 program, p bytes)",
	nvrtcGetCUBIN: "int nvrtcGetCUBIN(u64 program, p image)",
	nvrtcGetPTXSize: "int nvrtcGetPTXSize(u64 program, p bytes)",
	nvrtcGetPTX: "int nvrtcGetPTX(u64 program, p image)",
	nvrtcDestroyProgram: "int nvrtcDestroyProgram(p program)"
};
// ../../work/main/src/backends/cuda/driver.ts
/** Attributes of a device. */
const deviceAttribute = {
	multiprocessors: 16,
	cacheBytes: 38,
	capabilityMajor: 75,
	capabilityMinor: 76,
	sharedBytesPerBlock: 97,
	virtualMemory: 102,
	memoryPools: 115
};
/** Attributes of a pool of the driver. */
const poolAttribute = {
	releaseThreshold: 4,
	reserved: 5,
	used: 7
};
const DYNAMIC_SHARED_BYTES = 8;
const STREAM_NON_BLOCKING = 1;
const EVENT_WITHOUT_TIMING = 2;
const NOT_READY = 600;
const OUT_OF_MEMORY = 2;
const CAPTURE_RELAXED = 2;
/** Kernels get more dynamic shared memory than this only if they were told. */
const DEFAULT_SHARED_BYTES = 49152;
const allocation = {
	pinned: 1,
	device: 1,
	readWrite: 3,
	recommendedGranularity: 1
};
/**
* The driver API, for one device. Results are Numbers; failures are Athanor errors. After a sticky
* error every call is refused. The device's context must be current: see `makeCurrent`.
*/
var Driver = class {
	version;
	ffi;
	functions;
	word = new Int32Array(/* @__PURE__ */ new ArrayBuffer(16));
	wide = new BigUint64Array(/* @__PURE__ */ new ArrayBuffer(16));
	wideToo = new BigUint64Array(/* @__PURE__ */ new ArrayBuffer(16));
	milliseconds = new Float32Array(/* @__PURE__ */ new ArrayBuffer(16));
	launchKernel;
	launchGraphFunction;
	failure = null;
	/** Work issued since the device last caught up; names the suspects of a sticky error. */
	pending = [];
	pendingCount = 0;
	/** @throws {DeviceError} if the driver does not start (no card, a mismatch of versions). */
	constructor(ffi, library) {
		this.ffi = ffi;
		this.functions = new FunctionTable(library, driverPrototypes);
		this.version = 0;
		this.version = this.number("cuDriverGetVersion");
		this.call("cuInit", "", 0);
		this.launchKernel = this.functions.get("cuLaunchKernel");
		this.launchGraphFunction = this.functions.get("cuGraphLaunch");
	}
	/** Whether the context can still be used. */
	get isDead() {
		return this.failure !== null;
	}
	/** Remembers what was issued, for the message of an error that shows up later. */
	note(work) {
		this.pendingCount++;
		if (this.pending.at(-1) === work) return;
		if (this.pending.length === 4) this.pending.shift();
		this.pending.push(work);
	}
	/** Calls any function of the driver; `detail` is for the message if it fails. */
	call(name, detail, ...values) {
		if (this.failure !== null) throw deadContext(name, this.failure);
		const code = this.functions.get(name)(...values);
		if (code !== 0) this.fail(name, code, detail);
	}
	/** Calls and returns the code instead of throwing on those that are listed. */
	attempt(name, allowed, ...values) {
		if (this.failure !== null) throw deadContext(name, this.failure);
		const code = this.functions.get(name)(...values);
		if (code !== 0 && code !== allowed) this.fail(name, code, "");
		return code === 0;
	}
	fail(call, code, detail) {
		const error = cudaError({
			call,
			code,
			name: this.textOf("cuGetErrorName", code),
			text: this.textOf("cuGetErrorString", code),
			driverVersion: this.version,
			detail,
			pending: this.pendingText()
		});
		if (isSticky(code)) this.failure = error;
		throw error;
	}
	pendingText() {
		if (this.pendingCount === 0) return "";
		const last = this.pending.toReversed().join(", before it ");
		return this.pendingCount === 1 ? last : `one of ${this.pendingCount} runs, the last ${last}`;
	}
	textOf(name, code) {
		if (this.functions.get(name)(code, this.wide) !== 0 || this.wide[0] === 0n) return "unknown";
		return readText(new Uint8Array(this.ffi.view(Number(this.wide[0]), 256)));
	}
	number(name, ...values) {
		this.call(name, "", this.word, ...values);
		return this.word[0];
	}
	handle(name, detail, ...values) {
		this.call(name, detail, this.wide, ...values);
		return Number(this.wide[0]);
	}
	deviceCount() {
		return this.number("cuDeviceGetCount");
	}
	device(ordinal) {
		this.call("cuDeviceGet", `device ${ordinal}`, this.word, ordinal);
		return this.word[0];
	}
	deviceName(device) {
		const text = /* @__PURE__ */ new Uint8Array(256);
		this.call("cuDeviceGetName", "", text, text.length, device);
		return readText(text);
	}
	totalBytes(device) {
		return this.handle("cuDeviceTotalMem_v2", "", device);
	}
	attribute(name, device) {
		return this.number("cuDeviceGetAttribute", deviceAttribute[name], device);
	}
	retainContext(device) {
		return this.handle("cuDevicePrimaryCtxRetain", `device ${device}`, device);
	}
	releaseContext(device) {
		this.call("cuDevicePrimaryCtxRelease_v2", "", device);
	}
	makeCurrent(context) {
		this.call("cuCtxSetCurrent", "", context);
	}
	createStream() {
		return this.handle("cuStreamCreateWithPriority", "", STREAM_NON_BLOCKING, 0);
	}
	destroyStream(stream) {
		this.call("cuStreamDestroy_v2", "", stream);
	}
	/** Waits for everything on the stream. */
	synchronize(stream) {
		this.call("cuStreamSynchronize", "", stream);
		this.caughtUp();
	}
	caughtUp() {
		this.pending.length = 0;
		this.pendingCount = 0;
	}
	createEvent(options) {
		return this.handle("cuEventCreate", "", options.timing ? 0 : EVENT_WITHOUT_TIMING);
	}
	record(event, stream) {
		this.call("cuEventRecord", "", event, stream);
	}
	/** Whether the device has come past the event. */
	isReached(event) {
		return this.attempt("cuEventQuery", NOT_READY, event);
	}
	waitFor(event) {
		this.call("cuEventSynchronize", "", event);
	}
	elapsed(start, end) {
		this.call("cuEventElapsedTime", "", this.milliseconds, start, end);
		return this.milliseconds[0];
	}
	destroyEvent(event) {
		this.call("cuEventDestroy_v2", "", event);
	}
	memoryInfo() {
		this.call("cuMemGetInfo_v2", "", this.wide, this.wideToo);
		return {
			free: Number(this.wide[0]),
			total: Number(this.wideToo[0])
		};
	}
	/** The device's pool, which is told to keep what is freed. */
	memoryPool(device) {
		const pool = this.handle("cuDeviceGetDefaultMemPool", "", device);
		this.wideToo[0] = 18446744073709551615n;
		this.call("cuMemPoolSetAttribute", "", pool, poolAttribute.releaseThreshold, this.wideToo);
		return pool;
	}
	poolBytes(pool, what) {
		this.call("cuMemPoolGetAttribute", "", pool, poolAttribute[what], this.wide);
		return Number(this.wide[0]);
	}
	trimPool(pool) {
		this.call("cuMemPoolTrimTo", "", pool, 0);
	}
	/** Memory in the order of the stream, or null if there is no room. */
	tryAllocateAsync(bytes, stream) {
		return this.attempt("cuMemAllocAsync", OUT_OF_MEMORY, this.wide, bytes, stream) ? Number(this.wide[0]) : null;
	}
	freeAsync(address, stream) {
		this.call("cuMemFreeAsync", "", address, stream);
	}
	/** Memory at once, or null if there is no room. */
	tryAllocate(bytes) {
		return this.attempt("cuMemAlloc_v2", OUT_OF_MEMORY, this.wide, bytes) ? Number(this.wide[0]) : null;
	}
	free(address) {
		this.call("cuMemFree_v2", "", address);
	}
	/** Smallest unit in which memory is mapped. */
	mappingGranularity(device) {
		const option = allocation.recommendedGranularity;
		return this.handle("cuMemGetAllocationGranularity", "", mappingProperties(device), option);
	}
	reserveAddresses(bytes) {
		return this.handle("cuMemAddressReserve", `${bytes} bytes`, bytes, 0, 0, 0);
	}
	releaseAddresses(address, bytes) {
		this.call("cuMemAddressFree", "", address, bytes);
	}
	/** Puts memory behind reserved addresses; returns its handle, or null if there is no room. */
	tryMap(address, bytes, device) {
		const properties = mappingProperties(device);
		if (!this.attempt("cuMemCreate", OUT_OF_MEMORY, this.wide, bytes, properties, 0)) return null;
		const handle = Number(this.wide[0]);
		this.call("cuMemMap", "", address, bytes, 0, handle, 0);
		const access = Int32Array.of(allocation.device, device, allocation.readWrite);
		this.call("cuMemSetAccess", "", address, bytes, access, 1);
		return handle;
	}
	unmap(address, bytes, handle) {
		this.call("cuMemUnmap", "", address, bytes);
		this.call("cuMemRelease", "", handle);
	}
	allocateHost(bytes) {
		return this.handle("cuMemHostAlloc", `${bytes} bytes of pinned memory`, bytes, 0);
	}
	freeHost(address) {
		this.call("cuMemFreeHost", "", address);
	}
	copyToDevice(to, from, bytes, stream) {
		this.call("cuMemcpyHtoDAsync_v2", `${bytes} bytes`, to, from, bytes, stream);
	}
	copyToHost(to, from, bytes, stream) {
		this.call("cuMemcpyDtoHAsync_v2", `${bytes} bytes`, to, from, bytes, stream);
	}
	copyOnDevice(to, from, bytes, stream) {
		if (bytes === 0) return;
		this.call("cuMemcpyDtoDAsync_v2", `${bytes} bytes`, to, from, bytes, stream);
	}
	clear(address, bytes, stream) {
		this.call("cuMemsetD8Async", `${bytes} bytes`, address, 0, bytes, stream);
	}
	/** @param origin - what the image was compiled by and for. */
	loadModule(image, origin = "") {
		return this.handle("cuModuleLoadData", `${image.length} bytes ${origin}`, image);
	}
	unloadModule(module) {
		this.call("cuModuleUnload", "", module);
	}
	/** A kernel, allowed to use so much dynamic shared memory. */
	kernel(module, name, sharedBytes) {
		const kernel = this.handle("cuModuleGetFunction", name, module, name);
		if (sharedBytes > DEFAULT_SHARED_BYTES) {
			const detail = `${sharedBytes} bytes of shared memory for ${name}`;
			this.call("cuFuncSetAttribute", detail, kernel, DYNAMIC_SHARED_BYTES, sharedBytes);
		}
		return kernel;
	}
	/** @param parameters - address of a table of addresses of the parameters. */
	launch(kernel, shape, parameters, stream) {
		if (this.failure !== null) throw deadContext("cuLaunchKernel", this.failure);
		const { blocks, threads, sharedBytes: shared } = shape;
		const { launchKernel } = this;
		const code = launchKernel(kernel, blocks, 1, 1, threads, 1, 1, shared, stream, parameters, 0);
		if (code === 0) return;
		this.fail("cuLaunchKernel", code, `${blocks} blocks of ${threads} threads with ${shared} bytes of shared memory`);
	}
	beginCapture(stream) {
		this.call("cuStreamBeginCapture_v2", "", stream, CAPTURE_RELAXED);
	}
	endCapture(stream) {
		this.call("cuStreamEndCapture", "", stream, this.wide);
		return Number(this.wide[0]);
	}
	nodeCount(graph) {
		this.call("cuGraphGetNodes", "", graph, null, this.wide);
		return Number(this.wide[0]);
	}
	instantiate(graph) {
		return this.handle("cuGraphInstantiateWithFlags", "", graph, 0);
	}
	/** Gives an executable graph the parameters of another of the same form; false if it differs. */
	tryUpdate(executable, graph) {
		if (this.failure !== null) throw deadContext("cuGraphExecUpdate", this.failure);
		const information = /* @__PURE__ */ new BigUint64Array(3);
		const code = this.functions.get("cuGraphExecUpdate_v2")(executable, graph, information);
		if (code !== 0 && isSticky(code)) this.fail("cuGraphExecUpdate_v2", code, "");
		return code === 0;
	}
	upload(executable, stream) {
		this.call("cuGraphUpload", "", executable, stream);
	}
	launchGraph(executable, stream) {
		if (this.failure !== null) throw deadContext("cuGraphLaunch", this.failure);
		const code = this.launchGraphFunction(executable, stream);
		if (code !== 0) this.fail("cuGraphLaunch", code, "");
	}
	destroyExecutable(executable) {
		this.call("cuGraphExecDestroy", "", executable);
	}
	destroyGraph(graph) {
		this.call("cuGraphDestroy", "", graph);
	}
};
/** CUmemAllocationProp of pinned memory on a device. */
function mappingProperties(device) {
	return Int32Array.of(allocation.pinned, 0, allocation.device, device, 0, 0, 0, 0);
}
/** Text up to the first zero. */
function readText(bytes) {
	const end = bytes.indexOf(0);
	return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}
// ../../work/main/src/ir/ops.ts
/** Class of every primitive. */
const opClass = {
	input: "leaf",
	constant: "leaf",
	iota: "leaf",
	randomBits: "leaf",
	neg: "elementwise",
	abs: "elementwise",
	sign: "elementwise",
	floor: "elementwise",
	ceil: "elementwise",
	trunc: "elementwise",
	round: "elementwise",
	sqrt: "elementwise",
	exp: "elementwise",
	expm1: "elementwise",
	log: "elementwise",
	log1p: "elementwise",
	sin: "elementwise",
	cos: "elementwise",
	tanh: "elementwise",
	erf: "elementwise",
	not: "elementwise",
	cast: "elementwise",
	bitcast: "elementwise",
	add: "elementwise",
	sub: "elementwise",
	mul: "elementwise",
	div: "elementwise",
	rem: "elementwise",
	pow: "elementwise",
	max: "elementwise",
	min: "elementwise",
	and: "elementwise",
	or: "elementwise",
	xor: "elementwise",
	shl: "elementwise",
	shr: "elementwise",
	eq: "elementwise",
	ne: "elementwise",
	lt: "elementwise",
	le: "elementwise",
	where: "elementwise",
	reduceSum: "reduce",
	reduceProd: "reduce",
	reduceMax: "reduce",
	reduceMin: "reduce",
	argmax: "reduce",
	scan: "index",
	reshape: "movement",
	permute: "movement",
	expand: "movement",
	slice: "movement",
	pad: "movement",
	concat: "movement",
	window: "movement",
	gather: "index",
	scatter: "index",
	argsort: "index",
	topk: "index",
	dot: "contraction",
	conv: "contraction",
	convInputGrad: "contraction",
	convWeightGrad: "contraction",
	attention: "structure",
	attentionGrad: "structure",
	assign: "structure",
	custom: "structure",
	barrier: "structure",
	checkpoint: "structure",
	customGradient: "structure",
	loop: "structure",
	part: "structure"
};
// ../../work/main/src/compiler/cuda/entry-text.ts
/** C types of a function's parameters, the block number left out. */
function parameterTypes(text) {
	const end = text.indexOf(")");
	if (!text.startsWith("(") || end < 0) throw new CompileError(`cuda: a function's text must begin with parameters, got ${text}`);
	return text.slice(1, end).split(",").slice(0, -1).map((parameter) => parameter.trim().replace(/\w+$/, "").trim());
}
/** `name(casts of eight-byte words from index `at` on, block)`. */
function callOf({ name, function: { text } }, word, block) {
	return `${name}(${[...parameterTypes(text).map((type, i) => `(${type})${word(i)}`), block].join(", ")});`;
}
function runsOf(pieces) {
	const runs = [];
	let word = 0;
	pieces.forEach((piece, i) => {
		const last = runs.at(-1);
		if (last !== void 0 && last.piece.name === piece.name) last.count++;
		else runs.push({
			piece,
			count: 1,
			firstWord: word,
			firstPiece: i
		});
		word += piece.function.arguments.length;
	});
	return runs;
}
/**
* The calls of a run whose pieces' first blocks stand in the words from `starts` on. The piece is
* found by bisection, so that a hundred parameter updates cost seven comparisons.
*/
function runText(run, starts) {
	const width = run.piece.function.arguments.length;
	const { firstPiece, firstWord, count } = run;
	if (count === 1) {
		const block = firstPiece === 0 ? "b" : `b - (unsigned)w.w[${starts + firstPiece}]`;
		return callOf(run.piece, (i) => `w.w[${firstWord + i}]`, block);
	}
	const call = callOf(run.piece, (i) => `a[${i}]`, `b - (unsigned)w.w[${starts} + low]`);
	return [
		`int low = ${firstPiece}, high = ${firstPiece + count};`,
		"while (high - low > 1) {",
		"  int middle = (low + high) / 2;",
		`  if ((unsigned)w.w[${starts} + middle] <= b) low = middle; else high = middle;`,
		"}",
		`const u64 *a = w.w + ${firstWord} + (low - ${firstPiece}) * ${width};`,
		call
	].join("\n    ");
}
/** Words of an entry's parameter block. */
function entryWords(pieces) {
	const own = pieces.reduce((sum, piece) => sum + piece.function.arguments.length, 0);
	return pieces.length === 1 ? own : own + pieces.length;
}
/**
* An entry whose blocks call its pieces, the first `blocks` of the first one and so on. Pieces of
* one function must be neighbours.
*/
function entryText(entry, pieces) {
	const words = entryWords(pieces);
	const { threads } = pieces[0].function;
	const resident = Math.max(...pieces.map((piece) => piece.function.residentBlocks));
	const bounds = resident > 0 ? `${threads}, ${resident}` : `${threads}`;
	const starts = words - pieces.length;
	const runs = runsOf(pieces);
	const branches = runs.map((run, i) => {
		const next = runs[i + 1];
		const body = `{\n    ${runText(run, starts)}\n  }`;
		if (next === void 0) return body;
		return `if (b < (unsigned)w.w[${starts + next.firstPiece}]) ${body}`;
	});
	return [
		`typedef struct { u64 w[${Math.max(words, 1)}]; } ${entry}_words;`,
		`extern "C" __global__ __launch_bounds__(${bounds}) void ${entry}(const __grid_constant__ ${entry}_words w) {`,
		"  unsigned b = blockIdx.x;",
		`  ${branches.join(" else ")}`,
		"}",
		""
	].join("\n");
}
// ../../work/main/src/compiler/kernel.ts
/** Operands of an expression. */
function expressionOperands(expression) {
	switch (expression.kind) {
		case "apply": return expression.operands;
		case "masked": return [expression.inside, ...expression.bounds.flatMap((bound) => formOperands(bound.form))];
		case "load":
		case "index": return formOperands(expression.form);
		case "constant":
		case "accumulator":
		case "stash": return [];
		default: return expression;
	}
}
/** Expressions the dynamic axes of a form are computed from. */
function formOperands(form) {
	return form.terms.flatMap((term) => term.axis.dynamic === null ? [] : [term.axis.dynamic]);
}
/** Calls `visit` once for every expression below the roots, operands first. */
function walkExpressions(roots, visit) {
	const seen = /* @__PURE__ */ new Set();
	const walk = (expression) => {
		if (seen.has(expression)) return;
		seen.add(expression);
		for (const operand of expressionOperands(expression)) walk(operand);
		visit(expression);
	};
	for (const root of roots) walk(root);
}
// ../../work/main/src/compiler/wasm/vector-math.ts
/** The transcendental functions that exist for f32x4 vectors. */
const vectorFunctions$1 = [
	"exp",
	"expm1",
	"log",
	"log1p",
	"sin",
	"cos",
	"tanh",
	"erf",
	"pow"
];
// ../../work/main/src/compiler/wasm/step-cost.ts
const transcendental = /* @__PURE__ */ new Set([...vectorFunctions$1, "expNonPositive"]);
/** Vector operations one transcendental function is worth. */
const TRANSCENDENTAL_COST = 16;
/** Cost of a generated kernel: every buffer once, every operation per point. */
function kernelCost(kernel) {
	const outer = product(kernel.outer.map((axis) => axis.size));
	const inner = product(kernel.inner.map((axis) => axis.size));
	const touched = /* @__PURE__ */ new Map();
	let flops = 0;
	for (const phase of kernel.phases) {
		const points = phase.level === "inner" ? outer * inner : outer;
		walkExpressions(phase.statements.map((statement) => statement.value), (part) => {
			if (part.kind === "apply") flops += points * (transcendental.has(part.op) ? TRANSCENDENTAL_COST : 1);
			if (part.kind === "load") touched.set(part.value, Math.min(numel(part.value.shape), points));
		});
		for (const statement of phase.statements) {
			if (statement.kind === "reduce") flops += points;
			if ("target" in statement) touched.set(statement.target, Math.min(numel(statement.target.shape), points));
		}
	}
	let bytes = 0;
	for (const [value, elements] of touched) bytes += elements * dtypeBytes(value.dtype);
	return {
		bytes,
		flops
	};
}
// ../../work/main/src/compiler/affine.ts
/** The form 0. */
const zeroForm = {
	offset: 0,
	terms: []
};
let nextAxis = 0;
/** A new loop variable. */
function makeAxis(size, dynamic = null, checked = true) {
	return {
		id: nextAxis++,
		size,
		dynamic,
		checked,
		split: null
	};
}
/** The form that is the axis itself; 0 for an axis of size 1. */
function axisForm(axis) {
	return axis.size === 1 && axis.dynamic === null ? zeroForm : {
		offset: 0,
		terms: [{
			axis,
			stride: 1
		}]
	};
}
/** The axes an axis was split into, outermost first; itself if it was not. */
function leafAxes(axis) {
	return axis.split === null ? [axis] : [...leafAxes(axis.split.outer), ...leafAxes(axis.split.inner)];
}
function addTerms(into, axis, stride) {
	if (axis.split !== null) {
		addTerms(into, axis.split.outer, stride * axis.split.inner.size);
		addTerms(into, axis.split.inner, stride);
		return;
	}
	into.set(axis, (into.get(axis) ?? 0) + stride);
}
function fromMap(offset, terms) {
	const list = [];
	for (const [axis, stride] of terms) if (stride !== 0 && (axis.size !== 1 || axis.dynamic !== null)) list.push({
		axis,
		stride
	});
	list.sort((a, b) => a.axis.id - b.axis.id);
	return {
		offset,
		terms: list
	};
}
/** Rewrites the form over the axes as they are split now. */
function normalizeForm(form) {
	if (form.terms.every((term) => term.axis.split === null)) return form;
	const terms = /* @__PURE__ */ new Map();
	for (const term of form.terms) addTerms(terms, term.axis, term.stride);
	return fromMap(form.offset, terms);
}
/** Σ scale · form + offset. */
function combineForms(parts, offset = 0) {
	const terms = /* @__PURE__ */ new Map();
	let total = offset;
	for (const [form, scale] of parts) {
		total += form.offset * scale;
		for (const term of form.terms) addTerms(terms, term.axis, term.stride * scale);
	}
	return fromMap(total, terms);
}
/** Text that is equal for equal forms. */
function formKey(form) {
	const normal = normalizeForm(form);
	return `${normal.offset}${normal.terms.map((t) => `,${t.axis.id}*${t.stride}`).join("")}`;
}
/** Smallest and largest value the form takes. */
function formRange(form) {
	let low = form.offset;
	let high = form.offset;
	for (const { axis, stride } of form.terms) if (stride > 0) high += stride * (axis.size - 1);
	else low += stride * (axis.size - 1);
	return [low, high];
}
/** Element index in a contiguous tensor, from its coordinates. */
function flatForm(coordinates, shape) {
	const strides = contiguousStrides(shape);
	return combineForms(coordinates.map((form, dim) => [form, strides[dim]]));
}
function splitAxis(axis, innerSize) {
	invariant(axis.split === null && axis.size % innerSize === 0, "axis split must divide");
	axis.split = {
		outer: makeAxis(axis.size / innerSize),
		inner: makeAxis(innerSize)
	};
}
/** floor(form / size) and form mod size, splitting axes where needed; null if not affine. */
function divide(start, size) {
	for (let form = normalizeForm(start);; form = normalizeForm(form)) {
		const high = form.terms.filter((term) => term.stride % size === 0);
		const low = form.terms.filter((term) => term.stride % size !== 0);
		const [least, most] = formRange({
			offset: form.offset,
			terms: low
		});
		const quotient = Math.floor(least / size);
		if (most < (quotient + 1) * size) return [{
			offset: quotient,
			terms: high.map(({ axis, stride }) => ({
				axis,
				stride: stride / size
			}))
		}, {
			offset: form.offset - quotient * size,
			terms: low
		}];
		const crossing = low.find(({ axis, stride }) => {
			const inner = size / Math.abs(stride);
			return axis.dynamic === null && Number.isInteger(inner) && axis.size > inner && axis.size % inner === 0;
		});
		if (crossing === void 0) return null;
		splitAxis(crossing.axis, size / Math.abs(crossing.stride));
	}
}
/** Dims of both shapes grouped so that each pair of groups has the same element count. */
function matchBlocks(from, to) {
	const blocks = [];
	let i = 0;
	let j = 0;
	while (i < from.length || j < to.length) {
		const a = [];
		const b = [];
		let left = 1;
		let right = 1;
		do
			if (i < from.length && (left <= right || j >= to.length)) {
				left *= from[i];
				a.push(i++);
			} else {
				right *= to[j];
				b.push(j++);
			}
		while (left !== right && (i < from.length || j < to.length));
		blocks.push([a, b]);
	}
	return blocks;
}
/**
* Coordinates in shape `to` of the element that has `coordinates` in shape `from` (same element
* count, row-major). Null if they are not affine in any refinement of the axes.
*/
function reshapeCoordinates(coordinates, from, to) {
	if (sameNumbers(from, to)) return coordinates.map(normalizeForm);
	const result = new Array(to.length).fill(zeroForm);
	for (const [sources, targets] of matchBlocks(from, to)) {
		const live = targets.filter((dim) => to[dim] !== 1);
		const liveSources = sources.filter((dim) => from[dim] !== 1);
		if (live.length === 1 && liveSources.length === 1) {
			result[live[0]] = coordinates[liveSources[0]];
			continue;
		}
		let rest = flatForm(liveSources.map((dim) => coordinates[dim]), liveSources.map((dim) => from[dim]));
		for (let k = live.length - 1; k > 0; k--) {
			const parts = divide(rest, to[live[k]]);
			if (parts === null) return null;
			result[live[k]] = parts[1];
			rest = parts[0];
		}
		if (live.length > 0) result[live[0]] = rest;
	}
	return result.map(normalizeForm);
}
// ../../work/main/src/compiler/loops.ts
const strideAlong = (form, axis) => form.terms.find((term) => term.axis === axis)?.stride ?? 0;
/** Elements a form moves per step of a loop. */
function loopStride(form, loop) {
	return strideAlong(normalizeForm(form), loop.axes[loop.axes.length - 1]);
}
const walks = /* @__PURE__ */ new WeakMap();
function walkOnce(owner, statements) {
	const known = walks.get(owner);
	if (known !== void 0) return known;
	const found = [];
	walkExpressions(statements.flatMap(statementRoots), (expression) => found.push(expression));
	walks.set(owner, found);
	return found;
}
/** Every expression of a kernel, operands first. */
function kernelExpressions(kernel) {
	return walkOnce(kernel, kernel.phases.flatMap((phase) => phase.statements));
}
/** Every expression of one phase, operands first. */
function phaseExpressions(phase) {
	return walkOnce(phase, phase.statements);
}
/** Expressions a statement evaluates: its value and the dynamic indices of its target. */
function statementRoots(statement) {
	if (!("form" in statement)) return [statement.value];
	const dynamic = statement.form.terms.flatMap(({ axis }) => axis.dynamic === null ? [] : [axis.dynamic]);
	return [statement.value, ...dynamic];
}
/** Every index form of a kernel, normalised. */
function kernelForms(kernel) {
	const forms = [];
	for (const expression of kernelExpressions(kernel)) {
		if (expression.kind === "load" || expression.kind === "index") forms.push(expression.form);
		if (expression.kind === "masked") forms.push(...expression.bounds.map((bound) => bound.form));
	}
	for (const phase of kernel.phases) for (const statement of phase.statements) if ("form" in statement) forms.push(statement.form);
	return forms.map(normalizeForm);
}
function mergeAxes(axes, forms) {
	const loops = [];
	for (const axis of axes.filter((candidate) => candidate.size !== 1)) {
		const last = loops[loops.length - 1];
		const previous = last?.[last.length - 1];
		if (previous !== void 0 && forms.every((form) => strideAlong(form, previous) === strideAlong(form, axis) * axis.size)) last.push(axis);
		else loops.push([axis]);
	}
	return loops.map((merged) => ({
		axes: merged,
		size: product(merged.map((axis) => axis.size))
	}));
}
/** Merges neighbouring axes wherever every access permits it. */
function planLoops(kernel, forms = kernelForms(kernel)) {
	return {
		outer: mergeAxes(kernel.outer, forms),
		inner: mergeAxes(kernel.inner, forms)
	};
}
// ../../work/main/src/compiler/join-pads.ts
/** Most parts that are looked for: sums are visited at every partial sum. */
const PART_LIMIT = 16;
/** The terms of a sum, or null if one of them is not padded. */
function paddedTerms(sum) {
	const found = [];
	const pending = [sum];
	for (let node = pending.pop(); node !== void 0; node = pending.pop()) if (node.op === "add") pending.push(...node.src);
	else if (node.op !== "pad" || found.push(node) > PART_LIMIT) return null;
	return found;
}
/** A term that is zeros but for a range along one dim. */
function partOf({ src: [value], shape, attrs }) {
	const { low, high, interior } = attrs;
	const dims = shape.flatMap((_, dim) => low[dim] > 0 || high[dim] > 0 ? [dim] : []);
	if (dims.length !== 1 || attrs.value !== 0 || interior.some((gap) => gap > 0)) return null;
	const [dim] = dims;
	return {
		dim,
		start: low[dim],
		end: shape[dim] - high[dim],
		value
	};
}
/**
* A sum of parts that are padded with zeros to stand side by side is their concatenation: what the
* gradient of cutting a tensor into pieces looks like. The sum would compute every part everywhere.
*/
function joinPads(node) {
	if (node.op !== "add" || node.src.every((source) => source.op !== "pad")) return void 0;
	const parts = paddedTerms(node)?.map(partOf);
	if (parts === void 0) return void 0;
	const ordered = [];
	for (const part of parts) {
		if (part === null || part.dim !== parts[0]?.dim || part.start === part.end) return void 0;
		ordered.push(part);
	}
	ordered.sort((a, b) => a.start - b.start);
	const { dim } = ordered[0];
	if (!ordered.every(({ start }, i) => start === (i === 0 ? 0 : ordered[i - 1].end)) || ordered[ordered.length - 1].end !== node.shape[dim]) return void 0;
	return concat(ordered.map(({ value }) => value), dim);
}
// ../../work/main/src/compiler/simplify.ts
/**
* Ops on constants that are folded: those whose double result, rounded, is what the kernel would
* compute, so that folding changes no bits.
*/
const folds = {
	neg: (a) => -a,
	abs: (a) => Math.abs(a),
	sqrt: (a) => Math.sqrt(a),
	floor: (a) => Math.floor(a),
	add: (a, b) => a + b,
	sub: (a, b) => a - b,
	mul: (a, b) => a * b,
	div: (a, b) => a / b,
	max: (a, b) => Math.max(a, b),
	min: (a, b) => Math.min(a, b),
	eq: (a, b) => Number(a === b),
	ne: (a, b) => Number(a !== b),
	lt: (a, b) => Number(a < b),
	le: (a, b) => Number(a <= b)
};
const integerFolds = /* @__PURE__ */ new Set([
	"neg",
	"add",
	"sub",
	"eq",
	"ne",
	"lt",
	"le",
	"max",
	"min"
]);
const viewOps = /* @__PURE__ */ new Set([
	"reshape",
	"permute",
	"expand",
	"slice",
	"window"
]);
/** The number every element of the node has, if the graph alone tells; undefined otherwise. */
function uniformValue(node) {
	let base = node;
	while (viewOps.has(base.op)) base = base.src[0];
	return base.op === "constant" ? asStored(base.attrs.value, base.dtype) : void 0;
}
/** A constant as its dtype holds it, which is what kernels compute with. */
function asStored(value, dtype) {
	if (dtype === "f16") return f16ToNumber(f16FromNumber(value));
	if (dtype === "bf16") return bf16ToNumber(bf16FromNumber(value));
	return roundTo(value, dtype) ?? value;
}
function roundTo(value, dtype) {
	if (dtype === "f32") return Math.fround(value);
	if (dtype === "f64") return value;
	if (dtype === "i32") return value | 0;
	if (dtype === "u32") return value >>> 0;
	return dtype === "bool" ? value : void 0;
}
/** What an operation on constants gives, or undefined if it is not folded. */
function foldScalars(op, from, to, values) {
	const fold = folds[op];
	if (fold === void 0 || values.length === 0) return void 0;
	if (isInteger(from) && !integerFolds.has(op)) return void 0;
	if (from === "f16" || from === "bf16") return void 0;
	return roundTo(fold(...values), to);
}
function foldConstants(node) {
	if (folds[node.op] === void 0 || node.src.length === 0) return void 0;
	const values = [];
	for (const source of node.src) {
		const value = uniformValue(source);
		if (value === void 0) return void 0;
		values.push(value);
	}
	const result = foldScalars(node.op, node.src[0].dtype, node.dtype, values);
	return result === void 0 ? void 0 : full(node.shape, result, node.dtype);
}
/**
* What has no elements is a constant without any: a kernel over it would still prepare its first
* element, and report a bad index where none was asked for.
*/
function foldEmpty(node) {
	if (!(opClass[node.op] === "elementwise" || viewOps.has(node.op) || node.op === "gather") || numel(node.shape) > 0 || uniformValue(node) !== void 0) return void 0;
	return full(node.shape, 0, node.dtype);
}
/** x ∘ c for a constant c that changes nothing, or something simpler. */
function foldIdentity(node) {
	const [a, b] = node.src;
	const left = a === void 0 ? void 0 : uniformValue(a);
	const right = b === void 0 ? void 0 : uniformValue(b);
	switch (node.op) {
		case "add":
			if (Object.is(right, -0) || right === 0) return a;
			return left === 0 ? b : void 0;
		case "sub": return right === 0 ? a : void 0;
		case "mul":
			if (right === 1) return a;
			if (left === 1) return b;
			if (right === -1) return neg(a);
			return left === -1 ? neg(b) : void 0;
		case "div": return right === 1 ? a : void 0;
		case "pow":
			if (right === 1) return a;
			return right === 2 ? mul(a, a) : void 0;
		case "neg": return a.op === "neg" ? a.src[0] : void 0;
		case "where":
			if (left === void 0) return foldRectifier(node);
			return left !== 0 ? node.src[1] : node.src[2];
		case "bitcast": return a.dtype === node.dtype ? a : void 0;
		case "cast": return foldCast(node, a);
		default: return;
	}
}
/** x ≤ 0 ? 0 : x, which autodiff wants for its gradient at 0, is max(x, 0): one instruction. */
function foldRectifier(node) {
	const [condition, zero, x] = node.src;
	return condition.op === "le" && condition.src[0] === x && uniformValue(condition.src[1]) === 0 && uniformValue(zero) === 0 ? binary("max", x, zero) : void 0;
}
function foldCast(node, operand) {
	if (operand.dtype === node.dtype) return operand;
	const value = uniformValue(operand);
	if (value === void 0 || !Number.isFinite(value)) return void 0;
	if (node.dtype === "bool") return full(node.shape, value === 0 ? 0 : 1, "bool");
	const exact = isInteger(node.dtype) ? Math.trunc(value) : value;
	if (Math.abs(exact) >= 2 ** 24 || exact < 0) return void 0;
	const rounded = roundTo(exact, node.dtype);
	return rounded === void 0 ? void 0 : full(node.shape, rounded, node.dtype);
}
/** Movement and reductions through their smart constructors, and without trivial axes. */
function foldMovement(node) {
	const x = node.src[0];
	switch (node.op) {
		case "reshape": return reshape(x, node.shape);
		case "permute": return permute(x, node.attrs.perm);
		case "expand": return expand(x, node.shape);
		case "reduceSum":
		case "reduceProd": {
			const axes = node.attrs.axes.filter((axis) => x.shape[axis] !== 1);
			return axes.length === node.attrs.axes.length ? void 0 : reduce(node.op, x, axes);
		}
		case "cast": return x.op === "cast" && x.src[0].dtype === "bool" ? cast$1(x.src[0], node.dtype) : void 0;
		default: return;
	}
}
/** Folds constants, identities and movement chains; values stay the same to the bit. */
function simplify(graph) {
	const outputs = rewrite(graph.outputs, (node) => foldEmpty(node) ?? foldConstants(node) ?? foldIdentity(node) ?? foldMovement(node) ?? joinPads(node) ?? node);
	return {
		inputs: graph.inputs,
		outputs
	};
}
// ../../work/main/src/compiler/lower.ts
/** Raised when a view cannot be followed by affine indices: `node` must get a buffer of its own. */
var NeedsBuffer = class extends Error {
	node;
	constructor(node) {
		super(`node ${node.id} (${node.op}) needs a buffer`);
		this.node = node;
	}
};
/**
* Turns nodes into expressions over loop axes. Views become index arithmetic, elementwise ops
* become applications, and nodes with a buffer (`isValue`) become loads.
*/
var Lowering = class {
	isValue;
	memo = /* @__PURE__ */ new Map();
	/** Depth of padding around what is being lowered: points outside compute values nobody reads. */
	padding = 0;
	constructor(isValue) {
		this.isValue = isValue;
	}
	/** The value of `node` at the given coordinates. @throws {NeedsBuffer} */
	value(node, coordinates) {
		if (this.isValue(node)) return this.load(node, flatForm(coordinates, node.shape));
		return this.definition(node, coordinates);
	}
	/** Like `value`, but computes the node even if it has a buffer. */
	definition(node, coordinates) {
		const padded = this.padding > 0 ? "p" : "";
		const key = `${node.id}${padded}@${coordinates.map(formKey).join(";")}`;
		const known = this.memo.get(key);
		if (known !== void 0) return known;
		const result = this.compute(node, coordinates);
		this.memo.set(key, result);
		return result;
	}
	load(value, form) {
		const key = `load${value.id}@${formKey(form)}`;
		const known = this.memo.get(key);
		if (known !== void 0) return known;
		const result = {
			kind: "load",
			dtype: value.dtype,
			value,
			form
		};
		this.memo.set(key, result);
		return result;
	}
	compute(node, coordinates) {
		if (opClass[node.op] === "elementwise") {
			const operands = node.src.map((source) => this.value(source, coordinates));
			const op = isBelowOwnMaximum(node) ? "expNonPositive" : node.op;
			return productPlusTerm(node, operands) ?? {
				kind: "apply",
				dtype: node.dtype,
				op,
				operands
			};
		}
		switch (node.op) {
			case "constant": return {
				kind: "constant",
				dtype: node.dtype,
				value: node.attrs.value
			};
			case "iota": return {
				kind: "index",
				dtype: "i32",
				form: coordinates[0]
			};
			case "randomBits": return this.randomBits(node, coordinates);
			case "reshape": return this.reshape(node, coordinates);
			case "permute": {
				const moved = new Array(coordinates.length).fill(zeroForm);
				node.attrs.perm.forEach((dim, i) => moved[dim] = coordinates[i]);
				return this.value(node.src[0], moved);
			}
			case "expand": {
				const source = node.src[0];
				return this.value(source, coordinates.map((form, dim) => source.shape[dim] === 1 ? zeroForm : form));
			}
			case "slice": {
				const { start, step } = node.attrs;
				return this.value(node.src[0], coordinates.map((form, dim) => combineForms([[form, step[dim]]], start[dim])));
			}
			case "window": return this.value(node.src[0], windowCoordinates(node, coordinates));
			case "pad": return this.pad(node, coordinates);
			case "gather": return this.gather(node, coordinates);
			case "barrier": return this.value(node.src[0], coordinates);
			default: throw new CompileError(`lower: ${node.op} has no elementwise meaning; it needs a buffer`);
		}
	}
	randomBits(node, coordinates) {
		const [key] = node.src;
		const word = (offset) => this.value(key, [{
			offset,
			terms: []
		}]);
		const counter = cast(flatForm(coordinates, node.shape));
		return {
			kind: "apply",
			dtype: "u32",
			op: "threefry",
			operands: [
				word(0),
				word(1),
				counter
			]
		};
	}
	reshape(node, coordinates) {
		const source = node.src[0];
		if (this.isValue(source)) return this.load(source, flatForm(coordinates, node.shape));
		if (uniformValue(source) !== void 0) return this.value(source, source.shape.map(() => zeroForm));
		const inner = reshapeCoordinates(coordinates, node.shape, source.shape);
		if (inner === null) throw new NeedsBuffer(source);
		return this.value(source, inner);
	}
	pad(node, coordinates) {
		const source = node.src[0];
		const { low, value } = node.attrs;
		const inner = coordinates.map((form, dim) => combineForms([[form, 1]], -low[dim]));
		const bounds = [];
		inner.forEach((form, dim) => {
			const [least, most] = formRange(form);
			if (least < 0 || most >= source.shape[dim]) bounds.push({
				form,
				low: 0,
				high: source.shape[dim]
			});
		});
		if (bounds.length === 0) return this.value(source, inner);
		this.padding++;
		try {
			const inside = this.value(source, inner);
			return {
				kind: "masked",
				dtype: node.dtype,
				bounds,
				inside,
				otherwise: value
			};
		} finally {
			this.padding--;
		}
	}
	gather(node, coordinates) {
		const [x, index] = node.src;
		const { dim } = node.attrs;
		const position = this.value(index, coordinates);
		const axis = makeAxis(x.shape[dim], position, this.padding === 0);
		const moved = [...coordinates];
		moved[dim] = axisForm(axis);
		return this.value(x, moved);
	}
};
function windowCoordinates(node, coordinates) {
	const rank = node.src[0].shape.length;
	const { dims, stride, dilation } = node.attrs;
	const moved = coordinates.slice(0, rank);
	dims.forEach((dim, i) => {
		moved[dim] = combineForms([[coordinates[dim], stride[i]], [coordinates[rank + i], dilation[i]]]);
	});
	return moved;
}
/** Whether the node is exp(x − max x), the heart of softmax: its operand is at most 0. */
function isBelowOwnMaximum(node) {
	const [difference] = node.src;
	if (node.op !== "exp" || node.dtype !== "f32" || difference.op !== "sub") return false;
	let maximum = difference.src[1];
	while (maximum.op === "expand" || maximum.op === "reshape") maximum = maximum.src[0];
	return maximum.op === "reduceMax" && maximum.src[0] === difference.src[0];
}
/** Three f32 operands whose product and sum are computed in f64 and rounded to f32: one operation. */
function productPlusTerm(node, [sum]) {
	if (node.op !== "cast" || node.dtype !== "f32" || !isApply(sum, "add")) return null;
	const [left, right] = sum.operands;
	for (const [product, term] of [[right, left], [left, right]]) {
		const last = narrowed(term);
		if (!isApply(product, "mul") || last === null) continue;
		const [a, b] = product.operands.map(narrowed);
		if (a == null || b == null) continue;
		return {
			kind: "apply",
			dtype: "f32",
			op: "fma",
			operands: [
				a,
				b,
				last
			]
		};
	}
	return null;
}
/** Whether an expression is an operation in f64. */
function isApply(expression, op) {
	return expression.kind === "apply" && expression.op === op && expression.dtype === "f64";
}
/** The f32 expression that an f64 one only widens, or null. */
function narrowed(expression) {
	if (isApply(expression, "cast")) {
		const [operand] = expression.operands;
		return operand.dtype === "f32" ? operand : null;
	}
	if (expression.kind !== "constant" || Math.fround(expression.value) !== expression.value) return null;
	return {
		kind: "constant",
		dtype: "f32",
		value: expression.value
	};
}
/** An index as u32. */
function cast(form) {
	return {
		kind: "apply",
		dtype: "u32",
		op: "cast",
		operands: [{
			kind: "index",
			dtype: "i32",
			form
		}]
	};
}
/** Fresh axes for a shape, as coordinates. */
function freshCoordinates(shape) {
	return shape.map((size) => axisForm(makeAxis(size)));
}
/** The node as a strided view of something with a buffer, or null if it is more than that. */
function stridedView(node, isValue) {
	const coordinates = freshCoordinates(node.shape);
	let expression;
	try {
		expression = new Lowering(isValue).value(node, coordinates);
	} catch (error) {
		if (error instanceof NeedsBuffer) return null;
		throw error;
	}
	if (expression.kind !== "load") return null;
	const form = combineForms([[expression.form, 1]]);
	const strides = [];
	let used = 0;
	for (const coordinate of coordinates) {
		const axis = coordinate.terms[0]?.axis;
		if (axis?.split != null) return null;
		const term = form.terms.find((candidate) => candidate.axis === axis);
		strides.push(term?.stride ?? 0);
		if (term !== void 0) used++;
	}
	if (used !== form.terms.length || strides.some((stride) => stride < 0)) return null;
	return {
		value: expression.value,
		offset: form.offset,
		strides
	};
}
/** Whether the node is the whole of a buffer in its own order. */
function isContiguousView(view, node) {
	let stride = 1;
	for (let dim = node.shape.length - 1; dim >= 0; dim--) {
		if (node.shape[dim] !== 1 && view.strides[dim] !== stride) return false;
		stride *= node.shape[dim];
	}
	return view.offset === 0 && numel(view.value.shape) === numel(node.shape);
}
// ../../work/main/src/compiler/loop-group.ts
/** Folding operation of each reduction node. */
const reduceOps = {
	reduceSum: "sum",
	reduceProd: "prod",
	reduceMax: "max",
	reduceMin: "min"
};
/** Longest row (elements) that several phases walk over: it must stay in the second-level cache. */
const ROW_LIMIT = 65536;
const MEMBER_LIMIT = 24;
/** Longest chain of operations of one kernel, through all its members: rendering recurses. */
const DEPTH_LIMIT$1 = 400;
const LOAD_LIMIT = 32;
/** Elements of a row that pay for one operation, on a single element, when the row begins. */
const ROW_SHARE = 4;
/** Loads in an expression. */
function loadsOf(expression) {
	const loads = [];
	walkExpressions([expression], (part) => {
		if (part.kind === "load") loads.push(part);
	});
	return loads;
}
/** Time from which a member's value can be read by a consumer at the given level. */
function availability(member, level) {
	const done = member.reduce === null ? member.time : member.time + 1;
	if (member.level === "inner" && member.reduce === null) return done;
	return level === "outer" ? done : done + 1;
}
/**
* Values that share one loop nest: elementwise values of one domain, reductions of that domain
* over one set of axes, and what is computed from those per outer point.
*/
var LoopGroup = class LoopGroup {
	members = /* @__PURE__ */ new Map();
	reads = /* @__PURE__ */ new Set();
	axes;
	reduced;
	depths = /* @__PURE__ */ new Map();
	lowering;
	/** For an epilogue: the contraction whose result it works on. */
	root;
	traits;
	constructor(axes, lowering, traits, root = null) {
		this.axes = axes;
		this.reduced = [];
		this.lowering = lowering;
		this.traits = traits;
		this.root = root;
	}
	/** A group of one value. @throws {NeedsBuffer} */
	static of(node, isValue, traits) {
		const axes = (reduceOps[node.op] === void 0 ? node.shape : node.src[0].shape).map((size) => makeAxis(size));
		const group = new LoopGroup(axes, new Lowering(isValue), traits);
		const member = group.lower(node);
		if (member === null) throw new NeedsBuffer(node);
		group.insert(member);
		return group;
	}
	/**
	* This loop nest and what another group computes, in one; null if that does not fit. Values of
	* one element per row, which the other may consist of, are computed when a row begins.
	*/
	with(other) {
		const reduction = this.anyReduction();
		if (reduction === null || this.root !== null || other.root !== null) return null;
		const group = LoopGroup.of(reduction.node, this.lowering.isValue, this.traits);
		group.members.clear();
		group.reads.clear();
		if (other.anyReduction() === null && other.work() * ROW_SHARE > axesSize(group.innerAxes())) return null;
		return [...this.members.keys(), ...other.members.keys()].sort((a, b) => a.id - b.id).every((node) => group.tryAdd(node)) ? group : null;
	}
	/** Operations and loads per point. */
	work() {
		let size = 0;
		for (const { expression } of this.members.values()) walkExpressions([expression], (part) => {
			if (part.kind !== "constant") size++;
		});
		return size;
	}
	/**
	* The loop nest of a contraction's epilogue: the axes of its result, which must stay whole, and
	* the result itself as something every member may read at its own point.
	*/
	static epilogueOf(root, isValue, traits) {
		const axes = epilogueShape(root).map((size) => makeAxis(size));
		return new LoopGroup(axes, new Lowering(isValue), traits, root);
	}
	/** Adds an elementwise consumer of the contraction if it reads the result point by point. */
	tryAddEpilogue(node) {
		if (this.root === null || this.members.size >= MEMBER_LIMIT) return false;
		try {
			const member = this.lower(node);
			if (member === null || member.reduce !== null || !this.readsAligned(member)) return false;
			if (this.depthOf(member.expression) > DEPTH_LIMIT$1) return false;
			this.insert(member);
			return true;
		} catch (error) {
			if (!(error instanceof NeedsBuffer)) throw error;
			return false;
		}
	}
	/** Loop axes, outermost first, as they are split now. */
	leaves() {
		return this.axes.flatMap(leafAxes);
	}
	/** Axes reductions fold, as they are split now. */
	innerAxes() {
		const reduced = new Set(this.reduced.flatMap(leafAxes));
		return this.leaves().filter((axis) => reduced.has(axis));
	}
	/** Axes whose points are independent. */
	outerAxes() {
		const reduced = new Set(this.reduced.flatMap(leafAxes));
		return this.leaves().filter((axis) => !reduced.has(axis));
	}
	/** Where a member's element lies in its own buffer. */
	memberForm(member) {
		return canonicalForm(member.level === "inner" && member.reduce === null ? this.leaves() : this.outerAxes());
	}
	/** Adds a value if it fits this loop nest and is worth it; returns whether it did. */
	tryAdd(node) {
		if (this.members.size >= MEMBER_LIMIT) return false;
		const before = this.reduced;
		try {
			const member = this.lower(node);
			if (member !== null && this.readsAligned(member) && this.worthAdding(member)) {
				this.insert(member);
				return true;
			}
		} catch (error) {
			if (!(error instanceof NeedsBuffer)) throw error;
		}
		this.reduced = before;
		return false;
	}
	insert(member) {
		this.members.set(member.node, member);
		for (const load of loadsOf(member.expression)) this.reads.add(load.value);
	}
	lower(node) {
		const reduce = reduceOps[node.op] ?? null;
		return reduce === null ? this.lowerElementwise(node) : this.lowerReduction(node, reduce);
	}
	lowerReduction(node, reduce) {
		const source = node.src[0];
		const coordinates = this.coordinates(this.leaves(), source.shape);
		if (coordinates === null || !("axes" in node.attrs)) return null;
		const folded = /* @__PURE__ */ new Set();
		for (const axis of node.attrs.axes) for (const term of normalizeForm(coordinates[axis]).terms) folded.add(term.axis);
		const live = this.leaves().filter((axis) => folded.has(axis));
		if (this.anyReduction() !== null) {
			const current = this.innerAxes().filter((axis) => axis.size !== 1);
			if (live.length !== current.length || live.some((axis, i) => axis !== current[i])) return null;
		} else this.reduced = live;
		const expression = this.lowering.value(source, coordinates);
		return {
			node,
			level: "inner",
			reduce,
			expression,
			time: this.timeOf(expression, "inner")
		};
	}
	lowerElementwise(node) {
		const count = numel(node.shape);
		const all = this.leaves();
		const outer = this.outerAxes();
		const inner = count === axesSize(all);
		if (!inner && count !== axesSize(outer)) return null;
		const coordinates = this.coordinates(inner ? all : outer, node.shape);
		if (coordinates === null) return null;
		const expression = this.lowering.definition(node, coordinates);
		const level = inner ? "inner" : "outer";
		return {
			node,
			level,
			reduce: null,
			expression,
			time: this.timeOf(expression, level)
		};
	}
	coordinates(axes, shape) {
		const sizes = axes.map((axis) => axis.size);
		if (product(sizes) !== numel(shape)) return null;
		return reshapeCoordinates(axes.map(axisForm), sizes, shape);
	}
	hasReduction() {
		return this.anyReduction() !== null;
	}
	anyReduction() {
		return [...this.members.values()].find((member) => member.reduce !== null) ?? null;
	}
	timeOf(expression, level) {
		let time = level === "inner" ? 0 : -1;
		for (const load of loadsOf(expression)) {
			const member = this.members.get(load.value);
			if (member === void 0) continue;
			time = Math.max(time, availability(member, level));
		}
		const wanted = level === "inner" ? 0 : 1;
		return Math.abs(time) % 2 === wanted ? time : time + 1;
	}
	/** Members may only be read at the very point the loops are at. */
	readsAligned(member) {
		const aligned = (load) => {
			if (load.value === this.root) return formKey(load.form) === formKey(canonicalForm(this.leaves()));
			const source = this.members.get(load.value);
			if (source === void 0) return true;
			if (source.level === "inner" && source.reduce === null && member.level === "outer") return false;
			return formKey(load.form) === formKey(this.memberForm(source));
		};
		return loadsOf(member.expression).every(aligned);
	}
	/** Length of the longest chain that computes an expression, members in place of their loads. */
	depthOf(expression) {
		const known = this.depths.get(expression);
		if (known !== void 0) return known;
		const member = expression.kind === "load" ? this.members.get(expression.value) : void 0;
		const below = member === void 0 ? expressionOperands(expression) : [member.expression];
		const depth = 1 + Math.max(0, ...below.map((operand) => this.depthOf(operand)));
		this.depths.set(expression, depth);
		return depth;
	}
	worthAdding(member) {
		if (this.depthOf(member.expression) > DEPTH_LIMIT$1) return false;
		const fresh = loadsOf(member.expression).filter((load) => !this.reads.has(load.value)).length;
		if (this.reads.size + fresh > LOAD_LIMIT) return false;
		const inner = axesSize(this.innerAxes());
		const outer = axesSize(this.outerAxes());
		if (inner * outer <= this.traits.shortNest || this.reduced.length === 0) return true;
		if (outer < this.traits.fewestRows) return false;
		return Math.max(member.time, ...[...this.members.values()].map((m) => m.time)) < 2 || inner <= ROW_LIMIT;
	}
};
/** Result of a contraction as the library sees it: [B…, M, N], or [N, O, pixels]. */
function epilogueShape(root) {
	if (root.op === "dot") {
		const rank = root.shape.length;
		return [
			product(root.shape.slice(0, -2)),
			root.shape[rank - 2],
			root.shape[rank - 1]
		];
	}
	return [
		root.shape[0],
		root.shape[1],
		product(root.shape.slice(2))
	];
}
/** Number of points of some axes. */
function axesSize(axes) {
	return product(axes.map((axis) => axis.size));
}
function canonicalForm(axes) {
	return flatForm(axes.map(axisForm), axes.map((axis) => axis.size));
}
// ../../work/main/src/compiler/cost.ts
const expensive = {
	div: 3,
	rem: 6,
	sqrt: 3,
	exp: 8,
	expm1: 10,
	log: 10,
	log1p: 12,
	sin: 14,
	cos: 14,
	tanh: 12,
	erf: 14,
	pow: 24
};
/** Cost of computing one element of a node from its operands, in simple vector operations. */
function nodeCost(node) {
	if (opClass[node.op] === "elementwise") return expensive[node.op] ?? 1;
	if (node.op === "randomBits") return 60;
	return node.op === "gather" || node.op === "pad" ? 2 : 0;
}
// ../../work/main/src/compiler/build-kernel.ts
/** From this cost on a value needed again in a later phase is stashed, not computed again. */
const STASH_COST = 6;
/** Longest row whose costly terms are computed first and summed afterwards. */
const SEPARATE_LIMIT = 16384;
/** A phase between two times: after the inner phase of a time, before what follows it. */
const AFTER = .5;
const costlyOps = /* @__PURE__ */ new Set([
	"exp",
	"expNonPositive",
	"expm1",
	"log",
	"log1p",
	"sin",
	"cos",
	"tanh",
	"erf"
]);
/** Accumulator or stash number of each member that has one. */
var KernelBuilder = class {
	group;
	stored;
	accumulators = /* @__PURE__ */ new Map();
	stashes = /* @__PURE__ */ new Map();
	stashTypes = [];
	phases = /* @__PURE__ */ new Map();
	memo = /* @__PURE__ */ new Map();
	constructor(group, stored) {
		this.group = group;
		this.stored = stored;
	}
	build() {
		const members = [...this.group.members.values()].sort((a, b) => a.time - b.time);
		for (const member of members) this.findStashes(member);
		for (const member of members) this.emit(member);
		const phases = [...this.phases.keys()].sort((a, b) => a - b).map((time) => ({
			level: Math.floor(time) % 2 === 0 ? "inner" : "outer",
			statements: this.phases.get(time) ?? []
		}));
		return {
			name: members.map((member) => member.node.op).join("_").slice(0, 60),
			outer: this.group.outerAxes(),
			inner: this.group.innerAxes(),
			phases,
			sequential: false,
			stashes: this.stashTypes
		};
	}
	makeStash(dtype) {
		return this.stashTypes.push(dtype) - 1;
	}
	/**
	* Whether a reduction sums what it computes in a phase of its own: long chains of constants and
	* temporaries leave no registers for accumulators, and one in memory takes longer than a pass.
	*/
	sumsAfterwards(member) {
		const points = this.group.innerAxes().reduce((size, axis) => size * axis.size, 1);
		if (member.reduce === null || points < 16 || points > SEPARATE_LIMIT) return false;
		let costly = false;
		walkExpressions([this.withMembers(member)], (part) => {
			if (part.kind === "apply" && costlyOps.has(part.op)) costly = true;
		});
		return costly;
	}
	/** The expression, or that of the member it merely reads at the same time. */
	withMembers({ expression, time }) {
		if (expression.kind !== "load") return expression;
		const source = this.group.members.get(expression.value);
		return source !== void 0 && source.reduce === null && source.time === time && source.level === "inner" ? source.expression : expression;
	}
	findStashes(member) {
		for (const load of loadsOf(member.expression)) {
			const source = this.group.members.get(load.value);
			if (source === void 0 || source.reduce !== null || source.level === "outer") continue;
			if (!(source.time !== member.time || this.sumsAfterwards(member)) || this.stored.has(source.node)) continue;
			if (nodeCost(source.node) < STASH_COST || this.stashes.has(source.node)) continue;
			this.stashes.set(source.node, this.makeStash(source.node.dtype));
		}
	}
	/** When a reduction runs and what it reads then. */
	reduceInput(member) {
		const { expression, time } = member;
		if (!this.sumsAfterwards(member)) return {
			time,
			value: this.resolve(expression, time)
		};
		const after = time + AFTER;
		if (expression.kind === "load") return {
			time: after,
			value: this.resolve(expression, after)
		};
		const { dtype } = expression;
		const id = this.makeStash(dtype);
		this.add(time, {
			kind: "stash",
			id,
			value: this.resolve(expression, time)
		});
		return {
			time: after,
			value: {
				kind: "stash",
				dtype,
				id
			}
		};
	}
	emit(member) {
		const { node } = member;
		if (member.reduce !== null) {
			const { time, value } = this.reduceInput(member);
			const id = this.accumulators.size;
			this.accumulators.set(node, id);
			this.add(time, {
				kind: "reduce",
				id,
				op: member.reduce,
				dtype: node.dtype,
				value
			});
			if (this.stored.has(node)) {
				const result = {
					kind: "accumulator",
					dtype: node.dtype,
					id
				};
				this.store(member.time + 1, member, result);
			}
			return;
		}
		const value = this.resolve(member.expression, member.time);
		if (this.stored.has(node)) this.store(member.time, member, value);
		const stash = this.stashes.get(node);
		if (stash !== void 0) this.add(member.time, {
			kind: "stash",
			id: stash,
			value
		});
	}
	store(time, member, value) {
		const form = this.group.memberForm(member);
		this.add(time, {
			kind: "store",
			target: member.node,
			form,
			value,
			accumulate: false
		});
	}
	add(time, statement) {
		const list = this.phases.get(time) ?? [];
		list.push(statement);
		this.phases.set(time, list);
	}
	/** Replaces loads of members by what holds their value at `time`. */
	resolve(expression, time) {
		const memo = this.memo.get(time) ?? /* @__PURE__ */ new Map();
		this.memo.set(time, memo);
		const known = memo.get(expression);
		if (known !== void 0) return known;
		const result = this.resolveFresh(expression, time);
		memo.set(expression, result);
		return result;
	}
	resolveFresh(expression, time) {
		if (expression.kind === "load") {
			const member = this.group.members.get(expression.value);
			if (member !== void 0) return this.memberValue(member, expression, time);
		}
		if (expressionOperands(expression).length === 0) return expression;
		return mapOperands(expression, (operand) => this.resolve(operand, time));
	}
	memberValue(member, load, time) {
		const accumulator = this.accumulators.get(member.node);
		if (accumulator !== void 0) return {
			kind: "accumulator",
			dtype: member.node.dtype,
			id: accumulator
		};
		if (member.level === "outer" || member.time === time) return this.resolve(member.expression, time);
		if (this.stored.has(member.node)) return load;
		const stash = this.stashes.get(member.node);
		if (stash !== void 0) return {
			kind: "stash",
			dtype: member.node.dtype,
			id: stash
		};
		return this.resolve(member.expression, time);
	}
};
/** The same expression over other operands; dynamic axes of its forms are rebuilt too. */
function mapOperands(expression, map) {
	switch (expression.kind) {
		case "apply": {
			const operands = expression.operands.map(map);
			return operands.every((operand, i) => operand === expression.operands[i]) ? expression : {
				...expression,
				operands
			};
		}
		case "masked": {
			const bounds = expression.bounds.map((bound) => ({
				...bound,
				form: mapForm(bound.form, map)
			}));
			return {
				...expression,
				inside: map(expression.inside),
				bounds
			};
		}
		case "load":
		case "index": return {
			...expression,
			form: mapForm(expression.form, map)
		};
		default: return expression;
	}
}
const mappedAxes = /* @__PURE__ */ new WeakMap();
function mapForm(form, map) {
	if (form.terms.every((term) => term.axis.dynamic === null)) return form;
	return combineForms(form.terms.map(({ axis, stride }) => {
		if (axis.dynamic === null) return [{
			offset: 0,
			terms: [{
				axis,
				stride: 1
			}]
		}, stride];
		const dynamic = map(axis.dynamic);
		const cache = mappedAxes.get(axis) ?? /* @__PURE__ */ new WeakMap();
		mappedAxes.set(axis, cache);
		const mapped = cache.get(dynamic) ?? makeAxis(axis.size, dynamic, axis.checked);
		cache.set(dynamic, mapped);
		return [axisForm(mapped), stride];
	}), form.offset);
}
/** The kernel of a loop group; `stored` are the members somebody outside needs. */
function buildLoopKernel(group, stored) {
	return new KernelBuilder(group, stored).build();
}
function storeKernel(name, target, axes, value, form) {
	return {
		name,
		outer: axes,
		inner: [],
		phases: [{
			level: "inner",
			statements: [{
				kind: "store",
				target,
				form,
				value,
				accumulate: false
			}]
		}],
		sequential: false,
		stashes: []
	};
}
const axesOf = (coordinates) => coordinates.flatMap((form) => form.terms.map((term) => term.axis));
/**
* One kernel per part, each storing into its range of the result. Parts that are concatenations
* without a buffer store theirs.
*/
function buildConcatKernels(whole, isValue) {
	const kernels = [];
	const store = (part, starts) => {
		if (part.op === "concat" && (part === whole || !isValue(part))) {
			const { dim } = part.attrs;
			let start = starts[dim];
			for (const source of part.src) {
				store(source, starts.with(dim, start));
				start += source.shape[dim];
			}
			return;
		}
		const coordinates = freshCoordinates(part.shape);
		const value = new Lowering(isValue).value(part, coordinates);
		const target = flatForm(coordinates.map((form, dim) => combineForms([[form, 1]], starts[dim])), whole.shape);
		kernels.push(storeKernel("concat", whole, leavesOf(coordinates), value, target));
	};
	store(whole, whole.shape.map(() => 0));
	return kernels;
}
function leavesOf(coordinates) {
	const leaves = (axis) => axis.split === null ? [axis] : [...leaves(axis.split.outer), ...leaves(axis.split.inner)];
	return axesOf(coordinates).flatMap(leaves);
}
/** Loops over a whole shape whose `dim` runs in order inside all others. */
function sequentialKernel(name, coordinates, dim, statement) {
	const inner = new Set(leavesOf([coordinates[dim]]));
	const all = leavesOf(coordinates);
	return {
		name,
		outer: all.filter((axis) => !inner.has(axis)),
		inner: all.filter((axis) => inner.has(axis)),
		phases: [{
			level: "inner",
			statements: [statement]
		}],
		sequential: true,
		stashes: []
	};
}
/** Running reduction along a dim. */
function buildScanKernel(node, dim, op, isValue) {
	const coordinates = freshCoordinates(node.shape);
	const value = new Lowering(isValue).value(node.src[0], coordinates);
	const form = flatForm(coordinates, node.shape);
	return sequentialKernel("scan", coordinates, dim, {
		kind: "scan",
		id: 0,
		op,
		dtype: node.dtype,
		value,
		target: node,
		form
	});
}
/** Copies the base, then applies the updates in index order. */
function buildScatterKernels(node, dim, mode, isValue) {
	const [base, index, updates] = node.src;
	const whole = freshCoordinates(node.shape);
	const initial = new Lowering(isValue).value(base, whole);
	const fill = storeKernel("scatter_base", node, leavesOf(whole), initial, flatForm(whole, node.shape));
	const coordinates = freshCoordinates(index.shape);
	const lowering = new Lowering(isValue);
	const value = lowering.value(updates, coordinates);
	const position = makeAxis(node.shape[dim], lowering.value(index, coordinates));
	return [fill, sequentialKernel("scatter", coordinates, dim, {
		kind: "store",
		target: node,
		form: flatForm(coordinates.map((form, i) => i === dim ? axisForm(position) : form), node.shape),
		value,
		accumulate: mode === "add"
	})];
}
/** Kernels of a concat, scan or scatter; none for other ops. @throws {NeedsBuffer} */
function buildSpecialKernels(node, isValue) {
	if (numel(node.shape) === 0) return [];
	switch (node.op) {
		case "concat": return buildConcatKernels(node, isValue);
		case "scan": return [buildScanKernel(node, node.attrs.dim, node.attrs.kind, isValue)];
		case "scatter": return buildScatterKernels(node, node.attrs.dim, node.attrs.mode, isValue);
		default: return [];
	}
}
/** dtypes a kernel touches: it runs on scalars if one of them is f64. */
function kernelDTypes(kernel) {
	const found = /* @__PURE__ */ new Set();
	const statements = kernel.phases.flatMap((phase) => phase.statements);
	const places = statements.flatMap((part) => "form" in part ? formOperands(part.form) : []);
	walkExpressions([...statements.map((part) => part.value), ...places], (expression) => found.add(expression.dtype));
	for (const phase of kernel.phases) for (const part of phase.statements) if ("target" in part) found.add(part.target.dtype);
	return found;
}
// ../../work/main/src/compiler/wasm/kernel-plan.ts
/** Stride along a loop, 0 for the trivial one. */
function strideOf$1(form, loop) {
	return loop.axes.length === 0 ? 0 : loopStride(form, loop);
}
/** Tells which expressions change along one loop. */
var Variation = class {
	loop;
	accumulators;
	memo = /* @__PURE__ */ new Map();
	/** @param accumulators - whether results of reductions differ along the loop. */
	constructor(loop, accumulators) {
		this.loop = loop;
		this.accumulators = accumulators;
	}
	/** Whether the expression's value differs from step to step of the loop. */
	has(expression) {
		const known = this.memo.get(expression);
		if (known !== void 0) return known;
		const result = this.compute(expression);
		this.memo.set(expression, result);
		return result;
	}
	/** Whether an index that the form is computed from differs along the loop. */
	gathers(form) {
		return form.terms.some(({ axis }) => axis.dynamic !== null && this.has(axis.dynamic));
	}
	moves(form) {
		return strideOf$1(form, this.loop) !== 0 || this.gathers(form);
	}
	compute(expression) {
		switch (expression.kind) {
			case "apply": return expression.operands.some((operand) => this.has(operand));
			case "load":
			case "index": return this.moves(expression.form);
			case "masked": return this.has(expression.inside) || expression.bounds.some(({ form }) => this.moves(form));
			case "stash": return true;
			case "accumulator": return this.accumulators;
			case "constant": return false;
			default: return expression;
		}
	}
};
[...vectorFunctions$1];
// ../../work/main/src/compiler/cuda/kernel-plan.ts
const THREADS = 256;
/** Widest vector a thread loads at once. */
const VECTOR_BYTES = 16;
const MOST_LANES = 8;
/** Blocks per multiprocessor below which the items of rows are shared by several blocks. */
const BLOCKS_WANTED = 2;
/** Items a thread must have left when rows are shared. */
const ITEMS_WANTED = 4;
const MOST_PARTS = 128;
/** Elements a form moves per step of a loop; 0 for none. */
function strideOf(form, loop) {
	return loop === null || loop.axes.length === 0 ? 0 : loopStride(form, loop);
}
/** Every load and store of a kernel. */
function kernelAccesses(kernel) {
	const loads = kernelExpressions(kernel).filter((part) => part.kind === "load");
	const stores = kernel.phases.flatMap((phase) => phase.statements.flatMap((part) => "target" in part ? [part] : []));
	return [...loads.map(({ value, form }) => ({
		value,
		form: normalizeForm(form)
	})), ...stores.map(({ target, form }) => ({
		value: target,
		form: normalizeForm(form)
	}))];
}
/** Bytes an access moves in the whole kernel: the buffer's, or fewer if it has fewer points. */
function bytesOf$2({ value, form }) {
	const points = product(form.terms.map((term) => term.axis.size));
	return Math.min(points, numel(value.shape)) * dtypeBytes(value.dtype);
}
/** How much of its memory traffic a kernel moves in neighbours along a loop. */
function fastScore(accesses, loop) {
	let score = 0;
	for (const access of accesses) {
		const stride = strideOf(access.form, loop);
		const bytes = bytesOf$2(access);
		if (stride === 1) score += 2 * bytes;
		else if (stride === -1 || stride === 2) score += bytes;
		else if (stride !== 0) score -= bytes;
	}
	return loop.size < 4 ? score / 4 - 1 : score;
}
function chooseFast(kernel, accesses, outer, inner) {
	let best = {
		loop: outer.at(-1) ?? null,
		horizontal: false
	};
	let bestScore = -Infinity;
	const consider = (loop, horizontal) => {
		const score = fastScore(accesses, loop);
		if (score < bestScore) return;
		bestScore = score;
		best = {
			loop,
			horizontal
		};
	};
	for (const loop of outer) consider(loop, false);
	if (!kernel.sequential) for (const loop of inner) consider(loop, true);
	return best;
}
/** Elements of an access that one vector can hold: neighbours that never straddle its bytes. */
function accessWidth({ value, form }, vector, loops, lanes, alignment) {
	if (vector === null || strideOf(form, vector) !== 1) return 1;
	const [low, high] = formRange(form);
	if (low < 0 || high >= numel(value.shape)) return 1;
	const bytes = dtypeBytes(value.dtype);
	const steps = [
		form.offset,
		...loops.filter((loop) => loop !== vector).map((loop) => strideOf(form, loop)),
		...form.terms.flatMap(({ axis, stride }) => axis.dynamic === null ? [] : [stride]),
		Math.max(1, Math.floor(alignment / bytes))
	];
	let width = Math.min(lanes, VECTOR_BYTES / bytes);
	while (width > 1 && steps.some((step) => step % width !== 0)) width /= 2;
	return width;
}
function chooseLanes(kernel, accesses, vector, loops, alignmentOf) {
	if (vector === null || kernel.sequential) return 1;
	const most = Math.max(...accesses.map(bytesOf$2));
	const large = accesses.filter((access) => bytesOf$2(access) * 16 >= most);
	const smallest = Math.min(...large.map(({ value }) => dtypeBytes(value.dtype)));
	const limit = kernelDTypes(kernel).has("f64") ? 2 : VECTOR_BYTES / smallest;
	const wanted = Math.min(MOST_LANES, limit);
	const widths = large.map((access) => accessWidth(access, vector, loops, wanted, alignmentOf(access.value)));
	let lanes = Math.max(1, ...widths);
	while (lanes > 1 && vector.size < lanes) lanes /= 2;
	return lanes;
}
const powerAtLeast = (n) => 2 ** Math.ceil(Math.log2(Math.max(n, 1)));
const divideUp = (a, b) => Math.ceil(a / b);
function needsWideIndices(kernel, accesses) {
	const limit = 2 ** 31 - 4096;
	if (product([...kernel.outer, ...kernel.inner].map((axis) => axis.size)) >= limit || accesses.some(({ value }) => numel(value.shape) >= limit)) return true;
	return kernelForms(kernel).some((form) => {
		const [low, high] = formRange(form);
		return low <= -limit || high >= limit;
	});
}
/** Whether the length of the only loop is all that tells this kernel from another. */
function isFlat(kernel, outer, inner) {
	if (outer.length !== 1 || inner.length > 0 || kernel.sequential) return false;
	return kernelExpressions(kernel).every((part) => {
		if (part.kind === "masked") return false;
		if (part.kind !== "load") return true;
		const form = normalizeForm(part.form);
		const [low, high] = formRange(form);
		return low >= 0 && high < numel(part.value.shape) && form.terms.every((term) => term.axis.dynamic === null);
	});
}
/** Threads per row and rows per block. */
function shareRows(horizontal, rowCount, itemCount, target) {
	if (!horizontal) {
		const rows = Math.min(32, powerAtLeast(rowCount));
		const group = Math.min(THREADS / rows, powerAtLeast(divideUp(itemCount, ITEMS_WANTED)));
		return {
			group,
			rows: group === 1 ? THREADS : rows
		};
	}
	if (itemCount > 256) return {
		group: Math.min(1024, Math.max(128, powerAtLeast(divideUp(itemCount, 8)))),
		rows: 1
	};
	const group = Math.min(32, powerAtLeast(itemCount));
	const perWarp = 32 / group;
	return {
		group,
		rows: perWarp * Math.min(8, powerAtLeast(divideUp(rowCount, perWarp * target.multiprocessors)))
	};
}
/** Decides who computes what. */
function planKernel(kernel, target, alignmentOf) {
	const nest = planLoops(kernel);
	const accesses = kernelAccesses(kernel);
	const fast = chooseFast(kernel, accesses, nest.outer, nest.inner);
	const { horizontal } = fast;
	const withLast = (loops) => {
		const rest = loops.filter((loop) => loop !== fast.loop);
		return fast.loop !== null && rest.length < loops.length ? [...rest, fast.loop] : rest;
	};
	const outer = withLast(nest.outer);
	const inner = kernel.sequential ? [...nest.inner] : withLast(nest.inner);
	const lanes = chooseLanes(kernel, accesses, fast.loop, [...outer, ...inner], alignmentOf);
	const vector = lanes === 1 ? null : fast.loop;
	const count = (loops) => product(loops.map((loop) => loop === vector ? divideUp(loop.size, lanes) : loop.size));
	const rowCount = count(outer);
	const itemCount = count(inner);
	const alone = inner.length === 0 || kernel.sequential;
	const { group, rows } = alone ? {
		group: 1,
		rows: THREADS
	} : shareRows(horizontal, rowCount, itemCount, target);
	const rowBlocks = divideUp(rowCount, rows);
	const reduces = kernel.phases.some((phase) => phase.statements.some((statement) => statement.kind === "reduce"));
	const wantedBlocks = BLOCKS_WANTED * target.multiprocessors;
	const room = Math.floor(itemCount / (group * ITEMS_WANTED));
	const parts = alone || !reduces || rowBlocks >= wantedBlocks / 2 ? 1 : Math.max(1, Math.min(divideUp(wantedBlocks, rowBlocks), room, MOST_PARTS));
	return {
		outer,
		inner,
		vector,
		lanes,
		horizontal,
		group,
		rows,
		parts,
		rowCount,
		itemCount,
		rounds: divideUp(itemCount, group * parts),
		threads: group * rows,
		blocks: rowBlocks * parts,
		wide: needsWideIndices(kernel, accesses),
		flat: isFlat(kernel, outer, inner)
	};
}
// ../../work/main/src/compiler/cuda/register-code.ts
/** Register type of a dtype. */
function registerOf(dtype) {
	switch (dtype) {
		case "f64": return "f64";
		case "f32":
		case "f16":
		case "bf16": return "f32";
		case "i32":
		case "i8":
		case "bool": return "i32";
		case "u32":
		case "u8": return "u32";
		default: return dtype;
	}
}
const cTypes$1 = {
	f32: "float",
	f64: "double",
	i32: "int",
	u32: "u32"
};
/** C type of a dtype in registers. */
function registerType(dtype) {
	return cTypes$1[registerOf(dtype)];
}
/** C type of an element in memory. */
function storageType(dtype) {
	switch (dtype) {
		case "f64": return "double";
		case "f32": return "float";
		case "f16":
		case "bf16": return "u16";
		case "i32": return "int";
		case "u32": return "u32";
		case "i8": return "i8";
		case "u8":
		case "bool": return "u8";
		default: return dtype;
	}
}
/** A float's shortest decimal digits, which name it exactly. */
function floatText$1(value, suffix, name) {
	if (value !== value) return `NAN_${name}`;
	if (Math.abs(value) === Infinity) return value > 0 ? `INF_${name}` : `-INF_${name}`;
	const digits = Object.is(value, -0) ? "-0" : String(value);
	const text = `${digits}${/[.e]/.test(digits) ? "" : ".0"}${suffix}`;
	return text.startsWith("-") ? `(${text})` : text;
}
const clamp = (value, low, high) => value !== value ? 0 : Math.trunc(Math.min(Math.max(value, low), high));
/** A number as an element of a dtype, in C. Integers saturate, as casts of floats do. */
function constantText(dtype, value) {
	switch (dtype) {
		case "f64": return floatText$1(value, "", "F64");
		case "f32": return floatText$1(Math.fround(value), "f", "F32");
		case "f16": return floatText$1(f16ToNumber(f16FromNumber(value)), "f", "F32");
		case "bf16": return floatText$1(bf16ToNumber(bf16FromNumber(value)), "f", "F32");
		case "i32": {
			const whole = clamp(value, -(2 ** 31), 2 ** 31 - 1);
			if (whole === -(2 ** 31)) return "(-2147483647 - 1)";
			return whole < 0 ? `(${whole})` : `${whole}`;
		}
		case "i8": {
			const whole = clamp(value, -128, 127);
			return whole < 0 ? `(${whole})` : `${whole}`;
		}
		case "u32": return `${clamp(value, 0, 2 ** 32 - 1)}u`;
		case "u8": return `${clamp(value, 0, 255)}u`;
		case "bool": return value === 0 ? "0" : "1";
		default: return dtype;
	}
}
// ../../work/main/src/compiler/cuda/operation-code.ts
/** Operations that give halves of halves without rounding. */
const exactOps = /* @__PURE__ */ new Set([
	"neg",
	"abs",
	"sign",
	"floor",
	"ceil",
	"trunc",
	"round",
	"max",
	"min",
	"where"
]);
const operators = {
	add: "+",
	sub: "-",
	and: "&",
	or: "|",
	xor: "^",
	eq: "==",
	ne: "!=",
	lt: "<",
	le: "<="
};
const comparisons = /* @__PURE__ */ new Set([
	"eq",
	"ne",
	"lt",
	"le"
]);
const bitOps = /* @__PURE__ */ new Set([
	"and",
	"or",
	"xor"
]);
/** Functions `name_f32` and `name_f64` of the prelude. */
const floatFunctions = /* @__PURE__ */ new Set([
	"abs",
	"sign",
	"floor",
	"ceil",
	"trunc",
	"round",
	"sqrt",
	"exp",
	"expm1",
	"log",
	"log1p",
	"sin",
	"cos",
	"tanh",
	"erf",
	"mul",
	"div",
	"rem",
	"pow",
	"max",
	"min"
]);
/** Brings a result in registers to what the dtype can hold. */
function roundedText(dtype, text) {
	switch (dtype) {
		case "f16":
		case "bf16": return `round_${dtype}(${text})`;
		case "i8":
		case "u8": return `wrap_${dtype}(${text})`;
		default: return text;
	}
}
/** One operation on registers; `from` is the dtype of its operands, `to` that of its result. */
function operationText(op, from, to, operands) {
	const [a, b, c] = operands;
	if (op === "cast") return castText(from, to, a);
	if (op === "bitcast") return bitcastText(from, to, a);
	if (op === "where") return `(${a} ? ${b} : ${c})`;
	if (op === "threefry") return `threefry(${a}, ${b}, ${c})`;
	if (op === "fma") return `fma_f32(${a}, ${b}, ${c})`;
	if (comparisons.has(op)) return `(${a} ${operators[op]} ${b})`;
	if (isFloat(from)) {
		const text = floatText(op, from, operands);
		return exactOps.has(op) ? text : roundedText(to, text);
	}
	if (from === "bool") return boolText(op, a, b);
	return integerText(op, from, operands);
}
function unknown(op, dtype) {
	return new CompileError(`cuda: ${op} has no code for ${dtype}`);
}
function floatText(op, dtype, operands) {
	const register = registerOf(dtype);
	const [a, b] = operands;
	if (op === "neg") return `(-${a})`;
	if (op === "add" || op === "sub") return `(${a} ${operators[op]} ${b})`;
	if (op === "expNonPositive") return register === "f32" ? `exp_non_positive_f32(${a})` : `exp_f64(${a})`;
	if (!floatFunctions.has(op)) throw unknown(op, dtype);
	return `${op}_${register}(${operands.join(", ")})`;
}
function boolText(op, a, b) {
	if (op === "not") return `(!${a})`;
	if (op === "max") return `(${a} | ${b})`;
	if (op === "min") return `(${a} & ${b})`;
	if (!bitOps.has(op)) throw unknown(op, "bool");
	return `(${a} ${operators[op]} ${b})`;
}
/** Signed arithmetic goes through functions: it wraps, where C leaves overflow undefined. */
function integerText(op, dtype, operands) {
	const register = registerOf(dtype);
	const [a, b] = operands;
	if (bitOps.has(op)) return `(${a} ${operators[op]} ${b})`;
	const text = (() => {
		switch (op) {
			case "not": return `(~${a})`;
			case "neg": return register === "u32" ? `(0u - ${a})` : `neg_i32(${a})`;
			case "abs": return register === "u32" ? a : `abs_i32(${a})`;
			case "sign": return register === "u32" ? `(u32)(${a} != 0u)` : `sign_i32(${a})`;
			case "add":
			case "sub":
				if (register === "u32") return `(${a} ${operators[op]} ${b})`;
				return `${op}_i32(${a}, ${b})`;
			case "mul":
			case "div":
			case "rem":
			case "max":
			case "min":
			case "shl":
			case "shr": return `${op}_${register}(${a}, ${b})`;
			case "floor":
			case "ceil":
			case "trunc":
			case "round": return a;
			default: throw unknown(op, dtype);
		}
	})();
	return op === "max" || op === "min" || op === "rem" ? text : roundedText(dtype, text);
}
function castText(from, to, a) {
	if (from === to) return a;
	if (to === "bool") return `(${a} != 0)`;
	if (isFloat(to)) {
		const wanted = registerType(to);
		const same = registerType(from) === wanted;
		const exact = isFloat(from) ? from === to : from === "i8" || from === "u8" || from === "bool";
		const text = same ? a : `(${wanted})${a}`;
		return exact ? text : roundedText(to, text);
	}
	if (isFloat(from)) {
		const source = registerOf(from);
		if (to === "i32" || to === "u32") return `${to}_from_${source}(${a})`;
		return `clamp_${to}(i32_from_${source}(${a}))`;
	}
	const text = registerOf(from) === registerOf(to) ? a : `(${registerType(to)})${a}`;
	return to === "i8" || to === "u8" ? roundedText(to, text) : text;
}
/** The bits of a register value as an unsigned word, and back. */
function bitcastText(from, to, a) {
	if (from === to || registerOf(from) === "f64") return a;
	const bits = (() => {
		if (from === "f32") return `bits_f32(${a})`;
		return from === "f16" || from === "bf16" ? `bits_${from}(${a})` : `(u32)${a}`;
	})();
	switch (to) {
		case "f32": return `from_bits_f32(${bits})`;
		case "f16":
		case "bf16": return `value_${to}((u16)${bits})`;
		case "i8": return `wrap_i8((int)${bits})`;
		case "u8": return `wrap_u8(${bits})`;
		default: return `(${registerType(to)})${bits}`;
	}
}
/** Name of a fold over the register type of a dtype: `sum` adds without rounding halves. */
function foldText(op, dtype, a, b) {
	const register = registerOf(dtype);
	return `${op === "sum" ? "add" : op === "prod" ? "mul" : op}_${register}(${a}, ${b})`;
}
// ../../work/main/src/compiler/cuda/expression-code.ts
/** Whether the form reaches outside of its buffer at some points. */
function isUnsafe(value, form) {
	const [low, high] = formRange(form);
	return low < 0 || high >= numel(value.shape);
}
/** Writes expressions as C, the value of one lane at a time. */
var ExpressionCode = class {
	context;
	constructor(context) {
		this.context = context;
	}
	/** Declares names for the expressions, operands first. Lane `l` is open if `inLane`. */
	declare(expressions, names, inLane) {
		for (const expression of expressions) this.declareOne(expression, names, inLane);
	}
	/** Declares one expression unless it has a name. */
	declareOne(expression, names, inLane) {
		if (names.find(expression) !== void 0 || isAtom(expression)) return;
		const text = this.compute(expression, names, inLane);
		const name = this.context.fresh("t");
		this.context.text.add(`const ${registerType(expression.dtype)} ${name} = ${text};`);
		names.set(expression, name);
	}
	/** Text of a value that is declared or needs no declaration. */
	text(expression, names, inLane) {
		const name = names.find(expression);
		if (name !== void 0) return name.array ? `${name.text}[l]` : name.text;
		invariant(isAtom(expression), "a value is used before it is computed");
		return this.compute(expression, names, inLane);
	}
	/** Text that computes a value from those of its operands. */
	compute(expression, names, inLane) {
		switch (expression.kind) {
			case "constant": return constantText(expression.dtype, expression.value);
			case "index": return `(int)(${this.indexText(expression.form, names, inLane)})`;
			case "load": return this.loadText(expression.value, expression.form, names, inLane);
			case "masked": {
				const tests = expression.bounds.map(({ form, low, high }) => {
					const at = this.indexText(form, names, inLane);
					const [least, most] = formRange(normalizeForm(form));
					const parts = [];
					if (least < low || hasDynamic(form)) parts.push(`${at} >= ${low}`);
					if (most >= high || hasDynamic(form)) parts.push(`${at} < ${high}`);
					return parts.length === 0 ? "1" : parts.join(" && ");
				});
				const inside = this.text(expression.inside, names, inLane);
				const otherwise = constantText(expression.dtype, expression.otherwise);
				return `${tests.join(" && ")} ? ${inside} : ${otherwise}`;
			}
			case "apply": {
				const { op, operands, dtype } = expression;
				const texts = operands.map((operand) => this.text(operand, names, inLane));
				return operationText(op, op === "where" ? dtype : operands[0].dtype, dtype, texts);
			}
			case "stash": return this.context.slot(expression.id, inLane ? "l" : "0");
			case "accumulator": {
				const name = names.find(accumulatorKey(expression.id));
				invariant(name !== void 0, `accumulator ${expression.id} is read before it is made`);
				return name.array ? `${name.text}[l]` : name.text;
			}
			default: return expression;
		}
	}
	/** offset + Σ stride · variable, dynamic terms as they are. */
	indexText(unsplit, names, inLane) {
		const form = normalizeForm(unsplit);
		const terms = this.terms(form, inLane);
		for (const { axis, stride } of form.terms) if (axis.dynamic !== null) terms.push(times(this.text(axis.dynamic, names, inLane), stride));
		return sum(terms, form.offset);
	}
	terms(form, inLane) {
		const { plan, variable } = this.context;
		const terms = [];
		for (const loop of [...plan.outer, ...plan.inner]) {
			const stride = strideOf(form, loop);
			if (stride === 0) continue;
			const index = variable(loop);
			terms.push(times(loop === plan.vector && inLane ? `(${index} + l)` : index, stride));
		}
		return terms;
	}
	/** Element index of an access; dynamic indices are kept in range. */
	elementText(unsplit, names, inLane) {
		const form = normalizeForm(unsplit);
		const terms = this.terms(form, inLane);
		for (const { axis, stride } of form.terms) if (axis.dynamic !== null) terms.push(times(this.dynamicIndex(axis, names, inLane), stride));
		return sum(terms, form.offset);
	}
	dynamicIndex(axis, names, inLane) {
		const known = names.find(axis);
		if (known !== void 0) return known.text;
		invariant(axis.dynamic !== null, "only dynamic axes have an index of their own");
		const raw = this.text(axis.dynamic, names, inLane);
		const text = axis.checked ? `checked_index(${raw}, ${axis.size}, errors)` : `safe_index(${raw}, ${axis.size})`;
		const name = this.context.fresh("x");
		const type = this.context.plan.wide ? "i64" : "int";
		this.context.text.add(`const ${type} ${name} = ${text};`);
		names.set(axis, name);
		return name;
	}
	loadText(value, unsplit, names, inLane) {
		const form = normalizeForm(unsplit);
		const { plan, text, fresh, pointer } = this.context;
		const size = numel(value.shape);
		if (size === 0) return constantText(value.dtype, 0);
		const { name, readOnly } = pointer(value);
		const read = `${readOnly ? "read" : "load"}_${value.dtype}`;
		const element = this.elementText(form, names, inLane);
		if (!isUnsafe(value, form)) return `${read}(${name} + ${element})`;
		const at = fresh("x");
		text.add(`const ${plan.wide ? "i64" : "int"} ${at} = ${element};`);
		return `${plan.wide ? `(u64)${at} < ${size}ull` : `(u32)${at} < ${size}u`} ? ${read}(${name} + ${at}) : ${constantText(value.dtype, 0)}`;
	}
};
/** Key of an accumulator among the names. */
function accumulatorKey(id) {
	return `accumulator ${id}`;
}
/** Whether an expression is written where it is used. */
function isAtom(expression) {
	return expression.kind === "constant" || expression.kind === "accumulator";
}
/** Whether an index of the form is known only while the kernel runs. */
function hasDynamic(form) {
	return form.terms.some((term) => term.axis.dynamic !== null);
}
function times(index, stride) {
	return stride === 1 ? index : `${index} * ${stride < 0 ? `(${stride})` : stride}`;
}
function sum(terms, offset) {
	if (terms.length === 0) return `${offset}`;
	const text = terms.join(" + ");
	if (offset === 0) return text;
	return offset > 0 ? `${text} + ${offset}` : `${text} - ${-offset}`;
}
// ../../work/main/src/compiler/cuda/kernel-text.ts
/** Lines of C, indented as they are opened and closed. */
var KernelText = class {
	lines = [];
	depth = 1;
	add(line) {
		this.lines.push(`${"  ".repeat(this.depth)}${line}`);
	}
	/** A line that does not follow the indentation: `#pragma unroll`. */
	pragma(line) {
		this.lines.push(line);
	}
	/** `head {`, what `body` adds, `}`. */
	block(head, body) {
		this.add(`${head} {`);
		this.depth++;
		body();
		this.depth--;
		this.add("}");
	}
	toString() {
		return this.lines.join("\n");
	}
};
// ../../work/main/src/compiler/cuda/names.ts
/** What has a name at a place of the code: in this block or in one around it. */
var Names = class {
	own = /* @__PURE__ */ new Map();
	parent;
	constructor(parent = null) {
		this.parent = parent;
	}
	find(key) {
		return this.own.get(key) ?? this.parent?.find(key);
	}
	set(key, text, array = false) {
		this.own.set(key, {
			text,
			array
		});
	}
};
// ../../work/main/src/compiler/cuda/prelude.ts
/**
* What generated CUDA C is built on, in two parts. The first needs the device: PTX, intrinsics,
* barriers. The second is C99 over the first, so that a test can run kernels on a CPU with a first
* part of its own.
*
* In registers f16 and bf16 are `float`, i8 and bool are `int`, u8 is `u32`. Names end in the
* register type, or in the dtype where it is about memory or rounding.
*/
/** PTX and intrinsics. No CUDA header is included, so none has to be installed. */
const devicePrelude = String.raw`
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
typedef signed char i8;
typedef unsigned char u8;
typedef struct __align__(8) { u32 x, y; } v8;
typedef struct __align__(16) { u32 x, y, z, w; } v16;

#define DEVICE static __device__ __forceinline__
#define INF_F32 __int_as_float(0x7f800000)
#define NAN_F32 __int_as_float(0x7fffffff)
#define INF_F64 __longlong_as_double(0x7ff0000000000000ll)
#define NAN_F64 __longlong_as_double(0x7ff8000000000000ll)

DEVICE int thread_index(void) { return (int)threadIdx.x; }
DEVICE int thread_count(void) { return (int)blockDim.x; }
DEVICE void barrier(void) { __syncthreads(); }

DEVICE u32 bits_f32(float x) { return __float_as_uint(x); }
DEVICE float from_bits_f32(u32 x) { return __uint_as_float(x); }

DEVICE float shuffle_xor_f32(float x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE double shuffle_xor_f64(double x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE int shuffle_xor_i32(int x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DEVICE u32 shuffle_xor_u32(u32 x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }

DEVICE int compare_and_swap(int *at, int expected, int value) {
  return atomicCAS(at, expected, value);
}

/* Memory nobody writes while the kernel runs. */
DEVICE u8 read_v1(const void *at) {
  u32 x;
  asm("ld.global.nc.u8 %0, [%1];" : "=r"(x) : "l"(at));
  return (u8)x;
}
DEVICE u16 read_v2(const void *at) {
  u16 x;
  asm("ld.global.nc.u16 %0, [%1];" : "=h"(x) : "l"(at));
  return x;
}
DEVICE u32 read_v4(const void *at) {
  u32 x;
  asm("ld.global.nc.u32 %0, [%1];" : "=r"(x) : "l"(at));
  return x;
}
DEVICE v8 read_v8(const void *at) {
  v8 x;
  asm("ld.global.nc.v2.u32 {%0, %1}, [%2];" : "=r"(x.x), "=r"(x.y) : "l"(at));
  return x;
}
DEVICE v16 read_v16(const void *at) {
  v16 x;
  asm("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(x.x), "=r"(x.y), "=r"(x.z), "=r"(x.w)
      : "l"(at));
  return x;
}

/* Products are never joined with a sum: fusing kernels must not change bits. */
DEVICE float mul_f32(float a, float b) { return __fmul_rn(a, b); }
DEVICE double mul_f64(double a, double b) { return __dmul_rn(a, b); }
DEVICE float fma_f32(float a, float b, float c) { return __fmaf_rn(a, b, c); }
DEVICE double fma_f64(double a, double b, double c) { return __fma_rn(a, b, c); }

/* NaN wins, and +0 is more than -0. */
DEVICE float max_f32(float a, float b) {
  float x;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(x) : "f"(a), "f"(b));
  return x;
}
DEVICE float min_f32(float a, float b) {
  float x;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(x) : "f"(a), "f"(b));
  return x;
}

DEVICE float value_bf16(u16 bits) { return __uint_as_float((u32)bits << 16); }
DEVICE u16 bits_bf16(float x) {
  u16 bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}
/* Two values in one word, the first in the low half. */
DEVICE u32 pair_bf16(float low, float high) {
  u32 bits;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}
DEVICE float value_f16(u16 bits) {
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(bits));
  return x;
}
DEVICE u16 bits_f16(float x) {
  u16 bits;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(x));
  return bits;
}
DEVICE u32 pair_f16(float low, float high) {
  u32 bits;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}

/* Truncates; out of range saturates, NaN is 0. */
DEVICE int i32_from_f32(float x) { return x != x ? 0 : __float2int_rz(x); }
DEVICE u32 u32_from_f32(float x) { return x != x ? 0 : __float2uint_rz(x); }
DEVICE int i32_from_f64(double x) { return x != x ? 0 : __double2int_rz(x); }
DEVICE u32 u32_from_f64(double x) { return x != x ? 0 : __double2uint_rz(x); }

DEVICE float abs_f32(float x) { return fabsf(x); }
DEVICE float floor_f32(float x) { return floorf(x); }
DEVICE float ceil_f32(float x) { return ceilf(x); }
DEVICE float trunc_f32(float x) { return truncf(x); }
DEVICE float round_f32(float x) { return rintf(x); }
DEVICE float sqrt_f32(float x) { return __fsqrt_rn(x); }
DEVICE float div_f32(float a, float b) { return __fdiv_rn(a, b); }
DEVICE float exp_f32(float x) { return expf(x); }
DEVICE float expm1_f32(float x) { return expm1f(x); }
DEVICE float log_f32(float x) { return logf(x); }
DEVICE float log1p_f32(float x) { return log1pf(x); }
DEVICE float sin_f32(float x) { return sinf(x); }
DEVICE float cos_f32(float x) { return cosf(x); }
DEVICE float tanh_f32(float x) { return tanhf(x); }
DEVICE float erf_f32(float x) { return erff(x); }
DEVICE float rem_f32(float a, float b) { return fmodf(a, b); }
DEVICE float pow_f32(float a, float b) { return powf(a, b); }
DEVICE double abs_f64(double x) { return fabs(x); }
DEVICE double floor_f64(double x) { return floor(x); }
DEVICE double ceil_f64(double x) { return ceil(x); }
DEVICE double trunc_f64(double x) { return trunc(x); }
DEVICE double round_f64(double x) { return rint(x); }
DEVICE double sqrt_f64(double x) { return __dsqrt_rn(x); }
DEVICE double div_f64(double a, double b) { return __ddiv_rn(a, b); }
DEVICE double exp_f64(double x) { return exp(x); }
DEVICE double expm1_f64(double x) { return expm1(x); }
DEVICE double log_f64(double x) { return log(x); }
DEVICE double log1p_f64(double x) { return log1p(x); }
DEVICE double sin_f64(double x) { return sin(x); }
DEVICE double cos_f64(double x) { return cos(x); }
DEVICE double tanh_f64(double x) { return tanh(x); }
DEVICE double erf_f64(double x) { return erf(x); }
DEVICE double rem_f64(double a, double b) { return fmod(a, b); }
DEVICE double pow_f64(double a, double b) { return pow(a, b); }

/*
 * c += a * b over all lanes of a warp, 16 x 8 with an inner dim of 16; elements lie in the lanes'
 * registers as PTX says, two in a word of a and b.
 */
#define MMA_M16N8K16(name, type) \
  DEVICE void name(float *c, const u32 *a, const u32 *b) { \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type ".f32 " \
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1])); \
  }
MMA_M16N8K16(mma_m16n8k16_f16, "f16")
MMA_M16N8K16(mma_m16n8k16_bf16, "bf16")

/* Four matrices of 8 x 8 two-byte elements out of shared memory: lane 8 i + r names row r of
   matrix i; each lane gets elements 2 (lane % 4) and the next of row lane / 4, or of the column. */
DEVICE void load_matrix_x4(u32 *x, const void *row) {
  const u32 at = (u32)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(at) : "memory");
}
DEVICE void load_matrix_x4_transposed(u32 *x, const void *row) {
  const u32 at = (u32)__cvta_generic_to_shared(row);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(at) : "memory");
}

/* 16 bytes from global to shared memory while the thread goes on; zeros unless exists. Copies up to
   a commit are a group; wait_0 waits for all groups of the thread, wait_1 for all but the last. */
DEVICE void copy_async_v16(void *to, const void *from, int exists) {
  const u32 at = (u32)__cvta_generic_to_shared(to);
  const int bytes = exists ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :: "r"(at), "l"(from), "r"(bytes) : "memory");
}
DEVICE void copy_async_commit(void) { asm volatile("cp.async.commit_group;" ::: "memory"); }
DEVICE void copy_async_wait_0(void) { asm volatile("cp.async.wait_group 0;" ::: "memory"); }
DEVICE void copy_async_wait_1(void) { asm volatile("cp.async.wait_group 1;" ::: "memory"); }

/* 2 to the x, to about 2 ulp; below the normal numbers 0. */
DEVICE float exp2_approx_f32(float x) {
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
}

/* exp of what is not positive; below the normal numbers it is 0. */
DEVICE float exp_non_positive_f32(float x) {
  const float high = __fmul_rn(x, 1.44269502162933349609375f);
  const float low = __fmaf_rn(x, 1.44269502162933349609375f, -high);
  const float rest = __fmaf_rn(x, 1.92596299112661746887e-8f, low);
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(high));
  const float scale = __fmul_rn(rest, 0.693147182464599609375f);
  return x < -87.3365402f ? 0.0f : __fmaf_rn(power, scale, power);
}
`;
const cTypes = {
	f32: "float",
	f64: "double",
	i32: "int",
	u32: "u32"
};
/** C99 over the device's part: integers, casts, vectors of elements, random bits. */
const plainPart = String.raw`
DEVICE double max_f64(double a, double b) {
  if (a != a || b != b) return a + b;
  if (a == b) return a == 0.0 ? a + b : a;
  return a > b ? a : b;
}
DEVICE double min_f64(double a, double b) {
  if (a != a || b != b) return a + b;
  if (a == b) return a == 0.0 ? -(-a - b) : a;
  return a < b ? a : b;
}
DEVICE float sign_f32(float x) { return (float)((x > 0.0f) - (x < 0.0f)); }
DEVICE double sign_f64(double x) { return (double)((x > 0.0) - (x < 0.0)); }

DEVICE float round_bf16(float x) { return value_bf16(bits_bf16(x)); }
DEVICE float round_f16(float x) { return value_f16(bits_f16(x)); }

/* Integers wrap; x / 0 and x % 0 are 0; shifts take the low five bits of the amount. */
DEVICE int add_i32(int a, int b) { return (int)((u32)a + (u32)b); }
DEVICE int sub_i32(int a, int b) { return (int)((u32)a - (u32)b); }
DEVICE int mul_i32(int a, int b) { return (int)((u32)a * (u32)b); }
DEVICE int neg_i32(int a) { return (int)(0u - (u32)a); }
DEVICE int abs_i32(int a) { return a < 0 ? neg_i32(a) : a; }
DEVICE int sign_i32(int a) { return (a > 0) - (a < 0); }
DEVICE int div_i32(int a, int b) { return b == 0 ? 0 : b == -1 ? neg_i32(a) : a / b; }
DEVICE int rem_i32(int a, int b) { return b == 0 || b == -1 ? 0 : a % b; }
DEVICE int shl_i32(int a, int b) { return (int)((u32)a << (b & 31)); }
DEVICE int shr_i32(int a, int b) { return a >> (b & 31); }
DEVICE int max_i32(int a, int b) { return a > b ? a : b; }
DEVICE int min_i32(int a, int b) { return a < b ? a : b; }
DEVICE u32 add_u32(u32 a, u32 b) { return a + b; }
DEVICE u32 mul_u32(u32 a, u32 b) { return a * b; }
DEVICE u32 div_u32(u32 a, u32 b) { return b == 0 ? 0 : a / b; }
DEVICE u32 rem_u32(u32 a, u32 b) { return b == 0 ? 0 : a % b; }
DEVICE u32 shl_u32(u32 a, u32 b) { return a << (b & 31); }
DEVICE u32 shr_u32(u32 a, u32 b) { return a >> (b & 31); }
DEVICE u32 max_u32(u32 a, u32 b) { return a > b ? a : b; }
DEVICE u32 min_u32(u32 a, u32 b) { return a < b ? a : b; }
DEVICE int wrap_i8(int a) { return (int)(i8)(u8)((u32)a & 255u); }
DEVICE u32 wrap_u8(u32 a) { return a & 255u; }
DEVICE int clamp_i8(int a) { return max_i32(-128, min_i32(a, 127)); }
DEVICE u32 clamp_u8(int a) { return (u32)max_i32(0, min_i32(a, 255)); }
DEVICE float add_f32(float a, float b) { return a + b; }
DEVICE double add_f64(double a, double b) { return a + b; }

/* An index below size; another one is noted in the error words and read as 0. */
DEVICE int checked_index(int index, int size, int *errors) {
  if ((u32)index < (u32)size) return index;
  if (compare_and_swap(errors, 0, size > 0 ? size : 1) == 0) errors[1] = index;
  return 0;
}
DEVICE int safe_index(int index, int size) { return (u32)index < (u32)size ? index : 0; }

/* Eight 16-bit elements, a stride apart in memory, of which the first ones are there; else 0. */
DEVICE u32 gather_2_v2(const u16 *at, i64 stride, int count) {
  const u32 low = count > 0 ? *at : 0, high = count > 1 ? at[stride] : 0;
  return low | high << 16;
}
DEVICE v16 gather_8_v2(const u16 *at, i64 stride, int count) {
  v16 x;
  x.x = gather_2_v2(at, stride, count);
  x.y = gather_2_v2(at + 2 * stride, stride, count - 2);
  x.z = gather_2_v2(at + 4 * stride, stride, count - 4);
  x.w = gather_2_v2(at + 6 * stride, stride, count - 6);
  return x;
}
DEVICE void scatter_8_v2(u16 *at, int stride, v16 x) {
  at[0] = (u16)x.x; at[stride] = (u16)(x.x >> 16);
  at[2 * stride] = (u16)x.y; at[3 * stride] = (u16)(x.y >> 16);
  at[4 * stride] = (u16)x.z; at[5 * stride] = (u16)(x.z >> 16);
  at[6 * stride] = (u16)x.w; at[7 * stride] = (u16)(x.w >> 16);
}

/* First word of Threefry-2x32 with 20 rounds of the counter (counter, 0). */
DEVICE u32 threefry(u32 key0, u32 key1, u32 counter) {
  const u32 key2 = key0 ^ key1 ^ 0x1bd11bdau;
  u32 x = counter + key0, y = key1;
#define MIX(r) x += y; y = ((y << r) | (y >> (32 - r))) ^ x;
  MIX(13) MIX(15) MIX(26) MIX(6)
  x += key1; y += key2 + 1u;
  MIX(17) MIX(29) MIX(16) MIX(24)
  x += key2; y += key0 + 2u;
  MIX(13) MIX(15) MIX(26) MIX(6)
  x += key0; y += key1 + 3u;
  MIX(17) MIX(29) MIX(16) MIX(24)
  x += key1; y += key2 + 4u;
  MIX(13) MIX(15) MIX(26) MIX(6)
  x += key2; y += key0 + 5u;
#undef MIX
  return x;
}
`;
const wordTypes = {
	v1: "u8",
	v2: "u16",
	v4: "u32",
	v8: "v8",
	v16: "v16"
};
/** `load_v…` and `store_v…`: the same as read_v…, of memory that may change. */
function memoryPart() {
	return [
		"v1",
		"v2",
		"v4",
		"v8",
		"v16"
	].map((word) => {
		const type = wordTypes[word];
		return `DEVICE ${type} load_${word}(const void *at) { return *(const ${type} *)at; }\nDEVICE void store_${word}(void *at, ${type} x) { *(${type} *)at = x; }\n`;
	}).join("");
}
const storages = {
	f32: {
		register: "f32",
		bytes: 4,
		decode: (w) => `from_bits_f32(${w})`,
		encode: (v) => `bits_f32(${v})`
	},
	i32: {
		register: "i32",
		bytes: 4,
		decode: (w) => `(int)${w}`,
		encode: (v) => `(u32)${v}`
	},
	u32: {
		register: "u32",
		bytes: 4,
		decode: (w) => w,
		encode: (v) => v
	},
	f16: {
		register: "f32",
		bytes: 2,
		decode: (w) => `value_f16((u16)(${w}))`,
		encode: (v) => `(u32)bits_f16(${v})`
	},
	bf16: {
		register: "f32",
		bytes: 2,
		decode: (w) => `value_bf16((u16)(${w}))`,
		encode: (v) => `(u32)bits_bf16(${v})`
	},
	i8: {
		register: "i32",
		bytes: 1,
		decode: (w) => `(int)(i8)(u8)(${w})`,
		encode: (v) => `((u32)${v} & 255u)`
	},
	u8: {
		register: "u32",
		bytes: 1,
		decode: (w) => `(u32)(u8)(${w})`,
		encode: (v) => `(${v} & 255u)`
	},
	bool: {
		register: "i32",
		bytes: 1,
		decode: (w) => `(int)(u8)(${w})`,
		encode: (v) => `((u32)${v} & 255u)`
	}
};
const fields = [
	"x",
	"y",
	"z",
	"w"
];
/** Name of the word that holds `bytes` bytes. */
function wordOf(bytes) {
	return `v${bytes}`;
}
/** `unpack4_bf16(float *v, v8 x)` and `v8 pack4_bf16(const float *v)`, for one width. */
function vectorFunctions(dtype, width) {
	const { register, bytes, decode, encode } = storages[dtype];
	const type = cTypes[register];
	const total = width * bytes;
	const word = wordOf(total);
	const perWord = total < 4 ? width : 4 / bytes;
	const unpack = [];
	const pack = [];
	for (let at = 0; at < width; at += perWord) {
		const place = total <= 4 ? "x" : `x.${fields[at / perWord]}`;
		const parts = [];
		for (let i = 0; i < perWord; i++) {
			const shifted = i === 0 ? place : `${place} >> ${8 * bytes * i}`;
			unpack.push(`  v[${at + i}] = ${decode(shifted)};`);
			const encoded = encode(`v[${at + i}]`);
			parts.push(i === 0 ? encoded : `${encoded} << ${8 * bytes * i}`);
		}
		const joined = bytes === 2 && perWord === 2 ? `pair_${dtype}(v[${at}], v[${at + 1}])` : parts.join(" | ");
		pack.push(`  ${place} = ${total < 4 ? `(${wordTypes[word]})(${joined})` : joined};`);
	}
	return `DEVICE void unpack${width}_${dtype}(${type} *v, ${wordTypes[word]} x) {\n${unpack.join("\n")}\n}\nDEVICE ${wordTypes[word]} pack${width}_${dtype}(const ${type} *v) {\n  ${wordTypes[word]} x;\n${pack.join("\n")}\n  return x;\n}\n`;
}
/** One element: `read_bf16(at)`, `load_bf16(at)`, `store_bf16(at, value)`. */
function scalarFunctions(dtype) {
	const { register, bytes, decode, encode } = storages[dtype];
	const type = cTypes[register];
	const word = wordOf(bytes);
	return `DEVICE ${type} read_${dtype}(const void *at) { return ${decode(`read_${word}(at)`)}; }\nDEVICE ${type} load_${dtype}(const void *at) { return ${decode(`load_${word}(at)`)}; }\nDEVICE void store_${dtype}(void *at, ${type} v) { store_${word}(at, (${wordTypes[word]})(${encode("v")})); }\n`;
}
const doublePart = String.raw`
DEVICE double load_f64(const void *at) { return *(const double *)at; }
DEVICE double read_f64(const void *at) { return *(const double *)at; }
DEVICE void store_f64(void *at, double v) { *(double *)at = v; }
typedef union {
  v16 words;
  double values[2];
} pair_f64;
DEVICE void unpack2_f64(double *v, v16 x) {
  pair_f64 both;
  both.words = x;
  v[0] = both.values[0];
  v[1] = both.values[1];
}
DEVICE v16 pack2_f64(const double *v) {
  pair_f64 both;
  both.values[0] = v[0];
  both.values[1] = v[1];
  return both.words;
}
`;
/** Elements a 16-byte vector can hold, by dtype. */
function elementsPart() {
	const parts = [];
	for (const [dtype, { bytes }] of Object.entries(storages)) {
		parts.push(scalarFunctions(dtype));
		for (let width = 2; width * bytes <= 16 && width <= 8; width *= 2) parts.push(vectorFunctions(dtype, width));
	}
	return parts.join("") + doublePart;
}
/**
* Reductions of a value over threads, in a fixed order. `warp_…` over groups of `size` neighbours
* within a warp (a power of two); `block_…` over all threads of the block, through 32 elements of
* shared memory; `column_…` over threads r, r + rows, r + 2 · rows …, `groups` of them (a power of
* two), for `lanes` values each, through threads · lanes elements.
*/
function reductionFunctions(op, register, identity) {
	const type = cTypes[register];
	const combine = (a, b) => `${op === "sum" ? "add" : op === "prod" ? "mul" : op}_${register}(${a}, ${b})`;
	return `
DEVICE ${type} warp_${op}_${register}(${type} x, int size) {
  for (int step = size / 2; step > 0; step /= 2)
    x = ${combine("x", `shuffle_xor_${register}(x, step)`)};
  return x;
}
DEVICE ${type} block_${op}_${register}(${type} x, void *memory) {
  ${type} *shared = (${type} *)memory;
  const int lane = thread_index() & 31, warps = thread_count() / 32;
  x = warp_${op}_${register}(x, 32);
  if (lane == 0) shared[thread_index() / 32] = x;
  barrier();
  return warp_${op}_${register}(lane < warps ? shared[lane] : ${identity}, 32);
}
DEVICE void column_${op}_${register}(${type} *x, int lanes, void *memory, int rows, int groups) {
  ${type} *shared = (${type} *)memory;
  const int thread = thread_index(), threads = rows * groups;
  for (int lane = 0; lane < lanes; lane++) shared[lane * threads + thread] = x[lane];
  barrier();
  for (int half = groups / 2; half > 0; half /= 2) {
    if (thread < half * rows)
      for (int lane = 0; lane < lanes; lane++) {
        ${type} *at = shared + lane * threads + thread;
        *at = ${combine("*at", "at[half * rows]")};
      }
    barrier();
  }
  for (int lane = 0; lane < lanes; lane++) x[lane] = shared[lane * threads + thread % rows];
  barrier();
}
`;
}
/** Value that changes nothing when it is reduced, as C. */
function identityText(op, register) {
	const isFloat = register === "f32" || register === "f64";
	if (op === "sum" || op === "prod") {
		const value = op === "sum" ? "0" : "1";
		return isFloat ? `${value}.0${register === "f32" ? "f" : ""}` : value;
	}
	if (isFloat) return `${op === "max" ? "-" : ""}INF_${register.toUpperCase()}`;
	if (register === "u32") return op === "max" ? "0u" : "4294967295u";
	return op === "max" ? "(-2147483647 - 1)" : "2147483647";
}
function reductionsPart() {
	const parts = [];
	for (const register of [
		"f32",
		"f64",
		"i32",
		"u32"
	]) for (const op of [
		"sum",
		"prod",
		"max",
		"min"
	]) parts.push(reductionFunctions(op, register, identityText(op, register)));
	return parts.join("");
}
/** Text before the kernels of every unit. */
const cudaPrelude = `${devicePrelude}${[
	plainPart,
	memoryPart(),
	elementsPart(),
	reductionsPart()
].join("\n")}`;
// ../../work/main/src/compiler/cuda/segments.ts
/** Reductions of a phase. */
function reductionsOf(phase) {
	return phase.statements.filter((part) => part.kind === "reduce");
}
/** Phases cut where blocks must wait for each other's sums. */
function segmentsOf(kernel, plan) {
	if (plan.parts === 1) return [{
		phases: kernel.phases,
		given: []
	}];
	const segments = [];
	let phases = [];
	let made = [];
	let given = [];
	for (const phase of kernel.phases) {
		phases.push(phase);
		const reductions = reductionsOf(phase);
		if (reductions.length === 0) continue;
		made = [...made, ...reductions];
		segments.push({
			phases,
			given
		});
		given = made;
		phases = [];
	}
	if (phases.length > 0) segments.push({
		phases,
		given
	});
	return segments;
}
// ../../work/main/src/compiler/cuda/function-writer.ts
const DEFAULT_ALIGNMENT = 16;
/** Writes one function of a kernel: see {@link KernelPlan} for who does what. */
var FunctionWriter = class {
	kernel;
	plan;
	segment;
	storage;
	options;
	text = new KernelText();
	code;
	variation;
	parameters = /* @__PURE__ */ new Map();
	written;
	items = /* @__PURE__ */ new Map();
	counters = /* @__PURE__ */ new Map();
	names = new Names();
	alignmentOf;
	usesErrors = false;
	constructor(kernel, plan, segment, storage, options) {
		this.kernel = kernel;
		this.plan = plan;
		this.segment = segment;
		this.storage = storage;
		this.options = options;
		this.alignmentOf = options.alignmentOf ?? (() => DEFAULT_ALIGNMENT);
		const targets = kernel.phases.flatMap((phase) => phase.statements.flatMap((part) => "target" in part ? [part.target] : []));
		this.written = new Set(targets.map(options.placeOf));
		this.variation = new Variation(plan.vector ?? {
			axes: [],
			size: 1
		}, !plan.horizontal);
		this.code = new ExpressionCode({
			plan,
			text: this.text,
			pointer: (value) => this.pointer(value),
			variable: (loop) => this.variable(loop),
			fresh: (letter) => this.fresh(letter),
			slot: (id, lane) => this.slot(id, lane)
		});
	}
	write() {
		this.usesErrors = this.options.writesState || kernelExpressions(this.kernel).some((part) => formsOf(part).some((form) => hasChecked(form))) || this.kernel.phases.some((phase) => phase.statements.some((part) => "form" in part && hasChecked(part.form)));
		this.open();
		for (const reduction of this.segment.given) this.receive(reduction);
		for (const phase of this.segment.phases) this.phase(phase);
		if (this.usesErrors) this.parameter("errors", "int *", "errors", { kind: "errors" });
		const parameters = [...this.parameters.values()];
		const list = parameters.map(({ type, name }) => `${type}${name}`);
		const { plan, storage } = this;
		return {
			text: `(${[...list, "unsigned block"].join(", ")}) {\n${this.text.toString()}\n}`,
			arguments: parameters.map(({ argument }) => argument),
			blocks: plan.blocks,
			threads: plan.threads,
			sharedBytes: storage.sharedBytes,
			residentBlocks: 0
		};
	}
	parameter(key, type, name, argument) {
		const known = this.parameters.get(key);
		if (known !== void 0) return known.name;
		this.parameters.set(key, {
			type,
			name,
			argument
		});
		return name;
	}
	pointer(value) {
		const readOnly = !this.written.has(this.options.placeOf(value));
		const type = `${readOnly ? "const " : ""}${storageType(value.dtype)} *`;
		const name = this.parameters.get(value)?.name ?? this.fresh("p");
		this.parameter(value, type, name, {
			kind: "value",
			value
		});
		return {
			name,
			readOnly
		};
	}
	fresh(letter) {
		const count = this.counters.get(letter) ?? 0;
		this.counters.set(letter, count + 1);
		return `${letter}${count}`;
	}
	variable(loop) {
		const outer = this.plan.outer.indexOf(loop);
		return outer >= 0 ? `i${outer}` : `j${this.plan.inner.indexOf(loop)}`;
	}
	get signed() {
		return this.plan.wide ? "i64" : "int";
	}
	get unsigned() {
		return this.plan.wide ? "u64" : "u32";
	}
	number(value) {
		return this.plan.wide ? `${value}ull` : `${value}u`;
	}
	/** Which row and which items of it are this thread's. */
	open() {
		const { plan, text } = this;
		const { group, rows, parts, rowCount } = plan;
		if (this.options.writesState) text.add("if (errors[0] != 0) return;");
		text.add("const int thread = thread_index();");
		if (parts > 1) text.add(`const u32 part = block % ${parts}u;`);
		const tile = parts > 1 ? `block / ${parts}u` : "block";
		const inTile = plan.horizontal ? group === 1 ? "thread" : rows === 1 ? "" : `thread / ${group}` : group === 1 ? "thread" : `thread % ${rows}`;
		if (group > 1) {
			const member = plan.horizontal ? rows === 1 ? "thread" : `thread % ${group}` : `thread / ${rows}`;
			text.add(`const u32 member = (u32)(${member});`);
		}
		const start = `(${this.unsigned})(${tile})${rows === 1 ? "" : ` * ${rows}u`}`;
		text.add(`${this.unsigned} row = ${start}${inTile === "" ? "" : ` + (u32)(${inTile})`};`);
		this.guardRow(rowCount % rows !== 0);
		this.decompose("row", plan.outer, (loop) => this.variable(loop));
		this.liveLanes(plan.outer);
		this.openStashes();
	}
	guardRow(isPartial) {
		const { plan, text } = this;
		const count = plan.flat ? `(u32)${this.parameter("count", "int ", "count", {
			kind: "int",
			value: plan.rowCount
		})}` : this.number(plan.rowCount);
		if (!isPartial && !plan.flat) return;
		if (plan.group === 1) {
			text.add(`if (row >= ${count}) return;`);
			return;
		}
		text.add(`const int idle = row >= ${count};`);
		text.add("if (idle) row = 0;");
		this.names.set("idle", "idle");
	}
	/** Declares the loops' variables from a linear number, the last loop fastest. */
	decompose(from, loops, name) {
		const { plan, text } = this;
		let rest = from;
		const lines = [];
		[...loops].reverse().forEach((loop, i) => {
			const count = loop === plan.vector ? Math.ceil(loop.size / plan.lanes) : loop.size;
			const scale = loop === plan.vector ? ` * ${plan.lanes}` : "";
			const last = i === loops.length - 1;
			const index = last ? rest : `${rest} % ${this.number(count)}`;
			lines.push(`const ${this.signed} ${name(loop)} = (${this.signed})(${index})${scale};`);
			if (last) return;
			const next = this.fresh("r");
			lines.push(`const ${this.unsigned} ${next} = ${rest} / ${this.number(count)};`);
			rest = next;
		});
		for (const line of lines) text.add(line);
	}
	/** Declares how many lanes count where the vector loop does not end with a whole vector. */
	liveLanes(loops) {
		const { vector, lanes, flat } = this.plan;
		if (vector === null || !loops.includes(vector) || vector.size % lanes === 0) return;
		const size = flat ? this.parameter("size", "int ", "size", {
			kind: "int",
			value: vector.size
		}) : String(vector.size);
		const index = this.variable(vector);
		this.text.add(`const int live = (int)(${size} - ${index} < ${lanes} ? ${size} - ${index} : ${lanes});`);
	}
	get hasTail() {
		const { vector, lanes } = this.plan;
		return vector !== null && vector.size % lanes !== 0;
	}
	openStashes() {
		const { plan, storage, text, kernel } = this;
		const slots = Math.max(1, plan.rounds * plan.lanes);
		storage.stashes.forEach((place, id) => {
			const type = registerType(kernel.stashes[id]);
			if (place.kind === "register") text.add(`${type} s${id}[${slots}];`);
			if (place.kind === "shared") text.add(`${type} *s${id} = (${type} *)(shared + ${place.offset}) + thread;`);
			if (place.kind === "scratch") {
				const { offset } = place;
				const base = this.parameter(`stash ${id}`, `${type} *`, `g${id}`, {
					kind: "scratch",
					offset
				});
				const stride = `${slots * plan.threads}ull`;
				text.add(`${type} *s${id} = ${base} + (u64)block * ${stride} + thread;`);
			}
		});
	}
	/** Place of a stash for item number `k` of this thread. */
	slot(id, lane) {
		const { plan, storage } = this;
		const item = plan.inner.length === 0 ? "0" : "k";
		const index = plan.lanes === 1 ? item : `${item} * ${plan.lanes} + ${lane}`;
		return storage.stashes[id].kind === "register" ? `s${id}[${index}]` : `s${id}[(${index}) * ${plan.threads}]`;
	}
	/** Whether the value changes from item to item. */
	isItem(expression) {
		const known = this.items.get(expression);
		if (known !== void 0) return known;
		const { inner } = this.plan;
		const result = inner.length > 0 && (expression.kind === "stash" || formsOf(expression).some((form) => inner.some((loop) => strideOf(form, loop) !== 0)) || expressionOperands(expression).some((operand) => this.isItem(operand)));
		this.items.set(expression, result);
		return result;
	}
	varies(expression) {
		return this.plan.lanes > 1 && this.variation.has(expression);
	}
	/** Whether accumulators differ from lane to lane. */
	get laneSums() {
		return this.plan.lanes > 1 && !this.plan.horizontal;
	}
	phase(phase) {
		const { plan } = this;
		for (const part of phase.statements) if (part.kind === "reduce" || part.kind === "scan") this.openAccumulator(part);
		if (phase.level === "inner" && plan.inner.length > 0) {
			this.hoistRow(phase);
			this.itemLoop(phase);
		} else this.statements(phase, this.names, false);
		for (const reduction of reductionsOf(phase)) this.closeAccumulator(reduction);
	}
	openAccumulator({ id, op, dtype }) {
		const name = this.fresh("a");
		const identity = identityText(op, registerOf(dtype));
		const type = registerType(dtype);
		if (this.laneSums) {
			const values = Array.from({ length: this.plan.lanes }, () => identity);
			this.text.add(`${type} ${name}[${this.plan.lanes}] = {${values.join(", ")}};`);
		} else this.text.add(`${type} ${name} = ${identity};`);
		this.names.set(accumulatorKey(id), name, this.laneSums);
	}
	accumulator(id) {
		const name = this.names.find(accumulatorKey(id));
		invariant(name !== void 0, `accumulator ${id} is not open`);
		return name.text;
	}
	/** Joins what the threads of a group have. */
	meet({ id, op, dtype }) {
		const { plan, storage, text } = this;
		const name = this.accumulator(id);
		const register = registerOf(dtype);
		if (plan.group === 1) return;
		const memory = `shared + ${storage.meetings.get(id) ?? 0}`;
		if (!plan.horizontal) {
			const values = this.laneSums ? name : `&${name}`;
			const sizes = `${plan.lanes}, ${memory}, ${plan.rows}, ${plan.group}`;
			text.add(`column_${op}_${register}(${values}, ${sizes});`);
		} else if (plan.group <= 32) text.add(`${name} = warp_${op}_${register}(${name}, ${plan.group});`);
		else text.add(`${name} = block_${op}_${register}(${name}, ${memory});`);
	}
	closeAccumulator(reduction) {
		this.meet(reduction);
		if (this.plan.parts > 1) this.send(reduction);
		else this.roundAccumulator(reduction);
	}
	/** Sums of halves are rounded once, when they are complete. */
	roundAccumulator({ id, dtype }) {
		const name = this.accumulator(id);
		const lane = this.laneSums ? `${name}[l]` : name;
		const rounded = roundedText(dtype, lane);
		if (rounded === lane) return;
		if (this.laneSums) this.laneLoop(() => this.text.add(`${lane} = ${rounded};`), true);
		else this.text.add(`${lane} = ${rounded};`);
	}
	partials({ id, dtype }) {
		const type = registerType(dtype);
		const offset = this.storage.partials.get(id) ?? 0;
		return this.parameter(`partials ${id}`, `${type} *`, `q${id}`, {
			kind: "scratch",
			offset
		});
	}
	/** Leaves this block's sum for the next function. */
	send(reduction) {
		const { plan, text } = this;
		const base = this.partials(reduction);
		const name = this.accumulator(reduction.id);
		text.block(`if (${this.isFirst(false)})`, () => {
			const at = `(u64)part * ${plan.rowCount}u + row`;
			if (!this.laneSums) {
				text.add(`${base}[${at}] = ${name};`);
				return;
			}
			this.laneLoop(() => text.add(`${base}[(${at}) * ${plan.lanes} + l] = ${name}[l];`), true);
		});
	}
	/** Joins the sums the blocks of an earlier function left. */
	receive(reduction) {
		const { plan, text } = this;
		const { id, op, dtype } = reduction;
		this.openAccumulator(reduction);
		const base = this.partials(reduction);
		const name = this.accumulator(id);
		const first = plan.group === 1 ? "0" : "member";
		text.block(`for (u32 q = ${first}; q < ${plan.parts}u; q += ${plan.group}u)`, () => {
			const at = `(u64)q * ${plan.rowCount}u + row`;
			if (!this.laneSums) {
				text.add(`${name} = ${foldText(op, dtype, name, `${base}[${at}]`)};`);
				return;
			}
			const term = `${base}[(${at}) * ${plan.lanes} + l]`;
			this.laneLoop(() => text.add(`${name}[l] = ${foldText(op, dtype, `${name}[l]`, term)};`), true);
		});
		this.meet(reduction);
		this.roundAccumulator(reduction);
	}
	/** Condition under which a thread stores what its whole group knows. */
	isFirst(onePart) {
		const { group, parts } = this.plan;
		const tests = [];
		if (group > 1) tests.push("member == 0");
		if (onePart && parts > 1) tests.push("part == 0");
		if (this.names.find("idle") !== void 0) tests.push("!idle");
		return tests.length === 0 ? "1" : tests.join(" && ");
	}
	/** Computes what a phase's items share before its loop. */
	hoistRow(phase) {
		const wanted = /* @__PURE__ */ new Set();
		for (const expression of phaseExpressions(phase)) {
			if (!this.isItem(expression)) continue;
			for (const operand of expressionOperands(expression)) wanted.add(operand);
		}
		for (const part of phase.statements) for (const root of statementRoots(part)) wanted.add(root);
		const roots = [...wanted].filter((expression) => !this.isItem(expression));
		const list = this.missing(roots, this.names);
		this.code.declare(list.filter((expression) => !this.varies(expression)), this.names, false);
		const varying = list.filter((expression) => this.varies(expression));
		if (varying.length === 0) return;
		const arrays = varying.map((expression) => {
			const name = this.fresh("t");
			this.text.add(`${registerType(expression.dtype)} ${name}[${this.plan.lanes}];`);
			return {
				expression,
				name
			};
		});
		this.laneLoop(() => {
			const inner = new Names(this.names);
			for (const { expression, name } of arrays) {
				this.code.declareOne(expression, inner, true);
				this.text.add(`${name}[l] = ${this.code.text(expression, inner, true)};`);
			}
		}, false);
		for (const { expression, name } of arrays) this.names.set(expression, name, true);
	}
	/** Expressions below the roots that have no name yet, operands first. */
	missing(roots, names) {
		const list = [];
		const seen = /* @__PURE__ */ new Set();
		const visit = (expression) => {
			if (seen.has(expression) || names.find(expression) !== void 0) return;
			seen.add(expression);
			for (const operand of expressionOperands(expression)) visit(operand);
			if (!isAtom(expression)) list.push(expression);
		};
		for (const root of roots) visit(root);
		return list;
	}
	laneLoop(body, all) {
		const { text, plan } = this;
		text.pragma("#pragma unroll");
		text.block(`for (int l = 0; l < ${plan.lanes}; l++)`, () => {
			if (this.hasTail && !all) text.block("if (l < live)", body);
			else body();
		});
	}
	itemLoop(phase) {
		const { plan, text, storage } = this;
		const { group, parts, itemCount, rounds } = plan;
		const stride = group * parts;
		const first = [];
		if (parts > 1) first.push(group > 1 ? `part * ${group}u` : "part");
		if (group > 1) first.push("member");
		const start = first.length === 0 ? "0u" : first.join(" + ");
		const body = () => {
			const names = new Names(this.names);
			this.decompose("item", plan.inner, (loop) => this.variable(loop));
			this.liveLanes(plan.inner);
			this.statements(phase, names, true);
		};
		if (storage.unrolled) {
			text.pragma("#pragma unroll");
			text.block(`for (int k = 0; k < ${rounds}; k++)`, () => {
				text.add(`const ${this.unsigned} item = (u32)k * ${this.number(stride)} + ${start};`);
				if (rounds * stride === itemCount) body();
				else text.block(`if (item < ${this.number(itemCount)})`, body);
			});
			return;
		}
		text.add("{");
		if (this.kernel.stashes.length > 0) text.add("int k = 0;");
		const step = this.kernel.stashes.length > 0 ? ", k++" : "";
		const head = `for (${this.unsigned} item = ${start}; item < ${this.number(itemCount)}; item += ${this.number(stride)}${step})`;
		text.block(head, body);
		text.add("}");
	}
	/** Values first, then effects: a store must not be seen by a load of the same point. */
	statements(phase, names, inItems) {
		const { plan } = this;
		const roots = phase.statements.flatMap(statementRoots);
		const list = this.missing(roots, names);
		this.code.declare(list.filter((expression) => !this.varies(expression)), names, false);
		const guarded = !inItems && plan.inner.length > 0;
		if (plan.lanes === 1 || guarded && plan.horizontal) {
			for (const part of phase.statements) this.guard(part, guarded, names, (inner) => this.effect(part, inner, false));
			return;
		}
		const varying = list.filter((expression) => this.varies(expression));
		for (const expression of varying) this.loadVector(expression, names);
		const vectors = this.openVectors(phase);
		this.laneLoop(() => {
			const inner = new Names(names);
			this.code.declare(varying, inner, true);
			for (const part of phase.statements) {
				const vector = vectors.get(part);
				if (vector !== void 0 && part.kind === "store") this.text.add(`${vector}[l] = ${this.code.text(part.value, inner, true)};`);
				else if (part.kind !== "store" || this.moves(part)) this.guard(part, guarded, inner, (own) => this.effect(part, own, true));
			}
		}, false);
		for (const part of phase.statements) {
			if (part.kind !== "store") continue;
			const vector = vectors.get(part);
			if (vector !== void 0) this.guard(part, guarded, names, (inner) => this.storeVector(part, vector, inner));
			else if (!this.moves(part)) this.guard(part, guarded, names, (inner) => this.effect(part, inner, false));
		}
	}
	/** Puts a store under the condition that this thread has a row, and is the one to store it. */
	guard(part, guarded, names, body) {
		const idle = this.names.find("idle") === void 0 ? "1" : "!idle";
		const test = guarded ? this.isFirst(true) : idle;
		if (part.kind !== "store" || test === "1") body(names);
		else this.text.block(`if (${test})`, () => body(new Names(names)));
	}
	/** Whether the lanes of a store differ in place or value. */
	moves(part) {
		const form = normalizeForm(part.form);
		return strideOf(form, this.plan.vector) !== 0 || this.variation.gathers(form) || this.varies(part.value);
	}
	width(value, form) {
		const { plan } = this;
		if (this.variation.gathers(form)) return 1;
		const loops = [...plan.outer, ...plan.inner];
		return accessWidth({
			value,
			form
		}, plan.vector, loops, plan.lanes, this.alignmentOf(value));
	}
	/** Loads neighbours together, into an array of one element per lane. */
	loadVector(expression, names) {
		if (expression.kind !== "load" || names.find(expression) !== void 0) return;
		const form = normalizeForm(expression.form);
		const { value, dtype } = expression;
		const width = this.width(value, form);
		if (width === 1) return;
		const { plan, text } = this;
		const { name: base, readOnly } = this.pointer(value);
		const name = this.fresh("v");
		const read = readOnly ? "read" : "load";
		text.add(`${registerType(dtype)} ${name}[${plan.lanes}];`);
		const at = `${base} + ${this.code.elementText(form, names, false)}`;
		const whole = () => {
			for (let lane = 0; lane < plan.lanes; lane += width) {
				const word = `${read}_v${width * dtypeBytes(dtype)}(${at}${lane === 0 ? "" : ` + ${lane}`})`;
				text.add(`unpack${width}_${dtype}(${name}${lane === 0 ? "" : ` + ${lane}`}, ${word});`);
			}
		};
		if (!this.hasTail) whole();
		else {
			text.block(`if (live == ${plan.lanes})`, whole);
			text.block("else", () => {
				text.pragma("#pragma unroll");
				const element = `l < live ? ${read}_${dtype}(${at} + l) : 0`;
				text.add(`for (int l = 0; l < ${plan.lanes}; l++) ${name}[l] = ${element};`);
			});
		}
		names.set(expression, name, true);
	}
	/** Declares an array for each store of neighbours. */
	openVectors(phase) {
		const vectors = /* @__PURE__ */ new Map();
		for (const part of phase.statements) {
			if (part.kind !== "store" || part.accumulate) continue;
			if (this.width(part.target, normalizeForm(part.form)) === 1) continue;
			const name = this.fresh("y");
			this.text.add(`${registerType(part.target.dtype)} ${name}[${this.plan.lanes}];`);
			vectors.set(part, name);
		}
		return vectors;
	}
	storeVector(part, name, names) {
		const { plan, text } = this;
		const { target } = part;
		const { dtype } = target;
		const form = normalizeForm(part.form);
		const width = this.width(target, form);
		const at = `${this.pointer(target).name} + ${this.code.elementText(form, names, false)}`;
		const whole = () => {
			for (let lane = 0; lane < plan.lanes; lane += width) {
				const ahead = lane === 0 ? "" : ` + ${lane}`;
				const word = `pack${width}_${dtype}(${name}${ahead})`;
				text.add(`store_v${width * dtypeBytes(dtype)}(${at}${ahead}, ${word});`);
			}
		};
		if (!this.hasTail) whole();
		else {
			text.block(`if (live == ${plan.lanes})`, whole);
			text.block("else", () => {
				text.pragma("#pragma unroll");
				const store = `store_${dtype}(${at} + l, ${name}[l])`;
				text.add(`for (int l = 0; l < ${plan.lanes}; l++) if (l < live) ${store};`);
			});
		}
	}
	/** What a statement does, its value being known. */
	effect(part, names, inLane) {
		const { text, code } = this;
		const value = code.text(part.value, names, inLane);
		switch (part.kind) {
			case "reduce":
			case "scan": {
				const name = this.accumulator(part.id);
				const lane = this.laneSums ? `${name}[l]` : name;
				text.add(`${lane} = ${foldText(part.op, part.dtype, lane, value)};`);
				if (part.kind === "reduce") return;
				const at = `${this.pointer(part.target).name} + ${code.elementText(part.form, names, inLane)}`;
				text.add(`store_${part.target.dtype}(${at}, ${lane});`);
				return;
			}
			case "store": {
				const { dtype } = part.target;
				const at = `${this.pointer(part.target).name} + ${code.elementText(part.form, names, inLane)}`;
				const sum = part.accumulate ? foldText("sum", dtype, `load_${dtype}(${at})`, value) : value;
				text.add(`store_${dtype}(${at}, ${sum});`);
				return;
			}
			case "stash":
				text.add(`${this.slot(part.id, "l")} = ${value};`);
				return;
		}
	}
};
/** Forms an expression itself walks along. */
function formsOf(expression) {
	switch (expression.kind) {
		case "load":
		case "index": return [normalizeForm(expression.form)];
		case "masked": return expression.bounds.map((bound) => normalizeForm(bound.form));
		default: return [];
	}
}
const hasChecked = (form) => form.terms.some(({ axis }) => axis.dynamic !== null && axis.checked);
// ../../work/main/src/compiler/cuda/storage-plan.ts
const SHARED_LIMIT = 49152;
const LONGEST_UNROLLED = 32;
const ALIGNMENT$3 = 256;
const registerBytes = (type) => type === "f64" ? 8 : 4;
/** Registers a thread may keep values in beside those it computes with. */
function spareRegisters(threads) {
	if (threads <= 256) return 96;
	return threads <= 512 ? 64 : 32;
}
function planStorage(kernel, plan, target) {
	const { lanes, rounds, threads, parts } = plan;
	let shared = 0;
	let scratch = 0;
	const meetings = /* @__PURE__ */ new Map();
	const partials = /* @__PURE__ */ new Map();
	const meets = plan.group > 1 && !(plan.horizontal && plan.group <= 32);
	let column = 0;
	for (const phase of kernel.phases) for (const { id, dtype } of reductionsOf(phase)) {
		const bytes = registerBytes(registerOf(dtype));
		if (meets && plan.horizontal) {
			meetings.set(id, shared);
			shared += 256;
		}
		if (meets && !plan.horizontal) {
			meetings.set(id, 0);
			column = Math.max(column, threads * lanes * bytes);
		}
		if (parts > 1) {
			partials.set(id, scratch);
			const perRow = plan.horizontal ? 1 : lanes;
			scratch += roundUp(parts * plan.rowCount * perRow * bytes, ALIGNMENT$3);
		}
	}
	shared += roundUp(column, 16);
	let registers = spareRegisters(threads);
	const stashes = kernel.stashes.map((dtype) => {
		const bytes = registerBytes(registerOf(dtype));
		const slots = rounds * lanes;
		const needed = slots * bytes / 4;
		if (parts === 1 && rounds <= LONGEST_UNROLLED && needed <= registers) {
			registers -= needed;
			return { kind: "register" };
		}
		const room = slots * bytes * threads;
		if (parts === 1 && shared + room <= Math.min(SHARED_LIMIT, target.sharedBytesPerBlock)) {
			const place = {
				kind: "shared",
				offset: shared
			};
			shared += roundUp(room, 16);
			return place;
		}
		const place = {
			kind: "scratch",
			offset: scratch
		};
		scratch += roundUp(room * plan.blocks, ALIGNMENT$3);
		return place;
	});
	const unrolled = stashes.some((place) => place.kind === "register");
	return {
		stashes,
		partials,
		meetings,
		sharedBytes: shared,
		scratchBytes: scratch,
		unrolled
	};
}
// ../../work/main/src/compiler/cuda/kernel-renderer.ts
const ALIGNMENT$2 = 16;
/**
* CUDA C of a generated kernel. Its functions run one after the other; there is more than one
* where blocks need each other's sums.
*/
function renderKernel(kernel, options) {
	const plan = planKernel(kernel, options.target, options.alignmentOf ?? (() => ALIGNMENT$2));
	const { bytes, flops } = kernelCost(kernel);
	const { name } = kernel;
	if (plan.rowCount === 0) return {
		name,
		functions: [],
		scratchBytes: 0,
		bytes,
		flops
	};
	const storage = planStorage(kernel, plan, options.target);
	return {
		name,
		functions: segmentsOf(kernel, plan).map((segment) => new FunctionWriter(kernel, plan, segment, storage, options).write()),
		scratchBytes: storage.scratchBytes,
		bytes,
		flops
	};
}
// ../../work/main/src/compiler/cuda/matrix-order.ts
/**
* The order of a matrix with one contiguous dim, or null: neither stride is 1, or rows overlap.
* Strides of dims of size 1 mean nothing.
*/
function matrixOrder(rows, columns, rowStride, columnStride) {
	if (columns === 1 || columnStride === 1) {
		if (rows === 1) return {
			order: "rows",
			leading: columns
		};
		if (rowStride >= columns) return {
			order: "rows",
			leading: rowStride
		};
	}
	if (rows === 1 || rowStride === 1) {
		if (columns === 1) return {
			order: "columns",
			leading: rows
		};
		if (columnStride >= rows) return {
			order: "columns",
			leading: columnStride
		};
	}
	return null;
}
/** Merges neighbouring dims that are one dim in every tensor, and drops those of size 1. */
function mergeDims(dims) {
	const merged = [];
	for (const dim of dims) {
		if (dim.size === 1) continue;
		const last = merged.at(-1);
		if (last !== void 0 && last.strides.every((s, i) => s === dim.strides[i] * dim.size)) merged[merged.length - 1] = {
			size: last.size * dim.size,
			strides: dim.strides
		};
		else merged.push(dim);
	}
	return merged;
}
// ../../work/main/src/compiler/cuda/matmul-shape.ts
/** Element strides of a tensor in row-major order. */
function packedStrides(shape) {
	return shape.map((_, i) => product(shape.slice(i + 1)));
}
// ../../work/main/src/compiler/cuda/contraction-calls.ts
/** Batches a product may be cut into before a copy of the operand is the better way. */
const BATCH_CALLS = 16;
const has = (target, library) => target.libraries?.includes(library) ?? true;
const isLibraryDType = (dtype) => dtype === "f32" || dtype === "f16" || dtype === "bf16" || dtype === "f64";
/** Whether cuDNN takes a convolution or gradient: floats, up to three spatial dims, not empty. */
function isLibraryConvolution(node, target) {
	return has(target, "cudnn") && isLibraryDType(node.dtype) && node.shape.length <= 5 && [node, ...node.src].every((tensor) => numel(tensor.shape) > 0);
}
/**
* Whether a product can read the operand [B…, m, n] through the view. cuBLASLt needs rows or
* columns that are contiguous, and batch dims that make few calls; other dtypes read any strides.
*/
function isMatmulReady(operand, view) {
	if (!isLibraryDType(operand.dtype)) return true;
	const { shape } = operand;
	const rank = shape.length;
	const [rows, columns] = shape.slice(-2);
	const [rowStride, columnStride] = view.strides.slice(-2);
	if (matrixOrder(rows, columns, rowStride, columnStride) === null) return false;
	const packed = packedStrides(shape);
	return matmulCalls(mergeDims(shape.slice(0, rank - 2).map((size, i) => ({
		size,
		strides: [view.strides[i], packed[i]]
	})))) <= BATCH_CALLS;
}
/** How many calls a batched product makes: one covers the largest batch dim. */
function matmulCalls(batch) {
	const sizes = batch.map((dim) => dim.size);
	return product(sizes) / Math.max(1, ...sizes);
}
// ../../work/main/src/compiler/cuda/traits.ts
/** CUDA cards: plenty of arithmetic against memory, and products that stand alone. */
function cudaTraits(target) {
	return {
		takesEpilogue: () => false,
		splitsReductions: false,
		hasContraction: (node) => node.op === "dot" || isLibraryConvolution(node, target),
		convolvesByProducts: true,
		hasAttention: () => false,
		hasRowScatter: true,
		readsView: isMatmulReady,
		recomputeLimit: 48,
		loadCost: 16,
		repeatLimit: 20,
		fewestRows: 64,
		shortNest: 4096
	};
}
// ../../work/main/src/compiler/device-traits.ts
/** WebAssembly: products and convolutions of f32, which run whole chains on finished blocks. */
const wasmTraits = {
	takesEpilogue: (root) => root.op !== "convWeightGrad",
	splitsReductions: true,
	hasContraction: (node) => node.dtype === "f32",
	convolvesByProducts: false,
	hasAttention: () => false,
	hasRowScatter: false,
	readsView: () => true,
	recomputeLimit: 3,
	loadCost: 1,
	repeatLimit: 0,
	fewestRows: 8,
	shortNest: 32768
};
// ../../work/main/src/compiler/scatter-rows.ts
/** Rows below which a scatter in order is as good as a sorted one. */
const FEW_ROWS = 64;
/**
* The n row numbers of a scatter that moves whole rows, out[index[i], …] ⊕= updates[i, …]; null for
* scatters whose indices differ within a row, or that are short.
*/
function rowIndex(node) {
	const index = node.src[1];
	const rows = index.shape[0];
	if (node.attrs.dim !== 0 || rows < FEW_ROWS || numel(node.shape) === 0) return null;
	if (index.shape.length === 1) return index;
	const columns = index.shape.slice(1);
	if (columns.some((size, i) => size !== node.shape[i + 1])) return null;
	if (columns.every((size) => size === 1)) return index;
	if (index.op !== "expand") return null;
	const [source] = index.src;
	return source.shape[0] === rows && numel(source.shape) === rows ? source : null;
}
// ../../work/main/src/compiler/materialize.ts
/** Scalar chains are redone in each kernel up to this cost: cheaper than a kernel of their own. */
const SCALAR_LIMIT = 60;
const COST_CAP = 1e6;
/** Longest chain of operations computed in one expression: keeps kernels and recursion bounded. */
const DEPTH_LIMIT = 100;
const ownKernel = /* @__PURE__ */ new Set([
	"reduceSum",
	"reduceProd",
	"reduceMax",
	"reduceMin",
	"scan",
	"scatter",
	"argsort",
	"custom",
	"concat",
	"dot",
	"conv",
	"convInputGrad",
	"convWeightGrad",
	"assign",
	"loop",
	"attention",
	"attentionGrad",
	"part"
]);
/** Ops whose operands must be whole buffers in row-major order. */
const wholeBuffers = /* @__PURE__ */ new Set([
	"conv",
	"convInputGrad",
	"convWeightGrad",
	"argsort",
	"custom",
	"loop"
]);
const isMovement = (node) => opClass[node.op] === "movement" && node.op !== "concat" || node.op === "barrier";
function countUsers(order) {
	const users = /* @__PURE__ */ new Map();
	for (const node of order) for (const source of new Set(node.src)) users.set(source, (users.get(source) ?? 0) + 1);
	return users;
}
/** Concatenations that are one part of one other: their parts go straight into its result. */
function nestedConcats(graph, order) {
	const users = countUsers(order);
	const outputs = new Set(graph.outputs);
	const nested = /* @__PURE__ */ new Set();
	for (const node of order) {
		if (node.op !== "concat") continue;
		for (const part of node.src) {
			const isOnce = node.src.filter((other) => other === part).length === 1;
			if (part.op === "concat" && users.get(part) === 1 && !outputs.has(part) && isOnce) nested.add(part);
		}
	}
	return nested;
}
/**
* Decides which nodes get a buffer ("values"); all others are recomputed inside the kernels that
* use them. `forced` are nodes a later stage found it cannot follow.
*/
function chooseValues(graph, forced, traits) {
	const order = topologicalOrder(graph.outputs);
	const users = countUsers(order);
	const nested = nestedConcats(graph, order);
	const values = new Set(forced);
	const inlineCost = /* @__PURE__ */ new Map();
	const inlineDepth = /* @__PURE__ */ new Map();
	for (const output of graph.outputs) values.add(output);
	const isValue = (node) => node.op === "input" || values.has(node);
	const costOf = (node) => {
		if (isValue(node)) return traits.loadCost;
		return inlineCost.get(node) ?? 0;
	};
	const materialize = (node) => {
		if (node.op !== "input" && node.op !== "constant") values.add(node);
	};
	const baseOf = (node) => {
		let base = node;
		while (isMovement(base) && !isValue(base)) base = base.src[0];
		return base;
	};
	const materializeOperand = (operand, whole) => {
		if (isValue(operand)) return;
		const base = baseOf(operand);
		if (opClass[base.op] === "elementwise" || base.op === "gather") materialize(base);
		const view = stridedView(operand, isValue);
		if (!(view !== null && (whole ? isContiguousView(view, operand) : traits.readsView(operand, view)))) values.add(operand);
	};
	/** Rows of q, k, v, results and gradients must be contiguous; a bias may repeat. */
	const materializeAttention = (node) => {
		const hasBias = node.src.length === (node.op === "attention" ? 4 : 7);
		node.src.forEach((source, i) => {
			if (isValue(source)) return;
			const base = baseOf(source);
			if (opClass[base.op] === "elementwise" || base.op === "gather") materialize(base);
			const view = stridedView(source, isValue);
			const isRow = source.shape[source.shape.length - 1] <= 1 || view?.strides.at(-1) === 1;
			if (view === null || !(isRow || hasBias && i === 3)) materialize(source);
		});
	};
	const materializeScatter = (node) => {
		const index = traits.hasRowScatter ? rowIndex(node) : null;
		if (index === null) return;
		const [base, , updates] = node.src;
		if (uniformValue(base) !== 0) materializeOperand(base, true);
		materializeOperand(index, true);
		materializeOperand(updates, true);
	};
	const broadcastSource = (node) => {
		const growth = numel(node.shape) / Math.max(1, numel(node.src[0].shape));
		const base = baseOf(node.src[0]);
		if (growth < 2 || isValue(base) || opClass[base.op] !== "elementwise") return;
		const limit = numel(base.shape) > 1 ? traits.repeatLimit : SCALAR_LIMIT;
		if (costOf(base) > limit) materialize(base);
	};
	for (const node of order) {
		if (ownKernel.has(node.op) && !nested.has(node)) values.add(node);
		if (node.op === "dot") for (const source of node.src) materializeOperand(source, false);
		if (node.op === "attention" || node.op === "attentionGrad") materializeAttention(node);
		if (wholeBuffers.has(node.op)) for (const source of node.src) materializeOperand(source, true);
		if (node.op === "scatter") materializeScatter(node);
		if (node.op === "expand") broadcastSource(node);
		if (node.op === "gather" && numel(node.shape) > numel(node.src[0].shape)) {
			const base = baseOf(node.src[0]);
			if (opClass[base.op] === "elementwise") materialize(base);
		}
		const cost = node.src.reduce((sum, source) => sum + costOf(source), nodeCost(node));
		inlineCost.set(node, Math.min(cost, COST_CAP));
		const depthOf = (source) => isValue(source) ? 0 : inlineDepth.get(source) ?? 0;
		inlineDepth.set(node, 1 + Math.max(0, ...node.src.map(depthOf)));
		if ((inlineDepth.get(node) ?? 0) > DEPTH_LIMIT) materialize(node);
		const uses = users.get(node) ?? 0;
		const computed = opClass[node.op] === "elementwise" || node.op === "randomBits";
		if (uses < 2 || !computed || isValue(node)) continue;
		if (numel(node.shape) <= 1 ? cost * uses > SCALAR_LIMIT : cost >= traits.recomputeLimit) materialize(node);
	}
	for (const node of order) if (node.op === "assign") values.delete(node);
	for (const node of order) if (node.op === "assign") values.add(node.src[1]);
	return new Set([...values].filter((node) => node.op !== "input"));
}
// ../../work/main/src/compiler/fuse.ts
const contractions = /* @__PURE__ */ new Set([
	"dot",
	"conv",
	"convInputGrad",
	"convWeightGrad"
]);
const specials = /* @__PURE__ */ new Set([
	"scan",
	"scatter",
	"argsort",
	"custom",
	"concat",
	"loop",
	"attention",
	"attentionGrad"
]);
/** Whether `from` runs, directly or not, after `target`. */
function runsAfter(from, target) {
	const seen = /* @__PURE__ */ new Set();
	const pending = [from];
	for (let group = pending.pop(); group !== void 0; group = pending.pop()) {
		if (group === target) return true;
		if (seen.has(group)) continue;
		seen.add(group);
		pending.push(...group.after);
	}
	return false;
}
var Grouping = class {
	groups = [];
	producer = /* @__PURE__ */ new Map();
	readers = /* @__PURE__ */ new Map();
	values;
	traits;
	fuse;
	constructor(values, traits, fuse) {
		this.values = values;
		this.traits = traits;
		this.fuse = fuse;
	}
	add(node) {
		if (node.op === "part") return this.addPart(node);
		if (contractions.has(node.op) || specials.has(node.op)) {
			const needed = /* @__PURE__ */ new Set([...operandValues(node, this.isValue), ...barrierValues(node, this.isValue)]);
			const kind = contractions.has(node.op) ? "contraction" : "special";
			const kernels = node.op === "scatter" && this.traits.hasRowScatter && rowIndex(node) !== null ? [] : buildSpecialKernels(node, this.isValue);
			this.open(node, kind, null, needed, kernels);
			return;
		}
		const solo = LoopGroup.of(node, this.isValue, this.traits);
		const needed = /* @__PURE__ */ new Set([...solo.reads, ...barrierValues(node, this.isValue)]);
		if (this.fuse) {
			for (const group of this.candidates(node, solo)) if (this.canJoin(group, needed) && this.join(group, node)) {
				this.record(group, node, needed);
				if (reduceOps[node.op] !== void 0) this.absorb(group);
				return;
			}
		}
		const group = this.open(node, "loops", solo, needed);
		if (this.fuse && reduceOps[node.op] !== void 0) this.absorb(group);
	}
	/** What has several results produces them itself. */
	addPart(node) {
		const group = this.producer.get(node.src[0]);
		if (group === void 0) throw new CompileError("fuse: a result comes before its node");
		this.record(group, node, /* @__PURE__ */ new Set());
	}
	isValue = (node) => node.op === "input" || this.values.has(node);
	open(node, kind, loops, needed, kernels = []) {
		const group = {
			kind,
			produces: [],
			after: /* @__PURE__ */ new Set(),
			reads: /* @__PURE__ */ new Set(),
			loops,
			kernels
		};
		this.groups.push(group);
		this.record(group, node, needed);
		return group;
	}
	/**
	* A group that got a reduction takes in the groups that compute what its rows begin with, and
	* reductions of the same rows that were begun apart because nothing had joined them yet.
	*/
	absorb(group) {
		const siblings = [...group.reads].flatMap((value) => [...this.readers.get(value) ?? []]);
		for (const other of /* @__PURE__ */ new Set([...group.after, ...siblings])) {
			if (group.loops === null || other.loops === null || other === group) continue;
			if (group.kind !== "loops" || other.kind !== "loops") continue;
			const loops = group.loops.with(other.loops);
			if (loops === null || this.isBetween(group, other)) continue;
			group.loops = loops;
			this.replace(other, group);
		}
	}
	/** Whether some group must run between two. */
	isBetween(a, b) {
		const separates = (later, earlier) => [...later.after].some((group) => group !== earlier && runsAfter(group, earlier));
		return separates(a, b) || separates(b, a);
	}
	/** Makes what one group produced part of another. */
	replace(old, group) {
		group.produces.push(...old.produces);
		group.produces.sort((a, b) => a.id - b.id);
		for (const node of old.produces) {
			this.producer.set(node, group);
			this.readers.get(node)?.delete(group);
			group.reads.delete(node);
		}
		for (const value of old.reads) {
			this.readers.get(value)?.delete(old);
			if (this.producer.get(value) === group) continue;
			group.reads.add(value);
			this.readers.get(value)?.add(group);
		}
		for (const earlier of old.after) group.after.add(earlier);
		for (const other of this.groups) if (other.after.delete(old)) other.after.add(group);
		group.after.delete(group);
		this.groups.splice(this.groups.indexOf(old), 1);
	}
	record(group, node, needed) {
		group.produces.push(node);
		this.producer.set(node, group);
		for (const value of needed) {
			const producer = this.producer.get(value);
			if (producer === group) continue;
			group.reads.add(value);
			if (producer !== void 0) group.after.add(producer);
			else if (value.op !== "input") throw new CompileError(`fuse: ${value.op} read before it is made`);
			const readers = this.readers.get(value) ?? /* @__PURE__ */ new Set();
			this.readers.set(value, readers.add(group));
		}
	}
	/** Groups whose values the node reads, then groups that read the same large values. */
	candidates(node, solo) {
		const domain = reduceOps[node.op] === void 0 ? numel(node.shape) : numel(node.src[0].shape);
		const found = /* @__PURE__ */ new Set();
		const sources = [...solo.reads].sort((a, b) => b.id - a.id);
		for (const value of sources) {
			const producer = this.producer.get(value);
			if (producer !== void 0) found.add(producer);
		}
		for (const value of sources) {
			if (numel(value.shape) * 2 < domain) continue;
			for (const reader of this.readers.get(value) ?? []) found.add(reader);
		}
		const open = [...found].filter((group) => group.kind !== "special");
		const hasRows = (group) => group.loops?.hasReduction() ?? false;
		return [...open.filter(hasRows), ...open.filter((group) => !hasRows(group))];
	}
	canJoin(group, needed) {
		for (const value of needed) {
			const producer = this.producer.get(value);
			if (producer === void 0 || producer === group) continue;
			if (runsAfter(producer, group)) return false;
		}
		return true;
	}
	join(group, node) {
		if (group.kind === "loops") return group.loops?.tryAdd(node) ?? false;
		return this.joinEpilogue(group, node);
	}
	/** Elementwise work on the result of a contraction, point by point. */
	joinEpilogue(group, node) {
		const root = group.produces[0];
		if (reduceOps[node.op] !== void 0 || numel(node.shape) !== numel(root.shape)) return false;
		if (numel(root.shape) === 0 || !this.traits.takesEpilogue(root, node)) return false;
		if (group.loops !== null) return group.loops.tryAddEpilogue(node);
		const epilogue = LoopGroup.epilogueOf(root, this.isValue, this.traits);
		if (!epilogue.tryAddEpilogue(node)) return false;
		group.loops = epilogue;
		return true;
	}
};
/** Values a node's operands resolve to, through everything that is inlined. */
function operandValues(node, isValue) {
	const found = /* @__PURE__ */ new Set();
	const seen = /* @__PURE__ */ new Set();
	const walk = (operand) => {
		if (seen.has(operand)) return;
		seen.add(operand);
		if (isValue(operand)) found.add(operand);
		else operand.src.forEach(walk);
	};
	node.src.forEach(walk);
	return found;
}
/** Values that barriers inside the node's inlined expression wait for. */
function barrierValues(node, isValue) {
	const found = /* @__PURE__ */ new Set();
	const seen = /* @__PURE__ */ new Set();
	const walk = (part) => {
		if (seen.has(part)) return;
		seen.add(part);
		if (part.op === "barrier") for (const after of part.src.slice(1)) if (isValue(after)) found.add(after);
		else for (const value of operandValues(after, isValue)) found.add(value);
		for (const source of part.src) if (!isValue(source)) walk(source);
	};
	walk(node);
	return new Set([...found].filter((value) => value.op !== "input"));
}
/** Groups in an order in which each runs after what it needs, earliest node first. */
function orderGroups(groups) {
	const rank = new Map(groups.map((group) => [group, Math.max(...group.produces.map((n) => n.id))]));
	const done = /* @__PURE__ */ new Set();
	const ordered = [];
	const place = (group) => {
		if (done.has(group)) return;
		done.add(group);
		const before = [...group.after].sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0));
		for (const earlier of before) place(earlier);
		ordered.push(group);
	};
	for (const group of groups.toSorted((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0))) place(group);
	return ordered;
}
/** Cuts the graph into groups, giving buffers to more nodes until every view can be followed. */
function fuse(graph, traits, options) {
	const forced = /* @__PURE__ */ new Set();
	if (!options.fuse) forceEverything(graph, forced);
	for (;;) try {
		const values = chooseValues(graph, forced, traits);
		const grouping = new Grouping(values, traits, options.fuse);
		for (const node of [...values].sort((a, b) => a.id - b.id)) if (node.op !== "assign") grouping.add(node);
		return {
			groups: orderGroups(grouping.groups),
			values
		};
	} catch (error) {
		if (!(error instanceof NeedsBuffer) || forced.has(error.node)) throw error;
		forced.add(error.node);
	}
}
function forceEverything(graph, forced) {
	const walk = (node) => {
		if (forced.has(node)) return;
		if (opClass[node.op] === "elementwise") forced.add(node);
		node.src.forEach(walk);
	};
	graph.outputs.forEach(walk);
}
// ../../work/main/src/ir/composed-attention.ts
/** From this many weights per head on they are computed for some rows at a time. */
const longWeights = 2 ** 20;
/** Fewest rows that are computed at a time, and the largest number of such blocks. */
const leastRows = 128;
const mostBlocks = 32;
const headsFirst = (x) => permute(x, [
	0,
	2,
	1,
	3
]);
const exactDType = (x) => x.dtype === "f64" ? "f64" : "f32";
/** [B, S, G, D] as [B, H, S, D]. */
function repeated(x, heads) {
	const [batch, groups, keys, width] = headsFirst(x).shape;
	return reshape(expand(reshape(headsFirst(x), [
		batch,
		groups,
		1,
		keys,
		width
	]), [
		batch,
		groups,
		heads / groups,
		keys,
		width
	]), [
		batch,
		heads,
		keys,
		width
	]);
}
/** Undoes {@link repeated}: the gradient of what several heads share is their sum. */
function summed(x, like) {
	const [batch, keys, groups, width] = like.shape;
	const split = reshape(x, [
		batch,
		groups,
		x.shape[1] / groups,
		keys,
		width
	]);
	return cast$1(headsFirst(reshape(reduceSum(split, [2]), [
		batch,
		groups,
		keys,
		width
	])), like.dtype);
}
function headsOf([q, k, v, bias]) {
	const exact = exactDType(q);
	const heads = q.shape[2];
	return {
		q: cast$1(headsFirst(q), exact),
		k: cast$1(repeated(k, heads), exact),
		v: cast$1(repeated(v, heads), exact),
		bias: bias === void 0 ? null : cast$1(bias, exact)
	};
}
/** The first row of each block, and behind the last one. */
function blockStarts(rows, keys) {
	const size = rows * keys < longWeights ? rows : Math.max(leastRows, Math.ceil(rows / mostBlocks));
	return [...range(Math.max(1, Math.ceil(rows / Math.max(1, size)))).map((i) => i * size), rows];
}
/** `run` over blocks of rows [from, from + count). */
function overRows(q, k, run) {
	const starts = blockStarts(q.shape[2], k.shape[2]);
	return range(starts.length - 1).map((i) => run(starts[i], starts[i + 1] - starts[i]));
}
/** Scores of a block of rows [B, H, rows, S]; −∞ where causality hides a key. */
function scoresOf(heads, attrs, from, count) {
	const { q, k, bias } = heads;
	const products = dot(narrow(q, 2, from, count), transpose(k, 2, 3));
	const scaled = mul(products, fullLike(products, attrs.scale));
	const scores = bias === null ? scaled : add(scaled, narrow(bias, 2, from, count));
	if (!attrs.causal) return scores;
	const [rows, columns] = scores.shape.slice(2);
	const row = iota([rows, columns], 0);
	return where(broadcastTo(binary("le", iota([rows, columns], 1), add(row, full(row.shape, from, "i32"))), scores.shape), scores, fullLike(scores, -Infinity));
}
function attendRows(scores, v) {
	const largest = extremum("reduceMax", scores, [3]);
	const shift = where(binary("eq", largest, fullLike(largest, -Infinity)), fullLike(largest, 0), largest);
	const powers = unary("exp", sub(scores, expand(shift, scores.shape)));
	const total = reduceSum(powers, [3]);
	const isEmpty = binary("eq", total, fullLike(total, 0));
	const weights = div(powers, expand(where(isEmpty, fullLike(total, 1), total), powers.shape));
	const logarithm = add(unary("log", total), shift);
	return {
		out: dot(weights, v),
		stats: where(isEmpty, fullLike(total, Infinity), logarithm)
	};
}
/** What `attention` computes, out of products and a softmax. Halves are computed in f32. */
function composedAttention(src, attrs) {
	const heads = headsOf(src);
	const blocks = overRows(heads.q, heads.k, (from, count) => attendRows(scoresOf(heads, attrs, from, count), heads.v));
	const [batch, rows, count] = src[0].shape;
	const join = (part) => concat(blocks.map((block) => block[part]), 2);
	return {
		out: cast$1(headsFirst(join("out")), src[0].dtype),
		stats: reshape(join("stats"), [
			batch,
			count,
			rows
		])
	};
}
/**
* What `attentionGrad` computes over [q, k, v, (bias), out, stats, gradient of out], and the
* gradient of the bias; `statsGradient` [B, H, L] is what arrives for the logarithms.
*/
function composedAttentionGrad(src, attrs, statsGradient = null) {
	const operands = src.slice(0, -3);
	const heads = headsOf(operands);
	const exact = heads.q.dtype;
	const [out, gradient] = [src[src.length - 3], src[src.length - 1]].map((x) => cast$1(headsFirst(x), exact));
	const column = (x) => reshape(x, [...x.shape, 1]);
	const stats = column(src[src.length - 2]);
	const common = reduceSum(mul(gradient, out), [3]);
	const shared = statsGradient === null ? common : sub(common, column(statsGradient));
	const blocks = overRows(heads.q, heads.k, (from, count) => {
		const rows = (x) => narrow(x, 2, from, count);
		const scores = scoresOf(heads, attrs, from, count);
		const weights = unary("exp", sub(scores, expand(rows(stats), scores.shape)));
		const received = dot(rows(gradient), transpose(heads.v, 2, 3));
		const slope = mul(weights, sub(received, expand(rows(shared), scores.shape)));
		const scaled = mul(slope, fullLike(slope, attrs.scale));
		return {
			query: dot(scaled, heads.k),
			key: dot(transpose(scaled, 2, 3), rows(heads.q)),
			value: dot(transpose(weights, 2, 3), rows(gradient)),
			scores: slope
		};
	});
	const [q, k, v, bias] = operands;
	const joined = (part) => concat(blocks.map((block) => block[part]), 2);
	const total = (part) => blocks.map((block) => block[part]).reduce(add);
	return {
		query: cast$1(headsFirst(joined("query")), q.dtype),
		key: summed(total("key"), k),
		value: summed(total("value"), v),
		bias: bias === void 0 ? null : cast$1(joined("scores"), bias.dtype)
	};
}
// ../../work/main/src/compiler/convolution-product.ts
/** Everything the kernel meets: x [N, C, …] → [N, C, P…, K…]. */
function windowsOf(x, size, attrs) {
	const dims = range(size.length).map((i) => i + 2);
	const { padLow, padHigh, stride, dilation } = attrs;
	return window(pad(x, [
		0,
		0,
		...padLow
	], [
		0,
		0,
		...padHigh
	]), {
		dims,
		size,
		stride,
		dilation
	});
}
/**
* Convolution as a batched product over patches that are laid out in memory: w [O/G, C/G·K] times
* patches [C/G·K, P] for every image and group. For devices with products and no convolutions.
*/
function convByProduct(x, w, attrs) {
	const { groups } = attrs;
	const rank = attrs.stride.length;
	const [batch, channels] = x.shape;
	const outputs = w.shape[0];
	const size = w.shape.slice(2);
	const windows = windowsOf(x, size, attrs);
	const places = windows.shape.slice(2, 2 + rank);
	const split = reshape(windows, [
		batch,
		groups,
		channels / groups,
		...places,
		...size
	]);
	const kernelDims = range(rank).map((i) => 3 + rank + i);
	const placeDims = range(rank).map((i) => 3 + i);
	const depth = channels / groups * product(size);
	const patches = reshape(permute(split, [
		0,
		1,
		2,
		...kernelDims,
		...placeDims
	]), [
		batch,
		groups,
		depth,
		product(places)
	]);
	const rows = outputs / groups;
	return reshape(dot(expand(reshape(w, [
		1,
		groups,
		rows,
		depth
	]), [
		batch,
		groups,
		rows,
		depth
	]), patches), [
		batch,
		outputs,
		...places
	]);
}
/** Gradient of a convolution by its kernel as a product: g [O/G, N·P] times patches [N·P, C/G·K]. */
function weightGradByProduct(x, g, attrs) {
	const { groups, sizes } = attrs;
	const rank = sizes.length;
	const [batch, channels] = x.shape;
	const outputs = g.shape[1];
	const places = g.shape.slice(2);
	const split = reshape(windowsOf(x, sizes, attrs), [
		batch,
		groups,
		channels / groups,
		...places,
		...sizes
	]);
	const placeDims = range(rank).map((i) => 3 + i);
	const kernelDims = range(rank).map((i) => 3 + rank + i);
	const count = batch * product(places);
	const patches = reshape(permute(split, [
		1,
		0,
		...placeDims,
		2,
		...kernelDims
	]), [
		groups,
		count,
		channels / groups * product(sizes)
	]);
	return reshape(dot(reshape(permute(reshape(g, [
		batch,
		groups,
		outputs / groups,
		...places
	]), [
		1,
		2,
		0,
		...placeDims
	]), [
		groups,
		outputs / groups,
		count
	]), patches), [
		outputs,
		channels / groups,
		...sizes
	]);
}
// ../../work/main/src/compiler/legalize.ts
const isHalf = (node) => node.dtype === "f16" || node.dtype === "bf16";
/** First index of the maximum: the smallest index whose element equals it (or is NaN). */
function legalizeArgmax(node) {
	const [x] = node.src;
	const { dim } = node.attrs;
	const maximum = expand(extremum("reduceMax", x, [dim]), x.shape);
	const nan = binary("ne", x, x);
	const hit = binary("or", binary("eq", x, maximum), nan);
	const position = iota(x.shape, dim);
	return extremum("reduceMin", where(hit, position, fullLike(position, 2 ** 31 - 1)), [dim]);
}
/** Interior padding as reshape [.., n, 1] → pad → reshape [.., n·d] → cut. */
function legalizeInteriorPad(node) {
	const { low, high, interior, value } = node.attrs;
	let x = node.src[0];
	x.shape.forEach((size, dim) => {
		const period = interior[dim] + 1;
		if (period === 1 || size < 2) return;
		const split = [
			...x.shape.slice(0, dim),
			size,
			1,
			...x.shape.slice(dim + 1)
		];
		const none = split.map(() => 0);
		x = narrow(reshape(pad(reshape(x, split), none, none.with(dim + 1, period - 1), value), x.shape.with(dim, size * period)), dim, 0, (size - 1) * period + 1);
	});
	return pad(x, low, high, value);
}
/** Matrix product as multiply and sum, for dtypes the GEMM library does not have. */
function dotByReduction(a, b) {
	const rank = a.shape.length;
	const [m, k, n] = [
		a.shape[rank - 2],
		a.shape[rank - 1],
		b.shape[rank - 1]
	];
	const batch = a.shape.slice(0, -2);
	const left = expand(reshape(a, [
		...batch,
		m,
		1,
		k
	]), [
		...batch,
		m,
		n,
		k
	]);
	const right = reshape(transpose(b, rank - 2, rank - 1), [
		...batch,
		1,
		n,
		k
	]);
	return reshape(reduceSum(mul(left, expand(right, [
		...batch,
		m,
		n,
		k
	])), [rank]), [
		...batch,
		m,
		n
	]);
}
function legalizeDot(node) {
	const [a, b] = node.src;
	if (isHalf(node)) return cast$1(dot(cast$1(a, "f32"), cast$1(b, "f32")), node.dtype);
	return dotByReduction(a, b);
}
function padSpatial(x, low, high) {
	return pad(x, [
		0,
		0,
		...low
	], [
		0,
		0,
		...high
	]);
}
/** Convolution as windows times kernel, summed; for dtypes the library does not have. */
function convByReduction(x, w, attrs) {
	const rank = attrs.stride.length;
	const { groups } = attrs;
	const [batch, channels] = x.shape;
	const outputs = w.shape[0];
	const size = w.shape.slice(2);
	const dims = range(rank).map((i) => i + 2);
	const windows = window(padSpatial(x, attrs.padLow, attrs.padHigh), {
		dims,
		size,
		stride: attrs.stride,
		dilation: attrs.dilation
	});
	const sizes = windows.shape.slice(2, 2 + rank);
	const moved = permute(reshape(windows, [
		batch,
		groups,
		channels / groups,
		...sizes,
		...size
	]), [
		0,
		1,
		...range(rank).map((i) => i + 3),
		2,
		...range(rank).map((i) => i + 3 + rank)
	]);
	const inner = [channels / groups, ...size];
	const domain = [
		batch,
		groups,
		outputs / groups,
		...sizes,
		...inner
	];
	const left = expand(reshape(moved, domain.with(2, 1)), domain);
	const ones = sizes.map(() => 1);
	const right = expand(reshape(w, [
		1,
		groups,
		outputs / groups,
		...ones,
		...inner
	]), domain);
	const axes = range(inner.length).map((i) => 3 + rank + i);
	return reshape(reduceSum(mul(left, right), axes), [
		batch,
		outputs,
		...sizes
	]);
}
/** w [O, C/G, K…] → [C, O/G, K…] with flipped kernels. */
function adjointWeight(w, groups) {
	const [outputs, channels, ...size] = w.shape;
	return flip(reshape(transpose(reshape(w, [
		groups,
		outputs / groups,
		channels,
		...size
	]), 1, 2), [
		groups * channels,
		outputs / groups,
		...size
	]), range(size.length).map((i) => i + 2));
}
/** Input gradient as a stride-1 convolution of the stretched gradient with the adjoint kernel. */
function inputGradByConv(g, w, attrs) {
	const size = w.shape.slice(2);
	const rank = size.length;
	const reach = size.map((k, i) => attrs.dilation[i] * (k - 1));
	const none = [
		0,
		0,
		...range(rank).map(() => 0)
	];
	const stretched = pad(g, none, none, 0, [
		0,
		0,
		...attrs.stride.map((s) => s - 1)
	]);
	const low = reach.map((r, i) => r - attrs.padLow[i]);
	const high = attrs.sizes.map((n, i) => n + reach[i] - low[i] - stretched.shape[2 + i]);
	const cut = cropSpatial(stretched, low, high);
	const positive = (list) => list.map((n) => Math.max(n, 0));
	return conv(cut, adjointWeight(w, attrs.groups), {
		stride: size.map(() => 1),
		padLow: positive(low),
		padHigh: positive(high),
		dilation: attrs.dilation,
		groups: attrs.groups
	});
}
/** Negative padding is a cut. */
function cropSpatial(x, low, high) {
	const start = x.shape.map((_, i) => i < 2 ? 0 : Math.max(0, -low[i - 2]));
	return slice(x, start, x.shape.map((n, i) => i < 2 ? n : n - start[i] - Math.max(0, -high[i - 2])));
}
/** Kernel gradient: correlate input windows (dilated by the stride) with the gradient. */
function weightGradByReduction(x, g, attrs) {
	const rank = attrs.stride.length;
	const { groups } = attrs;
	const [batch, channels] = x.shape;
	const outputs = g.shape[1];
	const sizes = g.shape.slice(2);
	const dims = range(rank).map((i) => i + 2);
	const all = window(padSpatial(x, attrs.padLow, attrs.padHigh), {
		dims,
		size: sizes,
		stride: attrs.dilation,
		dilation: attrs.stride
	});
	const split = reshape(slice(all, all.shape.map(() => 0), all.shape.map((n, i) => i >= 2 && i < 2 + rank ? attrs.sizes[i - 2] : n)), [
		batch,
		groups,
		channels / groups,
		...attrs.sizes,
		...sizes
	]);
	const kernelDims = range(rank).map((i) => i + 3);
	const pixelDims = range(rank).map((i) => i + 3 + rank);
	const left = permute(split, [
		1,
		2,
		...kernelDims,
		0,
		...pixelDims
	]);
	const domain = [
		groups,
		outputs / groups,
		channels / groups,
		...attrs.sizes,
		batch,
		...sizes
	];
	const leftFull = expand(reshape(left, domain.with(1, 1)), domain);
	const gradient = permute(reshape(g, [
		batch,
		groups,
		outputs / groups,
		...sizes
	]), [
		1,
		2,
		0,
		...range(rank).map((i) => i + 3)
	]);
	const ones = attrs.sizes.map(() => 1);
	const rightFull = expand(reshape(gradient, [
		groups,
		outputs / groups,
		1,
		...ones,
		batch,
		...sizes
	]), domain);
	const axes = range(rank + 1).map((i) => 3 + rank + i);
	return reshape(reduceSum(mul(leftFull, rightFull), axes), [
		outputs,
		channels / groups,
		...attrs.sizes
	]);
}
function legalizeContraction(node, traits) {
	if (traits.hasContraction(node)) return node;
	if (node.op === "dot") return legalizeDot(node);
	const [a, b] = node.src;
	if (traits.convolvesByProducts) return convolutionByProduct(node, traits);
	const narrowed = isHalf(node);
	const [left, right] = narrowed ? [cast$1(a, "f32"), cast$1(b, "f32")] : [a, b];
	switch (node.op) {
		case "conv": return narrowed ? cast$1(conv(left, right, node.attrs), node.dtype) : convByReduction(a, b, node.attrs);
		case "convInputGrad":
			if (narrowed) return cast$1(convInputGrad(left, right, node.attrs), node.dtype);
			return legalizeDeep(inputGradByConv(a, b, node.attrs), traits);
		case "convWeightGrad":
			if (narrowed) return cast$1(convWeightGrad(left, right, node.attrs), node.dtype);
			return legalizeDeep(weightGradByReduction(a, b, node.attrs), traits);
		default: return node;
	}
}
function convolutionByProduct(node, traits) {
	const [a, b] = node.src;
	switch (node.op) {
		case "conv": return legalizeDeep(convByProduct(a, b, node.attrs), traits);
		case "convInputGrad": return legalizeDeep(inputGradByConv(a, b, node.attrs), traits);
		case "convWeightGrad": return legalizeDeep(weightGradByProduct(a, b, node.attrs), traits);
		default: return node;
	}
}
/** Top-k as the first k of a full sort. */
function legalizeTopk(node) {
	const { dim, k, largest } = node.attrs;
	const [x] = node.src;
	return narrow(sortAlongLast(x, dim, largest), dim, 0, k);
}
/** The sort kernel works on contiguous rows: bring the dim last, sort, bring it back. */
function sortAlongLast(x, dim, descending) {
	const last = x.shape.length - 1;
	return transpose(argsortLast(transpose(x, dim, last), descending), dim, last);
}
function argsortLast(x, descending) {
	return reshape(argsort(reshape(x, [x.shape.slice(0, -1).reduce((a, b) => a * b, 1), x.shape[x.shape.length - 1]]), 1, descending), x.shape);
}
/** A result of attention, out of products and a softmax where the device has no kernel for it. */
function legalizePart(node, traits) {
	const [from] = node.src;
	const { index } = node.attrs;
	if (from.op === "loop" || traits.hasAttention(from)) return node;
	if (from.op === "attention") {
		const { out, stats } = composedAttention(from.src, from.attrs);
		return legalizeDeep([out, stats][index], traits);
	}
	if (from.op !== "attentionGrad") return node;
	const { query, key, value } = composedAttentionGrad(from.src, from.attrs);
	return legalizeDeep([
		query,
		key,
		value
	][index], traits);
}
function legalizeNode(node, traits) {
	switch (node.op) {
		case "argmax": return legalizeArgmax(node);
		case "topk": return legalizeTopk(node);
		case "argsort": return node.src[0].shape.length === 2 && node.attrs.dim === 1 ? node : sortAlongLast(node.src[0], node.attrs.dim, node.attrs.descending);
		case "pad": return node.attrs.interior.some((n) => n > 0) ? legalizeInteriorPad(node) : node;
		case "dot":
		case "conv":
		case "convInputGrad":
		case "convWeightGrad": return legalizeContraction(node, traits);
		case "part": return legalizePart(node, traits);
		case "checkpoint":
		case "customGradient": return node.src[0];
		default: return node;
	}
}
function legalizeDeep(node, traits) {
	return rewrite([node], (part) => legalizeNode(part, traits))[0];
}
/** Replaces every op the device's kernels do not have by ops they do have. */
function legalize(graph, traits = wasmTraits) {
	const outputs = rewrite(graph.outputs, (node) => legalizeNode(node, traits));
	return {
		inputs: graph.inputs,
		outputs
	};
}
// ../../work/main/src/compiler/loop-layout.ts
const ALIGNMENT$1 = 64;
/**
* For each carry the stacked result that has the same values: the next trip reads it there. Null
* where there is none.
*/
function aliasesOf({ attrs }, results) {
	const { body, carries } = attrs;
	return body.outputs.slice(0, carries).map((output, i) => {
		const at = body.outputs.indexOf(output, carries);
		return at < 0 || results[i] !== null || results[at] === null ? null : at;
	});
}
/**
* Plans the body of a loop, and lays out its block: the temporaries of the body first, then carries
* and tables.
* @param results - nodes of the results, null where nobody reads one.
*/
function layoutLoop(node, results, planBody) {
	const { body, carries } = node.attrs;
	const aliases = aliasesOf(node, results);
	const computed = body.outputs.flatMap((_, i) => (aliases[i] ?? null) === null ? [i] : []);
	const { inputs } = body;
	const schedule = planBody({
		inputs,
		outputs: computed.map((i) => body.outputs[i])
	});
	let bytes = roundUp(schedule.temporaryBytes, ALIGNMENT$1);
	const take = (size) => {
		const offset = bytes;
		bytes += roundUp(Math.max(size, 1), ALIGNMENT$1);
		return offset;
	};
	const buffers = body.outputs.slice(0, carries).map((output, i) => {
		const size = aliases[i] === null ? numel(output.shape) * dtypeBytes(output.dtype) : 0;
		return [take(size), results[i] === null ? take(size) : null];
	});
	const unread = body.outputs.slice(carries).map((output, i) => {
		return results[carries + i] === null ? take(numel(output.shape) * dtypeBytes(output.dtype)) : null;
	});
	const tableBytes = 4 * (body.inputs.length + body.outputs.length + 3);
	return {
		layout: {
			aliases,
			computed,
			carries: buffers,
			unread,
			tables: [take(tableBytes), take(tableBytes)],
			bytes
		},
		schedule
	};
}
// ../../work/main/src/compiler/memory-plan.ts
const ALIGNMENT = 64;
/**
* Places temporaries so that those alive together do not overlap: largest first, each into the
* tightest gap among those whose lives cross its own.
*/
function planMemory(lifetimes) {
	const offsets = new Array(lifetimes.length).fill(0);
	const placed = [];
	let total = 0;
	const order = lifetimes.map((_, i) => i).sort((a, b) => lifetimes[b].bytes - lifetimes[a].bytes);
	for (const i of order) {
		const lifetime = lifetimes[i];
		const size = roundUp(Math.max(lifetime.bytes, 1), ALIGNMENT);
		const offset = tightestGap(placed, lifetime, size);
		offsets[i] = offset;
		placed.push({
			offset,
			end: offset + size,
			lifetime
		});
		placed.sort((a, b) => a.offset - b.offset);
		total = Math.max(total, offset + size);
	}
	return {
		offsets,
		bytes: total
	};
}
function tightestGap(placed, lifetime, size) {
	let best = -1;
	let bestWaste = Infinity;
	let free = 0;
	for (const other of placed) {
		if (other.lifetime.last < lifetime.first || other.lifetime.first > lifetime.last) continue;
		const waste = other.offset - free - size;
		if (waste >= 0 && waste < bestWaste) [best, bestWaste] = [free, waste];
		free = Math.max(free, other.end);
	}
	return best >= 0 ? best : free;
}
// ../../work/main/src/compiler/schedule.ts
const bytesOf$1 = (node) => numel(node.shape) * dtypeBytes(node.dtype);
var Scheduler = class {
	graph;
	fusion;
	planBody;
	/** Bytes of loops' blocks, which stand under the loops' own nodes. */
	blocks = /* @__PURE__ */ new Map();
	producers = /* @__PURE__ */ new Map();
	readers = /* @__PURE__ */ new Map();
	locations = /* @__PURE__ */ new Map();
	/** Values that outlive the program. */
	results;
	before = [];
	after = [];
	/** Inputs that must be saved because something overwrites them before the end. */
	saved = /* @__PURE__ */ new Set();
	/** For values that a kernel makes: the values it reads at the very point it stores them. */
	readInPlace = /* @__PURE__ */ new Map();
	constructor(graph, fusion, planBody) {
		this.graph = graph;
		this.fusion = fusion;
		this.planBody = planBody;
		this.results = new Set(graph.outputs.map((n) => n.op === "assign" ? n.src[1] : n));
		for (const group of fusion.groups) {
			for (const node of group.produces) this.producers.set(node, group);
			for (const node of group.reads) {
				const list = this.readers.get(node) ?? [];
				list.push(group);
				this.readers.set(node, list);
			}
		}
	}
	run() {
		this.graph.inputs.forEach((node, index) => this.locations.set(node, {
			kind: "input",
			index
		}));
		this.graph.outputs.forEach((node, index) => {
			if (node.op !== "assign") this.placeOutput(node, index);
		});
		for (const node of this.graph.outputs) if (node.op === "assign") this.placeAssign(node);
		const steps = orderGroups(this.fusion.groups).flatMap((group) => this.groupSteps(group));
		const places = this.placeTemporaries(steps);
		return {
			steps: [
				...this.firstCopies(places.saved),
				...steps,
				...this.lastCopies(places.saved)
			],
			locations: this.locations,
			temporaryBytes: places.bytes
		};
	}
	locationOf(node) {
		const location = this.locations.get(node);
		if (location === void 0) throw new CompileError("schedule: a value has no place");
		return location;
	}
	placeOutput(node, index) {
		const to = {
			kind: "output",
			index
		};
		if (node.op === "input") this.before.push({
			source: node,
			to
		});
		else if (this.locations.has(node)) this.after.push({
			source: node,
			to
		});
		else this.locations.set(node, to);
	}
	/** The new value goes straight into the target's buffer if nobody needs the old one later. */
	placeAssign(node) {
		const [target, value] = node.src;
		if (value === target) return;
		const to = this.locationOf(target);
		if (value.op === "input") {
			this.saved.add(value);
			this.after.push({
				source: value,
				to
			});
			return;
		}
		if (!this.locations.has(value) && this.canWriteInPlace(target, value)) {
			this.locations.set(value, to);
			return;
		}
		this.after.push({
			source: value,
			to
		});
	}
	canWriteInPlace(target, value) {
		const group = this.producers.get(value);
		const member = group?.loops?.members.get(value);
		if (group === void 0 || member === void 0) return false;
		if (group.kind === "contraction" && this.operandValues(group).has(target)) return false;
		if (!readsOnlyInPlace(group, this.needed(group), target, member)) return false;
		const others = (this.readers.get(target) ?? []).filter((reader) => reader !== group);
		if (others.some((reader) => runsAfter(reader, group))) return false;
		for (const reader of others) group.after.add(reader);
		return true;
	}
	operandValues(group) {
		return new Set(this.operandViews(group.produces[0]).map((view) => view.value));
	}
	operandViews(node) {
		return node.src.map((source) => {
			const view = stridedView(source, this.isValue);
			if (view === null) throw new CompileError(`schedule: ${node.op} operand is no strided view`);
			return view;
		});
	}
	needed(group) {
		const needed = /* @__PURE__ */ new Set();
		for (const node of group.produces) {
			const readers = this.readers.get(node) ?? [];
			if (this.results.has(node) || readers.some((reader) => reader !== group)) needed.add(node);
		}
		return needed;
	}
	isValue = (node) => node.op === "input" || this.fusion.values.has(node);
	groupSteps(group) {
		const [node] = group.produces;
		const reads = [...group.reads];
		if (group.kind === "loops" && group.loops !== null) {
			const stored = this.needed(group);
			if (stored.size === 0) return [];
			this.noteReadsInPlace(group, group.loops, stored);
			return [{
				kind: "kernel",
				kernel: buildLoopKernel(group.loops, stored),
				reads,
				writes: [...stored]
			}];
		}
		if (group.kind === "contraction") return [this.contraction(group, node)];
		return this.special(group, node, reads);
	}
	noteReadsInPlace(group, loops, stored) {
		for (const made of stored) {
			const member = loops.members.get(made);
			if (member === void 0) continue;
			const sources = [...group.reads].filter((value) => {
				return value.dtype === made.dtype && numel(value.shape) === numel(made.shape) && readsOnlyInPlace(group, stored, value, member);
			});
			if (sources.length > 0) this.readInPlace.set(made, sources);
		}
	}
	contraction(group, node) {
		const operands = this.operandViews(node);
		const stored = this.needed(group);
		const kept = (group.loops === null ? [] : [...group.loops.members.keys()]).filter((member) => stored.has(member));
		const writes = [node, ...kept];
		const epilogue = group.loops === null ? null : buildLoopKernel(group.loops, new Set(kept));
		if (!stored.has(node)) this.shareResult(node, kept);
		return {
			kind: "contraction",
			node,
			operands,
			epilogue,
			reads: [...group.reads],
			writes
		};
	}
	/** The raw product may live where its only reader, the epilogue, puts its own result. */
	shareResult(node, kept) {
		for (const member of kept) {
			const location = this.locations.get(member);
			if (location?.kind !== "output" || bytesOf$1(member) !== bytesOf$1(node)) continue;
			if (member.dtype === node.dtype) {
				this.locations.set(node, location);
				return;
			}
		}
	}
	loop(group, node, reads) {
		const { body } = node.attrs;
		const needed = this.needed(group);
		const parts = group.produces.filter((made) => made.op === "part" && needed.has(made));
		const results = body.outputs.map((_, i) => parts.find((made) => made.op === "part" && made.attrs.index === i) ?? null);
		const { layout, schedule } = layoutLoop(node, results, this.planBody);
		this.blocks.set(node, layout.bytes);
		return {
			kind: "loop",
			node,
			body: schedule,
			results,
			layout,
			reads,
			writes: [node, ...parts]
		};
	}
	/** All results are computed whether they are read or not, but the logarithms of a forward pass. */
	attention(group, node, reads) {
		const operands = this.operandViews(node);
		const needed = this.needed(group);
		const results = node.op === "attention" ? [part(node, 0), needed.has(part(node, 1)) ? part(node, 1) : null] : [
			0,
			1,
			2
		].map((i) => part(node, i));
		return {
			kind: "attention",
			node,
			operands,
			results,
			reads,
			writes: results.filter((result) => result !== null)
		};
	}
	/** The value that a view of whole buffers is a view of. */
	valueUnder(operand) {
		let base = operand;
		while (!this.isValue(base) && base.src.length > 0) [base] = base.src;
		return base;
	}
	special(group, node, reads) {
		if (node.op === "loop") return [this.loop(group, node, reads)];
		if (node.op === "attention" || node.op === "attentionGrad") return [this.attention(group, node, reads)];
		if (numel(node.shape) === 0) return [];
		const writes = [node];
		if (node.op === "argsort") return [{
			kind: "sort",
			node,
			reads,
			writes
		}];
		if (node.op === "custom") return [{
			kind: "custom",
			node,
			reads,
			writes
		}];
		if (node.op === "scatter" && group.kernels.length === 0) {
			const [base, , updates] = node.src;
			return [{
				kind: "scatter",
				node,
				operands: [
					uniformValue(base) === 0 ? null : this.valueUnder(base),
					this.valueUnder(rowIndex(node) ?? node.src[1]),
					this.valueUnder(updates)
				],
				reads,
				writes
			}];
		}
		return group.kernels.map((kernel, i) => ({
			kind: "kernel",
			kernel,
			reads: i === 0 || node.op === "concat" ? reads : [...reads, node],
			writes
		}));
	}
	placeTemporaries(steps) {
		const last = steps.length;
		const spans = /* @__PURE__ */ new Map();
		const touch = (node, at) => {
			if (this.locations.has(node)) return;
			const span = spans.get(node) ?? {
				first: at,
				last: at
			};
			spans.set(node, {
				first: Math.min(span.first, at),
				last: Math.max(span.last, at)
			});
		};
		steps.forEach((step, i) => {
			for (const node of [...step.reads, ...step.writes]) touch(node, i);
		});
		for (const copy of this.after) touch(copy.source, last);
		const inPlace = this.shareTemporaries(spans);
		const kept = [...this.saved];
		const plan = planMemory([...[...spans].map(([node, span]) => ({
			bytes: this.blocks.get(node) ?? bytesOf$1(node),
			...span
		})), ...kept.map((node) => ({
			bytes: bytesOf$1(node),
			first: 0,
			last
		}))]);
		const place = (i) => ({
			kind: "temporary",
			offset: plan.offsets[i]
		});
		[...spans.keys()].forEach((node, i) => this.locations.set(node, place(i)));
		for (const [node, base] of inPlace) this.locations.set(node, this.locationOf(base));
		return {
			saved: new Map(kept.map((node, i) => [node, place(spans.size + i)])),
			bytes: plan.bytes
		};
	}
	/**
	* A value may take the place of one that is read for the last time where it is stored. Takes such
	* values out of the spans, lengthens those they stand on, and returns whose place they have.
	*/
	shareTemporaries(spans) {
		const bases = /* @__PURE__ */ new Map();
		const order = [...this.readInPlace].filter(([made]) => spans.has(made));
		order.sort(([a], [b]) => (spans.get(a)?.first ?? 0) - (spans.get(b)?.first ?? 0));
		for (const [made, sources] of order) {
			const own = spans.get(made);
			if (own === void 0 || this.blocks.has(made)) continue;
			for (const source of sources) {
				const base = bases.get(source) ?? source;
				const span = spans.get(base);
				if (span === void 0 || this.blocks.has(base) || span.last !== own.first) continue;
				span.last = own.last;
				spans.delete(made);
				bases.set(made, base);
				break;
			}
		}
		return bases;
	}
	/** Old values that something later overwrites are taken before anything runs. */
	firstCopies(saved) {
		return [...this.before.map(({ source, to }) => copyStep(source, this.locationOf(source), to)), ...[...saved].map(([node, to]) => copyStep(node, this.locationOf(node), to))];
	}
	lastCopies(saved) {
		return this.after.map(({ source, to }) => copyStep(source, saved.get(source) ?? this.locationOf(source), to));
	}
};
function copyStep(source, from, to) {
	return {
		kind: "copy",
		from,
		to,
		bytes: bytesOf$1(source),
		reads: [],
		writes: []
	};
}
/**
* Whether a group reads `target` only at the point where it stores `member`, and not later. What a
* member reads is read again wherever a later phase computes the member again.
*/
function readsOnlyInPlace(group, kept, target, member) {
	if (group.loops === null) return false;
	const place = formKey(group.loops.memberForm(member));
	const stored = member.reduce === null ? member.time : member.time + 1;
	const { members } = group.loops;
	const latest = /* @__PURE__ */ new Map();
	for (const reader of [...members.values()].sort((a, b) => b.node.id - a.node.id)) {
		const time = Math.max(reader.time, latest.get(reader.node) ?? 0);
		for (const load of loadsOf(reader.expression)) {
			const source = members.get(load.value);
			if (source !== void 0 && source.reduce === null) {
				if (!(source.level === "inner" && kept.has(source.node))) latest.set(source.node, Math.max(time, latest.get(source.node) ?? 0));
			}
			if (load.value !== target) continue;
			if (formKey(load.form) !== place || time > stored) return false;
			if (reader.level !== member.level && member.reduce === null) return false;
		}
	}
	return true;
}
/** Orders, places and lists everything a fused graph does. */
function schedule(graph, fusion, planBody) {
	return new Scheduler(graph, fusion, planBody).run();
}
// ../../work/main/src/compiler/split-reductions.ts
/** Reductions of at least this many elements to fewer than MANY results are cut into parts. */
const LONG = 65536;
const MANY = 16;
const PARTS = 64;
const combine = {
	reduceSum: "add",
	reduceProd: "mul",
	reduceMax: "max",
	reduceMin: "min"
};
function fold(op, x, axes) {
	return op === "reduceMax" || op === "reduceMin" ? extremum(op, x, axes) : reduce(op, x, axes);
}
function isReduction(node) {
	return node.op in combine;
}
/** Σ over the axes in PARTS partial results along `dim`, which must divide. */
function inParts(node, x, dim) {
	const { axes } = node.attrs;
	const split = [
		...x.shape.slice(0, dim),
		PARTS,
		x.shape[dim] / PARTS,
		...x.shape.slice(dim + 1)
	];
	const moved = axes.map((axis) => axis >= dim ? axis + 1 : axis);
	const partial = fold(node.op, reshape(x, split), moved);
	return reshape(fold(node.op, partial, [dim]), node.shape);
}
function splitReduction(node) {
	const [x] = node.src;
	const { axes } = node.attrs;
	const results = numel(node.shape);
	if (results >= MANY || numel(x.shape) < LONG * Math.max(results, 1)) return node;
	const dim = axes.reduce((best, axis) => x.shape[axis] > x.shape[best] ? axis : best, axes[0]);
	const size = x.shape[dim];
	const rest = size % PARTS;
	if (size < 128) return node;
	if (rest === 0) return inParts(node, x, dim);
	const main = inParts(node, narrow(x, dim, 0, size - rest), dim);
	return binary(combine[node.op], main, fold(node.op, narrow(x, dim, size - rest, rest), axes));
}
/**
* Cuts long reductions to few results into parts, so that threads share them and f32 sums keep
* their accuracy. The cut depends on the shape alone: results do not change with the machine.
*/
function splitReductions(graph) {
	const outputs = rewrite(graph.outputs, (node) => isReduction(node) ? splitReduction(node) : node);
	return {
		inputs: graph.inputs,
		outputs
	};
}
// ../../work/main/src/compiler/tidy-loops.ts
function familyKey({ src, attrs }) {
	const { body, carries, length, reverse, conditional } = attrs;
	const ids = (nodes) => nodes.map((node) => node.id).join(",");
	const next = ids(body.outputs.slice(0, carries));
	return [
		ids(src),
		ids(body.inputs),
		next,
		length,
		reverse,
		conditional
	].join("|");
}
function familiesOf(order) {
	const byKey = /* @__PURE__ */ new Map();
	const families = /* @__PURE__ */ new Map();
	for (const node of order) {
		if (node.op !== "loop") continue;
		const key = familyKey(node);
		const family = byKey.get(key) ?? {
			first: node,
			last: node,
			carries: /* @__PURE__ */ new Set(),
			stacked: /* @__PURE__ */ new Set()
		};
		byKey.set(key, family);
		families.set(node, family);
	}
	return families;
}
/** Whether a carry is the same in every trip. */
function isConstant({ body, conditional }, carry) {
	return body.inputs[carry] === body.outputs[carry] && !(conditional && carry === 0);
}
/** Carries that results in use depend on, through as many trips as it takes. */
function neededCarries({ first, carries, stacked }) {
	const { attrs } = first;
	const needed = new Set(carries);
	if (attrs.conditional) needed.add(0);
	for (let before = -1; before !== needed.size;) {
		before = needed.size;
		const roots = [...[...needed].map((i) => attrs.body.outputs[i]), ...stacked];
		const read = new Set(topologicalOrder(roots));
		attrs.body.inputs.slice(0, attrs.carries).forEach((own, i) => {
			if (read.has(own)) needed.add(i);
		});
	}
	return [...needed].filter((i) => !isConstant(attrs, i)).sort((a, b) => a - b);
}
function trim(family) {
	const { body, carries, slices } = family.first.attrs;
	const kept = neededCarries(family);
	const outputs = [...kept.map((i) => body.outputs[i]), ...family.stacked];
	const read = new Set(topologicalOrder(outputs));
	const others = body.inputs.flatMap((own, i) => read.has(own) && !kept.includes(i) ? [i] : []);
	const isSlice = (i) => i >= carries && i < carries + slices;
	return {
		carries: kept,
		slices: others.filter(isSlice),
		wholes: others.filter((i) => !isSlice(i)),
		outputs
	};
}
const marks = /* @__PURE__ */ new Set(["checkpoint", "customGradient"]);
/** Whether the node only shows another one in another form. */
function isView(node) {
	if (node.op === "bitcast") return node.dtype === node.src[0].dtype;
	return opClass[node.op] === "movement" && node.op !== "concat" || marks.has(node.op);
}
/** Host functions are called, and indices checked, only if there is a trip; loops are left alone. */
function staysInside(node) {
	return callsHost(node) || node.op === "loop" || node.op === "gather" || node.op === "scatter";
}
/** What trips need not compute, because it is the same in all: nodes that only read wholes. */
function invariants(roots, changing, wholes) {
	const varying = /* @__PURE__ */ new Set();
	const reading = /* @__PURE__ */ new Set();
	const found = /* @__PURE__ */ new Set();
	const consider = (operand) => {
		let node = operand;
		while (isView(node) && !varying.has(node)) node = node.src[0];
		if (reading.has(node) && !varying.has(node) && node.op !== "input") found.add(node);
	};
	const order = topologicalOrder(roots);
	for (const node of order) {
		if (node.src.some((source) => varying.has(source)) || changing.has(node) || staysInside(node)) varying.add(node);
		if (wholes.has(node) || node.src.some((source) => reading.has(source))) reading.add(node);
	}
	for (const node of order) if (varying.has(node)) node.src.forEach(consider);
	roots.forEach(consider);
	return [...found];
}
/** The last value of a carry: where its values are stacked, it is one of them. */
function finalOf(node, carry) {
	if (node.op !== "loop") return node;
	const { body, carries, length, reverse } = node.attrs;
	const value = body.outputs[carry];
	const at = body.outputs.indexOf(value, carries);
	if (at < 0) return part(node, carry);
	return reshape(narrow(part(node, at), 0, reverse ? 0 : length - 1, 1), value.shape);
}
var Tidying = class {
	families;
	trimmed = /* @__PURE__ */ new Map();
	rebuilt = /* @__PURE__ */ new Map();
	done = /* @__PURE__ */ new Map();
	constructor(families) {
		this.families = families;
	}
	/** Finds what is in use, from the outputs back: a loop's results come before the loop. */
	findUses(outputs, order) {
		const live = new Set(outputs);
		for (const node of order.toReversed()) {
			if (!live.has(node)) continue;
			const family = this.families.get(node.op === "part" ? node.src[0] : node);
			if (family === void 0) for (const source of node.src) live.add(source);
			else if (node.op === "part") {
				this.use(family, node);
				live.add(family.first);
			} else if (node === family.first) {
				const trimmed = trim(family);
				this.trimmed.set(family, trimmed);
				const { carries, slices, wholes } = trimmed;
				for (const i of [
					...carries,
					...slices,
					...wholes
				]) live.add(node.src[i]);
				for (const i of family.carries) live.add(node.src[i]);
			}
		}
	}
	use(family, { src: [from], attrs: { index } }) {
		if (from.op !== "loop") return;
		if (index < from.attrs.carries) family.carries.add(index);
		else family.stacked.add(from.attrs.body.outputs[index]);
	}
	rebuild(outputs, order) {
		for (const node of order) this.done.set(node, this.replacement(node));
		return outputs.map((node) => this.get(node));
	}
	get(node) {
		return this.done.get(node) ?? node;
	}
	replacement(node) {
		if (node.op === "part" && node.src[0].op === "loop") return this.result(node);
		const family = this.families.get(node);
		if (family !== void 0) {
			const trimmed = family.first === node ? this.trimmed.get(family) : void 0;
			if (trimmed !== void 0) this.rebuilt.set(family, this.rebuildLoop(family, trimmed));
			return node;
		}
		return withSources(node, node.src.map((source) => this.get(source)));
	}
	rebuildLoop(family, { carries, slices, wholes, outputs }) {
		const { attrs, src } = family.first;
		const { inputs } = attrs.body;
		const own = new Set(wholes.map((i) => inputs[i]));
		const moving = [...carries, ...slices];
		const hoisted = invariants(outputs, new Set(moving.map((i) => inputs[i])), own);
		const moved = substitute(hoisted, new Map(wholes.map((i) => [inputs[i], this.get(src[i])])));
		const stands = new Map(hoisted.map((node) => [node, input(node.shape, node.dtype)]));
		const results = substitute(outputs, stands);
		const read = new Set(topologicalOrder(results));
		const kept = wholes.filter((i) => read.has(inputs[i]));
		const operands = [...moving, ...kept].map((i) => ({
			own: inputs[i],
			source: this.get(src[i])
		}));
		hoisted.forEach((node, i) => operands.push({
			own: stands.get(node),
			source: moved[i]
		}));
		const result = loop(operands.map(({ source }) => source), {
			...attrs,
			body: new LoopBody(operands.map((operand) => operand.own), results),
			carries: carries.length,
			slices: slices.length
		});
		const finals = new Map([...family.carries].map((i) => [i, this.get(src[i])]));
		if (attrs.length > 0) carries.forEach((i, at) => finals.set(i, finalOf(result, at)));
		const stacked = [...family.stacked].map((output, i) => [output, attrs.length > 0 ? part(result, carries.length + i) : full([0, ...output.shape], 0, output.dtype)]);
		return {
			loop: result,
			carries: finals,
			stacked: new Map(stacked)
		};
	}
	result(node) {
		const [from] = node.src;
		const family = this.families.get(from);
		const rebuilt = family === void 0 ? void 0 : this.rebuilt.get(family);
		if (from.op !== "loop" || rebuilt === void 0) return node;
		const { index } = node.attrs;
		const { carries, body } = from.attrs;
		return (index < carries ? rebuilt.carries.get(index) : rebuilt.stacked.get(body.outputs[index])) ?? node;
	}
};
/**
* Merges loops that share their carries, and drops results, carries and operands that nobody needs.
* Carries that never change are read like any other operand, what is the same in every trip is
* computed before the loop, and loops of no trips disappear.
*/
function tidyLoops(graph) {
	const order = topologicalOrder(graph.outputs);
	const families = familiesOf(order);
	if (families.size === 0) return graph;
	const tidying = new Tidying(families);
	tidying.findUses(graph.outputs, order);
	return {
		inputs: graph.inputs,
		outputs: tidying.rebuild(graph.outputs, order)
	};
}
// ../../work/main/src/compiler/plan-program.ts
/** Uses of an assignment as an operand mean the assigned value; only outputs assign. */
function assignLast(graph) {
	const stripped = rewrite(graph.outputs.map((node) => node.op === "assign" ? node.src[1] : node), (node) => node.op === "assign" ? node.src[1] : node);
	const outputs = graph.outputs.map((node, i) => node.op === "assign" ? assign(node.src[0], stripped[i]) : stripped[i]);
	return {
		inputs: graph.inputs,
		outputs
	};
}
/** Everything before rendering: the same for every device, as far as its traits agree. */
function planProgram(graph, options = {}) {
	const traits = options.traits ?? wasmTraits;
	const check = (result, pass) => {
		if (options.verify === true) verifyGraph(result, pass);
		return result;
	};
	const legal = check(legalize(check(simplify(check(tidyLoops(assignLast(check(graph, "tracing"))), "tidyLoops")), "simplify"), traits), "legalize");
	const last = check(simplify(traits.splitsReductions ? check(splitReductions(legal), "splitReductions") : legal), "simplify again");
	const planBody = (body) => planProgram(body, options);
	return schedule(last, fuse(last, traits, { fuse: options.fuse ?? true }), planBody);
}
// ../../work/main/src/backends/cuda/koffi-ffi.ts
/** Short names of types in prototypes. */
const aliases = {
	u64: "uint64_t",
	i64: "int64_t",
	u32: "uint32_t",
	p: "void *"
};
var KoffiForeignLibrary = class {
	path;
	library;
	functions = /* @__PURE__ */ new Map();
	constructor(path, library) {
		this.path = path;
		this.library = library;
	}
	function(prototype) {
		const known = this.functions.get(prototype);
		if (known !== void 0) return known;
		const declared = this.library.func(prototype);
		const issue = declared.async.bind(declared);
		const result = Object.assign(declared, { async: (...values) => new Promise((resolve, reject) => {
			issue(...values, (error, code) => {
				if (error === null) resolve(code);
				else reject(error);
			});
		}) });
		this.functions.set(prototype, result);
		return result;
	}
	has(name) {
		try {
			this.library.symbol(name);
			return true;
		} catch {
			return false;
		}
	}
};
var KoffiFfi = class {
	koffi;
	/** A library is closed when nobody holds it: so somebody must. */
	libraries = /* @__PURE__ */ new Map();
	constructor(koffi) {
		this.koffi = koffi;
		for (const [name, type] of Object.entries(aliases)) koffi.alias(name, type);
	}
	open(path) {
		const known = this.libraries.get(path);
		if (known !== void 0) return known;
		const library = new KoffiForeignLibrary(path, this.koffi.load(path));
		this.libraries.set(path, library);
		return library;
	}
	address(view) {
		return Number(this.koffi.address(view));
	}
	view(address, bytes) {
		return this.koffi.view(address, bytes);
	}
};
let instance$1;
/**
* C functions through the npm package `koffi`, which is loaded by the first call.
*
* @throws {DeviceError} if koffi is not installed or does not run here.
*/
function koffiFfi() {
	if (instance$1 !== void 0) return instance$1;
	try {
		instance$1 = new KoffiFfi(createRequire(import.meta.url)("koffi"));
		return instance$1;
	} catch (cause) {
		const isMissing = cause instanceof Error && "code" in cause && cause.code === "MODULE_NOT_FOUND";
		const reason = cause instanceof Error ? cause.message : String(cause);
		throw new DeviceError(isMissing ? "cuda: the npm package \"koffi\" must be installed, got none; run: npm install koffi" : `cuda: the npm package "koffi" must load, got: ${reason}; run: npm install koffi`, { cause });
	}
}
// ../../work/main/test/cuda/emulator/compiler.ts
/** Sources of the emulated libraries and the C prelude of kernels. */
const nativeFolder = fileURLToPath(new URL("native", import.meta.url));
/** Compilers in order of preference for kernels: tcc takes milliseconds for a unit. */
const unitCommands = {
	tcc: "tcc -w",
	gcc: "gcc -std=gnu11 -O1 -w -fPIC -fwrapv -fno-strict-aliasing -ffp-contract=off",
	clang: "clang -std=gnu11 -O1 -w -fPIC -fwrapv -fno-strict-aliasing -ffp-contract=off"
};
/** For the libraries, which are compiled once: optimised if possible. */
const libraryCommands = {
	gcc: "gcc -std=gnu11 -O3 -Wall -Wextra -fPIC -fno-strict-aliasing",
	clang: "clang -std=gnu11 -O3 -Wall -fPIC -fno-strict-aliasing",
	tcc: "tcc"
};
const available = /* @__PURE__ */ new Map();
function isAvailable(program) {
	let known = available.get(program);
	if (known === void 0) {
		known = spawnSync(program, ["-v"], { stdio: "ignore" }).status === 0;
		available.set(program, known);
	}
	return known;
}
function firstOf(commands) {
	const found = Object.keys(commands).find(isAvailable);
	return found === void 0 ? void 0 : commands[found];
}
/** Command that compiles kernels; ATHANOR_EMULATOR_CC names the compiler. */
function unitCommand() {
	const wanted = process.env["ATHANOR_EMULATOR_CC"];
	if (wanted !== void 0 && wanted !== "") return unitCommands[wanted] ?? wanted;
	return firstOf(unitCommands);
}
/** Folder for compiled units and libraries, of this user. */
function cacheFolder() {
	const folder = join(tmpdir(), `athanor-emulator-${userInfo().username}`);
	mkdirSync(folder, {
		recursive: true,
		mode: 448
	});
	return folder;
}
/** Why there can be no emulator here, or null. */
function emulatorObstacle() {
	if (process.platform !== "linux") return "the CUDA emulator runs on Linux";
	if (!["x64", "arm64"].includes(process.arch)) return "the CUDA emulator runs on x64 and arm64";
	if (unitCommand() === void 0) return "the CUDA emulator needs a C compiler: apt install tcc";
	return null;
}
/**
* Path of the shared object with all emulated libraries; it is compiled if its sources changed.
*
* @throws {Error} with the compiler's messages.
*/
function emulatorLibrary() {
	const command = firstOf(libraryCommands);
	if (command === void 0) throw new Error("emulator: no C compiler");
	const files = readdirSync(nativeFolder).filter((name) => /\.[ch]$/.test(name));
	const hash = createHash("sha256").update(command);
	for (const name of files.toSorted()) hash.update(readFileSync(join(nativeFolder, name)));
	const path = join(cacheFolder(), `emulator-${hash.digest("hex").slice(0, 32)}.so`);
	if (existsSync(path)) return path;
	const made = `${path}.${process.pid}`;
	const sources = files.filter((name) => name.endsWith(".c")).map((name) => join(nativeFolder, name));
	const [program, ...options] = command.split(" ");
	const args = [
		...options,
		"-shared",
		"-o",
		made,
		...sources,
		"-lm",
		"-ldl",
		"-lpthread"
	];
	const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
	if (status !== 0) throw new Error(`emulator: ${program} failed\n${stderr}`);
	renameSync(made, path);
	return path;
}
// ../../work/main/test/cuda/emulator/unit-text.ts
let prelude;
/** An `extern "C" __global__` function: its launch bounds (0 if it has none), name and parameters. */
const entryPattern = /extern\s+"C"\s+__global__\s+(?:__launch_bounds__\((\d+)[^)]*\)\s*)?void\s+(\w+)\s*\(([^)]*)\)/g;
/** What the emulated driver needs to call an entry: a call by address table, sizes, bounds. */
function adapter([, bounds, name, parameters]) {
	const types = parameters.split(",").map((parameter) => parameter.trim()).filter((text) => text !== "" && text !== "void").map((text) => text.replace(/\w+$/, "").replaceAll(/\bconst\b|__grid_constant__|__restrict__/g, "").trim());
	const values = types.map((type, i) => `*(${type} *)p[${i}]`);
	const sizes = [...types.map((type) => `sizeof(${type})`), "0"];
	return [
		`void emu_entry_${name}(void **p) { ${name}(${values.join(", ")}); }`,
		`const u64 emu_sizes_${name}[] = { ${sizes.join(", ")} };`,
		`const int emu_threads_${name} = ${bounds ?? 0};`
	].join("\n");
}
/** Accesses of memory that must be aligned, as the plain part of the prelude writes them. */
function checkAlignment(text) {
	const types = "u16|u32|u64|v8|v16|float|double|int";
	return text.replaceAll(new RegExp(`\\*\\(const (${types}) \\*\\)at\\b`, "g"), (_, type) => `*(const ${type} *)emu_aligned(at, sizeof(${type}))`).replaceAll(new RegExp(`\\*\\((${types}) \\*\\)at\\b`, "g"), (_, type) => `*(${type} *)emu_aligned(at, sizeof(${type}))`);
}
/**
* A unit of CUDA C as C: the device's part of the prelude is exchanged, entries become functions the
* emulated driver can call. Line numbers in messages of the compiler are those of the CUDA C.
*/
function unitText(cuda) {
	prelude ??= readFileSync(join(nativeFolder, "prelude.h"), "utf8");
	const adapters = [...cuda.matchAll(entryPattern)].map(adapter);
	const rest = cuda.startsWith(devicePrelude) ? cuda.slice(devicePrelude.length) : cuda;
	const line = cuda.length === rest.length ? 1 : devicePrelude.split("\n").length;
	const body = checkAlignment(rest).replaceAll(/extern\s+__shared__[^;]*\bshared\[\];/g, "").replaceAll(/extern\s+"C"/g, "");
	return [
		`#line 1 "prelude.h"`,
		prelude,
		`#line ${line} "program"`,
		body,
		`#line 1 "adapters"`,
		...adapters,
		""
	].join("\n");
}
// ../../work/main/test/cuda/emulator/emulator.ts
const libraryPatterns = {
	cuda: /^libcuda\.so/,
	nvrtc: /^libnvrtc\.so/,
	cublasLt: /^libcublasLt\.so/,
	cudnn: /^libcudnn\.so/
};
const symbolPrefixes = {
	cuda: /^cu[A-Z]/,
	nvrtc: /^nvrtc/,
	cublasLt: /^cublasLt/,
	cudnn: /^cudnn/
};
const cannotOpen = (path) => /* @__PURE__ */ new Error(`${path}: cannot open shared object file: No such file or directory`);
/** A machine with an emulated GPU, one per process: {@link emulator} starts it anew. */
var Emulator = class {
	ffi;
	native;
	faults = /* @__PURE__ */ new Map();
	machine = {};
	constructor() {
		const real = koffiFfi();
		this.native = real.open(emulatorLibrary());
		this.native.function("void emu_configure(const char *cc, const char *include, const char *cache)")(unitCommand() ?? "cc", nativeFolder, cacheFolder());
		this.ffi = {
			open: (path) => this.open(path),
			address: (view) => real.address(view),
			view: (address, bytes) => real.view(address, bytes)
		};
	}
	/** Forgets faults and defects, and makes the machine as told. Devices in use must be disposed. */
	reset(machine = {}) {
		this.faults.clear();
		this.machine = machine;
		this.native.function("void emu_reset()")();
		const set = this.native.function("void emu_set(const char *what, double value)");
		for (const [name, value] of Object.entries(machine)) if (name !== "missing") set(name, Number(value));
	}
	/** Makes calls of a function return `code`, after `skip` that succeed. */
	fail(name, code, { skip = 0, times = Number.POSITIVE_INFINITY } = {}) {
		this.faults.set(name, {
			code,
			skip,
			times
		});
	}
	/** Lets the function work again. */
	heal(name) {
		this.faults.delete(name);
	}
	count(counter) {
		return this.native.function("double emu_get(const char *what)")(counter);
	}
	/** Defects of the code under test since the last call: bad accesses, overruns, barriers. */
	takeProblems() {
		const text = /* @__PURE__ */ new Uint8Array(8192);
		this.native.function("int emu_take_problems(p text, u64 size)")(text, text.length);
		return readText(text).split("\n").filter(Boolean);
	}
	open(path) {
		const file = path.slice(path.lastIndexOf("/") + 1);
		const name = Object.keys(libraryPatterns).find((candidate) => libraryPatterns[candidate].test(file));
		if (name === void 0 || this.machine.missing?.includes(name)) throw cannotOpen(path);
		return {
			path: file,
			has: (symbol) => symbolPrefixes[name].test(symbol) && this.native.has(symbol),
			function: (prototype) => this.declare(name, prototype)
		};
	}
	declare(library, prototype) {
		const name = /(\w+)\s*\(/.exec(prototype)?.[1] ?? "";
		if (!symbolPrefixes[library].test(name)) throw new Error(`${name}: symbol not found`);
		const real = this.native.function(prototype);
		const values = (given) => name === "nvrtcCreateProgram" ? given.map((value) => typeof value === "string" && value.includes("\n") ? unitText(value) : value) : given;
		return Object.assign((...given) => this.fault(name) ?? real(...values(given)), { async: (...given) => {
			const code = this.fault(name);
			return code === null ? real.async(...values(given)) : Promise.resolve(code);
		} });
	}
	fault(name) {
		const fault = this.faults.get(name);
		if (fault === void 0) return null;
		if (fault.skip > 0) {
			fault.skip--;
			return null;
		}
		if (fault.times-- <= 0) return null;
		return fault.code;
	}
};
let instance;
/** The emulated machine, started anew. @throws {Error} where {@link emulatorObstacle} has a reason. */
function emulator(machine = {}) {
	const obstacle = emulatorObstacle();
	if (obstacle !== null) throw new Error(obstacle);
	instance ??= new Emulator();
	instance.reset(machine);
	return instance;
}
// ../../work/main/test/cuda/kernel-runner.ts
/** The card that tests render for. */
const testTarget = {
	capability: 90,
	multiprocessors: 4,
	sharedBytesPerBlock: 232448,
	cacheBytes: 50 << 20
};
const placeText = (location) => location.kind === "temporary" ? `t${location.offset}` : `${location.kind}${location.index}`;
function locate(plan, value) {
	const location = plan.locations.get(value);
	if (location === void 0) throw new Error(`${value.op} has no place`);
	return location;
}
/** Plans a graph for CUDA and renders the kernels among its steps. */
function renderGraph(graph, target = testTarget) {
	const plan = planProgram(graph, {
		traits: cudaTraits(target),
		verify: true
	});
	return {
		steps: plan.steps.flatMap((step) => {
			if (step.kind !== "kernel") return [];
			return [renderStep(plan, step, target)];
		}),
		plan
	};
}
function renderStep(plan, step, target) {
	const placeOf = (value) => placeText(locate(plan, value));
	const writesState = step.writes.some((node) => locate(plan, node).kind === "input");
	return renderKernel(step.kernel, {
		target,
		placeOf,
		writesState
	});
}
/** Whether every step of the graph is a generated kernel or a copy. */
function isOnlyKernels(graph, target = testTarget) {
	return planProgram(graph, { traits: cudaTraits(target) }).steps.every((step) => step.kind === "kernel" || step.kind === "copy");
}
/** Runs the kernels of one graph on the emulated device. */
var Runner = class {
	machine;
	driver;
	stream;
	addresses = /* @__PURE__ */ new Map();
	constructor(options) {
		this.machine = emulator(options.machine);
		this.driver = new Driver(this.machine.ffi, this.machine.ffi.open("libcuda.so.1"));
		this.driver.makeCurrent(this.driver.retainContext(this.driver.device(0)));
		this.stream = this.driver.createStream();
	}
	run(graph, data, target) {
		const { plan, steps } = renderGraph(graph, target);
		graph.inputs.forEach((node, i) => this.write(`input${i}`, this.upload(data[i])));
		graph.outputs.forEach((node, i) => this.write(`output${i}`, this.allocate(bytesOf(node))));
		this.write("arena", this.allocate(plan.temporaryBytes));
		this.write("errors", this.upload(/* @__PURE__ */ new Int32Array(4)));
		this.write("scratch", this.allocate(Math.max(16, ...steps.map((step) => step.scratchBytes))));
		const module = this.compile(steps);
		const rest = [...steps];
		let entry = 0;
		for (const step of plan.steps) if (step.kind === "copy") {
			const [to, from] = [this.address(step.to), this.address(step.from)];
			this.driver.copyOnDevice(to, from, step.bytes, this.stream);
		} else {
			const rendered = rest.shift();
			for (const made of rendered?.functions ?? []) {
				const words = made.arguments.map((part) => this.word(part, plan));
				const { blocks, threads, sharedBytes } = made;
				const kernel = this.driver.kernel(module, `e${entry++}`, sharedBytes);
				const block = BigUint64Array.from(words.length === 0 ? [0n] : words, BigInt);
				const table = new BigUint64Array([BigInt(this.machine.ffi.address(block))]);
				const shape = {
					blocks,
					threads,
					sharedBytes
				};
				this.driver.launch(kernel, shape, this.machine.ffi.address(table), this.stream);
			}
		}
		const errors = this.read("errors", "i32", 4);
		const isAssigned = (i) => graph.outputs[i].op === "assign";
		const targetOf = (i) => graph.inputs.findIndex((input) => input === graph.outputs[i].src[0]);
		return {
			outputs: graph.outputs.map((node, i) => this.read(isAssigned(i) ? `input${targetOf(i)}` : `output${i}`, node.dtype, numel(node.shape))),
			inputs: graph.inputs.map((node, i) => this.read(`input${i}`, node.dtype, numel(node.shape))),
			error: [errors[0], errors[1]]
		};
	}
	dispose() {
		for (const address of this.addresses.values()) this.driver.free(address);
		expect(this.machine.takeProblems()).toEqual([]);
	}
	write(name, address) {
		this.addresses.set(name, address);
	}
	allocate(bytes) {
		const address = this.driver.tryAllocate(Math.max(bytes, 1));
		if (address === null) throw new Error("the emulated device is full");
		return address;
	}
	upload(values) {
		const address = this.allocate(values.byteLength);
		if (values.byteLength === 0) return address;
		const host = this.driver.allocateHost(values.byteLength);
		const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
		new Uint8Array(this.machine.ffi.view(host, values.byteLength)).set(bytes);
		this.driver.copyToDevice(address, host, values.byteLength, this.stream);
		this.driver.synchronize(this.stream);
		this.driver.freeHost(host);
		return address;
	}
	read(name, dtype, elements) {
		const bytes = elements * dtypeBytes(dtype);
		if (bytes === 0) return hostView(dtype, /* @__PURE__ */ new ArrayBuffer(0));
		const host = this.driver.allocateHost(bytes);
		this.driver.copyToHost(host, this.addresses.get(name) ?? 0, bytes, this.stream);
		this.driver.synchronize(this.stream);
		const values = hostView(dtype, this.machine.ffi.view(host, bytes).slice(0));
		this.driver.freeHost(host);
		return values;
	}
	address(location) {
		if (location.kind !== "temporary") return this.addresses.get(placeText(location)) ?? 0;
		return (this.addresses.get("arena") ?? 0) + location.offset;
	}
	word(argument, plan) {
		switch (argument.kind) {
			case "value": return this.address(locate(plan, argument.value));
			case "scratch": return (this.addresses.get("scratch") ?? 0) + argument.offset;
			case "errors": return this.addresses.get("errors") ?? 0;
			case "int": return argument.value;
			default: return argument;
		}
	}
	compile(steps) {
		const text = steps.flatMap((step) => step.functions).map((made, i) => {
			const entry = entryText(`e${i}`, [{
				name: `f${i}`,
				function: made
			}]);
			return `static __device__ void f${i}${made.text}\n${entry}`;
		});
		const nvrtc = new FunctionTable(this.machine.ffi.open("libnvrtc.so.13"), nvrtcPrototypes);
		const wide = /* @__PURE__ */ new BigUint64Array(1);
		const head = cudaPrelude.includes("char shared[]") ? "" : sharedMemory;
		const source = `${cudaPrelude}${head}${text.join("\n")}`;
		nvrtc.get("nvrtcCreateProgram")(wide, source, "program", 0, null, null);
		const program = Number(wide[0]);
		const option = new TextEncoder().encode("--gpu-architecture=sm_90\0");
		const options = new BigUint64Array([BigInt(this.machine.ffi.address(option))]);
		const code = nvrtc.get("nvrtcCompileProgram")(program, 1, options);
		nvrtc.get("nvrtcGetProgramLogSize")(program, wide);
		const log = new Uint8Array(Number(wide[0]));
		nvrtc.get("nvrtcGetProgramLog")(program, log);
		if (code !== 0) throw new Error(`${readText(log)}\n${text.join("\n")}`);
		nvrtc.get("nvrtcGetCUBINSize")(program, wide);
		const image = new Uint8Array(Number(wide[0]));
		nvrtc.get("nvrtcGetCUBIN")(program, image);
		return this.driver.loadModule(image, "test");
	}
};
const sharedMemory = "extern __shared__ __align__(16) char shared[];\n";
const bytesOf = (node) => numel(node.shape) * dtypeBytes(node.dtype);
/** Runs a graph of kernels and copies on the emulated device. */
function runKernels(graph, data, options = {}) {
	const runner = new Runner(options);
	const result = runner.run(graph, data, options.target ?? testTarget);
	runner.dispose();
	return result;
}
// one.ts
for (const op of process.argv.slice(2)) for (const spec of opCases[op]) for (const dtype of spec.dtypes) {
	const built = buildCase(spec, dtype);
	const g = {
		inputs: built.inputs,
		outputs: built.outputs
	};
	if (!isOnlyKernels(g)) continue;
	console.log(op, spec.name, dtype);
	runKernels(g, built.data);
}
export {};
