/* Operations of cuDNN graphs in double precision: what each tensor holds is rounded to its type. */
#include "cudnn.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RANK = 8, MAX_TENSORS = 128 };

struct tensor {
  int64_t uid, dims[MAX_RANK], strides[MAX_RANK], total;
  int rank, type, is_virtual, is_ready;
  double *values; /* in the order of dims */
};
static struct tensor tensors[MAX_TENSORS];
static int tensor_count;
static const struct operand *given;
static int given_count;

static void read_shape(const struct body *body, struct tensor *t) {
  int count;
  memset(t, 0, sizeof *t);
  t->uid = emu_dnn_integer(body, 906, 0);
  t->type = emu_dnn_type((int)emu_dnn_integer(body, 901, 0));
  t->is_virtual = emu_dnn_integer(body, 907, 0) != 0;
  const int64_t *dims = emu_dnn_integers(body, 902, &t->rank);
  const int64_t *strides = emu_dnn_integers(body, 903, &count);
  t->total = 1;
  for (int i = 0; i < t->rank; i++) {
    t->dims[i] = dims[i];
    t->strides[i] = strides[i];
    t->total *= dims[i];
  }
}
static int64_t offset_of(const struct tensor *t, int64_t index) {
  int64_t offset = 0;
  for (int i = t->rank - 1; i >= 0; i--) {
    offset += index % t->dims[i] * t->strides[i];
    index /= t->dims[i];
  }
  return offset;
}
static const struct operand *operand_of(int64_t uid) {
  for (int i = 0; i < given_count; i++)
    if (given[i].uid == uid) return &given[i];
  return NULL;
}
static struct tensor *tensor_of(const struct body *body) {
  int64_t uid = emu_dnn_integer(body, 906, 0);
  for (int i = 0; i < tensor_count; i++)
    if (tensors[i].uid == uid) return &tensors[i];
  struct tensor *t = &tensors[tensor_count++];
  read_shape(body, t);
  t->values = malloc(t->total * sizeof(double));
  return t;
}
/* A tensor that is read: from memory at first use, unless an operation has made it. */
static struct tensor *input(const struct body *body) {
  struct tensor *t = tensor_of(body);
  if (t->is_ready) return t;
  const struct operand *operand = operand_of(t->uid);
  if (t->is_virtual || operand == NULL) emu_api.fail("a graph reads a tensor nobody gave");
  const void *base = operand->is_constant ? (const void *)operand->constant : (void *)(uintptr_t)operand->address;
  for (int64_t i = 0; i < t->total; i++) t->values[i] = emu_load(t->type, base, offset_of(t, i));
  t->is_ready = 1;
  return t;
}
/* Rounds to the tensor's type, and stores what is not virtual. */
static void finish(struct tensor *t) {
  const struct operand *operand = operand_of(t->uid);
  char rounded[8];
  if (!t->is_virtual && operand == NULL) emu_api.fail("a graph writes a tensor nobody gave");
  for (int64_t i = 0; i < t->total; i++) {
    emu_store(t->type, rounded, 0, t->values[i]);
    t->values[i] = emu_load(t->type, rounded, 0);
    if (!t->is_virtual) emu_store(t->type, (void *)(uintptr_t)operand->address, offset_of(t, i), t->values[i]);
  }
  t->is_ready = 1;
}

/* Element of `t` at the place `index` has in `like`, where dims of size 1 repeat. */
static double at(const struct tensor *t, const struct tensor *like, int64_t index) {
  int64_t place = 0, scale = 1;
  for (int i = like->rank - 1; i >= 0; i--) {
    int64_t coordinate = index % like->dims[i];
    index /= like->dims[i];
    if (t->dims[i] != 1) place += coordinate * scale;
    scale *= t->dims[i];
  }
  return t->values[place];
}
static int64_t coordinate_of(const struct tensor *t, int64_t index, int axis) {
  for (int i = t->rank - 1; i > axis; i--) index /= t->dims[i];
  return index % t->dims[axis];
}

