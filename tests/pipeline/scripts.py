"""Runs one script of ci/ whole, in a copy, with `aws` replaced (fake_aws.py) and other programs by a test's
own: the calls that it made, and what it said."""
import json, os, pathlib, re, shutil, subprocess, tempfile, unittest

ROOT = pathlib.Path(__file__).parents[2]
ACCOUNT = "123456789012"
SECRET = {"database": "postgres://ballast_owner@old.example/ballast?sslmode=verify-full",
          "password": "before", "authority": "PEM", "durability": "zone",
          "data_keys": {"k": 1}, "receipt_keys": {"k": 2}}
NOT_FOUND = "!An error occurred (ResourceNotFoundException) when calling GetSecretValue"


def silence(region, sentence="Could not connect to the endpoint URL:"):
    """What the AWS command says when nobody answers."""
    return f'!{sentence} "https://rds.{region}.amazonaws.com/"'


class ScriptCase(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        shutil.copytree(ROOT / "ci", self.folder / "ci")
        # Not the bank's own, whose roles are swapped when its database has failed over.
        shutil.copy(ROOT / "infra/tests/topology.json", self.folder)
        programs = self.folder / "programs"
        programs.mkdir()
        (programs / "aws").symlink_to(ROOT / "tests/pipeline/fake_aws.py")
        # Nobody waits for a fake.
        self.program("sleep", "exit 0")
        self.program("smoke", 'echo "smoke $*" >>"$SMOKES"')
        shutil.copy(programs / "smoke", self.folder / "ci/smoke.sh")
        self.answers = []

    def program(self, name, script):
        path = self.folder / "programs" / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def run_script(self, *words, **variables):
        table = self.folder / "answers.json"
        table.write_text(json.dumps(self.answers))
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        environment = {
            "PATH": f"{self.folder}/programs:{os.environ['PATH']}", "HOME": str(self.folder),
            "ANSWERS": str(table), "CALLS": str(self.folder / "calls"), "TMPDIR": str(temporary),
            "SMOKES": str(self.folder / "smokes"), **variables}
        done = subprocess.run(["bash", *words], cwd=self.folder, env=environment, text=True,
                              capture_output=True, timeout=60)
        self.assertNotIn("does not know", done.stderr)
        self.assertEqual(list(temporary.iterdir()), [], "a file was left behind")
        return done

    def calls(self):
        file = self.folder / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def called(self):
        """The service and the action of each call that is not only a question."""
        pairs = [" ".join(call["words"][:2]) for call in self.calls()]
        return [it for it in pairs if not re.search(r" (describe|get|wait)", it)]

    def fine(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)

    def refused(self, done, reason):
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, reason)

    def promoting(self, state=("source\tavailable", "source\tmodifying", "None\tavailable")):
        self.answers = [
            ["describe-db-instances VpcSecurityGroups", ["sg-1"]],
            ["describe-db-instances VpcId", ["vpc-1"]],
            ["describe-db-instances ReadReplicaDBInstanceIdentifiers",
             [f"deployment6-reader01-east\tarn:aws:rds:us-west-2:{ACCOUNT}:db:deployment6-database-west"]],
            ["describe-security-groups vpc-1 databaseFenceSG", ["sg-fence"]],
            ["describe-security-group-rules", ["sgr-1\tsgr-2"]],
            ["revoke-security-group-ingress", [""]],
            ["modify-db-instance sg-fence", [""]],
            ["reboot-db-instance", [""]],
            ["wait db-instance-available", [""]],
            ["describe-db-instances ReadReplicaSource", list(state)],
            ["describe-db-instances InstanceCreateTime us-east-1", ["2026-01-01T00:00:00+00:00"]],
            ["describe-db-instances InstanceCreateTime us-west-2", ["2026-02-01T00:00:00+00:00"]],
            ["promote-read-replica", [""]],
            ["describe-db-instances Endpoint.Address", ["new.example"]],
            ["get-secret-value", [json.dumps(SECRET)]],
            ["put-secret-value", [""]],
        ]

    def promote(self, **variables):
        return self.run_script("ci/promote-database.sh", "east", "west",
                               "--i-know-that-the-replica-lags", **variables)

    def standing(self, east, west):
        """The databases as RDS says: none, lost, gone with their region, or what one follows and its group."""
        self.answers = [["describe-db-instances InstanceCreateTime us-east-1", ["2026-01-01T00:00:00.1+00:00"]],
                        ["describe-db-instances InstanceCreateTime us-west-2", ["2026-02-01T00:00:00+00:00"]],
                        ["describe-security-groups sg-fence", ["databaseFenceSG"]],
                        ["describe-security-groups sg-1", ["databaseSG"]]]
        for region, state in [("us-east-1", east), ("us-west-2", west)]:
            if state == "gone":
                self.answers.insert(0, [region, [silence(region)]])
                continue
            said = {"none": "!An error occurred (DBInstanceNotFound)", "lost": "!could not connect",
                    "alone": "None\tsg-1", "replica": "arn:x\tsg-1", "fenced": "None\tsg-fence"}[state]
            self.answers.append([f"describe-db-instances {region}", [said]])
