"""Writes homes.txt, which says where each service of AWS answers by itself.

    pip install botocore==1.43.11
    python3 proxy/awsapi/generate/homes.py > proxy/awsapi/homes.txt

It asks the endpoint rules of botocore (Apache-2.0) for every service and every
region that they name, without FIPS, dual stack or any parameter of a request.
A line is a service, its host in the partition aws, and what differs from that:

    iam iam aws-cn=iam.cn-north-1 aws-us-gov=iam.us-gov
    sdb sdb.{} us-east-1=sdb

{} is the region; a host is without the suffix of its partition, and has a plus
before it where that is the suffix for dual stack. A dash is none at all.
"""

import collections

from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader

NONE = "-"


def home(rules, region, partition):
    """The host of a region, as the file has it."""
    try:
        url = rules.resolve_endpoint(Region=region, UseFIPS=False, UseDualStack=False).url
    except BotoCoreError:
        return NONE
    host = url.removeprefix("https://")
    outputs = partition["outputs"]
    for plus, suffix in (("+", outputs["dualStackDnsSuffix"]), ("", outputs["dnsSuffix"])):
        if host.endswith("." + suffix):
            labels = host.removesuffix("." + suffix).split(".")
            return plus + ".".join("{}" if label == region else label for label in labels)
    return NONE


def settled(found):
    """One host for a partition, and the regions that differ from it. A region
    that is spelled out in the host of others is none of its own."""
    literal = {h.replace("{}", r) for r, h in found.items()}
    if len(literal) == 1:
        return literal.pop(), {}
    common = collections.Counter(found.values()).most_common(1)[0][0]
    return common, {r: h for r, h in found.items() if h != common and h.replace("{}", r) != common}


def line(name, rules, partitions):
    out, first = [name], None
    for p in partitions:
        regions = [r for r in p["regions"] if not r.endswith("-global")]
        common, others = settled({r: home(rules, r, p) for r in regions})
        if first is None:
            first = common
            out.append(common)
        elif any(common.replace("{}", r) != first.replace("{}", r) for r in regions):
            out.append(f"{p['id']}={common}")
        out += [f"{r}={h}" for r, h in sorted(others.items())]
    return " ".join(out)


def main():
    loader = Loader()
    data = loader.load_data("partitions")
    for name in loader.list_available_services("endpoint-rule-set-1"):
        rules = EndpointProvider(loader.load_service_model(name, "endpoint-rule-set-1"), data)
        print(line(name, rules, data["partitions"]))


if __name__ == "__main__":
    main()
