import { describeArea } from "./operation-suite.ts";

describeArea("creation");
describeArea("cast");
