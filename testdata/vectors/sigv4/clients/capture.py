"""Writes clients.jsonl: requests as real clients send them, one a line.

    python capture.py "aws" "python boto.py" "node client.mjs" "./goclient" > ../clients.jsonl

Each command is run once against plain HTTP and once against TLS on loopback,
since clients sign uploads in other forms over TLS. The commands are the
AWS CLI, boto.py (boto3), client.mjs (npm: @aws-sdk/client-s3, client-dynamodb,
client-sts, client-lambda, client-cloudwatch and s3-request-presigner) and
client.go, built in a module of its own. The file was written by awscli 1.46.2,
boto3 1.43.11, @aws-sdk/* 3.1162.0 to 3.1169.0 and aws-sdk-go-v2 1.47.5. Nothing
leaves the machine: keys and accounts are made up. The answers that clients
get are empty, which most of them take for an error; what they sent by then is
what counts. The tests of proxy/sigv4 read the file and run no client.
"""

import json
import os
import re
import shlex
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

KEY = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEJr+example/token=="

# What the AWS CLI is asked; the other clients have lists of their own.
CLI = [
    "sts get-caller-identity",
    "dynamodb get-item --table-name orders --key {\"id\":{\"S\":\"1\"}}",
    "lambda get-function --function-name arn:aws:lambda:us-east-1:111111111111:function:deploy",
    "ec2 describe-instances --instance-ids i-1 i-2",
    "cloudwatch put-metric-data --namespace a --metric-name b --value 1",
    "s3api put-object --bucket bucket --key a+b/../c//d~é --body FILE",
    "s3api get-object --bucket bucket --key k --version-id 3 OUT",
    "s3api list-objects-v2 --bucket bucket --prefix a/b+c",
    "s3api delete-object-tagging --bucket bucket --key k",
]


class Recorder:
    def __init__(self, tls):
        self.seen, self.client = [], ""
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                conn, _ = self.socket.accept()
            except (ssl.SSLError, ConnectionError):
                continue
            threading.Thread(target=self.talk, args=(conn,), daemon=True).start()

    def talk(self, conn):
        try:
            with conn, conn.makefile("rb") as f:
                while self.one(conn, f):
                    pass
        except (ConnectionError, ssl.SSLError, ValueError):
            pass

    def one(self, conn, f):
        first = f.readline().decode().split()
        if len(first) != 3:
            return False
        headers = []
        for line in iter(f.readline, b"\r\n"):
            name, _, value = line.decode().rstrip("\r\n").partition(":")
            headers.append([name, value.strip(" ")])
        given = {name.lower(): value for name, value in headers}
        if given.get("expect"):
            conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = chunked(f) if "chunked" in given.get("transfer-encoding", "") else f.read(int(given.get("content-length", 0)))
        self.seen.append({"client": self.client, "method": first[0], "target": first[1], "host": given["host"], "headers": headers, "body": body.decode()})
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return True


def chunked(f):
    body = b""
    while True:
        size = int(f.readline().split(b";")[0], 16)
        body += f.read(size)
        f.readline()
        if size == 0:
            return body


def certificate(folder):
    cert, key = folder + "/cert.pem", folder + "/key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1", "-keyout", key, "-out", cert], check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    return tls, cert


def run(command, endpoint, cert, folder):
    env = dict(os.environ, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_SESSION_TOKEN=TOKEN, AWS_REGION="us-east-1",
               AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true", AWS_MAX_ATTEMPTS="1", AWS_CA_BUNDLE=cert,
               NODE_EXTRA_CA_CERTS=cert, AWS_ENDPOINT_URL=endpoint, AWS_CONFIG_FILE=folder + "/none", AWS_SHARED_CREDENTIALS_FILE=folder + "/none", PYTHONUTF8="1")
    subprocess.run(command, env=env, timeout=120, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def commands(text, folder):
    words = shlex.split(text)
    if os.path.basename(words[0]) != "aws":
        return [words]
    with open(folder + "/body", "w") as f:
        f.write("hello")
    calls = [call.replace("FILE", folder + "/body").replace("OUT", folder + "/out") for call in CLI]
    return [words + call.split(" ") for call in calls]


def signed_at(v):
    given = {name.lower(): value for name, value in v["headers"]}
    stamp = given.get("x-amz-date") or re.search(r"X-Amz-Date=(\w+)", v["target"]).group(1)
    return "%s-%s-%sT%s:%s:%sZ" % re.fullmatch(r"(....)(..)(..)T(..)(..)(..)Z", stamp).groups()


def main(clients):
    with tempfile.TemporaryDirectory() as folder:
        tls, cert = certificate(folder)
        for scheme, recorder in (("http", Recorder(None)), ("https", Recorder(tls))):
            for text in clients:
                recorder.client = os.path.basename(shlex.split(text)[-1])
                for command in commands(text, folder):
                    run(command, f"{scheme}://localhost:{recorder.port}", cert, folder)
            for v in recorder.seen:
                v["at"], v["scheme"] = signed_at(v), scheme
                json.dump(v, sys.stdout, ensure_ascii=True, sort_keys=True)
                sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
