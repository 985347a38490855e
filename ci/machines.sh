#!/usr/bin/env bash
# Makes and publishes the archive from which the machines of the pipeline (infra/cicd) install themselves:
# their set-up, Jenkins's configuration, the programs of others, and the values of the site. By the
# person who sets the account up.
#
# usage: ci/machines.sh make SITE       leaves build/machines/machines.tar.gz
#        ci/machines.sh publish         into the home region's artifact bucket; prints the line for Terraform
#   SITE         a folder with
#                site.tfvars   what plans of the live roots need (infra/README.md)
#                site.env      ACCOUNT, BALLAST_STAGING_ACCOUNT, REPOSITORY_URL, one NAME=VALUE a line
#                files/        the programs of infra/cicd/setup/files.txt, and their SHA256SUMS
#   AWS_PROFILE  who sets the account up; publish needs it
# The same commit, files and values give the same archive, byte by byte.
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

readonly MACHINES=build/machines

# checked_files FOLDER: the files are all there, no other is, and each is what its checksum says.
checked_files() {
    local names
    names=$(grep -v '^#' infra/cicd/setup/files.txt | cut -d ' ' -f 1 | sort)
    [ -f "$1/SHA256SUMS" ] || fail "there is no $1/SHA256SUMS"
    [ "$(sed 's/^[0-9a-f]\{64\} [ *]//' "$1/SHA256SUMS" | sort)" = "$names" ] \
        || fail "$1/SHA256SUMS is not about exactly these files: ${names//$'\n'/ }"
    (cd "$1" && sha256sum --quiet --check --strict SHA256SUMS >&2) \
        || fail "a file of $1 is not the one whose checksum was written down"
}

# home_region SITE: where the account was set up, which need not be where the primary is now.
home_region() {
    local home
    home=$(sed -nE 's/^home *= *"([a-z0-9]+)".*/\1/p' "$1/site.tfvars")
    [ -n "$home" ] || fail "$1/site.tfvars has no home"
    aws_region "$home"
}

# machine_env SITE: what the machines know of the site; the rest follows from the topology.
machine_env() {
    local account region domain name
    account=$(sed -n 's/^ACCOUNT=//p' "$1/site.env")
    [[ "$account" =~ ^[0-9]{12}$ ]] || fail "ACCOUNT in $1/site.env is no number of an account"
    for name in BALLAST_STAGING_ACCOUNT REPOSITORY_URL; do
        grep -qE "^$name=[^[:space:]'\"\$]+\$" "$1/site.env" || fail "$1/site.env has no $name"
    done
    if grep -vE '^(ACCOUNT|BALLAST_STAGING_ACCOUNT|REPOSITORY_URL)=' "$1/site.env" >&2; then
        fail "$1/site.env has a line that belongs to no machine"
    fi
    domain=$(sed -nE 's/^domain *= *"([a-z0-9.-]+)".*/\1/p' "$1/site.tfvars")
    [ -n "$domain" ] || fail "$1/site.tfvars has no domain"
    region=$(home_region "$1")
    sort "$1/site.env"
    printf '%s=%s\n' PROJECT "$(project)" AWS_REGION "$region" \
        BALLAST_STATE_BUCKET "$(state_bucket "$account")" BALLAST_STATE_REGION "$region" \
        BALLAST_URL "https://$domain"
}

case "${1:-}" in
    make)
        [ $# -eq 2 ] || usage_error "the folder of the site is needed"
        for file in site.tfvars site.env; do
            [ -f "$2/$file" ] || fail "there is no $2/$file"
        done
        checked_files "$2/files"
        folder=$(mktemp -d)
        trap 'rm -rf "$folder"' EXIT
        cp -R infra/cicd/jenkins infra/cicd/setup/install.sh infra/cicd/setup/jenkins-secret "$folder"
        cp -R "$2/files" "$2/site.tfvars" "$folder"
        machine_env "$2" >"$folder/machine.env"
        mkdir -p "$MACHINES"
        home_region "$2" >"$MACHINES/region"
        chmod -R u=rwX,go=rX "$folder"
        tar --sort=name --owner=0 --group=0 --numeric-owner --format=gnu \
            --mtime="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" \
            --create --directory "$folder" . | gzip -n >"$MACHINES/machines.tar.gz"
        (cd "$MACHINES" && sha256sum machines.tar.gz | tee SHA256SUMS)
        ;;
    publish)
        [ $# -eq 1 ] || usage_error "publish takes no more words"
        need aws awscli
        use_own_role
        (cd "$MACHINES" && sha256sum --quiet --check --strict SHA256SUMS) >&2 \
            || fail "there is no archive, or it differs from its checksum; run $0 make"
        read -r sum _ <"$MACHINES/SHA256SUMS"
        region=$(cat "$MACHINES/region")
        put_once "$region" "$(artifact_bucket "$(account)" "$region")" "machines/$sum/machines.tar.gz" \
            "$MACHINES/machines.tar.gz"
        printf 'setup = { key = "machines/%s/machines.tar.gz", sha256 = "%s" }\n' "$sum" "$sum"
        ;;
    *) usage_error "make or publish is needed" ;;
esac