static double apply(int mode, double x, double b, double t) {
  switch (mode) {
    case 0: return x + b;
    case 1: return x * b;
    case 2: return fmin(x, b);
    case 3: return fmax(x, b);
    case 4: return sqrt(x);
    case 5: return x + b * b;
    case 6: return x / b;
    case 8: return pow(x, b);
    case 9: return x - b;
    case 10: return fabs(x);
    case 13: return exp(x);
    case 15: return log(x);
    case 16: return -x;
    case 17: return 1 / sqrt(x);
    case 20: return erf(x);
    case 21: return x;
    case 22: return 1 / x;
    case 100: return x > 0 ? x : 0;
    case 101: return tanh(x);
    case 102: return 1 / (1 + exp(-x));
    case 104: return 0.5 * x * (1 + erf(x * 0.7071067811865476));
    case 107: return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    case 300: return x == b;
    case 301: return x != b;
    case 302: return x > b;
    case 303: return x >= b;
    case 304: return x < b;
    case 305: return x <= b;
    case 400: return x != 0 && b != 0;
    case 401: return x != 0 || b != 0;
    case 402: return x == 0;
    case 601: return t != 0 ? x : b;
    default: emu_api.fail("a pointwise mode the emulator does not have"); return 0;
  }
}
static void pointwise(const struct body *op) {
  const struct body *what = emu_dnn_body(op, 750, 0), *second = emu_dnn_body(op, 752, 0), *third = emu_dnn_body(op, 758, 0);
  int mode = (int)emu_dnn_integer(what, 0, 0), axis = (int)emu_dnn_integer(what, 9, 0);
  struct tensor *y = tensor_of(emu_dnn_body(op, 753, 0));
  if (mode == 501) {
    for (int64_t i = 0; i < y->total; i++) y->values[i] = (double)coordinate_of(y, i, axis);
    finish(y);
    return;
  }
  struct tensor *x = input(emu_dnn_body(op, 751, 0)), *b = second ? input(second) : NULL, *t = third ? input(third) : NULL;
  for (int64_t i = 0; i < y->total; i++)
    y->values[i] = apply(mode, at(x, y, i), b ? at(b, y, i) : 0, t ? at(t, y, i) : 0);
  finish(y);
}

/* Batch dims of an operand may be 1, or divide the result's: heads that share keys. */
static int64_t batch_place(const struct tensor *t, const struct tensor *c, int64_t batch) {
  int64_t place = 0, scale = 1;
  for (int i = c->rank - 3; i >= 0; i--) {
    int64_t coordinate = batch % c->dims[i];
    batch /= c->dims[i];
    place += coordinate / (c->dims[i] / t->dims[i]) * scale;
    scale *= t->dims[i];
  }
  return place;
}
static void matmul(const struct body *op) {
  struct tensor *a = input(emu_dnn_body(op, 1520, 0)), *b = input(emu_dnn_body(op, 1521, 0));
  struct tensor *c = tensor_of(emu_dnn_body(op, 1522, 0));
  int64_t m = c->dims[c->rank - 2], n = c->dims[c->rank - 1], k = a->dims[a->rank - 1];
  for (int64_t batch = 0; batch < c->total / (m * n); batch++) {
    const double *x = a->values + batch_place(a, c, batch) * m * k, *y = b->values + batch_place(b, c, batch) * k * n;
    double *z = c->values + batch * m * n;
    memset(z, 0, m * n * sizeof *z);
    for (int64_t i = 0; i < m; i++)
      for (int64_t p = 0; p < k; p++)
        for (int64_t j = 0; j < n; j++) z[i * n + j] += x[i * k + p] * y[p * n + j];
  }
  finish(c);
}
/* Dims of the result are 1, or divide the operand's: heads that share keys are added up. */
static void reduction(const struct body *op) {
  struct tensor *x = input(emu_dnn_body(op, 1610, 0)), *y = tensor_of(emu_dnn_body(op, 1611, 0));
  int mode = (int)emu_dnn_integer(emu_dnn_body(op, 1612, 0), 1600, 0);
  double start = mode == 0 ? 0 : mode == 1 ? 1 : mode == 2 ? INFINITY : -INFINITY;
  for (int64_t i = 0; i < y->total; i++) y->values[i] = start;
  for (int64_t i = 0; i < x->total; i++) {
    int64_t place = 0, scale = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
      place += coordinate_of(x, i, d) / (x->dims[d] / y->dims[d]) * scale;
      scale *= y->dims[d];
    }
    double *to = &y->values[place], value = x->values[i];
    *to = mode == 0 ? *to + value : mode == 1 ? *to * value : mode == 2 ? fmin(*to, value) : fmax(*to, value);
  }
  finish(y);
}
/* The memory of x, seen with the dims and strides of y. */
static void reshape(const struct body *op) {
  struct tensor *x = input(emu_dnn_body(op, 2200, 0)), *y = tensor_of(emu_dnn_body(op, 2201, 0));
  int64_t extent = 1;
  for (int i = 0; i < x->rank; i++) extent += (x->dims[i] - 1) * x->strides[i];
  double *memory = calloc(extent, sizeof *memory);
  for (int64_t i = 0; i < x->total; i++) memory[offset_of(x, i)] = x->values[i];
  for (int64_t i = 0; i < y->total; i++) y->values[i] = memory[offset_of(y, i) % extent];
  free(memory);
  finish(y);
}

