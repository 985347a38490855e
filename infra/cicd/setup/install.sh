#!/usr/bin/env bash
# Makes a machine of the pipeline out of a plain Debian image. It comes in the archive of ci/machines.sh,
# whose checksum the start-up script has seen, so all that lies beside it is what was reviewed; what
# else is needed is signed by Debian. Holds no secret: those are read from Secrets Manager.
#
# usage: install.sh controller|build|deploy CONTROLLER_ADDRESS VOLUME_ID
#   INSTALL_ROOT  a folder instead of the system, for tests
#   OIDC_WELL_KNOWN_URL, OIDC_CLIENT_ID, OIDC_GROUPS_CLAIM  the bank's own sign-in, for the controller;
#                 without them Jenkins knows its operator alone
set -euo pipefail
umask 022
here=$(cd "$(dirname "$0")" && pwd)
root=${INSTALL_ROOT:-}
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }
[ $# -eq 3 ] || fail "a role, the controller's address and its volume are needed"
role=$1 controller=$2 volume=$3
# shellcheck source=/dev/null
. "$here/machine.env"
home=/var/lib/jenkins
[ "$role" = controller ] || home=/var/lib/jenkins-agent

packages() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

# put FILE PLACE [MODE]
put() { install -D -m "${3:-644}" "$here/$1" "$root$2"; }

# unit NAME: a service of its own, from what is written to it.
unit() {
    install -d "$root/etc/systemd/system"
    cat >"$root/etc/systemd/system/$1.service"
    systemctl daemon-reload
    systemctl enable "$1.service"
    # It waits for its secret, and the set-up does not.
    systemctl start --no-block "$1.service"
}

# What Jenkins knows is on a volume that outlives the machine; it is attached some time after the start.
mount_home() {
    local device=$root/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volume/-/}
    for _ in $(seq 120); do
        [ ! -e "$device" ] || break
        sleep 5
    done
    [ -e "$device" ] || fail "the volume $volume was not attached"
    # Only a new volume has no file system.
    blkid "$device" >/dev/null || mkfs.ext4 -q "$device"
    install -d "$root/etc" "$root$home"
    echo "${device#"$root"} $home ext4 defaults,nofail 0 2" >>"$root/etc/fstab"
    mount "$root$home"
    chown jenkins:jenkins "$root$home"
}

install_controller() {
    packages openjdk-17-jre-headless git fontconfig
    mount_home
    put files/jenkins.war /usr/local/lib/jenkins/jenkins.war
    put jenkins/jenkins.yaml /etc/jenkins/casc/jenkins.yaml
    put jenkins/jobs.groovy /etc/jenkins/jobs.groovy
    put jenkins/agents.groovy "$home/init.groovy.d/agents.groovy"
    { cat "$here/machine.env"; echo "JENKINS_URL=http://$controller:8080/"; } >"$root/etc/jenkins/environment"
    secrets=operator-password sign_in=local
    if [ -n "${OIDC_CLIENT_ID:-}" ]; then
        secrets="$secrets oidc-client-secret" sign_in=bank
        printf '%s=%s\n' OIDC_CLIENT_ID "$OIDC_CLIENT_ID" OIDC_WELL_KNOWN_URL "$OIDC_WELL_KNOWN_URL" \
            OIDC_GROUPS_CLAIM "$OIDC_GROUPS_CLAIM" >>"$root/etc/jenkins/environment"
    fi
    put "jenkins/sign-in-$sign_in.yaml" /etc/jenkins/casc/sign-in.yaml
    # Exactly the plugins of plugins.txt and what they need; none of the start before.
    rm -rf "$root$home/plugins"
    java -jar "$here/files/jenkins-plugin-manager.jar" --war "$here/files/jenkins.war" \
        --plugin-file "$here/jenkins/plugins.txt" \
        --plugin-download-directory "$root$home/plugins"
    chown -R jenkins:jenkins "$root$home/plugins" "$root$home/init.groovy.d"
    unit jenkins <<UNIT
[Unit]
Description=Jenkins controller
RequiresMountsFor=$home
After=network-online.target
Wants=network-online.target

[Service]
User=jenkins
RuntimeDirectory=jenkins-secrets
RuntimeDirectoryMode=0700
EnvironmentFile=/etc/jenkins/environment
Environment=JENKINS_HOME=$home CASC_JENKINS_CONFIG=/etc/jenkins/casc SECRETS=/run/jenkins-secrets
$(for secret in $secrets; do echo "ExecStartPre=/usr/local/sbin/jenkins-secret jenkins $secret /run/jenkins-secrets/$secret"; done)
ExecStart=/usr/bin/java -Djenkins.install.runSetupWizard=false -jar /usr/local/lib/jenkins/jenkins.war --httpPort=8080
TimeoutStartSec=infinity
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
UNIT
}

install_agent() {
    packages openjdk-17-jre-headless git jq openssl curl unzip
    # The controller's own agent, out of the same program.
    install -d "$root/usr/local/lib/jenkins" "$root/usr/local/bin"
    unzip -p "$here/files/jenkins.war" 'WEB-INF/lib/remoting-*.jar' >"$root/usr/local/lib/jenkins/agent.jar"
    unzip -o -q "$here/files/terraform.zip" terraform -d "$root/usr/local/bin"
    "install_$role"
    unit jenkins-agent <<UNIT
[Unit]
Description=Jenkins agent that does $role
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
User=jenkins
WorkingDirectory=$home
RuntimeDirectory=jenkins-agent
RuntimeDirectoryMode=0700
Environment=PATH=$home/.cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
EnvironmentFile=/etc/ballast/machine.env
ExecStartPre=/usr/local/sbin/jenkins-secret jenkins-agent-$role secret /run/jenkins-agent/secret
ExecStart=/usr/bin/java -jar /usr/local/lib/jenkins/agent.jar -url http://$controller:8080/ -webSocket -name jenkins-agent-$role -secret @/run/jenkins-agent/secret -workDir $home
TimeoutStartSec=infinity
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
UNIT
}

# What building and every check needs (./dev setup), which it could not install without root.
install_build() {
    packages gcc libc6-dev chromium chromium-driver shellcheck npm systemd-container postgresql \
        etcd-server libxml2-utils poppler-utils python3 python3-venv
    chmod 755 "$here/files/rustup-init"
    runuser -u jenkins -- "$here/files/rustup-init" -y --profile minimal --component rustfmt,clippy
}

install_deploy() {
    put site.tfvars /etc/ballast/site.tfvars
    install -d "$root$home/.aws"
    sed -e "s/ACCOUNT/$ACCOUNT/" -e "s/PROJECT/$PROJECT/" "$here/jenkins/agent-aws-config" \
        >"$root$home/.aws/config"
    chown -R jenkins:jenkins "$root$home/.aws"
}

case $role in controller | build | deploy) ;; *) fail "there is no role $role" ;; esac
# People come through Session Manager, also to a machine whose set-up fails below.
dpkg --install "$here/files/amazon-ssm-agent.deb"
systemctl enable --now amazon-ssm-agent.service
id jenkins >/dev/null 2>&1 || useradd --system --create-home --home-dir "$home" --shell /bin/bash jenkins
chmod 755 "$here"
put machine.env /etc/ballast/machine.env
put jenkins-secret /usr/local/sbin/jenkins-secret 755
case $role in controller) install_controller ;; *) install_agent ;; esac
