/** Encodes small graphs as ONNX models: as much of the protobuf schema as the benchmarks need. */

const elementType = { float32: 1, int64: 7 };
const attributeType = { integer: 2, string: 3, integers: 7 };

function varint(value) {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

const integer = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);

function bytes(field, value) {
  const content = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

const message = (...fields) => Buffer.concat(fields.flat());

function attribute(name, value) {
  if (typeof value === "string")
    return message(bytes(1, name), bytes(4, value), integer(20, attributeType.string));
  const values = Array.isArray(value)
    ? [...value.map((item) => integer(8, item)), integer(20, attributeType.integers)]
    : [integer(3, value), integer(20, attributeType.integer)];
  return message(bytes(1, name), values);
}

function node({ op, inputs, output, outputs = [output], attributes = {} }) {
  return message(
    inputs.map((name) => bytes(1, name)),
    outputs.map((name) => bytes(2, name)),
    bytes(4, op),
    Object.entries(attributes).map(([name, value]) => bytes(5, attribute(name, value))),
  );
}

/** Dims that are text have a size that differs from call to call. */
function valueInfo(name, { shape, type = "float32" }) {
  const dims = shape.map((dim) =>
    bytes(1, typeof dim === "string" ? bytes(2, dim) : integer(1, dim)),
  );
  const tensorType = message(integer(1, elementType[type]), bytes(2, message(dims)));
  return message(bytes(1, name), bytes(2, bytes(1, tensorType)));
}

function tensor(name, { shape, data, type = "float32" }) {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return message(
    shape.map((dim) => integer(1, dim)),
    integer(2, elementType[type]),
    bytes(8, name),
    bytes(9, raw),
  );
}

/** The model of a graph whose result is called `y`, if no other outputs are named. */
export function encodeModel({ inputs, constants = {}, nodes, output, outputs }) {
  const graph = message(
    nodes.map((item) => bytes(1, node(item))),
    bytes(2, "bench"),
    Object.entries(constants).map(([name, value]) => bytes(5, tensor(name, value))),
    Object.entries(inputs).map(([name, value]) => bytes(11, valueInfo(name, value))),
    Object.entries(outputs ?? { y: { shape: output } }).map(([name, value]) =>
      bytes(12, valueInfo(name, value)),
    ),
  );
  const opset = message(bytes(1, ""), integer(2, 17));
  return message(integer(1, 8), bytes(7, graph), bytes(8, opset));
}
