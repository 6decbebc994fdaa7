"""Calls of boto3 for capture.py to record."""

import io
import os
import urllib.request
import ssl

import boto3
from botocore.config import Config

config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
s3 = boto3.client("s3", config=config)


class Unseekable(io.RawIOBase):
    def __init__(self):
        self.parts = [b"hello ", b"world"]

    def readable(self):
        return True

    def readinto(self, b):
        part = self.parts.pop(0) if self.parts else b""
        b[: len(part)] = part
        return len(part)


CALLS = [
    lambda: boto3.client("sts", config=config).get_caller_identity(),
    lambda: boto3.client("dynamodb", config=config).put_item(TableName="orders", Item={"id": {"S": "é"}}),
    lambda: boto3.client("lambda", config=config).invoke(FunctionName="arn:aws:lambda:us-east-1:111111111111:function:deploy", Payload=b"{}"),
    lambda: boto3.client("ec2", config=config).describe_instances(Filters=[{"Name": "tag:a b", "Values": ["c+d", "é"]}]),
    lambda: boto3.client("cloudwatch", config=config).list_metrics(Namespace="AWS/EC2"),
    lambda: s3.put_object(Bucket="bucket", Key="a b/../c//d+é", Body=b"hello", Metadata={"one": "two  three"}),
    lambda: s3.put_object(Bucket="bucket", Key="k", Body=io.BytesIO(b"hello"), ChecksumAlgorithm="SHA256"),
    lambda: s3.list_objects_v2(Bucket="bucket", Prefix="a/b c+", Delimiter="/"),
    lambda: s3.create_multipart_upload(Bucket="bucket", Key="k", ContentType="text/plain"),
    lambda: s3.copy_object(Bucket="bucket", Key="k", CopySource={"Bucket": "other", "Key": "é+ ~"}),
    lambda: s3.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "k"}]}),
]


def fetch(url, method, data=None):
    context = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    urllib.request.urlopen(urllib.request.Request(url, method=method, data=data), context=context).read()


def presigned(method, params):
    signer = boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    return signer.generate_presigned_url(method, Params=params, ExpiresIn=900)


CALLS += [
    lambda: fetch(presigned("get_object", {"Bucket": "bucket", "Key": "a b+é", "VersionId": "3"}), "GET"),
    lambda: fetch(presigned("put_object", {"Bucket": "bucket", "Key": "k"}), "PUT", b"hello"),
]

for call in CALLS:
    try:
        call()
    except Exception:
        pass  # the answer is empty
