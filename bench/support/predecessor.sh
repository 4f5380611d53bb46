#!/bin/sh
# A driver of the predecessor's shape: every command of a stage is started at once, and the next stage waits for the last of
# them. Reads its plan from stdin, one command a line: `ticket ACCOUNT PRINCIPAL KEYTAB`, `ping ADDRESS`,
# `copy ACCOUNT NODE SOURCE DESTINATION`, and `wait` between stages.
# Arguments: the directory for tickets, and ssh's configuration, from which ours takes its key exchange too.
set -u
tickets=$1
ssh="ssh -F $2 -o ConnectTimeout=30 -o ServerAliveInterval=30 -o ServerAliveCountMax=1"
while read -r what one two three four; do
  case $what in
    ticket) kinit -k -t "$three" -c "FILE:$tickets/$one" "$two" & ;;
    ping) ping -W 5 -c 1 "$one" & ;;
    copy) KRB5CCNAME="FILE:$tickets/$one" rsync -e "$ssh" --perms --chmod=u=r,go= "$three" "$one@$two:$four" & ;;
    wait) wait ;;
  esac
done >/dev/null 2>&1
wait
