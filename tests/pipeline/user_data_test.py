"""Checks of infra/modules/app/user-data.sh.tftpl that need no account: size, shell and Python are
well formed, no secret, no `curl | sh`, and the signature agrees with a second implementation's."""
import datetime, hashlib, hmac, json, os, pathlib, re, subprocess, sys, tempfile, unittest, unittest.mock

TEMPLATE = pathlib.Path(__file__).parents[2] / "infra/modules/app/user-data.sh.tftpl"
VALUES = {
    "server_name": "applicationServer01-east", "region_key": "east", "aws_region": "us-east-1",
    "zone": "us-east-1a", "port": "8000", "live_path": "/livez", "ready_path": "/readyz",
    "drain_seconds": "5", "artifact_bucket": "deployment6-artifacts-123456789012-us-east-1",
    "artifact_key": "releases/" + "a" * 64 + "/ballast_0.1.0_amd64.deb", "artifact_sha256": "a" * 64,
    "agent_key": "agents/" + "b" * 64 + "/amazon-ssm-agent.deb", "agent_sha256": "b" * 64,
    "secret_name": "deployment6/application", "log_group": "/deployment6/east/server",
    "autoscaling_group": "applicationServer01-east", "launch_hook": "ready",
    "readers": "reader01.example,reader02.example",
}


def rendered(**others):
    text = TEMPLATE.read_text()
    assert "%{" not in text and "$${" not in text
    return re.sub(r"\$\{(\w+)\}", lambda found: {**VALUES, **others}[found.group(1)], text)


def python_part(**others):
    return re.search(r"<<'PYTHON'\n(.*?)\nPYTHON\n", rendered(**others), re.S).group(1)


def functions(**others):
    names = {"__name__": "ballast_cloud"}
    exec(compile(python_part(**others), "ballast-cloud", "exec"), names)
    return names


SECRET = {"database": "postgres://o@db/ballast?sslmode=verify-full&sslrootcert=/a.pem", "password": "p",
          "authority": "PEM", "durability": "zone", "data_keys": {"k": 1}, "receipt_keys": {"k": 2}}


def configured(folder, answers, naps, owners, **others):
    """The files that a starting server writes, by name, in a folder instead of the system's."""
    names = functions(**others)

    def told():
        answer = answers.pop(0)
        if isinstance(answer, SystemExit):
            raise answer
        return answer

    names["secret"] = told
    names["STATE"] = folder + "/"
    names["time"] = type("Time", (), {"sleep": naps.append})
    names["shutil"] = type("Shutil", (), {"chown": lambda path, user, _: owners.update({path: user})})
    written = names["write"]
    names["write"] = lambda path, text, *owner: written(path.replace("/etc/ballast", folder), text, *owner)
    names["configure"]()
    return {path.name: path for path in pathlib.Path(folder).iterdir()}


def entry(number, text, **others):
    """A line of `journalctl --output=json`, a second after the one before."""
    return json.dumps({"__CURSOR": f"c{number}", "__REALTIME_TIMESTAMP": str(number * 1_000_000),
                       "SYSLOG_IDENTIFIER": "ballast", "MESSAGE": text, **others})


class Journal:
    """Plays journalctl: the lines after the cursor that it is asked for."""
    def __init__(self, lines, status=0):
        self.lines, self.status, self.asked = lines, status, []

    def __call__(self, words, stdout):
        self.asked.append(words)
        after = [it.partition("=")[2] for it in words if it.startswith("--after-cursor=")]
        seen = [index for index, line in enumerate(self.lines) if after and f'"{after[0]}"' in line]
        rest = self.lines[seen[0] + 1 if seen else 0:]
        return type("Reader", (), {"stdout": iter(rest), "kill": lambda _: None, "wait": lambda _: self.status})()


