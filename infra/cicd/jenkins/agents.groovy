// Runs when the controller has started: puts what each agent proves itself with into the agent's secret,
// which nobody else reads. It depends on the controller's own key and is known to nobody before.
import groovy.json.JsonOutput
import jenkins.model.Jenkins

Map<String, String> environment = System.getenv()
['jenkins-agent-build', 'jenkins-agent-deploy'].each { name ->
    File file = new File(environment.SECRETS, "${name}.json")
    file.text = JsonOutput.toJson([secret: Jenkins.get().getComputer(name).jnlpMac])
    Process put = ['aws', 'secretsmanager', 'put-secret-value', '--region', environment.AWS_REGION,
                   '--secret-id', "${environment.PROJECT}/${name}".toString(),
                   '--secret-string', "file://${file}".toString()].execute()
    StringBuilder said = new StringBuilder()
    put.waitForProcessOutput(new StringBuilder(), said)
    file.delete()
    if (put.exitValue() != 0) {
        throw new IllegalStateException("the secret of ${name} could not be put: ${said}")
    }
}
