// Runs the Jenkinsfile: the declarative syntax that it uses is given a meaning here, every `sh` runs
// the real script of ci/ in a workspace of its own, and only terraform, aws, the build, the tests
// and the smoke test are stand-ins (stubs/). Failures, branches, refusals and tampering are injected.
//
// Guarantees when it ends with 0: in no run was anything applied that was not approved, planned in
// that run with the same checksum, on main, after green tests; and each mutation of the pipeline at
// the end of this file was noticed. Not here: Jenkins itself, its plugins, its sandbox.
//
// The three jobs that run by the clock are run in the same way, each well, failing, and with what it is
// there to find.
//
// usage: groovy harness.groovy REPOSITORY [EDIT]      with EDIT only the edits so called

class Refused extends RuntimeException { Refused() { super('a person said no') } }
class Violation extends RuntimeException { Violation(String text) { super(text) } }

class Stage {
    String name
    Map agent = null
    List<Closure> when = []
    Closure environment, steps
    Map<String, String> parameters = [:]
    List<Stage> stages = [], parallel = []
    Map<String, Closure> post = [:]
}

/** The words that a section knows; any other is looked for further out, and is an error there. */
class Words {
    Map<String, Closure> known
    def methodMissing(String name, args) {
        if (!known[name]) { throw new MissingMethodException(name, Words, args) }
        known[name](*args)
    }
}

class Build {
    Run run
    String getCurrentResult() { run.result }
}

/** Reads the sections of a stage or of the pipeline; what it does not know is an error. */
class Reader {
    Stage stage
    def agent(Closure what) {
        def found = [:]
        what.delegate = new Words(known: [label: { found.label = it }])
        what.resolveStrategy = Closure.DELEGATE_FIRST
        what()
        if (!found.label) { throw new Violation('an agent without a label') }
        stage.agent = found
    }
    def agent(String none) { stage.agent = [none: true] }
    String getNone() { 'none' }
    def options(Closure ignored) { }
    def parameters(Closure declared) {
        declared.delegate = new Words(known: [string: { Map it -> stage.parameters[it.name] = it.defaultValue }])
        declared.resolveStrategy = Closure.DELEGATE_FIRST
        declared()
    }
    def when(Closure conditions) { stage.when << conditions }
    def environment(Closure variables) { stage.environment = variables }
    def steps(Closure steps) { stage.steps = steps }
    def stages(Closure inner) { stage.stages = Reader.list(inner) }
    def parallel(Closure inner) { stage.parallel = Reader.list(inner) }
    def post(Closure conditions) {
        def known = ['always', 'success', 'failure', 'unsuccessful', 'aborted', 'cleanup']
        conditions.delegate = new Words(
            known: known.collectEntries { word -> [word, { stage.post[word] = it }] })
        conditions.resolveStrategy = Closure.DELEGATE_FIRST
        conditions()
    }
    static Stage read(String name, Closure body) {
        def stage = new Stage(name: name)
        body.delegate = new Reader(stage: stage)
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body()
        stage
    }
    static List<Stage> list(Closure inner) {
        def found = []
        inner.delegate = new Words(
            known: [stage: { String name, Closure body -> found << Reader.read(name, body) }])
        inner.resolveStrategy = Closure.DELEGATE_FIRST
        inner()
        found
    }
}

/** One run of a pipeline. */
class Run {
    File source, folder
    String branch = 'main', failAt, tamper, plan = 'updates'
    String stagingAccount = '123456789012'
    /** What a person filled in for WITHOUT_REGION, and the region of AWS of which nothing answers. */
    String without, gone
    boolean refuse, withoutTests
    String result = 'SUCCESS'
    List<String> commands = []
    Map<String, String> env = [:]
    String label

    File getEvents() { new File(folder, 'events') }
    List<String> lines() { events.exists() ? events.readLines() : [] }
    void note(String line) { events << line + '\n' }
    File workspace() {
        if (!label) { throw new Violation('a step outside of an agent') }
        new File(folder, "agent-$label").tap { mkdirs() }
    }

