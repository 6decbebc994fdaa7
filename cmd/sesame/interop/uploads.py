"""Uploads a file with boto3, and prints how many seconds that took.

The environment says where to; the arguments are how, and the file. What comes
first makes the connection.
"""

import sys
import time

import boto3

how, path = sys.argv[1:]
bucket = "uploads"
s3 = boto3.client("s3")
s3.put_object(Bucket=bucket, Key="first", Body=b"")
began = time.monotonic()
if how == "parts":
    s3.upload_file(path, bucket, "parts")
else:
    with open(path, "rb") as body:
        s3.put_object(Bucket=bucket, Key="whole", Body=body)
print(time.monotonic() - began)
