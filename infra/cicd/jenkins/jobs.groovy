// The jobs, in Job DSL: the multibranch pipeline of the repository, and three that run by the clock
// on main. The repository's address is REPOSITORY_URL in the controller's environment.
String repository = System.getenv('REPOSITORY_URL')

multibranchPipelineJob('ballast') {
    description('Every branch is built and checked; main is deployed after approval.')
    branchSources {
        git {
            id('ballast')
            remote(repository)
        }
    }
    factory {
        workflowBranchProjectFactory { scriptPath('Jenkinsfile') }
    }
    orphanedItemStrategy {
        discardOldItems { daysToKeep(30) }
    }
    triggers {
        periodicFolderTrigger { interval('5m') }
    }
}

[
    ['drift', 'H 2 * * *', 'Every night: does what runs differ from the code?'],
    ['game-day', 'H 10 * * 3', 'Every week in staging: servers are lost, the bank serves on.'],
    ['restore-test', 'H 4 1 * *', 'Every month: the newest backup is restored and audited.'],
].each { name, clock, what ->
    pipelineJob("ballast-$name") {
        description(what)
        properties {
            pipelineTriggers { triggers { cron { spec(clock) } } }
        }
        definition {
            cpsScm {
                scm {
                    git {
                        remote { url(repository) }
                        branch('main')
                    }
                }
                scriptPath("ci/${name}.Jenkinsfile")
            }
        }
    }
}