    void start(String text) {
        folder.mkdirs()
        Stage pipeline = null
        def binding = new Binding([
            env: [BRANCH_NAME: branch], scm: 'scm',
            currentBuild: new Build(run: this),
            pipeline: { Closure body -> pipeline = Reader.read('pipeline', body) },
        ])
        if (gone) { new File(folder, 'gone').text = gone }
        new GroovyShell(this.class.classLoader, binding).evaluate(text, 'Jenkinsfile')
        if (without && !pipeline.parameters.containsKey('WITHOUT_REGION')) {
            throw new Violation('nobody can leave a region out')
        }
        // Jenkins gives each parameter to the pipeline, and as a variable to its commands.
        binding.setVariable('params', pipeline.parameters + (without ? [WITHOUT_REGION: without] : [:]))
        env = env + binding.getVariable('params')
        try {
            go(pipeline)
        } catch (Violation wrong) {
            throw wrong
        } catch (Refused no) {
            result = 'ABORTED'
        } catch (IllegalStateException failed) {
            result = 'FAILURE'
        }
    }

    void go(Stage stage) {
        def outer = label
        def outerEnv = env
        if (stage.agent) { label = stage.agent.label }
        try {
            if (!stage.when.every { holds(it) }) { return }
            if (stage.environment) {
                def variables = [:]
                stage.environment.delegate = variables
                stage.environment.resolveStrategy = Closure.DELEGATE_FIRST
                stage.environment()
                env = env + variables.collectEntries { k, v -> [k, v.toString()] }
            }
            RuntimeException failed = null
            try {
                if (stage.steps) { step(stage.steps) }
                stage.stages.each { go(it) }
                stage.parallel.each { inner ->
                    try { go(inner) } catch (IllegalStateException each) { failed = each }
                }
            } catch (IllegalStateException | Refused each) {
                failed = each
            }
            finish(stage, failed)
        } finally {
            label = outer
            env = outerEnv
        }
    }

    void finish(Stage stage, RuntimeException failed) {
        if (failed) { result = failed instanceof Refused ? 'ABORTED' : 'FAILURE' }
        def words = ['always']
        if (!failed) { words << 'success' }
        else {
            words << (failed instanceof Refused ? 'aborted' : 'failure')
            words << 'unsuccessful'
        }
        words << 'cleanup'
        words.findAll { stage.post[it] }.each { word ->
            try { step(stage.post[word]) } catch (IllegalStateException each) {
                result = 'FAILURE'
                failed = failed ?: each
            }
        }
        if (failed) { throw failed }
    }

    boolean holds(Closure conditions) {
        boolean all = true
        conditions.delegate = new Words(known: [beforeAgent: { }, branch: { all &= it == branch },
            expression: { Closure what -> all &= what() }])
        conditions.resolveStrategy = Closure.DELEGATE_FIRST
        conditions()
        all
    }

    void step(Closure body) {
        body.delegate = new Steps(run: this)
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body()
    }
}

