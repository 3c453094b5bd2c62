/* What the two parts of the emulated cuDNN share. */
#ifndef ATHANOR_EMULATOR_CUDNN_H
#define ATHANOR_EMULATOR_CUDNN_H

#include "emulator.h"

enum {
  DNN_OK = 0,
  DNN_NOT_INITIALIZED = 1001,
  DNN_BAD_PARAM = 2000,
  DNN_NOT_FINALIZED = 2004,
  DNN_SHAPE_MISMATCH = 2008,
  DNN_NOT_SUPPORTED = 3000,
  DNN_EXECUTION_FAILED = 5000
};
enum {
  KIND_POINTWISE = 0,
  KIND_CONVOLUTION = 1,
  KIND_ENGINE = 2,
  KIND_CONFIG = 3,
  KIND_HEURISTICS = 4,
  KIND_PLAN = 5,
  KIND_CONV_FORWARD = 10,
  KIND_CONV_WEIGHT = 11,
  KIND_CONV_INPUT = 12,
  KIND_POINTWISE_OP = 13,
  KIND_GRAPH = 15,
  KIND_PACK = 16,
  KIND_TENSOR = 17,
  KIND_MATMUL_OP = 19,
  KIND_REDUCTION_OP = 22,
  KIND_RESHAPE_OP = 31
};
enum { TYPE_I64 = 3, TYPE_F32 = 4, TYPE_NOTE = 11, TYPE_DESCRIPTOR = 15 };

struct attribute {
  int name, type;
  int64_t count;
  void *data;
};
/* What a descriptor says: it lives as long as somebody refers to it, as in the library. */
struct body {
  int kind, is_final, references, count;
  struct attribute *attributes;
};

int64_t emu_dnn_integer(const struct body *body, int name, int64_t otherwise);
const int64_t *emu_dnn_integers(const struct body *body, int name, int *count);
struct body *emu_dnn_body(const struct body *body, int name, int index);
int emu_dnn_count(const struct body *body, int name);
int emu_dnn_type(int data_type);
/* Notes why a call fails, for cudnnGetLastErrorString; returns status. */
int emu_dnn_fail(int status, const char *format, ...);

/* cudnn-graph.c */
struct operand {
  int64_t uid;
  u64 address;
  int is_constant;
  char constant[16];
};
/* Whether an operation's tensors fit each other. */
int emu_dnn_check_operation(const struct body *operation);
void emu_dnn_evaluate(const struct body *graph, const struct operand *operands, int count);

#endif
