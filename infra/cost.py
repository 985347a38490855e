#!/usr/bin/env python3
"""Counts what stands by the hour or the month in each profile, and writes docs/cost.md from
infra/prices.json.

usage: infra/cost.py            says whether docs/cost.md is what it would write; exit 1 if not
       infra/cost.py --write    writes it
       infra/cost.py --plans FOLDER   counts in plans (`terraform show -json`), named
                                PROFILE-ROOT.json, instead; exit 1 where they differ from the sources
Counts follow the topology, the profile and the sources; what is paid by use (traffic, requests,
logs, snapshots, metrics) is named and not counted, because nobody knows it beforehand."""
import collections, json, pathlib, re, sys

ROOT = pathlib.Path(__file__).parents[1]
PAGE = ROOT / "docs/cost.md"
PROFILES = ("minimal", "production")
# The machines of infra/cicd, with their disks and the controller's volume.
CICD = {"EC2 t3.medium": 1, "EC2 m7i.xlarge": 1, "EC2 t3.small": 1, "EBS gp3, GB": 30 + 100 + 30 + 50,
        "NAT gateway": 1, "public IPv4 address": 1, "interface endpoint in a zone": 2,
        "secret in a region": 3}


def settings(profile):
    """The settings of a profile: names and values, one a line."""
    text = (ROOT / f"infra/profiles/{profile}.tfvars").read_text()
    found = dict(re.findall(r'^ +(\w+) += "?([^"\s#]+)', text, re.M))
    return {key: int(it) if it.isdigit() else {"true": True, "false": False}.get(it, it)
            for key, it in found.items()}


def count(topology, chosen):
    """How many of each priced thing the regions have, by the sources of infra/."""
    things = collections.Counter(CICD)
    for region in topology["regions"]:
        zones, is_home = len(region["zones"]), region["role"] == "primary"
        servers = region["servers_min"]
        things[f"EC2 {chosen['instance_type']}"] += servers
        things["EBS gp3, GB"] += 20 * servers
        databases = 0
        if is_home:
            databases = 2 if topology["database"]["multi_az"] else 1
            databases += zones if chosen["database_readers"] else 0
        elif topology["database"]["replica"]:
            databases = 1
        things[f"RDS PostgreSQL {chosen['database_class']}"] += databases
        things["RDS gp3, GB"] += databases * chosen["database_storage_gb"]
        if chosen["cache"]:
            things["ElastiCache Valkey cache.t4g.micro"] += 2
        things["load balancer"] += 1
        things["public IPv4 address"] += zones
        things["interface endpoint in a zone"] += 6 * min(chosen["endpoint_zones"], zones)
        nats = {"none": 0, "one": 1, "per_zone": zones}[chosen["nat"]]
        things["NAT gateway"] += nats
        things["public IPv4 address"] += nats
        things["KMS key in a region"] += 1
        things["secret in a region"] += 2
        things["web ACL"] += 1
        things["web ACL rule"] += 5
        things["health check, HTTPS every 10 s with latency"] += 1
        # Three of servers, two of the database, its lag where it follows, three of each reader, one
        # that the region is reached.
        things["alarm"] += 3 + 1 + (0 if not databases else 2 if is_home else 3)
        things["alarm"] += 3 * zones if is_home and chosen["database_readers"] else 0
    things["dashboard"] += 1
    return things