/** The steps that the pipelines use. */
class Steps {
    Run run
    def script(Closure body) { run.step(body) }
    def deleteDir() { run.workspace().deleteDir() }
    def checkout(ignored) {
        def place = run.workspace()
        Shell.run(['cp', '-r', run.source.path + '/.', place.path], run.folder, [:])
    }
    def sh(String command) { sh(script: command) }
    def sh(Map options) {
        String command = options.script
        run.commands << command
        run.note("sh $run.label $command")
        if (command == run.failAt && command == 'ci/test.sh') { throw new IllegalStateException(command) }
        if (command == 'ci/test.sh' && run.withoutTests) { return }
        // Agents without rights in AWS have no profile that works; the deploy agents' scripts choose it.
        def stubs = new File(run.source, 'stubs').path
        def variables = [EVENTS: run.events.path, PATH: "$stubs:${System.getenv('PATH')}",
            BRANCH_NAME: run.branch, GIT_COMMIT: 'c0ffee', STUB_PLAN: run.plan,
            BALLAST_STATE_BUCKET: 'state', BALLAST_STATE_REGION: 'us-east-1',
            BALLAST_SITE_TFVARS: 'site.tfvars', BALLAST_URL: 'https://bank.example',
            BALLAST_STAGING_ACCOUNT: run.stagingAccount] + run.env
        def (int code, String out, String err) = Shell.run(['bash', '-c', command], run.workspace(), variables)
        if (code == 0 && command == run.failAt) { code = 1 }
        if (command == 'ci/migrate.sh' && run.tamper == 'after the migration') {
            new File(run.workspace(), 'build/plan/west.tfplan').text = 'another plan'
        }
        if (command == 'ci/bake-role.sh standby' && run.tamper == 'promoted while it bakes') {
            new File(run.folder, 'promoted').text = ''
        }
        run.note("${code == 0 ? 'ok' : 'failed'} $command")
        if (code == 3 || code == 127) { throw new Violation("$command: $err") }
        if (code != 0) { throw new IllegalStateException("$command: $err") }
        options.returnStdout ? out : null
    }
    def stash(Map what) {
        def from = run.workspace().path
        def part = what.includes - '/**'
        if (!new File(from, part).exists()) {
            if (run.withoutTests) { return }
            throw new IllegalStateException("nothing to stash: $part")
        }
        def to = new File(run.folder, "stash-$what.name/$part")
        to.parentFile.mkdirs()
        Shell.run(['cp', '-r', "$from/$part", to.path], run.folder, [:])
    }
    def unstash(String name) {
        def from = new File(run.folder, "stash-$name")
        if (!from.exists()) { throw new IllegalStateException("no stash $name") }
        Shell.run(['cp', '-r', from.path + '/.', run.workspace().path], run.folder, [:])
    }
    def archiveArtifacts(ignored) { }
    def echo(String text) { run.note("echo $text") }
    boolean fileExists(String path) { new File(run.workspace(), path).exists() }
    def input(Map question) {
        if (run.label) { throw new Violation('an agent waits while a person thinks') }
        run.note("asked $question.message")
        if (run.refuse) { throw new Refused() }
        run.note('approved')
        tamper()
        'ada'
    }
    private void tamper() {
        def plans = new File(run.folder, 'stash-plan/build/plan')
        if (run.tamper == 'promoted') { new File(run.folder, 'promoted').text = '' }
        if (run.tamper == 'back') { new File(run.folder, 'gone').delete() }
        if (!(run.tamper in ['alone', 'with its checksum'])) { return }
        new File(plans, 'west.tfplan').text = 'another plan'
        if (run.tamper == 'with its checksum') {
            Shell.run(['bash', '-c', 'sha256sum ./*.tfplan ./*.json ./left-out >SHA256SUMS'], plans, [:])
        }
    }
}

class Shell {
    static run(List words, File where, Map variables) {
        def builder = new ProcessBuilder(words*.toString()).directory(where)
        variables.each { k, v -> builder.environment()[k.toString()] = v.toString() }
        builder.environment().keySet().removeAll { it.startsWith('AWS_') }
        def process = builder.start()
        def out = new StringBuffer(), err = new StringBuffer()
        process.waitForProcessOutput(out, err)
        [process.exitValue(), out.toString(), err.toString()]
    }
}

/** What must hold, run by run. */
class Checks {
    static final String APPLY = 'ci/apply-role.sh standby'
    File source, scratch
    String jenkinsfile
    /** `all`, or what comes after the good build for an edit that this part must notice. */
    String part = 'all'
    int runs = 0

    Run run(Map settings = [:]) {
        def run = new Run([source: source, folder: new File(scratch, "run-${runs++}")] + settings)
        run.start(jenkinsfile)
        invariant(run)
        run
    }

