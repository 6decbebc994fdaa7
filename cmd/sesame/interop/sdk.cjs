// Calls AWS with the SDK for JavaScript and prints what it got, a step a line.
// It takes the same arguments as boto.py. The SDK knows of no HTTPS_PROXY, so
// that it is given an agent that does, where there is one.
"use strict";

const { createHash } = require("node:crypto");
const { createReadStream, readFileSync } = require("node:fs");
const { CloudWatch } = require("@aws-sdk/client-cloudwatch");
const { DynamoDB } = require("@aws-sdk/client-dynamodb");
const { EC2 } = require("@aws-sdk/client-ec2");
const { Lambda } = require("@aws-sdk/client-lambda");
const { S3 } = require("@aws-sdk/client-s3");
const { SQS } = require("@aws-sdk/client-sqs");
const { STS } = require("@aws-sdk/client-sts");
const { Upload } = require("@aws-sdk/lib-storage");
const { NodeHttpHandler } = require("@smithy/node-http-handler");
const { HttpsProxyAgent } = require("https-proxy-agent");

const [emulator, big] = process.argv.slice(2);
const bucket = "js-bucket";
const config = { maxAttempts: 1 };
if (process.env.HTTPS_PROXY) {
  config.requestHandler = new NodeHttpHandler({ httpsAgent: new HttpsProxyAgent(process.env.HTTPS_PROXY) });
}
const s3 = new S3(config);
const dynamodb = new DynamoDB(config);
// It takes the host in a queue's URL for the endpoint, unless told not to.
const sqs = new SQS({ ...config, useQueueUrlAsEndpoint: Boolean(process.env.HTTPS_PROXY) });
const sts = new STS(config);
const ec2 = new EC2(config);
const lambda = new Lambda(config);
const cloudwatch = new CloudWatch(config);

// sorted has the fields in one order: the SDK's is that of the headers, which
// say nothing by theirs.
function sorted(key, value) {
  const plain = value !== null && typeof value === "object" && !Array.isArray(value);
  return plain ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value;
}

async function step(name, call) {
  await fetch(emulator + "/moto-api/seed?a=1", { method: "POST" });
  let got;
  try {
    got = await call();
  } catch (e) {
    got = { name: e.name, message: e.message, status: e.$metadata && e.$metadata.httpStatusCode };
  }
  console.log(JSON.stringify([name, JSON.stringify(got, sorted)]));
}

async function get(Key) {
  const hash = createHash("sha256");
  const { Body, ETag, ContentLength } = await s3.getObject({ Bucket: bucket, Key });
  for await (const piece of Body) hash.update(piece);
  return { ETag, ContentLength, sha256: hash.digest("hex") };
}

function upload(Key, Body) {
  return new Upload({ client: s3, params: { Bucket: bucket, Key, Body }, queueSize: 1 }).done();
}

async function main() {
  const id = { id: { S: "ü" } };
  const table = {
    TableName: "js",
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
  };
  const QueueUrl = "https://sqs.us-east-1.amazonaws.com/123456789012/js";
  await step("s3 createBucket", () => s3.createBucket({ Bucket: bucket }));
  await step("s3 putObject", () => s3.putObject({ Bucket: bucket, Key: "a b+c/ü~!*'()", Body: "small" }));
  await step("s3 getObject", () => get("a b+c/ü~!*'()"));
  await step("s3 putObject, a stream", () =>
    s3.putObject({ Bucket: bucket, Key: "stream", Body: createReadStream(big), ContentLength: readFileSync(big).length }));
  await step("s3 getObject, the stream", () => get("stream"));
  await step("s3 parts", () => upload("big", createReadStream(big)));
  await step("s3 getObject, parts", () => get("big"));
  await step("s3 getObject, none", () => get("none"));
  await step("s3 copyObject", () => s3.copyObject({ Bucket: bucket, Key: "copy", CopySource: bucket + "/big" }));
  await step("s3 listObjectsV2", () => s3.listObjectsV2({ Bucket: bucket }));
  await step("dynamodb createTable", () => dynamodb.createTable(table));
  await step("dynamodb putItem", () => dynamodb.putItem({ TableName: "js", Item: id }));
  await step("dynamodb getItem", () => dynamodb.getItem({ TableName: "js", Key: id }));
  await step("dynamodb getItem, no table", () => dynamodb.getItem({ TableName: "none", Key: id }));
  await step("sqs createQueue", () => sqs.createQueue({ QueueName: "js" }));
  await step("sqs sendMessage", () => sqs.sendMessage({ QueueUrl, MessageBody: "<a>&ü" }));
  await step("sqs receiveMessage", () => sqs.receiveMessage({ QueueUrl }));
  await step("sts getCallerIdentity", () => sts.getCallerIdentity({}));
  await step("ec2 createVpc", () => ec2.createVpc({ CidrBlock: "10.9.0.0/16" }));
  await step("ec2 describeInstances", () => ec2.describeInstances({}));
  await step("lambda listFunctions", () => lambda.listFunctions({}));
  await step("cloudwatch putMetricData", () =>
    cloudwatch.putMetricData({ Namespace: "interop", MetricData: [{ MetricName: "js", Value: 1.5 }] }));
  await step("cloudwatch listMetrics", () => cloudwatch.listMetrics({ MetricName: "js" }));
  await step("refused lambda createFunction", () =>
    lambda.createFunction({ FunctionName: "f", Role: "arn:aws:iam::123456789012:role/Other", Code: { ZipFile: Buffer.from("x") } }));
  await step("refused sts getFederationToken", () => sts.getFederationToken({ Name: "bob" }));
}

main();
