// Calls of the SDK for JavaScript for capture.py to record.
import { CloudWatchClient, ListMetricsCommand } from "@aws-sdk/client-cloudwatch";
import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { GetFunctionCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { CopyObjectCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, PutObjectTaggingCommand, S3Client } from "@aws-sdk/client-s3";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { Readable } from "node:stream";

const options = { maxAttempts: 1, forcePathStyle: true };
const s3 = new S3Client(options);
const Bucket = "bucket";

const calls = [
  () => new STSClient(options).send(new GetCallerIdentityCommand({})),
  () => new DynamoDBClient(options).send(new PutItemCommand({ TableName: "orders", Item: { id: { S: "é" } } })),
  () => new LambdaClient(options).send(new GetFunctionCommand({ FunctionName: "arn:aws:lambda:us-east-1:111111111111:function:deploy" })),
  () => new CloudWatchClient(options).send(new ListMetricsCommand({ Namespace: "AWS/EC2" })),
  () => s3.send(new PutObjectCommand({ Bucket, Key: "a b/../c//d+é", Body: "hello", Metadata: { one: "two  three" } })),
  () => s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: Readable.from(["hello ", "world"]), ContentLength: 11 })),
  () => s3.send(new ListObjectsV2Command({ Bucket, Prefix: "a/b c+!'()*" })),
  () => s3.send(new CopyObjectCommand({ Bucket, Key: "k", CopySource: "other/%C3%A9" })),
  () => s3.send(new PutObjectTaggingCommand({ Bucket, Key: "k", Tagging: { TagSet: [{ Key: "a", Value: "b" }] } })),
  async () => fetch(await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "a b+é" }), { expiresIn: 900 })),
  async () => fetch(await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "k" }), { expiresIn: 900 }), { method: "PUT", body: "hello" }),
];

for (const call of calls) {
  await call().catch(() => {}); // the answer is empty
}