    static void must(boolean holds, String rule) { if (!holds) { throw new Violation(rule) } }

    static void invariant(Run run) {
        boolean tests = false, approved = false
        def planned = [:]
        String asked = ''
        run.lines().each { line ->
            def words = line.split(' ')
            switch (words[0]) {
                case 'planned': planned[words[1]] = words[2]; break
                case 'asked': asked = line; break
                case 'approved': approved = true; break
                case 'tests': tests = true; break
                case 'applied':
                    must(run.branch == 'main', "applied on the branch $run.branch")
                    must(tests, 'applied without green tests')
                    must(approved, 'applied without approval')
                    must(planned[words[1]] == words[2], "applied another plan of ${words[1]}")
                    must(asked ==~ /.*\b[0-9a-f]{64}\b.*/, 'approved without naming the checksum')
                    break
                case 'sh':
                    if (words[2] ==~ /ci\/(publish|plan|migrate|apply|promote|rollback).*/) {
                        must(words[1] == 'deploy', "$line: not on the deploy agent")
                    }
            }
        }
    }

    static List<String> applied(Run run) {
        run.lines().findAll { it.startsWith('applied') }*.split(' ').collect { it[1] }
    }

    void all() {
        def good = run()
        must(good.result == 'SUCCESS', "a good build ends as $good.result: ${good.lines()}")
        must(applied(good) == ['west', 'east', 'global'], "applied in the order ${applied(good)}")
        must(good.commands == ['ci/build.sh', 'ci/test.sh', 'ci/infra-check.sh', 'ci/publish.sh',
            'ci/plan.sh', 'ci/plan-words.sh', 'ci/migrate.sh', 'ci/apply-role.sh standby', 'ci/smoke-role.sh standby',
            'ci/bake-role.sh standby', 'ci/apply-role.sh primary', 'ci/smoke-role.sh primary',
            'ci/promote.sh', "ci/notify.sh 'ballast SUCCESS'"], "the steps are ${good.commands}")
        if (part in ['all', 'refused']) { refused() }
        if (part in ['all', 'tampered']) { tampered() }
        if (part in ['all', 'branches']) { branches() }
        if (part in ['all', 'left out']) { leftOut() }
        if (part in ['all', 'failures']) { failures(part == 'all' ? good.commands.init() : [APPLY], good.commands) }
    }

    void failures(List<String> failing, List<String> commands) {
        int firstApply = commands.indexOf(APPLY)
        failing.each { command ->
            int index = commands.indexOf(command)
            def run = run(failAt: command)
            must(run.result == 'FAILURE', "$command failed and the build ended as $run.result")
            boolean rolledBack = run.lines().contains('ok ci/rollback.sh')
            if (index < firstApply) {
                must(applied(run).empty, "$command failed and ${applied(run)} was applied")
                must(!rolledBack, "$command failed, nothing was applied, and it was rolled back")
            } else {
                must(rolledBack, "$command failed and nothing was rolled back")
                must(run.commands[-3..-2] == ['ci/rollback.sh', 'ci/smoke-role.sh primary'],
                    "$command failed: no smoke test after the rollback: ${run.commands}")
                must(run.commands.count('ci/promote.sh') == (command == 'ci/promote.sh' ? 1 : 0),
                    "$command failed and the release was promoted")
            }
            if (index > commands.indexOf('ci/plan-words.sh')) {
                must(run.commands.last() == "ci/notify.sh 'ballast FAILURE'", "$command: nobody was told")
            }
        }
    }

    void refused() {
        def run = run(refuse: true)
        must(run.result == 'ABORTED' && applied(run).empty, 'a refusal did not stop the build')
        must(!run.commands.contains('ci/migrate.sh'), 'a refusal did not stop the migration')
    }

