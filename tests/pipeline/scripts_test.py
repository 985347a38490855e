"""Runs the scripts of ci/ that people and the clock start: what they ask, in which order, as whom; what
they do when something is not as it should be; that no password is in an argument or an output. A
region that is gone altogether is left_out_test.py's. The pipeline's own scripts are run by
harness.groovy. Not here: AWS."""
import hashlib, json, os, pathlib, re, shutil, subprocess, tempfile, unittest

from scripts import ACCOUNT, NOT_FOUND, ROOT, SECRET, ScriptCase


class Scripts(ScriptCase):
    # The database's password.

    def rotating(self, secret, multi_az="True"):
        self.answers = [
            ["rds describe-db-instances", [f"new.example\t{multi_az}"]],
            ["secretsmanager get-secret-value", [secret]],
            ["rds modify-db-instance", [""]],
            ["secretsmanager put-secret-value", [""]],
        ]

    def test_a_password_changes_in_the_database_and_in_the_secret(self):
        self.rotating(json.dumps(SECRET))
        done = self.run_script("ci/rotate-secrets.sh", "database")
        self.fine(done)
        self.assertEqual(self.called(),
                         ["rds modify-db-instance", *["secretsmanager put-secret-value"] * 2])
        self.assertEqual([call["words"][3] for call in self.calls() if "put-secret-value" in call["words"]],
                         ["us-east-1", "us-west-2"])
        database, secret, other = [next(iter(call["files"].values()))
                                   for call in self.calls() if call["files"]]
        self.assertEqual(other, secret)
        password = json.loads(database)["MasterUserPassword"]
        self.assertRegex(password, "^[0-9a-f]{48}$")
        self.assertEqual(json.loads(database)["DBInstanceIdentifier"], "deployment6-database-east")
        self.assertEqual(json.loads(secret), {**SECRET, "password": password})
        seen = done.stdout + done.stderr + str([call["words"] for call in self.calls()])
        self.assertNotIn(password, seen)
        self.assertEqual({call["profile"] for call in self.calls()}, {"ballast-operate"})

    def test_the_first_time_the_whole_secret_is_made(self):
        authority = self.folder / "authority.pem"
        authority.write_text("-----BEGIN CERTIFICATE-----\n")
        self.program("ballast", 'printf \'{"made": "%s"}\' "$2" >"$4"')
        self.rotating(NOT_FOUND, multi_az="False")
        refused = self.run_script("ci/rotate-secrets.sh", "database", BALLAST="ballast")
        self.refused(refused, "BALLAST_DATABASE_AUTHORITY names the file")
        self.assertEqual(self.called(), [])
        self.fine(self.run_script("ci/rotate-secrets.sh", "database", BALLAST="ballast",
                                  BALLAST_DATABASE_AUTHORITY=str(authority)))
        secret = json.loads(list(self.calls()[-1]["files"].values())[0])
        self.assertEqual(secret["database"].partition("?")[0],
                         "postgres://ballast_owner@new.example/ballast")
        self.assertEqual((secret["data_keys"], secret["receipt_keys"], secret["durability"]),
                         ({"made": "make-data"}, {"made": "make-receipt"}, "machine"))
        self.assertEqual(secret["authority"], authority.read_text())

    def test_a_secret_that_cannot_be_read_is_not_taken_for_an_empty_one(self):
        self.rotating("!An error occurred (AccessDeniedException)")
        self.refused(self.run_script("ci/rotate-secrets.sh", "database"), "AccessDenied")
        self.assertEqual(self.called(), [])

    def test_a_region_with_an_empty_secret_makes_no_keys_anew(self):
        self.rotating(json.dumps(SECRET))
        self.answers.insert(0, ["get-secret-value us-west-2", [NOT_FOUND]])
        self.fine(self.run_script("ci/rotate-secrets.sh", "database", "west"))
        puts = [json.loads(next(iter(call["files"].values())))
                for call in self.calls() if "put-secret-value" in call["words"]]
        self.assertEqual([(it["data_keys"], it["receipt_keys"]) for it in puts], [({"k": 1}, {"k": 2})] * 2)

    def test_a_secret_that_was_not_put_is_said(self):
        self.rotating(json.dumps(SECRET))
        self.answers.insert(0, ["put-secret-value us-west-2", ["!could not connect"]])
        self.refused(self.run_script("ci/rotate-secrets.sh", "database"), "us-west-2 does not have the password")

    def test_a_dry_run_changes_nothing(self):
        self.rotating(json.dumps(SECRET))
        done = self.run_script("ci/rotate-secrets.sh", "database", BALLAST_DRY_RUN="1")
        self.fine(done)
        self.assertEqual(self.called(), [])
        self.assertIn("would run: aws rds modify-db-instance", done.stderr)

    def test_a_restart_replaces_each_group_and_waits_as_the_same_person(self):
        self.answers = [["start-instance-refresh", [""]],
                        ["describe-instance-refreshes", ["InProgress", "Successful"]]]
        self.fine(self.run_script("ci/rotate-secrets.sh", "restart", "west"))
        groups = [word for call in self.calls() if "start-instance-refresh" in call["words"]
                  for word in call["words"] if word.startswith("applicationServer")]
        self.assertEqual(groups, ["applicationServer01-west", "applicationServer02-west"])
        self.assertEqual({call["profile"] for call in self.calls()}, {"ballast-operate"})

    def test_a_replacement_that_failed_is_said(self):
        for status in ["Failed", "RollbackSuccessful", "Cancelled", "Odd"]:
            self.answers = [["describe-instance-refreshes", [status]]]
            self.refused(self.run_script("ci/wait-refresh.sh", "east"), status)

    # The database of another region.

    def test_the_old_database_is_fenced_before_the_new_one_is_promoted(self):
        self.promoting()
        self.fine(self.promote())
        self.assertEqual(self.called(), [
            "ec2 revoke-security-group-ingress", *["rds modify-db-instance"] * 2,
            *["rds reboot-db-instance"] * 2, "rds promote-read-replica", "secretsmanager put-secret-value",
            "secretsmanager put-secret-value"])
        revoked = next(call for call in self.calls() if "revoke-security-group-ingress" in call["words"])
        self.assertEqual(revoked["words"][-2:], ["sgr-1", "sgr-2"])
        # Its readers are closed with it; the replica that becomes the database is not.
        closed = [call["words"] for call in self.calls() if "modify-db-instance" in call["words"]]
        self.assertEqual([words[5] for words in closed],
                         ["deployment6-database-east", "deployment6-reader01-east"])
        puts = [call for call in self.calls() if "put-secret-value" in call["words"]]
        self.assertEqual([call["words"][3] for call in puts], ["us-west-2", "us-east-1"])
        secret = json.loads(list(puts[0]["files"].values())[0])
        self.assertEqual(secret, {**SECRET, "durability": "machine",
                                  "database": SECRET["database"].replace("old", "new")})

    def test_nothing_is_promoted_while_the_old_database_may_write(self):
        for lost in ["describe-db-instances VpcSecurityGroups", "describe-db-instances VpcId",
                     "describe-db-instances ReadReplicaDB", "describe-security-groups",
                     "describe-security-group-rules", "revoke-security-group-ingress",
                     "modify-db-instance", "modify-db-instance reader01", "wait reader01",
                     "reboot-db-instance"]:
            self.promoting()
            self.answers.insert(0, [lost, ["!could not connect"]])
            self.refused(self.promote(), "not fenced; nothing was promoted")
            self.assertNotIn("rds promote-read-replica", self.called())
        self.promoting()
        self.answers.insert(0, ["describe-security-groups", ["None"]])
        self.refused(self.promote(), "east has no group databaseFenceSG")
        self.assertNotIn("rds promote-read-replica", self.called())

    def test_a_region_that_is_gone_is_a_persons_word(self):
        self.promoting()
        self.answers.insert(0, ["us-east-1", ["!could not connect"]])
        self.fine(self.promote(BALLAST_OLD_REGION_IS_GONE="1"))
        puts = [call["words"][3] for call in self.calls() if "put-secret-value" in call["words"]]
        self.assertEqual(puts, ["us-west-2"])

    def test_a_promotion_that_ended_half_way_goes_on(self):
        self.promoting(state=("None\tavailable",))
        self.fine(self.promote())
        self.assertNotIn("rds promote-read-replica", self.called())
        self.assertEqual(self.called().count("secretsmanager put-secret-value"), 2)

    def test_what_was_promoted_is_not_fenced(self):
        self.promoting(state=("None\tavailable",))
        done = self.run_script("ci/promote-database.sh", "west", "east", "--i-know-that-the-replica-lags")
        self.refused(done, "that of west is the younger.*wrong way round; nothing was fenced")
        self.assertEqual(self.called(), [])

    def test_a_promotion_is_asked_for_by_name(self):
        self.assertEqual(self.run_script("ci/promote-database.sh", "east", "west").returncode, 64)
        self.assertEqual(self.calls(), [])

    # Between a promotion and the swap of roles.

    def test_nothing_is_deployed_until_the_roles_are_those_of_the_databases(self):
        for east, west, code, said in [
                ("alone", "replica", 0, "are what the topology says"), ("none", "none", 0, "are what"),
                ("alone", "none", 0, "are what"), ("fenced", "alone", 2, "then swap the roles: ci/swap-roles.sh east west"),
                ("none", "alone", 2, "then swap the roles"), ("alone", "alone", 2, "both take writes"),
                ("fenced", "replica", 2, "a failover ended half way"),
                ("alone", "fenced", 2, "the old database of west is still there"),
                ("replica", "none", 2, "Only ci/promote-database.sh promotes"),
                ("lost", "alone", 1, "east could not be asked"), ("alone", "lost", 1, "west could not be asked")]:
            self.standing(east, west)
            done = self.run_script("ci/database-guard.sh")
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(said, " ".join(done.stderr.split()))
            self.assertEqual({call["profile"] for call in self.calls()}, {"ballast-plan"})

    def test_the_roles_are_swapped_by_two_words(self):
        file = self.folder / "topology.json"
        before = file.read_text()
        for east, west, words, said in [
                ("none", "replica", "east west", "west is not promoted"), ("fenced", "alone", "east west", "is still there"),
                ("lost", "alone", "east west", "could not be asked"), ("none", "alone", "west east", "west is not the primary"),
                ("none", "alone", "east north", "north is no standby")]:
            self.standing(east, west)
            self.refused(self.run_script("ci/swap-roles.sh", *words.split()), said)
            self.assertEqual(file.read_text(), before)
        self.standing("none", "alone")
        self.fine(self.run_script("ci/swap-roles.sh", "east", "west"))
        after = file.read_text()
        changed = [pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]]
        self.assertEqual([new.strip() for _, new in changed], ['"role": "standby",', '"role": "primary",'])
        self.assertEqual({it["key"]: it["role"] for it in json.loads(after)["regions"]},
                         {"east": "standby", "west": "primary"})
        # The databases are then what the topology says, and a replica is made where the old one was.
        self.fine(self.run_script("ci/database-guard.sh"))
        # And in the bank's own file, whoever is primary there now.
        shutil.copy(ROOT / "topology.json", file)
        roles = {it["role"]: it for it in json.loads(file.read_text())["regions"]}
        old, new = roles["primary"], roles["standby"]
        self.standing("none", "alone")
        for row, region in zip(self.answers[-2:], [old, new]):
            row[0] = f"describe-db-instances {region['aws_region']}"
        self.fine(self.run_script("ci/swap-roles.sh", old["key"], new["key"]))
        self.standing("none", "alone")
        file.write_text(json.dumps(json.loads(before)))
        self.refused(self.run_script("ci/swap-roles.sh", "east", "west"), "swap the two words by hand")

    # Backups.

    def restoring(self, status):
        self.answers = [
            ["describe-db-snapshots", ["rds:deployment6-database-east-1"]],
            ["describe-db-instances DBSubnetGroup", ["subnets\tsg-1\tparameters"]],
            ["restore-db-instance-from-db-snapshot", [""]],
            ["rds wait", [""]],
            ["describe-db-instances Endpoint", ["restored.example"]],
            ["describe-auto-scaling-groups", ["i-1"]],
            ["ssm send-command", ["command-1"]],
            ["ssm get-command-invocation StandardOutputContent", ["the books are sound"]],
            ["ssm get-command-invocation Status", status],
            ["delete-db-instance", [""]],
        ]

    def test_a_restored_backup_is_audited_and_removed(self):
        self.restoring(["Success"])
        done = self.run_script("ci/restore-test.sh", "rds")
        self.fine(done)
        self.assertIn("the books are sound", done.stdout)
        sent = next(call["words"] for call in self.calls() if "send-command" in call["words"])
        self.assertIn("/usr/local/sbin/ballast-cloud audit restored.example", " ".join(sent))
        self.assertEqual(self.called()[-1], "rds delete-db-instance")
        restored = next(call["words"] for call in self.calls()
                        if "restore-db-instance-from-db-snapshot" in call["words"])
        self.assertIn("--no-publicly-accessible", restored)
        self.assertIn("parameters", restored)

    def test_a_backup_with_broken_books_is_said_and_removed_too(self):
        self.restoring(["Failed"])
        self.refused(self.run_script("ci/restore-test.sh", "rds"), "ended as Failed on i-1")
        self.assertEqual(self.called()[-1], "rds delete-db-instance")

    def test_no_snapshot_is_said(self):
        self.answers = [["describe-db-snapshots", ["None"]]]
        self.refused(self.run_script("ci/restore-test.sh", "rds"), "has no snapshot")

    # Servers.

    def test_a_game_day_is_never_held_in_production(self):
        self.answers = [["sts get-caller-identity", [ACCOUNT]]]
        done = self.run_script("ci/game-day.sh", "staging", "east", BALLAST_STAGING_ACCOUNT="2" * 12)
        self.refused(done, "not the staging account")
        self.assertEqual(self.called(), [])

    def test_a_game_day_ends_the_servers_of_one_zone(self):
        self.standing("alone", "replica")
        self.answers += [["sts get-caller-identity", [ACCOUNT]],
                         ["describe-auto-scaling-groups applicationServer01-east", ["i-1\ti-2"]],
                         ["terminate-instances", [""]]]
        self.fine(self.run_script("ci/game-day.sh", "staging", "east",
                                  BALLAST_STAGING_ACCOUNT=ACCOUNT))
        ended = [call["words"][-1] for call in self.calls() if "terminate-instances" in call["words"]]
        self.assertEqual(ended, ["i-1", "i-2"])
        self.assertEqual((self.folder / "smokes").read_text().splitlines(), [
            "smoke --secret deployment6/smoke", "smoke --secret deployment6/smoke --patience 60"])

    def test_a_command_goes_to_a_server_that_is_in_service(self):
        self.answers = [["describe-auto-scaling-groups applicationServer01-west", ["None"]],
                        ["describe-auto-scaling-groups applicationServer02-west", ["i-2"]],
                        ["ssm send-command i-2", ["command-1"]],
                        ["ssm get-command-invocation StandardOutputContent", ["done"]],
                        # More questions than `aws ssm wait` would ask, and the first comes too soon.
                        ["ssm get-command-invocation Status",
                         ["!InvocationDoesNotExist", "Pending", *["InProgress"] * 25, "Success"]]]
        self.fine(self.run_script("ci/on-server.sh", "west", "ballast-cloud", "audit"))
        self.answers[3][1] = ["!AccessDeniedException"]
        self.answers[4][1] = ["!AccessDeniedException"]
        self.refused(self.run_script("ci/on-server.sh", "west", "x"), "AccessDenied")
        self.answers[3][1] = ["it is not"]
        self.answers[4][1] = ["TimedOut"]
        self.refused(self.run_script("ci/on-server.sh", "west", "x"), "ended as TimedOut on i-2")
        self.answers[1][1] = ["None"]
        self.refused(self.run_script("ci/on-server.sh", "west", "x"), "no server of west")

    def test_the_way_to_jenkins_is_a_port_of_this_machine(self):
        self.program("session-manager-plugin", "")
        home = {"BALLAST_STATE_REGION": "us-east-1"}
        self.answers = [["ec2 describe-instances jenkins-controller", ["i-7"]],
                        ["ssm start-session i-7", [""]]]
        self.fine(self.run_script("ci/open-jenkins.sh", "9090", **home))
        words = self.calls()[-1]["words"]
        self.assertEqual(words[words.index("--region") + 1], "us-east-1")
        self.assertEqual(words[words.index("--document-name") + 1],
                         "AWS-StartPortForwardingSession")
        self.assertIn("portNumber=8080,localPortNumber=9090", words)
        self.refused(self.run_script("ci/open-jenkins.sh", "many", **home), "one port")
        self.answers[0][1] = ["None"]
        self.refused(self.run_script("ci/open-jenkins.sh", **home), "no controller runs")
        self.assertEqual(self.called(), ["ssm start-session"])

    def test_a_rollback_goes_to_the_promoted_version_by_number(self):
        promoted = {"templates": {f"applicationServer0{zone}-east": "6" for zone in (1, 2)}}
        self.program("aws-object", "")
        for running, expected in [("Successful", "start-instance-refresh"),
                                  ("InProgress", "rollback-instance-refresh")]:
            (self.folder / "calls").unlink(missing_ok=True)
            (self.folder / "build").mkdir(exist_ok=True)
            (self.folder / "build/previous-east.json").write_text(json.dumps(promoted))
            self.answers = [["sts get-caller-identity", [ACCOUNT]], ["s3api get-object", [""]],
                            ["describe-instance-refreshes", [running, running, "Successful"]],
                            [expected, [""]]]
            self.fine(self.run_script("ci/rollback.sh", "east"))
            self.assertEqual(self.called(), [f"autoscaling {expected}"] * 2)
            if running == "Successful":
                self.assertIn('"Version":"6"', str(self.calls()))
                self.assertIn('"MinHealthyPercentage":100', str(self.calls()))

    def test_an_alarm_ends_the_baking(self):
        self.answers = [["describe-alarms", ["deployment6-unhealthy-servers-east"]]]
        self.refused(self.run_script("ci/bake.sh", "east"), "deployment6-unhealthy-servers-east")

    def test_people_are_told_through_the_topic(self):
        self.answers = [["sts get-caller-identity", [ACCOUNT]], ["sns publish", [""]]]
        self.fine(self.run_script("ci/notify.sh", "drift: FAILURE"))
        self.assertIn(f"arn:aws:sns:us-east-1:{ACCOUNT}:deployment6-alarms-east",
                      self.calls()[-1]["words"])

    def test_keys_in_the_environment_are_refused(self):
        for script in [("ci/notify.sh", "x"), ("ci/rotate-secrets.sh", "database"),
                       ("ci/rollback.sh",)]:
            self.refused(self.run_script(*script, AWS_ACCESS_KEY_ID="x"), "instance roles only")
            self.assertEqual(self.calls(), [])

    # What is published.

    def agent(self, version="3.3.1611.0", name="amazon-ssm-agent"):
        root = self.folder / "agent"
        (root / "DEBIAN").mkdir(parents=True, exist_ok=True)
        (root / "DEBIAN/control").write_text(
            f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: a\nDescription: b\n")
        subprocess.run(["dpkg-deb", "--build", root, self.folder / "agent.deb"], check=True, capture_output=True)
        return "agent.deb"

    def test_the_agent_is_put_once_into_each_region(self):
        self.answers = [["sts get-caller-identity", [ACCOUNT]],
                        ["s3api head-object", ["!404", "it is there"]], ["s3api put-object", [""]]]
        done = self.run_script("ci/publish-agent.sh", self.agent(), AWS_PROFILE="person")
        self.fine(done)
        sum = hashlib.sha256((self.folder / "agent.deb").read_bytes()).hexdigest()
        key = f"agents/{sum}/amazon-ssm-agent_3.3.1611.0_amd64.deb"
        self.assertEqual(done.stdout, f'ssm_agent = {{ key = "{key}", sha256 = "{sum}" }}\n')
        heads = [call["words"] for call in self.calls() if "head-object" in call["words"]]
        self.assertEqual([words[3] for words in heads], ["us-east-1", "us-west-2"])
        put = [call for call in self.calls() if "put-object" in call["words"]]
        self.assertEqual(len(put), 1)
        self.assertIn(f"deployment6-artifacts-{ACCOUNT}-us-east-1", put[0]["words"])
        self.assertIn("--if-none-match", put[0]["words"])
        self.assertEqual(put[0]["profile"], "person")

    def test_another_package_is_not_taken_for_the_agent(self):
        for words, reason in [({"version": "3.2.0.0"}, "3.3.40.0 is the oldest"),
                              ({"name": "other"}, "not the package amazon-ssm-agent")]:
            self.refused(self.run_script("ci/publish-agent.sh", self.agent(**words), AWS_PROFILE="p"), reason)
        self.refused(self.run_script("ci/publish-agent.sh", self.agent()), "AWS_PROFILE names")
        self.assertEqual(self.calls(), [])

    # The machines of the pipeline.

    def site(self):
        shutil.copytree(ROOT / "infra/cicd", self.folder / "infra/cicd", dirs_exist_ok=True)
        files = self.folder / "site/files"
        files.mkdir(parents=True)
        lines = (ROOT / "infra/cicd/setup/files.txt").read_text().splitlines()
        names = [line.split()[0] for line in lines if not line.startswith("#")]
        for name in names:
            (files / name).write_text(f"this is {name}")
        self.sums()
        (self.folder / "site/site.tfvars").write_text('home   = "east"\ndomain = "bank.example.com"\n')
        (self.folder / "site/site.env").write_text(
            f"ACCOUNT={ACCOUNT}\nREPOSITORY_URL=https://git.example/bank\nBALLAST_STAGING_ACCOUNT={'2' * 12}\n")
        return files

    def sums(self):
        subprocess.run("sha256sum $(ls | grep -v SUMS) >SHA256SUMS", shell=True, check=True,
                       cwd=self.folder / "site/files")

    def made(self):
        return self.run_script("ci/machines.sh", "make", "site", SOURCE_DATE_EPOCH="1700000000")

    def test_the_archive_of_the_machines_is_made_and_published(self):
        self.site()
        first = self.made()
        self.fine(first)
        os.utime(self.folder / "site/files/jenkins.war", (1, 1))
        (self.folder / "site/files/jenkins.war").chmod(0o600)
        self.assertEqual(self.made().stdout, first.stdout)
        sum = first.stdout.split()[0]
        key = f"machines/{sum}/machines.tar.gz"
        self.answers = [["sts get-caller-identity", [ACCOUNT]], ["head-object", ["!404"]], ["put-object", [""]]]
        self.refused(self.run_script("ci/machines.sh", "publish"), "AWS_PROFILE names")
        done = self.run_script("ci/machines.sh", "publish", AWS_PROFILE="person")
        self.fine(done)
        self.assertEqual(done.stdout, f'setup = {{ key = "{key}", sha256 = "{sum}" }}\n')
        put = self.calls()[-1]["words"]
        self.assertEqual(put[put.index("--bucket") + 1], f"deployment6-artifacts-{ACCOUNT}-us-east-1")
        self.assertEqual(put[put.index("--key") + 1], key)
        (self.folder / "build/machines/machines.tar.gz").write_text("another")
        self.refused(self.run_script("ci/machines.sh", "publish", AWS_PROFILE="p"), "differs from its checksum")

    def test_an_archive_with_what_nobody_checked_is_not_made(self):
        files = self.site()
        (files / "jenkins.war").write_text("another")
        self.refused(self.made(), "not the one whose checksum was written down")
        (files / "another").touch()
        self.sums()
        self.refused(self.made(), "not about exactly these files")
        (files / "another").unlink()
        self.sums()
        environment = self.folder / "site/site.env"
        for text, reason in [("ACCOUNT=1", "no number of an account"),
                             (f"ACCOUNT={ACCOUNT}", "has no BALLAST_STAGING_ACCOUNT"),
                             (environment.read_text() + "TOKEN=x", "belongs to no machine")]:
            environment.write_text(text + "\n")
            self.refused(self.made(), reason)

    BANK = {"OIDC_CLIENT_ID": "jenkins", "OIDC_GROUPS_CLAIM": "groups",
            "OIDC_WELL_KNOWN_URL": "https://sign-in.bank.example/.well-known/openid-configuration"}

    def test_the_machines_stay_when_another_region_becomes_the_primary(self):
        self.site()
        text = (self.folder / "topology.json").read_text()
        for one, other in [("primary", "x"), ("standby", "primary"), ("x", "standby")]:
            text = text.replace(f'"role": "{one}"', f'"role": "{other}"')
        (self.folder / "topology.json").write_text(text)
        self.fine(self.made())
        root, _ = self.installed("deploy")
        for line in ["AWS_REGION=us-east-1", "BALLAST_STATE_REGION=us-east-1"]:
            self.assertIn(line, (root / "etc/ballast/machine.env").read_text().splitlines())
        (self.folder / "site/site.tfvars").write_text('domain = "bank.example.com"\n')
        self.refused(self.made(), "has no home")

    def installed(self, role, **variables):
        """Sets a machine up in a folder; gives the folder and what was called."""
        shutil.rmtree(self.folder / f"root-{role}", ignore_errors=True)
        archive = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        subprocess.run(["tar", "-xzf", self.folder / "build/machines/machines.tar.gz", "-C", archive], check=True)
        root, noted = self.folder / f"root-{role}", self.folder / f"noted-{role}"
        device = root / "dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol01"
        device.parent.mkdir(parents=True)
        device.touch()
        for name in ["apt-get", "dpkg", "systemctl", "useradd", "mount", "mkfs.ext4", "java", "chown", "runuser"]:
            self.program(name, f'echo "{name} $*" >>"$NOTED"')
        self.program("unzip", 'echo "unzip $*" >>"$NOTED"; echo agent')
        self.program("blkid", "exit 2")
        self.program("id", "exit 1")
        done = subprocess.run(
            [archive / "install.sh", role, "10.9.128.10", "vol-01"], text=True, capture_output=True, timeout=60,
            env={"PATH": f"{self.folder}/programs:{os.environ['PATH']}", "INSTALL_ROOT": str(root),
                 "NOTED": str(noted), **variables})
        self.fine(done)
        return root, noted.read_text()

    def test_each_machine_installs_itself(self):
        self.site()
        self.fine(self.made())
        for role, unit in [("controller", "jenkins"), ("build", "jenkins-agent"), ("deploy", "jenkins-agent")]:
            root, noted = self.installed(role, **self.BANK)
            self.assertIn("files/amazon-ssm-agent.deb", noted)
            self.assertLess(noted.index("amazon-ssm-agent.service"), noted.index("apt-get"))
            self.assertIn(f"systemctl start --no-block {unit}.service", noted)
            service = (root / f"etc/systemd/system/{unit}.service").read_text()
            self.assertIn("User=jenkins", service)
            environment = (root / "etc/ballast/machine.env").read_text()
            for line in ["PROJECT=deployment6", "AWS_REGION=us-east-1", "BALLAST_URL=https://bank.example.com",
                         f"BALLAST_STATE_BUCKET=deployment6-state-{ACCOUNT}", "BALLAST_STATE_REGION=us-east-1"]:
                self.assertIn(line, environment.splitlines())
            if role == "controller":
                self.assertIn("mkfs.ext4", noted)
                self.assertEqual((root / "usr/local/lib/jenkins/jenkins.war").read_text(), "this is jenkins.war")
                known = (root / "etc/jenkins/environment").read_text()
                wanted = re.findall(r"\$\{([A-Z_]+)\}", self.casc(root))
                wanted += re.findall(r"getenv\('(\w+)'\)", (root / "etc/jenkins/jobs.groovy").read_text())
                self.assertGreater(len(wanted), 5)
                for name in wanted:
                    self.assertRegex(known, f"(?m)^{name}=.")
                self.assertIn("jenkins operator-password /run/jenkins-secrets/operator-password", service)
            else:
                self.assertIn(f"-url http://10.9.128.10:8080/ -webSocket -name jenkins-agent-{role} ", service)
                self.assertEqual((root / "usr/local/lib/jenkins/agent.jar").read_text(), "agent\n")
                self.assertNotIn("mkfs", noted)
            config = root / "var/lib/jenkins-agent/.aws/config"
            self.assertEqual(config.exists(), role == "deploy")
            if config.exists():
                self.assertIn(f"role_arn = arn:aws:iam::{ACCOUNT}:role/deployment6-deploy", config.read_text())
                self.assertTrue((root / "etc/ballast/site.tfvars").exists())

    @staticmethod
    def casc(root):
        """What Jenkins reads of its configuration, without comments."""
        files = sorted((root / "etc/jenkins/casc").iterdir())
        return "\n".join(re.sub("#.*", "", file.read_text()) for file in files)

    def test_people_sign_in_as_the_bank_says(self):
        self.site()
        self.fine(self.made())
        root, _ = self.installed("controller", **self.BANK)
        known = (root / "etc/jenkins/environment").read_text()
        for name, value in self.BANK.items():
            self.assertIn(f"{name}={value}", known.splitlines())
        casc = self.casc(root)
        for line in ['clientSecret: "${oidc-client-secret}"', 'groupsFieldName: "${OIDC_GROUPS_CLAIM}"',
                     'wellKnownOpenIDConfigurationUrl: "${OIDC_WELL_KNOWN_URL}"', 'userNameField: "sub"',
                     'escapeHatchUsername: "operator"', 'escapeHatchSecret: "${operator-password}"']:
            self.assertIn(line, casc)
        # Nothing that is signed is believed unseen, and nobody makes an account of his own.
        for word in ["disableSslVerification", "disableTokenVerification", "nonceDisabled", "allowsSignup"]:
            self.assertNotIn(word, casc)
        self.assertRegex((root / "etc/jenkins/casc/sign-in.yaml").read_text(), r"(?m)^    oic:$")
        self.assertRegex((ROOT / "infra/cicd/jenkins/plugins.txt").read_text(), r"(?m)^oic-auth:4\.4\d\d\.")
        # Each secret that the configuration names is a file before Jenkins starts, and nowhere else.
        service = (root / "etc/systemd/system/jenkins.service").read_text()
        secrets = set(re.findall(r"\$\{([a-z-]+)\}", casc))
        self.assertEqual(secrets, {"operator-password", "oidc-client-secret"})
        self.assertEqual(set(re.findall(r"ExecStartPre=\S+ jenkins (\S+) /run/jenkins-secrets/\1\n", service)), secrets)
        self.assertNotIn("client-secret", known)
        # Who approves is a group, and one that Jenkins lets in.
        group = re.search(r"submitter: '(\w+)'", (ROOT / "Jenkinsfile").read_text())[1]
        self.assertRegex(casc, rf'- group:\s+name: "{group}"\s+permissions: \["Overall/Read", "Job/Read"')
        self.assertNotRegex(casc, rf'escapeHatchGroup|- user:\s+name: "{group}"')

    def test_without_it_the_operator_signs_in_alone(self):
        self.site()
        self.fine(self.made())
        root, _ = self.installed("controller")
        self.assertRegex((root / "etc/jenkins/casc/sign-in.yaml").read_text(), r"(?m)^    local:$")
        self.assertEqual(set(re.findall(r"\$\{([a-z-]+)\}", self.casc(root))), {"operator-password"})
        self.assertNotIn("oidc", (root / "etc/systemd/system/jenkins.service").read_text())

    def test_a_machine_waits_for_its_secret(self):
        target = self.folder / "secret"
        self.answers = [["secretsmanager get-secret-value deployment6/jenkins-agent-build",
                         [NOT_FOUND, '{"other": "x"}', '{"secret": "word"}']]]
        self.fine(self.run_script(str(ROOT / "infra/cicd/setup/jenkins-secret"), "jenkins-agent-build", "secret",
                                  str(target), PROJECT="deployment6", AWS_REGION="us-east-1"))
        self.assertEqual((target.read_text(), target.stat().st_mode & 0o777), ("word", 0o600))
        self.assertEqual(len(self.calls()), 3)

    # Differences between the code and what runs.

    def test_drift_is_told_from_what_could_not_be_planned(self):
        self.standing("alone", "replica")
        self.answers += [["sts get-caller-identity", [ACCOUNT]], ["s3api get-object", [""]]]
        (self.folder / "site.tfvars").touch()
        (self.folder / "infra/profiles").mkdir(parents=True)
        for root in ("east", "west", "global"):
            (self.folder / "infra/live" / root).mkdir(parents=True)
        (self.folder / "build").mkdir()
        (self.folder / "build/current.json").write_text('{"key": "k", "sha256": "s", "more": 1}')
        for status, expected, said in [(0, 0, "no difference"), (2, 2, "differs.*east"),
                                       (1, 1, "could not be planned")]:
            self.program("terraform", f'case "$*" in *" plan "*) exit {status} ;; esac')
            done = self.run_script("ci/drift.sh", BALLAST_SITE_TFVARS="site.tfvars",
                                   BALLAST_STATE_BUCKET="state", BALLAST_STATE_REGION="us-east-1")
            self.assertEqual(done.returncode, expected, done.stderr)
            self.assertRegex(done.stderr, said)
        self.standing("fenced", "alone")
        done = self.run_script("ci/drift.sh", BALLAST_SITE_TFVARS="site.tfvars")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("ci/swap-roles.sh east west", done.stderr)

    # Migrations.

    def test_migrations_only_expand(self):
        for statement, is_refused in [
                ("create table a (b int);", False), ("alter table a add column c int;", False),
                ("-- drop table a;", False), ("create index on a (b);", False),
                ("drop table a;", True), ("ALTER TABLE a DROP COLUMN b;", True),
                ("alter table a\n    drop column b;", True), ("alter table a drop b;", True),
                ("alter table a rename to b;", True), ("alter table a rename b to c;", True),
                ("alter table a alter column b type bigint;", True),
                ("alter table a alter b set not null;", True), ("truncate a;", True),
                ("alter table a add constraint c check (b > 0);", True),
                ("alter table a drop constraint c;\nalter table a add constraint c check (b);", False),
                ("create table a_new (b int);\ndrop table a;\nalter table a_new rename to a;", False),
                ("create table a (b int);\nalter table a add constraint c check (b > 0);", False),
                ("alter table a alter b drop not null;", False),
                ("create trigger a before truncate on b for each statement;", False),
                ("drop function a(int);", True),
                ("drop trigger a on b;", False), ("create or replace function a() x;", False),
                ("-- contract: 1.4\ndrop table a;", False)]:
            file = self.folder / "0009_x.sql"
            file.write_text(statement + "\n")
            done = self.run_script("ci/expand-only.sh", str(file))
            self.assertEqual(done.returncode != 0, is_refused, f"{statement}: {done.stderr}")


if __name__ == "__main__":
    unittest.main()
