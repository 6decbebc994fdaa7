// Uploads a file with the SDK for JavaScript, and prints how many seconds that
// took. It takes the same arguments as uploads.py.
"use strict";

const { createReadStream, readFileSync } = require("node:fs");
const { S3 } = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { NodeHttpHandler } = require("@smithy/node-http-handler");
const { HttpsProxyAgent } = require("https-proxy-agent");

const [how, path] = process.argv.slice(2);
const Bucket = "uploads";
const config = {};
if (process.env.HTTPS_PROXY) {
  config.requestHandler = new NodeHttpHandler({ httpsAgent: new HttpsProxyAgent(process.env.HTTPS_PROXY) });
}
const client = new S3(config);

async function main() {
  await client.putObject({ Bucket, Key: "first", Body: "" });
  const began = performance.now();
  if (how === "parts") {
    await new Upload({ client, params: { Bucket, Key: "parts", Body: createReadStream(path) } }).done();
  } else {
    await client.putObject({ Bucket, Key: "whole", Body: readFileSync(path) });
  }
  console.log((performance.now() - began) / 1000);
}

main();