    void tampered() {
        ['alone', 'with its checksum', 'after the migration'].each { how ->
            def run = run(tamper: how)
            must(run.result == 'FAILURE' && applied(run).empty, "a tampered plan ($how) was applied")
        }
        def run = run(plan: 'destroys')
        must(run.result == 'FAILURE' && !run.lines().contains('approved'),
            'a plan that destroys a database came as far as a person')
        run = this.run(plan: 'promoted')
        must(run.result == 'FAILURE' && !run.lines().any { it.startsWith('planned') },
            'planned between a promotion and the swap of roles')
        run = this.run(tamper: 'promoted')
        must(run.result == 'FAILURE' && run.lines().contains('approved') && applied(run).empty,
            'applied after a promotion that came while a person thought')
        must(!run.lines().any { it.contains('ssm send-command') }, 'migrated after such a promotion')
        run = this.run(tamper: 'promoted while it bakes')
        must(run.result == 'FAILURE' && applied(run) == ['west'],
            'applied after a promotion that came between the regions')
        run = this.run(withoutTests: true)
        must(run.result == 'FAILURE' && applied(run).empty, 'applied without the evidence of tests')
    }

    /** A region that is gone altogether, and what could be passed off as one. */
    void leftOut() {
        def run = run(gone: 'us-west-2')
        must(run.result == 'FAILURE' && !run.lines().any { it.startsWith('planned') },
            'planned while nobody knows of a region that is gone')
        run = this.run(gone: 'us-west-2', without: 'west')
        must(run.result == 'SUCCESS' && applied(run) == ['east'],
            "without the region that is gone ends as $run.result after ${applied(run)}: ${run.lines()}")
        must(run.lines().any { it ==~ /asked .* to east, and LEAVE OUT west \(us-west-2\).*/ },
            'nobody who approves is told what is left out')
        must(run.commands.last() == "ci/notify.sh 'ballast SUCCESS'" && run.commands[-4..-2] ==
            ['ci/smoke-role.sh primary', 'ci/bake-role.sh primary', 'ci/promote.sh'],
            "nothing was watched before the release was promoted: $run.commands")
        must(run.lines().findAll { it.startsWith('gone ') }.every { it ==~ /gone ballast-plan (rds|ec2) describe.*/ },
            'more is asked of a region that is left out than whether it answers')
        must(run.lines().count { it.startsWith('planned') } == 1, 'what needs the lost region was planned')
        [[without: 'west'], [without: 'east', gone: 'us-east-1'], [without: 'wset', gone: 'us-west-2'],
            [without: 'west', gone: 'us-east-1']].each { settings ->
            run = this.run(settings)
            must(run.result == 'FAILURE' && !run.lines().any { it.startsWith('planned') },
                "planned with $settings")
        }
        run = this.run(gone: 'us-west-2', without: 'west', refuse: true)
        must(run.result == 'ABORTED' && applied(run).empty, 'a region is left out without approval')
        run = this.run(gone: 'us-west-2', without: 'west', tamper: 'back')
        must(run.result == 'FAILURE' && run.lines().contains('approved') && applied(run).empty,
            'a region that came back while a person thought is left out')
        must(!run.lines().any { it.contains('ssm send-command') }, 'migrated without a region that came back')
        run = this.run(gone: 'us-west-2', without: 'west', failAt: 'ci/bake-role.sh primary')
        must(run.result == 'FAILURE' && run.lines().contains('ok ci/rollback.sh')
            && !run.commands.contains('ci/promote.sh'), 'nothing was rolled back without the region that is gone')
        run = this.run(gone: 'us-west-2', without: 'west', branch: 'feature')
        must(run.commands.last() == 'ci/infra-check.sh', 'another branch is deployed without a region')
    }

    void branches() {
        ['feature', 'PR-7', 'main-2', 'release/main'].each { branch ->
            def run = run(branch: branch)
            must(run.commands == ['ci/build.sh', 'ci/test.sh', 'ci/infra-check.sh'],
                "the branch $branch does ${run.commands}")
            must(!new File(run.folder, 'agent-deploy').exists(), "$branch had an agent with rights")
        }
    }
}

