"""A region of AWS that is gone altogether: what each script of ci/ does without it, and that nothing else
can be passed off as one. The pipeline as a whole is run without it by harness.groovy."""
import hashlib, json, shutil, subprocess, unittest

from scripts import ACCOUNT, ROOT, ScriptCase, silence

WEST = {"WITHOUT_REGION": "west"}


class LeftOut(ScriptCase):
    def guard(self, **variables):
        done = self.run_script("ci/database-guard.sh", **variables)
        return done.returncode, " ".join(done.stderr.split())

    # What may be left out.

    def test_a_standby_of_which_nothing_answers_is_left_out(self):
        self.standing("alone", "gone")
        self.assertEqual(self.guard()[0], 1)
        self.assertIn("a build leaves it out: WITHOUT_REGION=west", self.guard()[1])
        code, said = self.guard(**WEST)
        self.assertEqual((code, "as far as they can be asked" in said), (0, True), said)
        asked = [" ".join(call["words"][:2]) for call in self.calls() if "us-west-2" in call["words"]][-6:]
        self.assertEqual(asked, ["rds describe-db-instances", "ec2 describe-security-groups"] * 3)

    def test_an_answer_of_any_kind_is_one(self):
        silent, other = silence("us-west-2"), silence("us-east-1")
        for said, is_gone in [
                ([silent], True), ([silence("us-west-2", "Connect timeout on endpoint URL:")], True),
                ([silence("us-west-2", "Read timeout on endpoint URL:")], True),
                ([silence("us-west-2", "Connection was closed before we received a valid response from"
                          " endpoint URL:")], True),
                (["!An error occurred (ServiceUnavailable) when calling the DescribeDBInstances operation"], True),
                (["!An error occurred (InternalFailure) when calling the DescribeDBInstances operation"], True),
                ([""], False), ([silent] * 5 + [""], False), ([silent, ""], False),
                # The agent's own trouble says nothing about the region.
                ([other], False), (["!Unable to locate credentials"], False),
                (["!Failed to connect to proxy URL: \"http://proxy.us-west-2.example\""], False),
                (["!An error occurred (ServiceUnavailable) when calling the AssumeRole operation"], False),
                (["!An error occurred (AccessDenied) when calling the DescribeDBInstances operation"], False),
                (["!An error occurred (DBInstanceNotFound) when calling the DescribeDBInstances operation"], False),
                (["!An error occurred (Throttling) when calling the DescribeDBInstances operation"], False)]:
            self.standing("alone", "replica")
            self.answers.insert(0, ["us-west-2", said])
            code, words = self.guard(**WEST)
            self.assertEqual(code, 0 if is_gone else 2, f"{said}: {words}")
            if not is_gone:
                self.assertIn("west answers, and only a region that is gone is left out", words)

    def test_nothing_else_is_left_out(self):
        scripts = [["ci/database-guard.sh"], ["ci/rollback.sh"], ["ci/plan-words.sh"], ["ci/smoke-role.sh", "standby"],
                   ["ci/bake-role.sh", "standby"], ["ci/apply-role.sh", "standby"], ["ci/drift.sh"]]
        self.program("terraform", "exit 1")
        (self.folder / "site.tfvars").touch()
        for words in scripts:
            for name, said in [("east", "east is the primary, and only a standby is left out"),
                               ("wset", "WITHOUT_REGION=wset: no standby"), ("west\neast", "no standby"),
                               ("we.t", "no standby"), ("west ", "no standby"), ("*", "no standby")]:
                self.standing("gone", "gone")
                self.answers += [["sts get-caller-identity", [ACCOUNT]]]
                done = self.run_script(*words, WITHOUT_REGION=name, BALLAST_SITE_TFVARS="site.tfvars")
                self.refused(done, said)
                self.assertEqual(self.called(), [])
        done = self.run_script("ci/database-guard.sh", **WEST, BALLAST_STATE_REGION="us-west-2")
        self.refused(done, "the states of all roots are in west")

    def test_the_primary_is_what_it_is_called_when_nobody_else_can_be_asked(self):
        for east, said in [("fenced", "it is: fenced"), ("replica", "it is: replica"), ("none", "it is: none")]:
            self.standing(east, "gone")
            code, words = self.guard(**WEST)
            self.assertEqual(code, 2, words)
            self.assertIn(said, words)
        self.standing("gone", "gone")
        code, words = self.guard(**WEST)
        self.assertEqual(code, 1)
        self.assertIn("the database of east could not be asked", words)

    # What was approved.

    def planned(self, left_out):
        plans = self.folder / "build/plan"
        shutil.rmtree(plans, ignore_errors=True)
        plans.mkdir(parents=True)
        (plans / "east.tfplan").touch()
        (plans / "left-out").write_text(left_out)
        sums = subprocess.run(["sha256sum", "./east.tfplan", "./left-out"], cwd=plans, text=True, capture_output=True)
        (plans / "SHA256SUMS").write_text(sums.stdout)
        (self.folder / "build/evidence").mkdir(exist_ok=True)
        (self.folder / "build/evidence/tests").write_text("c0ffee")
        (self.folder / "build/artifact").mkdir(exist_ok=True)
        (self.folder / "build/artifact/SHA256SUMS").write_text("5u m ballast.deb\n")
        for root in ("east", "west", "global"):
            (self.folder / "infra/live" / root).mkdir(parents=True, exist_ok=True)
        return {"BRANCH_NAME": "main", "GIT_COMMIT": "c0ffee", "APPROVED_BY": "ada",
                "APPROVED_PLAN_SHA256": hashlib.sha256(sums.stdout.encode()).hexdigest()}

    def test_who_approves_is_told_what_is_left_out(self):
        self.planned("")
        self.assertEqual(self.run_script("ci/plan-words.sh").stdout, "to east and west, and to what joins them?\n")
        self.refused(self.run_script("ci/plan-words.sh", **WEST), "the plans leave out no region")
        self.planned("west")
        said = self.run_script("ci/plan-words.sh", **WEST).stdout
        for words in ["to east, and LEAVE OUT west (us-west-2)? Nothing of west answered", "It keeps the release",
                      "No standby tries the release before the primary."]:
            self.assertIn(words, said)
        self.refused(self.run_script("ci/plan-words.sh"), "the plans leave out west")

    def test_what_is_left_out_was_approved(self):
        for planned, without, said in [("west", "", "leaves out west, and this run no region"),
                                       ("", "west", "leaves out no region, and this run west")]:
            approved = self.planned(planned)
            for words in [["ci/promote.sh"], ["ci/migrate.sh"], ["ci/apply.sh", "east"]]:
                self.refused(self.run_script(*words, WITHOUT_REGION=without, **approved), said)
        approved = self.planned("west")
        (self.folder / "build/plan/left-out").write_text("")
        self.refused(self.run_script("ci/apply.sh", "east", **approved), "differs from its checksum")
        for root in ["west", "global"]:
            approved = self.planned("west")
            self.refused(self.run_script("ci/apply.sh", root, **WEST, **approved), f"leave {root} out")
        self.assertEqual(self.calls(), [])

    # The release that a region still runs.

    def promoted(self, before, **variables):
        """What the release is noted as after that one, in which regions."""
        self.answers = [["sts get-caller-identity", [ACCOUNT]], ["describe-auto-scaling-groups", ["7"]],
                        ["s3api get-object", ["" if before else "!An error occurred (NoSuchKey)"]],
                        ["s3api put-object", [""]]]
        (self.folder / "calls").unlink(missing_ok=True)
        approved = self.planned(variables.get("WITHOUT_REGION", ""))
        if before:
            (self.folder / "build/promoted.json").write_text(json.dumps(before))
        self.fine(self.run_script("ci/promote.sh", **variables, **approved))
        noted = json.loads((self.folder / "build/current-east.json").read_text())
        regions = [call["words"][3] for call in self.calls() if "put-object" in call["words"]]
        return noted["behind"], regions

    def test_it_is_noted_which_release_a_region_still_runs(self):
        self.assertEqual(self.promoted(None, **WEST), ({"west": "unknown"}, ["us-east-1"]))
        self.assertEqual(self.promoted({"commit": "a"}, **WEST), ({"west": "a"}, ["us-east-1"]))
        self.assertEqual(self.promoted({"commit": "b", "behind": {"west": "a"}}, **WEST), ({"west": "a"}, ["us-east-1"]))
        self.assertEqual(self.promoted({"commit": "b", "behind": {"west": "a"}}), ({}, ["us-east-1", "us-west-2"]))

    def test_a_release_that_a_region_still_runs_is_migrated_for(self):
        self.program("expand", 'echo "expand $*" >>"$SMOKES"; case "$*" in *"${REFUSED:-none}"*) exit 1 ;; esac')
        shutil.copy(self.folder / "programs/expand", self.folder / "ci/expand-only.sh")
        for west, before, without, expected in [
                ("gone", {"commit": "b"}, WEST, ["", "--behind b"]), ("replica", {"commit": "b"}, {}, [""]),
                ("replica", {"commit": "b", "behind": {"west": "a"}}, {}, ["", "--behind a"]),
                ("gone", {"commit": "b", "behind": {"west": "a"}}, WEST, ["", "--behind a", "--behind b"])]:
            (self.folder / "smokes").unlink(missing_ok=True)
            approved = self.planned(without.get("WITHOUT_REGION", ""))
            (self.folder / "build/promoted.json").write_text(json.dumps(before))
            self.standing("alone", west)
            self.answers += [["sts get-caller-identity", [ACCOUNT]], ["s3api get-object", [""]],
                             ["describe-auto-scaling-groups", ["0"]]]
            self.fine(self.run_script("ci/migrate.sh", **without, **approved))
            self.assertEqual((self.folder / "smokes").read_text().splitlines(),
                             [f"expand {words}".rstrip() if words else "expand " for words in expected])
            if len(expected) > 1:
                done = self.run_script("ci/migrate.sh", REFUSED=expected[1], **without, **approved)
                self.assertNotEqual(done.returncode, 0)

    def test_nobodys_word_excuses_a_contraction_that_a_region_would_not_live_with(self):
        folder = self.folder / "crates/store/migrations/postgres"
        folder.mkdir(parents=True)

        def commit(name, text):
            (folder / name).write_text(text)
            subprocess.run(f"git add {folder} && git -c user.name=a -c user.email=a@b.example commit -qm x",
                           shell=True, check=True, cwd=self.folder)
            return subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.folder, text=True, capture_output=True).stdout.strip()

        subprocess.run(["git", "init", "-q"], check=True, cwd=self.folder)
        first = commit("0001_a.sql", "create table a (b int);")
        second = commit("0002_b.sql", "-- contract: 1.4\ndrop table a;")
        commit("0003_c.sql", "create table c (d int);")
        self.fine(self.run_script("ci/expand-only.sh"))
        self.fine(self.run_script("ci/expand-only.sh", "--behind", second))
        self.refused(self.run_script("ci/expand-only.sh", "--behind", first), "expand first")
        self.refused(self.run_script("ci/expand-only.sh", "--behind", "unknown"), "expand first")
        self.assertEqual(self.run_script("ci/expand-only.sh", "--behind").returncode, 64)

    # The rest of the way.

    def test_a_rollback_says_what_it_does_without_a_region(self):
        (self.folder / "build").mkdir()
        for region in ("east", "west"):
            promoted = {"templates": {f"applicationServer0{zone}-{region}": "6" for zone in (1, 2)}}
            (self.folder / f"build/previous-{region}.json").write_text(json.dumps(promoted))
        self.answers = [["us-west-2", [silence("us-west-2")]], ["sts get-caller-identity", [ACCOUNT]],
                        ["s3api get-object", [""]], ["describe-instance-refreshes", ["Successful"]],
                        ["start-instance-refresh", [""]]]
        self.refused(self.run_script("ci/rollback.sh"), "west could not be asked, and nothing went back.*"
                     "WITHOUT_REGION=west ci/rollback.sh")
        self.assertEqual(self.called(), [])
        self.fine(self.run_script("ci/rollback.sh", **WEST))
        self.assertEqual(self.called(), ["autoscaling start-instance-refresh"] * 2)
        self.answers[0][1] = ["!An error occurred (NoSuchKey)"]
        self.refused(self.run_script("ci/rollback.sh"), "west: nothing was promoted before")

    def test_that_nobody_reaches_the_region_is_no_alarm_of_a_release(self):
        self.answers = [["describe-alarms", ["deployment6-cpu-east"]]]
        self.refused(self.run_script("ci/bake.sh", "east", **WEST), "alarms ring in east: deployment6-cpu-east")
        self.assertIn("?AlarmName!='deployment6-region-unreachable-west'", str(self.calls()[-1]["words"]))
        self.refused(self.run_script("ci/bake.sh", "east"), "alarms ring in east")
        self.assertNotIn("unreachable-west", str(self.calls()[-1]["words"]))

    def test_drift_is_looked_for_in_the_regions_that_are_left(self):
        (self.folder / "site.tfvars").touch()
        for root in ("east", "west", "global"):
            (self.folder / "infra/live" / root).mkdir(parents=True)
        (self.folder / "build").mkdir()
        (self.folder / "build/current.json").write_text('{"key": "k", "sha256": "s"}')
        self.program("terraform", 'echo "$1" >>"$SMOKES"')
        site = {"BALLAST_SITE_TFVARS": "site.tfvars", "BALLAST_STATE_BUCKET": "state", "BALLAST_STATE_REGION": "us-east-1"}
        self.standing("alone", "gone")
        self.answers += [["sts get-caller-identity", [ACCOUNT]], ["s3api get-object", [""]]]
        done = self.run_script("ci/drift.sh", **site)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the database of west could not be asked", done.stderr)
        done = self.run_script("ci/drift.sh", **WEST, **site)
        self.fine(done)
        self.assertIn("nobody looked at west and at what joins the regions", done.stderr)
        self.assertEqual(set((self.folder / "smokes").read_text().split()), {"-chdir=infra/live/east"})

    def test_no_game_day_is_held_while_a_region_is_missing(self):
        self.standing("alone", "gone")
        self.answers += [["sts get-caller-identity", [ACCOUNT]]]
        for variables in [{}, WEST]:
            done = self.run_script("ci/game-day.sh", "staging", "east", BALLAST_STAGING_ACCOUNT=ACCOUNT, **variables)
            self.refused(done, "west does not answer: there is no game day while a region is missing")
        self.assertEqual(self.called(), [])

    def test_people_are_told_what_was_left_out(self):
        self.answers = [["sts get-caller-identity", [ACCOUNT]], ["sns publish", [""]]]
        self.fine(self.run_script("ci/notify.sh", "ballast SUCCESS", **WEST))
        self.assertIn("ballast SUCCESS, without west", self.calls()[-1]["words"])

    # The primary that is gone, and comes back.

    def test_the_roles_are_swapped_while_the_old_region_is_gone(self):
        file = self.folder / "topology.json"
        before = file.read_text()
        gone = {"BALLAST_OLD_REGION_IS_GONE": "1"}
        for east, west, variables, said in [
                ("gone", "alone", {}, "BALLAST_OLD_REGION_IS_GONE=1"), ("gone", "replica", gone, "west is not promoted"),
                ("alone", "alone", gone, "east answers"), ("none", "alone", gone, "east answers"),
                ("lost", "alone", gone, "east answers"), ("gone", "gone", gone, "west could not be asked")]:
            self.standing(east, west)
            self.refused(self.run_script("ci/swap-roles.sh", "east", "west", **variables), said)
            self.assertEqual(file.read_text(), before)
        self.standing("gone", "alone")
        self.fine(self.run_script("ci/swap-roles.sh", "east", "west", **gone))
        self.assertEqual({it["key"]: it["role"] for it in json.loads(file.read_text())["regions"]},
                         {"east": "standby", "west": "primary"})
        # Builds go on without it, and with it back nothing is deployed until its database is out of the way.
        code, said = self.guard(WITHOUT_REGION="east")
        self.assertEqual(code, 0, said)
        self.standing("alone", "alone")
        self.assertEqual(self.guard(WITHOUT_REGION="east")[0], 2)
        code, said = self.guard()
        self.assertEqual(code, 2)
        self.assertIn("That of west is the younger", said)
        self.assertIn("ci/promote-database.sh east west --i-know", said)
        self.standing("fenced", "alone")
        self.assertIn("the old database of east is still there, fenced", self.guard()[1])
        self.standing("none", "alone")
        self.assertEqual(self.guard()[0], 0)

    def test_of_two_that_take_writes_the_younger_was_promoted(self):
        self.standing("alone", "alone")
        self.answers[0][1] = ["2026-03-01T00:00:00+00:00"]
        self.assertIn("That of east is the younger, so it was promoted. This fences the other:"
                      " ci/promote-database.sh west east", self.guard()[1])
        self.answers[0][1] = ["2026-02-01T00:00:00.5+00:00"]
        self.assertIn("which was promoted cannot be told", self.guard()[1])
        self.answers[0][1] = ["!AccessDenied"]
        self.assertEqual(self.guard()[0], 1)


if __name__ == "__main__":
    unittest.main()
