"""Calls AWS with boto3 and prints what it got, a step a line.

The environment says where to; the arguments are the address of the emulator,
whose random numbers begin anew before each step, and a file of some megabytes.
"""

import hashlib
import json
import sys
import urllib.request

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

emulator, big = sys.argv[1:]
bucket = "boto3-bucket"
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
s3, dynamodb, sqs, sts, ec2, cloudwatch, logs, iam, ssm = (
    boto3.client(name) for name in ("s3", "dynamodb", "sqs", "sts", "ec2", "cloudwatch", "logs", "iam", "ssm")
)
functions = boto3.client("lambda")
by_path = boto3.client("s3", config=Config(s3={"addressing_style": "path", "payload_signing_enabled": True}))
dual = boto3.client("s3", config=Config(use_dualstack_endpoint=True))
parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)


def step(name, call):
    direct.open(urllib.request.Request(emulator + "/moto-api/seed?a=1", method="POST")).read()
    try:
        got = call()
    except ClientError as e:
        got = e.response
    # These are about the connection, or change with the digits of moments.
    if isinstance(got, dict):
        for header in ("connection", "content-length", "x-amz-crc32"):
            got["ResponseMetadata"]["HTTPHeaders"].pop(header, None)
    print(json.dumps([name, json.dumps(got, sort_keys=True, default=str)]), flush=True)


def digest(body):
    return hashlib.sha256(body.read()).hexdigest()


def pages(client, operation, key, **parameters):
    return [item for page in client.get_paginator(operation).paginate(**parameters) for item in page.get(key, [])]


step("s3 create_bucket", lambda: s3.create_bucket(Bucket=bucket))
for key in ("plain", "a b+c/ü~!*'()", "dots/./../x//y", "%2F%20"):
    step(f"s3 put_object {key}", lambda: s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), Metadata={"spaced": "a  b"}, Tagging="k=v%20w"))
    step(f"s3 get_object {key}", lambda: digest(s3.get_object(Bucket=bucket, Key=key)["Body"]))
step("s3 put_object, empty", lambda: s3.put_object(Bucket=bucket, Key="empty", Body=b""))
step("s3 upload_file, parts", lambda: s3.upload_file(big, bucket, "big", Config=parts))
step("s3 get_object, parts", lambda: digest(s3.get_object(Bucket=bucket, Key="big")["Body"]))
step("s3 get_object, range", lambda: digest(s3.get_object(Bucket=bucket, Key="big", Range="bytes=5000000-6000000")["Body"]))
step("s3 put_object, by path, signed payload", lambda: by_path.put_object(Bucket=bucket, Key="signed", Body=open(big, "rb")))
step("s3 get_object, by path", lambda: digest(by_path.get_object(Bucket=bucket, Key="signed")["Body"]))
step("s3 get_object, dualstack", lambda: digest(dual.get_object(Bucket=bucket, Key="signed")["Body"]))
step("s3 copy, parts", lambda: s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=parts))
step("s3 head_object", lambda: s3.head_object(Bucket=bucket, Key="copy"))
step("s3 head_object, none", lambda: s3.head_object(Bucket=bucket, Key="none"))
step("s3 list_objects_v2, pages", lambda: pages(s3, "list_objects_v2", "Contents", Bucket=bucket, PaginationConfig={"PageSize": 2}))
step("s3 get_object_tagging", lambda: s3.get_object_tagging(Bucket=bucket, Key="plain"))
step("s3 delete_objects", lambda: s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "empty"}, {"Key": "%2F%20"}]}))
step("dynamodb create_table", lambda: dynamodb.create_table(
    TableName="orders", BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}]))
step("dynamodb put_item", lambda: dynamodb.put_item(TableName="orders", Item={"id": {"S": "ü"}, "n": {"N": "7"}, "b": {"B": b"\0\xff"}}))
step("dynamodb get_item", lambda: dynamodb.get_item(TableName="orders", Key={"id": {"S": "ü"}}))
step("dynamodb scan", lambda: pages(dynamodb, "scan", "Items", TableName="orders"))
step("dynamodb get_item, no table", lambda: dynamodb.get_item(TableName="none", Key={"id": {"S": "x"}}))
step("sqs create_queue", lambda: sqs.create_queue(QueueName="jobs"))
queue = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
step("sqs send_message", lambda: sqs.send_message(QueueUrl=queue, MessageBody="<job id='1'>&ü</job>"))
step("sqs receive_message", lambda: sqs.receive_message(QueueUrl=queue))
step("sts get_caller_identity", sts.get_caller_identity)
step("ec2 create_vpc", lambda: ec2.create_vpc(CidrBlock="10.9.0.0/16"))
step("ec2 describe_vpcs", lambda: ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.9.0.0/16"]}]))
step("ec2 describe_instances", ec2.describe_instances)
step("lambda list_functions", functions.list_functions)
step("lambda get_function, none", lambda: functions.get_function(FunctionName="none"))
step("cloudwatch put_metric_data", lambda: cloudwatch.put_metric_data(Namespace="interop", MetricData=[{"MetricName": "m", "Value": 1.5}]))
step("cloudwatch list_metrics", cloudwatch.list_metrics)
step("logs create_log_group", lambda: logs.create_log_group(logGroupName="/interop/boto3"))
step("logs describe_log_groups", logs.describe_log_groups)
step("iam list_users", iam.list_users)
step("ssm get_parameter, none", lambda: ssm.get_parameter(Name="/none"))
step("refused iam create_access_key", lambda: iam.create_access_key(UserName="root"))
step("refused lambda create_function", lambda: functions.create_function(
    FunctionName="f", Role="arn:aws:iam::123456789012:role/Other", Code={"ZipFile": b"x"}, Runtime="python3.13", Handler="f.f"))
step("refused dynamodb put_resource_policy", lambda: dynamodb.put_resource_policy(
    ResourceArn="arn:aws:dynamodb:us-east-1:123456789012:table/orders", Policy="{}"))