/** The jobs that run by the clock: each does its one thing on the deploy agent, and tells people. */
class Scheduled {
    static final Map<String, String> JOBS = [drift: 'ci/drift.sh',
        'game-day': 'ci/game-day.sh staging east', 'restore-test': 'ci/restore-test.sh rds']
    File repository, source, scratch
    int runs = 0

    Run run(String text, Map settings = [:]) {
        def run = new Run([source: source, folder: new File(scratch, "run-${runs++}")] + settings)
        run.start(text)
        Checks.must(Checks.applied(run).empty, 'a job by the clock applied something')
        Checks.must(run.lines().findAll { it.startsWith('sh ') }.every { it.startsWith('sh deploy ') },
            'a job by the clock runs elsewhere than on the deploy agent')
        run
    }

    void all() {
        String clocks = new File(repository, 'infra/cicd/jenkins/jobs.groovy').text
        JOBS.each { name, command ->
            Checks.must(clocks.contains("['$name', 'H "), "no clock starts $name")
            check(name, command, new File(repository, "ci/${name}.Jenkinsfile").text)
        }
    }

    void check(String name, String command, String text) {
        String told = "ci/notify.sh '$name: FAILURE'"
        def good = run(text)
        Checks.must(good.result == 'SUCCESS' && good.commands == [command],
            "$name ends as $good.result after ${good.commands}: ${good.lines()}")
        def failing = [[failAt: command]]
        if (name == 'drift') { failing << [plan: 'differs'] << [plan: 'fails'] << [gone: 'us-west-2'] }
        if (name == 'game-day') { failing << [stagingAccount: '999999999999'] << [gone: 'us-west-2'] }
        if (name == 'restore-test') { failing << [plan: 'broken books'] }
        failing.each { settings ->
            def run = run(text, settings)
            Checks.must(run.result == 'FAILURE' && run.commands == [command, told],
                "$name with $settings ends as $run.result after ${run.commands}")
            if (name == 'game-day' && !settings.failAt) {
                Checks.must(!run.lines().any { it.contains('terminate-instances') },
                    "a game day was held with $settings")
            }
            if (name == 'restore-test') {
                Checks.must(run.lines().any { it.contains('delete-db-instance') },
                    'the restored database was left behind')
            }
        }
    }
}