class UserData(unittest.TestCase):
    def test_it_fits_and_uses_every_value(self):
        self.assertLess(len(rendered().encode()), 16_000)
        self.assertEqual(set(re.findall(r"\$\{(\w+)\}", TEMPLATE.read_text())), set(VALUES))

    def test_the_shell_is_well_formed(self):
        with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
            file.write(rendered())
            file.flush()
            subprocess.run(["bash", "-n", file.name], check=True)

    def test_nothing_is_fetched_without_its_checksum_and_no_secret_is_in_it(self):
        text = rendered()
        self.assertNotRegex(text, r"\b(curl|wget)\b")
        self.assertNotRegex(text, r"AKIA[0-9A-Z]{16}|://[^/\s:@]+:[^/\s@]+@")
        self.assertLess(text.index("ballast-cloud fetch"), text.index("dpkg --install"))
        for sum in ("a" * 64, "b" * 64):
            self.assertRegex(text, f"install_package '[^']+' '{sum}'")

    def test_a_wrong_package_is_not_written(self):
        names = functions()
        names["call"] = lambda *_: b"something else"
        with tempfile.TemporaryDirectory() as folder:
            target = pathlib.Path(folder, "ballast.deb")
            with self.assertRaisesRegex(SystemExit, "checksum"):
                names["fetch"]("bucket", "key", "a" * 64, str(target))
            self.assertFalse(target.exists())
            names["fetch"]("bucket", "key", hashlib.sha256(b"something else").hexdigest(), str(target))
            self.assertEqual(target.read_bytes(), b"something else")

    def test_a_server_waits_for_its_secret_and_writes_it_for_itself_alone(self):
        answers = [SystemExit("secretsmanager: status 400"), SECRET]
        owners, naps = {}, []
        with tempfile.TemporaryDirectory() as folder:
            files = configured(folder, answers, naps, owners)
            self.assertEqual({path.stat().st_mode & 0o777 for path in files.values()}, {0o600})
            self.assertEqual(naps, [10])
            server = json.loads(files["server.json"].read_text())
            self.assertEqual(files["database-password"].read_text(), "p")
            self.assertEqual(json.loads(files["data-keys.json"].read_text()), {"k": 1})
            for field in ("database_password_file", "data_keys", "receipt_keys"):
                self.assertEqual(owners[server[field] + ".new"], "ballast")
            self.assertEqual((server["durability"], server["administrators_need_second_factor"]),
                             ("zone", True))

    def test_a_server_reads_near_it_with_the_login_and_the_trust_of_the_database(self):
        for readers, expect in (
                ("reader01.example,reader02.example",
                 "postgres://o@reader01.example,reader02.example/ballast?sslmode=verify-full&sslrootcert=/a.pem"),
                ("", None)):
            with tempfile.TemporaryDirectory() as folder:
                files = configured(folder, [SECRET], [], {}, readers=readers)
                server = json.loads(files["server.json"].read_text())
                self.assertEqual(server.get("database_reader"), expect)
                self.assertEqual(server["database"], SECRET["database"])

    def batch(self, journal, cursor=""):
        names = functions()
        names["subprocess"] = type("Subprocess", (), {"Popen": journal, "PIPE": None})
        return names["batch"](cursor)

    def test_the_journal_is_read_from_where_it_was_left(self):
        journal = Journal([entry(1, "started"), entry(2, '{"message":"ready"}'), entry(3, [104, 105, 255]),
                           entry(2, None)])
        events, cursor, is_more = self.batch(journal)
        self.assertEqual([it["message"] for it in events],
                         ["ballast: started", '{"message":"ready"}', "ballast: ", "ballast: hi\ufffd"])
        self.assertEqual([it["timestamp"] for it in events], [1000, 2000, 2000, 3000])
        self.assertEqual((cursor, is_more), ("c2", False))
        events, cursor, _ = self.batch(journal, "c2")
        self.assertEqual([it["timestamp"] for it in events], [2000, 3000])
        self.assertEqual(self.batch(Journal([]), "c9"), ([], "c9", False))
        with self.assertRaisesRegex(SystemExit, "cannot be read"):
            self.batch(Journal([], status=1), "c9")

    def test_a_batch_stays_below_what_one_call_takes(self):
        for lines, count in (
                ([entry(number, "x") for number in range(5001)], 5000),
                ([entry(number, "x" * 390_000) for number in range(5)], 3),
                ([entry(number * 3600, "x") for number in range(30)], 13)):
            events, cursor, is_more = self.batch(Journal(lines))
            self.assertEqual((len(events), is_more), (count, True))
            self.assertLess(sum(len(it["message"]) + 26 for it in events), 1_048_576)
            again, _, _ = self.batch(Journal(lines), cursor)
            self.assertGreater(again[0]["timestamp"], events[-1]["timestamp"])

    def test_the_journal_arrives_whole_though_calls_fail(self):
        lines = [entry(number, f"line {number}") for number in range(1, 4)]
        with tempfile.TemporaryDirectory() as folder:
            arrived, failures = [], [True]

            def call(service, host, headers, body):
                fields = json.loads(body)
                self.assertEqual((service, fields["logGroupName"], fields["logStreamName"]),
                                 ("logs", "/deployment6/east/server", "applicationServer01-east/i-1"))
                if headers["x-amz-target"].endswith("CreateLogStream"):
                    raise SystemExit("logs: status 400")  # it is there already
                if failures and failures.pop():
                    raise SystemExit("logs: status 503")
                arrived.extend(it["message"] for it in fields["logEvents"])

            def run():
                names = functions()
                left = iter([False, True])
                event = {"is_set": lambda _: next(left), "set": None, "wait": lambda *_: None}
                names.update(
                    instance=lambda _: "i-1", call=call, threading=type("T", (), {"Event": type("E", (), event)}),
                    signal=type("S", (), {"SIGTERM": 15, "signal": lambda *_: None}),
                    subprocess=type("P", (), {"Popen": Journal(lines), "PIPE": None}))
                with unittest.mock.patch.dict(os.environ, STATE_DIRECTORY=folder):
                    names["journal"]()

            with self.assertRaisesRegex(SystemExit, "503"):
                run()
            self.assertEqual(arrived, [])
            run()
            lines.append(entry(4, "line 4"))
            run()
            self.assertEqual(arrived, [f"ballast: line {number}" for number in range(1, 5)])

    def test_the_signing_key_is_that_of_the_manual(self):
        # AWS General Reference, "Deriving a signing key": the published example.
        key = b"AWS4" + b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # gitleaks:allow, AWS's example
        for part in ("20120215", "us-east-1", "iam", "aws4_request"):
            key = functions()["sign"](key, part)
        self.assertEqual(key.hex(), "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d")

    def test_a_request_is_signed_over_all_of_its_headers(self):
        now = datetime.datetime(2015, 8, 30, 12, 36, tzinfo=datetime.timezone.utc)
        keys = {"AccessKeyId": "id", "SecretAccessKey": "x", "Token": "session"}
        sign = lambda body: functions()["signed"](keys, "s3", "GET", "host", "/p", {}, body, now)
        headers = sign(b"")
        self.assertIn("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token",
                      headers["authorization"])
        self.assertNotEqual(headers["authorization"], sign(b"other")["authorization"])

    def test_the_unit_waits_longer_than_the_drain(self):
        self.assertIn("TimeoutStopSec=$(( 5 + 30 ))", rendered())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--render"]:
        print(rendered(**dict(word.split("=", 1) for word in sys.argv[2:])))
    else:
        unittest.main()
