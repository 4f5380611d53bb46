#!/bin/sh
# Stands in for systemctl where no systemd runs, and units may be those of a package: starts what a unit says, as it says, without
# the sandboxing.
# usage: systemctl daemon-reload | enable [--now] UNIT | disable [--now] UNIT... | restart UNIT | try-restart UNIT | stop UNIT... |
#   try-reload-or-restart UNIT | is-enabled UNIT | is-active UNIT... | show --property=ActiveEnterTimestamp ... UNIT
set -eu
# Later ones win.
places='/usr/lib/systemd/system /etc/systemd/system'
running=/run/units
enabled=/etc/systemd/enabled-units
mkdir -p $running $enabled

# find_file NAME: the unit's file
find_file() {
  found=
  for place in $places; do [ ! -e "$place/$1" ] || found=$place/$1; done
  [ -n "$found" ] || { echo "systemctl: there is no unit $1" >&2; exit 5; }
  echo "$found"
}

# value FILES KEY: every value of a key
value() { cat $1 | sed -n "s/^$2=//p"; }

# own DIRECTORY MODE: as systemd does, with all that is in it where it was somebody else's
own() {
  [ ! -e "$1" ] || [ "$(stat -c %U:%G "$1")" = "$user:$group" ] || chown -R "$user:$group" "$1"
  install -d -o "$user" -g "$group" -m "$2" "$1"
}

start_service() {
  unit=${1%.service}
  instance=${unit#*@}
  template=$unit
  case $unit in *@*) template=${unit%@*}@ ;; esac
  files=$(find_file "$template.service")
  for drop_in in $(for place in $places; do ls -d "$place/$template.service.d"/*.conf "$place/$unit.service.d"/*.conf 2>/dev/null; done); do
    files="$files $drop_in"
  done
  user=$(value "$files" User | tail -n 1 | sed "s/%i/$instance/")
  group=$(value "$files" Group | tail -n 1)
  : "${group:=$(id -gn "$user")}"
  credentials=/run/credentials/$unit.service
  for directory in $(value "$files" StateDirectory | sed "s/%i/$instance/"); do own "/var/lib/$directory" "$(value "$files" StateDirectoryMode)"; done
  logs=
  for directory in $(value "$files" LogsDirectory | sed "s/%i/$instance/"); do own "/var/log/$directory" "$(value "$files" LogsDirectoryMode)"; logs=/var/log/$directory; done
  for credential in $(value "$files" LoadCredential | sed "s/%i/$instance/g"); do
    # systemd leaves them to root, with an access list for the user.
    install -d -o "$user" -m 0500 "$credentials"
    install -o "$user" -m 0400 "${credential#*:}" "$credentials/${credential%%:*}"
  done
  environment="LOGS_DIRECTORY=$logs $(value "$files" Environment | sed "s/%i/$instance/")"
  for file in $(value "$files" EnvironmentFile | sed 's/^-//'); do [ ! -e "$file" ] || environment="$environment $(cat "$file")"; done
  command=$(value "$files" ExecStart | sed "s/%i/$instance/g")
  home=$(getent passwd "$user" | cut -d: -f6)
  # The number stays: setpriv becomes the program.
  (cd / && exec setsid setpriv --reuid "$user" --regid "$group" --init-groups -- env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME="$home" $environment $command) >>"/var/log/$unit.journal" 2>&1 </dev/null &
  echo $! >"$running/$unit"
  echo "started $unit"
}

is_active() { [ -e "$running/$1" ] && kill -0 "$(cat "$running/$1")" 2>/dev/null; }

# stop UNIT: to its end
stop_service() {
  unit=${1%.service}
  is_active "$unit" || { rm -f "$running/$unit"; return 0; }
  kill "$(cat "$running/$unit")" 2>/dev/null || true
  while is_active "$unit"; do sleep 0.1; done
  rm -f "$running/$unit"
}

# services_of UNIT: itself, or those that a target wants; of a pattern, those that run
services_of() {
  case $1 in
    *.target) value "$(find_file "$1")" Wants | tr ' ' '\n' | sed 's/\.service$//' ;;
    *'*'*) (cd $running && ls -d ${1%.service}) ;;
    *) echo "${1%.service}" ;;
  esac
}

command=$1
shift
now=
[ "${1-}" != --now ] || { now=yes; shift; }
case $command in
  daemon-reload) ;;
  enable)
    for unit; do
      touch "$enabled/${unit%.service}"
      [ -z "$now" ] || for one in $(services_of "$unit"); do is_active "$one" || start_service "$one"; done
    done
    ;;
  disable)
    for unit; do
      rm -f "$enabled/${unit%.service}"
      [ -z "$now" ] || for one in $(services_of "$unit"); do stop_service "$one"; done
    done
    ;;
  stop) for unit; do for one in $(services_of "$unit"); do stop_service "$one"; done; done ;;
  restart) stop_service "$1"; start_service "$1" ;;
  try-restart) if is_active "${1%.service}"; then stop_service "$1"; start_service "$1"; fi ;;
  try-reload-or-restart) if is_active "${1%.service}"; then kill -HUP "$(cat "$running/${1%.service}")"; echo "reloaded ${1%.service}"; fi ;;
  is-enabled) if [ -e "$enabled/${1%.service}" ]; then echo enabled; else echo disabled; exit 1; fi ;;
  is-active)
    all=0
    for unit; do if is_active "${unit%.service}"; then echo active; else echo inactive; all=3; fi; done
    exit $all
    ;;
  show)
    for unit; do :; done
    if is_active "$unit"; then stat -c @%Y "$running/$unit"; else echo; fi
    ;;
  *) echo "systemctl: nobody needed '$command' so far" >&2; exit 1 ;;
esac
