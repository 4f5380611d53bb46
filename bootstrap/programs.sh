# The Debian packages whose programs the sandbox and the tests run.

# One line for each: a file or program that must be there, and the package that brings it.
needed_programs='nats-server nats-server
krb5kdc krb5-kdc
kadmin.local krb5-admin-server
kinit krb5-user
sshd openssh-server
ssh openssh-client
rsync rsync
curl curl
openssl openssl
busybox busybox
tcsh tcsh
mount mount
python3 python3
/usr/lib/python3/dist-packages/gssapi python3-gssapi'

# What looks at the status page.
# shellcheck disable=SC2034 # for bootstrap.sh
browser_program='chromium chromium'

missing_packages() {
  printf '%s\n' "$needed_programs" | while read -r program package; do
    case $program in
      /*) [ -e "$program" ] || printf '%s ' "$package" ;;
      *) command -v "$program" >/dev/null || printf '%s ' "$package" ;;
    esac
  done
}

install_programs() {
  packages=$(missing_packages)
  packages=${packages% }
  by_hand="By hand, as root, on Debian or Ubuntu: apt-get install $packages"
  command -v apt-get >/dev/null || give_up "these programs are missing, and there is no apt-get here: $packages" "Install what those Debian packages hold, then try again."
  [ "$(id -u)" = 0 ] || give_up "Debian packages are missing, and only root can install them: $packages" "$by_hand"
  say "installing Debian packages ($packages), about a minute"
  keep_services_stopped
  # The package lists may be absent or old; fetching them costs time, so only when it does not work without.
  # shellcheck disable=SC2086
  if ! apt_install $packages; then
    logged apt-get update || true
    apt_install $packages || { show_log; give_up "could not install Debian packages." "$by_hand"; }
  fi
  let_services_start
  packages=$(missing_packages)
  [ -z "$packages" ] || give_up "installed, but their programs are not on PATH: $packages" "Look at $log"
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive logged apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

# Debian starts services as it installs them unless /usr/sbin/policy-rc.d says no. Somebody else's is left as it is.
policy=/usr/sbin/policy-rc.d
policy_mark='# made by the bootstrap of managed-tokens; safe to remove'

keep_services_stopped() {
  [ ! -e "$policy" ] || return 0
  trap let_services_start EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >"$policy"
  chmod 755 "$policy"
}

let_services_start() {
  if grep -qsF "$policy_mark" "$policy"; then rm -f "$policy"; fi
}