/** Edits that make the pipeline unsafe: each must be noticed. */
class Mutations {
    static String cut(String text, String from, String to) {
        int start = text.indexOf(from), end = text.indexOf(to, start)
        if (start < 0 || end < 0) { throw new Violation("the mutation does not find '$from'") }
        text.substring(0, start) + text.substring(end)
    }
    static String swap(String text, String from, String to) {
        if (!text.contains(from)) { throw new Violation("the mutation does not find '$from'") }
        text.replace(from, to)
    }
    static final Map<String, Closure> JENKINSFILE = [
        'approval removed': { cut(it, "stage('Approve')", "stage('Deploy')") },
        'approval given by the pipeline itself': {
            swap(cut(it, 'approver = input(', 'approvedPlan = planChecksum'), 'approvedPlan = planChecksum',
                "approver = 'robot'; approvedPlan = planChecksum")
        },
        'rollback removed': { swap(it, "sh 'ci/rollback.sh'", '') },
        'no smoke test after the rollback': { cut(it, "sh 'ci/smoke-role.sh primary'\n                        }", '}\n') },
        '-auto-approve before the approval': {
            swap(it, "archiveArtifacts", "sh 'terraform -chdir=infra/live/west apply -auto-approve'\n archiveArtifacts")
        },
        'every branch deploys': { swap(it, "branch 'main'", '') },
        'tests removed': { swap(it, "sh 'ci/test.sh'", '') },
        'primary first': {
            swap(swap(swap(it, 'apply-role.sh standby', 'apply-role.sh X'), 'apply-role.sh primary',
                'apply-role.sh standby'), 'apply-role.sh X', 'apply-role.sh primary')
        },
        'no baking': { swap(it, "sh 'ci/bake-role.sh standby'", '') },
        'agent held while a person thinks': {
            swap(it, "options { timeout(time: 8", "agent { label 'deploy' }\n options { timeout(time: 8")
        },
        'deployed by a build agent': { swap(it, "label 'deploy'", "label 'build'") },
        'nobody told': { swap(it, 'sh "ci/notify.sh', 'echo "') },
        'not said what is left out': { swap(it, '${planChecksum} ${planWords}', '${planChecksum} to both regions?') },
        'no region can be left out': { cut(it, 'parameters {', 'stages {') },
        'unwatched without the standby': { swap(it, "sh 'ci/bake-role.sh primary'", '') },
    ]
    /** Which part notices an edit of the Jenkinsfile; without an entry the good build does. */
    static final Map<String, String> PARTS = ['rollback removed': 'failures',
        'no smoke test after the rollback': 'failures', 'every branch deploys': 'branches',
        'not said what is left out': 'left out', 'no region can be left out': 'left out',
        'unwatched without the standby': 'left out']
    /** The same of the jobs that run by the clock: which job, and the edit. */
    static final Map<String, List> SCHEDULED = [
        'drift: nobody told': ['drift', { swap(it, 'sh "ci/notify.sh', 'echo "') }],
        'drift: repaired at once': ['drift', { swap(it, "sh 'ci/drift.sh'",
            "sh 'ci/drift.sh'\n sh 'terraform -chdir=infra/live/east apply -auto-approve'") }],
        'game-day: on a build agent': ['game-day', { swap(it, "label 'deploy'", "label 'build'") }],
        'restore-test: only looked at': ['restore-test', { swap(it, "sh 'ci/restore-test.sh rds'", '') }],
    ]
    /** In which script what becomes what, and the part that notices it. */
    static final Map<String, List<String>> SCRIPTS = [
        'any plan is the approved one': ['ci/lib.sh', '"$found" = "$APPROVED_PLAN_SHA256"', '1 = 1'],
        'apply asks for no approval': ['ci/apply.sh', 'require_approved_plan', ':'],
        'plans may destroy databases': ['ci/plan-guard.sh', '[ -z "$lost" ] ||', 'true ||'],
        'planned after a promotion': ['ci/plan.sh', 'ci/database-guard.sh', ':'],
        'applied after a promotion': ['ci/apply.sh', 'ci/database-guard.sh\nuse', 'use'],
        'migrated after a promotion': ['ci/migrate.sh', 'ci/database-guard.sh', ':'],
        'plans of the working copy are applied': ['ci/apply.sh', '"$PWD/$PLANS/$root.tfplan"', '-auto-approve'],
        'a region that answers is left out': ['ci/database-guard.sh', 'region_is_gone "$without" ||', 'true ||', 'left out'],
        'what joins the regions is planned without one': ['ci/plan.sh', '[ -n "${WITHOUT_REGION:-}" ] || echo global',
            'echo global', 'left out'],
        'published to a region that is left out': ['ci/publish.sh', '$(regions_left every)', "\$(topology '.regions[].key')",
            'left out'],
        'rolled back in a region that is left out': ['ci/rollback.sh', 'regions_left every', "topology '.regions[].key'",
            'left out'],
        'baked in a region that is left out': ['ci/bake-role.sh', 'regions_left', 'regions_with_role', 'left out'],
        'smoke test of a region that is left out': ['ci/smoke-role.sh', 'regions_left', 'regions_with_role', 'left out'],
        'promoted in a region that is left out': ['ci/promote.sh', 'regions_left every', "topology '.regions[].key'",
            'left out'],
    ]
}