def count_plans(folder, profile):
    """The same in plans, as far as a plan knows it."""
    things = collections.Counter()
    kinds = {"aws_lb": "load balancer", "aws_wafv2_web_acl": "web ACL", "aws_cloudwatch_metric_alarm": "alarm",
             "aws_cloudwatch_dashboard": "dashboard", "aws_nat_gateway": "NAT gateway",
             "aws_kms_key": "KMS key in a region", "aws_kms_replica_key": "KMS key in a region",
             "aws_route53_health_check": "health check, HTTPS every 10 s with latency"}
    for file in sorted(pathlib.Path(folder).glob(f"{profile}-*.json")):
        changes = json.loads(file.read_text())["resource_changes"]
        wanted = [it for it in changes if it["mode"] == "managed" and it["change"]["after"]]
        types = {it["change"]["after"]["name"]: it["change"]["after"]["instance_type"]
                 for it in wanted if it["type"] == "aws_launch_template"}
        for it in wanted:
            after, unknown = it["change"]["after"], it["change"]["after_unknown"]
            if it["type"] in kinds:
                things[kinds[it["type"]]] += 1
            elif it["type"] == "aws_autoscaling_group":
                things[f"EC2 {types[after['name']]}"] += after["min_size"]
                things["EBS gp3, GB"] += 20 * after["min_size"]
            elif it["type"] == "aws_instance":
                things[f"EC2 {after['instance_type']}"] += 1
                things["EBS gp3, GB"] += after["root_block_device"][0]["volume_size"]
            elif it["type"] == "aws_ebs_volume":
                things["EBS gp3, GB"] += after["size"]
            elif it["type"] == "aws_db_instance":
                copies = 2 if after["multi_az"] else 1
                things[f"RDS PostgreSQL {after['instance_class']}"] += copies
                things["RDS gp3, GB"] += copies * after["max_allocated_storage"] // 10
            elif it["type"] == "aws_elasticache_replication_group":
                things[f"ElastiCache Valkey {after['node_type']}"] += after["num_cache_clusters"]
            elif it["type"] == "aws_vpc_endpoint" and after["vpc_endpoint_type"] == "Interface":
                subnets = after.get("subnet_ids") or unknown["subnet_ids"]
                things["interface endpoint in a zone"] += len(subnets)
            elif it["type"] == "aws_secretsmanager_secret":
                things["secret in a region"] += 1 + len(after["replica"])
    return things


def monthly(prices, thing, number):
    if thing in prices["hour"]:
        return number * prices["hour"][thing] * prices["hours_in_a_month"]
    return number * prices["month"][thing]


def page():
    prices = json.loads((ROOT / "infra/prices.json").read_text())
    topology = json.loads((ROOT / "topology.json").read_text())
    counted = {profile: count(topology, settings(profile)) for profile in PROFILES}
    rows, sums = [], collections.Counter()
    for thing in [*prices["hour"], *prices["month"]]:
        cells = []
        for profile in PROFILES:
            number = counted[profile].pop(thing, 0)
            cost = monthly(prices, thing, number)
            sums[profile] += cost
            cells += [str(number), f"{cost:,.2f}"] if number else ["–", "–"]
        if any(cell != "–" for cell in cells):
            rows.append(f"| {thing} | " + " | ".join(cells) + " |")
    left = {thing for profile in PROFILES for thing in counted[profile]}
    if left:
        raise SystemExit(f"infra/prices.json has no price of {', '.join(sorted(left))}")
    total = " | ".join(f"| **{sums[profile]:,.2f}**" for profile in PROFILES)
    return f"""# What it costs on AWS

Written by `infra/cost.py --write` from [infra/prices.json](../infra/prices.json), the topology and the
profiles; `infra/cost.py` says whether it still is what they give.

**Prices change.** These were written down on {prices['noted']}, from memory of the public price list and
not held against it: look there before you decide anything. They are of
{prices['where']}.
A month has {prices['hours_in_a_month']} hours, each region the fewest servers that the topology allows;
the machines of the pipeline are in it.

| what | minimal | {prices['currency']} a month | production | {prices['currency']} a month |
| --- | ---: | ---: | ---: | ---: |
""" + "\n".join(rows) + f"""
| **together** {total} |

Not counted, because it is paid by use: traffic between zones, between regions and to the world,
requests of balancer, firewall, keys and secrets, logs, snapshots beyond the size of the database,
objects in buckets, servers beyond the fewest, Global Accelerator (off in both profiles).
"""


def compare(folder):
    topology = json.loads((ROOT / "topology.json").read_text())
    wrong = 0
    for profile in PROFILES:
        by_plan, by_source = count_plans(folder, profile), count(topology, settings(profile))
        for thing in sorted({*by_plan, *by_source} - {"public IPv4 address", "web ACL rule"}):
            if by_plan[thing] != by_source[thing]:
                wrong += 1
                print(f"{profile}: {thing}: {by_plan[thing]} in the plans, {by_source[thing]} counted")
    return wrong


if __name__ == "__main__":
    if sys.argv[1:2] == ["--plans"]:
        sys.exit(1 if compare(sys.argv[2]) else 0)
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page())
    elif sys.argv[1:]:
        sys.exit(__doc__)
    elif not PAGE.exists() or PAGE.read_text() != page():
        sys.exit("docs/cost.md is not what infra/cost.py writes; run: infra/cost.py --write")
    else:
        print("cost: docs/cost.md is what prices, topology and profiles give")
