"""Writes botocore.jsonl: requests signed by botocore, one JSON object a line.

    pip install botocore==1.43.11
    python sign.py > botocore.jsonl

The output depends only on the version of botocore and on the seed, so a new
version shows in the diff what it signs differently. The tests of proxy/sigv4
read the file; they need no Python.
"""

import datetime
import json
import random
import sys
from urllib.parse import quote, urlsplit

import botocore.auth
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEJr+example/token=="
ODD = list("aZ9-._~ +/%&=:@$,;()*!'\"<>") + ["\u00e9", "\u65e5"]

dice = random.Random(20260314)


def text(most):
    return "".join(dice.choice(ODD) for _ in range(dice.randint(1, most)))


def path():
    if dice.random() < 0.25:
        return "/"
    segments = [quote(text(8), safe="-._~") for _ in range(dice.randint(1, 4))]
    if dice.random() < 0.4:
        segments.insert(dice.randint(0, len(segments)), dice.choice(["", ".", "..", "x"]))
    out = "/" + "/".join(segments)
    return out + dice.choice(["", "", "/"])


def query():
    pairs = []
    for _ in range(dice.randint(0, 4)):
        name = dice.choice(["list-type", "prefix", "Action", "uploads", quote(text(4), safe="-._~")])
        value = dice.choice(["", "1", "a%20b", "a%2Bb", "a+b", "x:y", quote(text(6), safe="-._~")])
        pairs.append(name + ("" if value == "" and dice.random() < 0.5 else "=" + value))
    return "&".join(pairs)


def request(service, region, body):
    host = dice.choice(["%s.%s.amazonaws.com", "%s.%s.amazonaws.com:8443"]) % (service, region)
    url = "https://" + host + path()
    asked = query()
    r = AWSRequest(method=dice.choice(["GET", "PUT", "POST", "DELETE", "HEAD"]), url=url + ("?" + asked if asked else ""), data=body)
    r.headers["User-Agent"] = "test/1.0"
    if dice.random() < 0.7:
        r.headers["Content-Type"] = "application/x-amz-json-1.1"
    for _ in range(dice.randint(0, 3)):
        r.headers.add_header(dice.choice(["X-Amz-Meta-One", "X-Amz-Meta-Two"]), dice.choice(["a", "b  c   d", '"q  t"', "x,y"]))
    if dice.random() < 0.3:
        r.headers["Expect"] = "100-continue"
    return r


def cover(r, s3):
    """Decides how botocore covers the body."""
    form = dice.choice(["hash", "unsigned", "trailer"]) if s3 else "hash"
    if form == "unsigned":
        r.context["payload_signing_enabled"] = False
    if form == "trailer":
        r.context["checksum"] = {"request_algorithm": {"in": "trailer", "algorithm": "crc32"}}
        r.headers["X-Amz-Trailer"] = "x-amz-checksum-crc32"
        r.headers["Content-Encoding"] = "aws-chunked"
    r.context["client_config"] = None


def signer(service, region, presigned, token):
    credentials = Credentials(KEY, SECRET, token)
    kinds = {(True, True): S3SigV4QueryAuth, (True, False): S3SigV4Auth, (False, True): SigV4QueryAuth, (False, False): SigV4Auth}
    kind = kinds[(service == "s3", presigned)]
    if presigned:
        return kind(credentials, service, region, expires=900)
    return kind(credentials, service, region)


def vector():
    service = dice.choice(["s3", "s3", "lambda", "sts", "dynamodb", "execute-api"])
    region = dice.choice(["us-east-1", "eu-central-1", "cn-north-1"])
    body = text(30).encode() if dice.random() < 0.5 else b""
    presigned = dice.random() < 0.25
    r = request(service, region, b"" if presigned else body)
    if not presigned:
        cover(r, service == "s3")
    at = datetime.datetime(2026, 3, 14, 15, 9, 26) + datetime.timedelta(seconds=dice.randint(0, 7200))
    botocore.auth.get_current_datetime = lambda: at
    signer(service, region, presigned, dice.choice([None, TOKEN])).add_auth(r)
    url = urlsplit(r.url)
    return {
        "at": at.isoformat() + "Z",
        "method": r.method,
        "host": url.netloc,
        "target": url.path + ("?" + url.query if url.query else ""),
        "headers": [[name, value] for name, value in r.headers.items()],
        "body": (r.body or b"").decode(),
        "service": service,
        "region": region,
    }


def main():
    for _ in range(400):
        json.dump(vector(), sys.stdout, ensure_ascii=True, sort_keys=True)
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