File repository = new File(args[0]).canonicalFile
File scratch = File.createTempDir('pipeline', '')
Runtime.runtime.addShutdownHook { scratch.deleteDir() }

/** The files that a checkout gives, with the stand-ins in place. */
File source(File repository, File scratch, String name) {
    File folder = new File(scratch, name)
    folder.mkdirs()
    Shell.run(['cp', '-r', "$repository/ci", "$repository/tests/pipeline/stubs", folder.path], scratch, [:])
    ['build.sh', 'test.sh', 'infra-check.sh', 'smoke.sh', 'expand-only.sh'].each {
        Shell.run(['cp', "$folder/stubs/script", "$folder/ci/$it"], scratch, [:])
    }
    new File(folder, 'topology.json').text = new File(repository, 'infra/tests/topology.json').text
        .replaceAll(/"bake_seconds": \d+/, '"bake_seconds": 0')
    ['west', 'east', 'global'].each { new File(folder, "infra/live/$it").mkdirs() }
    new File(folder, 'infra/profiles').mkdirs()
    new File(folder, 'infra/profiles/production.tfvars').text = ''
    new File(folder, 'site.tfvars').text = ''
    folder
}

String jenkinsfile = new File(repository, 'Jenkinsfile').text
def clean = new Checks(source: source(repository, scratch, 'clean'), scratch: new File(scratch, 'clean-runs'),
    jenkinsfile: jenkinsfile)
if (args.length == 1) {
    String wrong = noticed { clean.all() }
    if (wrong != null) {
        System.err.println("pipeline: $wrong")
        System.exit(1)
    }
    println("pipeline: $clean.runs runs, every rule holds")
    def clock = new Scheduled(repository: repository, source: clean.source, scratch: new File(scratch, 'clock'))
    clock.all()
    println("pipeline: $clock.runs runs of jobs by the clock, every rule holds")
}

/** What noticed the edit; null when nothing did. */
String noticed(Closure checks) {
    try {
        checks()
        return null
    } catch (Violation wrong) {
        return wrong.message
    }
}

Map<String, Closure> edited = [:]
Mutations.JENKINSFILE.each { name, edit ->
    def checks = new Checks(source: clean.source, scratch: new File(scratch, "m${edited.size()}"),
        jenkinsfile: edit(jenkinsfile), part: Mutations.PARTS[name] ?: 'good')
    edited[name] = { checks.all() }
}
Mutations.SCHEDULED.each { name, how ->
    def jobs = new Scheduled(repository: repository, source: clean.source,
        scratch: new File(scratch, "m${edited.size()}"))
    String text = how[1](new File(repository, "ci/${how[0]}.Jenkinsfile").text)
    edited[name] = { jobs.check(how[0], Scheduled.JOBS[how[0]], text) }
}
Mutations.SCRIPTS.each { name, edit ->
    File folder = source(repository, scratch, "s${edited.size()}")
    File script = new File(folder, edit[0])
    script.text = Mutations.swap(script.text, edit[1], edit[2])
    def checks = new Checks(source: folder, scratch: new File(scratch, "m${edited.size()}"),
        jenkinsfile: jenkinsfile, part: edit[3] ?: 'tampered')
    edited[name] = { checks.all() }
}
if (args.length > 1) { edited = edited.findAll { it.key.contains(args[1]) } }
def two = java.util.concurrent.Executors.newFixedThreadPool(2)
def answers = edited.collect { name, checks -> [name, two.submit({ noticed(checks) } as java.util.concurrent.Callable)] }
int missed = 0
answers.each { name, answer ->
    String by = answer.get()
    if (by == null) { missed++ }
    println("pipeline: ${by == null ? 'NOT NOTICED' : 'noticed'}: $name${by ? ' (' + by.take(90) + ')' : ''}")
}
if (edited.isEmpty()) {
    System.err.println("pipeline: no edit is called ${args[1]}")
    missed = 1
}
System.exit(missed == 0 ? 0 : 1)
