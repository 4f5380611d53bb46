#!/bin/sh
# Stands in for systemctl where no systemd runs: starts what a unit says, as the unit says, without the sandboxing.
# usage: systemctl daemon-reload | enable [--now] UNIT | restart UNIT | stop UNIT... | is-enabled UNIT | is-active UNIT... |
#   show ... UNIT (since when it is active)
set -eu
units=/etc/systemd/system
kept=/var/lib/systemctl
mkdir -p $kept

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
  files=$units/$template.service
  for drop_in in "$units/$template.service.d"/*.conf "$units/$unit.service.d"/*.conf; do [ ! -e "$drop_in" ] || files="$files $drop_in"; done
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
  (cd / && exec setsid runuser -u "$user" -- env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME="$home" $environment $command) >"/var/log/$unit.journal" 2>&1 </dev/null &
  date +@%s >"$kept/since-$unit"
  echo "started $unit"
}

is_daemon() { cat "$1/cmdline" 2>/dev/null | tr '\0' '\n' | grep -q 'services/[a-z]*/main\.ts$'; }

# stop_daemons: all of them, to their end
stop_daemons() {
  for process in /proc/[0-9]*; do
    is_daemon "$process" || continue
    kill "${process#/proc/}" 2>/dev/null || true
    while is_daemon "$process"; do sleep 0.1; done
  done
}

# runs UNIT: is there a process of it?
runs() {
  case $1 in managed-tokens@*) what="services/${1#*@}/main\.ts$" ;; *) what="/$1$" ;; esac
  for process in /proc/[0-9]*; do
    if tr '\0' '\n' 2>/dev/null <"$process/cmdline" | grep -q "$what"; then return 0; fi
  done
  return 1
}

case $1 in
  daemon-reload) ;;
  is-enabled) if [ -e "$kept/enabled-$2" ]; then echo enabled; else echo disabled; fi ;;
  is-active)
    shift
    for unit; do if runs "$unit"; then echo active; else echo inactive; fi; done
    ;;
  show) cat "$kept/since-$5" ;;
  stop) stop_daemons ;;
  enable)
    for unit; do [ "$unit" = enable ] || [ "$unit" = --now ] || touch "$kept/enabled-$unit"; done
    [ "$2" = --now ] || exit 0
    case $3 in
      *.target) for wanted in $(value "$units/$3" Wants); do start_service "$wanted"; done ;;
      *) start_service "$3" ;;
    esac
    ;;
  restart) start_service "$2" ;;
  *) echo "systemctl: nobody needed '$1' so far" >&2; exit 1 ;;
esac
