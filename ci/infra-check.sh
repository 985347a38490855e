#!/usr/bin/env bash
# Checks the infrastructure code without an account: format, then init and validate of each root.
#
# usage: ci/infra-check.sh
# shellcheck source=ci/lib.sh
. "$(dirname "$0")/lib.sh"
help_of "$@"

need terraform "terraform (1.11 or newer)"
terraform fmt -check -recursive -diff infra
for root in infra/*/ infra/live/*/; do
    # Modules are checked through the roots that use them.
    compgen -G "$root*.tf" >/dev/null || continue
    say "$root"
    terraform -chdir="$root" init -backend=false "$(lock_option "$root")" >/dev/null
    terraform -chdir="$root" validate
done