struct geometry {
  int spatial;
  const int64_t *dilation, *stride, *pre, *post;
};
static struct geometry geometry_of(const struct body *what) {
  struct geometry g;
  int count;
  g.dilation = emu_dnn_integers(what, 102, &count);
  g.stride = emu_dnn_integers(what, 103, &count);
  g.post = emu_dnn_integers(what, 104, &count);
  g.pre = emu_dnn_integers(what, 105, &g.spatial);
  return g;
}
struct parts {
  int x, w, y, description;
};
static struct parts parts_of(int kind) {
  if (kind == KIND_CONV_FORWARD) return (struct parts){704, 703, 705, 702};
  if (kind == KIND_CONV_INPUT) return (struct parts){710, 709, 711, 708};
  return (struct parts){716, 715, 717, 714};
}

/* Every triple (x, w, y) of elements that meet: the result gets the product of the other two. */
static void convolution(const struct body *op) {
  struct parts parts = parts_of(op->kind);
  struct geometry g = geometry_of(emu_dnn_body(op, parts.description, 0));
  const struct body *bx = emu_dnn_body(op, parts.x, 0), *bw = emu_dnn_body(op, parts.w, 0), *by = emu_dnn_body(op, parts.y, 0);
  struct tensor *x = op->kind == KIND_CONV_INPUT ? tensor_of(bx) : input(bx);
  struct tensor *w = op->kind == KIND_CONV_WEIGHT ? tensor_of(bw) : input(bw);
  struct tensor *y = op->kind == KIND_CONV_FORWARD ? tensor_of(by) : input(by);
  struct tensor *result = op->kind == KIND_CONV_FORWARD ? y : op->kind == KIND_CONV_INPUT ? x : w;
  memset(result->values, 0, result->total * sizeof(double));
  int64_t channels = w->dims[1], groups = x->dims[1] / channels, outputs = y->dims[1] / groups;
  int64_t points = 1, taps = 1, pixels = 1;
  for (int i = 2; i < x->rank; i++) {
    points *= y->dims[i];
    taps *= w->dims[i];
    pixels *= x->dims[i];
  }
  /* Pixel each output point reads through each tap, or -1 in the padding. */
  int64_t *pixel = malloc(points * taps * sizeof *pixel);
  for (int64_t p = 0; p < points; p++)
    for (int64_t t = 0; t < taps; t++) {
      int64_t rest_p = p, rest_t = t, place = 0, scale = 1, inside = 1;
      for (int i = g.spatial - 1; i >= 0; i--) {
        int64_t at = rest_p % y->dims[i + 2] * g.stride[i] - g.pre[i] + rest_t % w->dims[i + 2] * g.dilation[i];
        rest_p /= y->dims[i + 2];
        rest_t /= w->dims[i + 2];
        inside &= at >= 0 && at < x->dims[i + 2];
        place += at * scale;
        scale *= x->dims[i + 2];
      }
      pixel[p * taps + t] = inside ? place : -1;
    }
  for (int64_t n = 0; n < x->dims[0]; n++)
    for (int64_t o = 0; o < y->dims[1]; o++)
      for (int64_t c = 0; c < channels; c++) {
        double *xs = x->values + (n * x->dims[1] + o / outputs * channels + c) * pixels;
        double *ws = w->values + (o * channels + c) * taps, *ys = y->values + (n * y->dims[1] + o) * points;
        for (int64_t p = 0; p < points; p++)
          for (int64_t t = 0; t < taps; t++) {
            int64_t from = pixel[p * taps + t];
            if (from < 0) continue;
            if (op->kind == KIND_CONV_FORWARD) ys[p] += xs[from] * ws[t];
            else if (op->kind == KIND_CONV_INPUT) xs[from] += ys[p] * ws[t];
            else ws[t] += xs[from] * ys[p];
          }
      }
  free(pixel);
  finish(result);
}

