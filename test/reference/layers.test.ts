import { describeArea } from "./operation-suite.ts";

describeArea("matmul");
describeArea("convolution");
describeArea("functional");
describeArea("second-order");