static int check_convolution(const struct body *op) {
  struct parts parts = parts_of(op->kind);
  const struct body *what = emu_dnn_body(op, parts.description, 0);
  const struct body *bx = emu_dnn_body(op, parts.x, 0), *bw = emu_dnn_body(op, parts.w, 0), *by = emu_dnn_body(op, parts.y, 0);
  if (!what || !bx || !bw || !by) return emu_dnn_fail(DNN_BAD_PARAM, "a convolution lacks a part");
  struct geometry g = geometry_of(what);
  struct tensor x, w, y;
  read_shape(bx, &x);
  read_shape(bw, &w);
  read_shape(by, &y);
  if (x.rank != w.rank || x.rank != y.rank || x.rank != g.spatial + 2 || x.rank < 4)
    return emu_dnn_fail(DNN_SHAPE_MISMATCH, "ranks of a convolution");
  if (x.dims[0] != y.dims[0] || x.dims[1] % w.dims[1] || y.dims[1] != w.dims[0])
    return emu_dnn_fail(DNN_SHAPE_MISMATCH, "channels of a convolution");
  for (int i = 0; i < g.spatial; i++) {
    int64_t room = x.dims[i + 2] + g.pre[i] + g.post[i] - g.dilation[i] * (w.dims[i + 2] - 1) - 1;
    if (room < 0 || room / g.stride[i] + 1 != y.dims[i + 2])
      return emu_dnn_fail(DNN_SHAPE_MISMATCH, "output dim %d of a convolution is %lld, not %lld", i,
                          (long long)y.dims[i + 2], (long long)(room / g.stride[i] + 1));
  }
  return DNN_OK;
}
int emu_dnn_check_operation(const struct body *op) {
  switch (op->kind) {
    case KIND_CONV_FORWARD:
    case KIND_CONV_INPUT:
    case KIND_CONV_WEIGHT: return check_convolution(op);
    case KIND_POINTWISE_OP:
    case KIND_MATMUL_OP:
    case KIND_REDUCTION_OP:
    case KIND_RESHAPE_OP: return DNN_OK;
    default: return emu_dnn_fail(DNN_NOT_SUPPORTED, "an operation of kind %d", op->kind);
  }
}

static void run_operation(const struct body *op) {
  switch (op->kind) {
    case KIND_POINTWISE_OP: pointwise(op); break;
    case KIND_MATMUL_OP: matmul(op); break;
    case KIND_REDUCTION_OP: reduction(op); break;
    case KIND_RESHAPE_OP: reshape(op); break;
    default: convolution(op);
  }
}
void emu_dnn_evaluate(const struct body *graph, const struct operand *operands, int count) {
  given = operands;
  given_count = count;
  tensor_count = 0;
  for (int i = 0; i < emu_dnn_count(graph, 801); i++) run_operation(emu_dnn_body(graph, 801, i));
  for (int i = 0; i < tensor_count; i++) free(tensors[i].values);
}
