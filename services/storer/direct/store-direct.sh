# What condor_vault_storer does for a new vault token, as one command that can hold locks: htgettoken gives the token and its
# bearer URL, condor_store_cred takes both on its standard input. No token is ever an argument, in the environment or in a file.
# usage: sh store-direct.sh CONDOR_STORE_CRED SERVICE HTGETTOKEN [ARGUMENT...]
set -fu
store=$1 service=$2
shift 2
newline='
'
# Bounded, whatever it prints; what is cut off has no last line.
answer=$({ "$@"; echo "ended with $?"; } | head -c 65536)
[ "${answer##*ended with }" = 0 ] || exit 1
answer=${answer%"$newline"ended with 0}
token=${answer%%"$newline"*}
url=${answer#*"$newline"}
case $token$url in
*[!!-~]* | *[\"\\]*) unexpected=yes ;;
*) unexpected= ;;
esac
case $url in https://*) ;; *) unexpected=yes ;; esac
if [ "$unexpected" ] || [ "$token" = "$answer" ]; then
  echo 'Not a vault token and a URL, but something else came from htgettoken' >&2
  exit 1
fi
# The options are words, as condor_vault_storer takes them.
printf '{\n  "vault_token": "%s",\n  "vault_url": "%s"\n}\n' "$token" "$url" |
  "$store" add-oauth -s "$service" ${SEC_CREDENTIAL_STORECRED_OPTS-} -i - || {
  echo "Failed to store condor credentials for $service" >&2
  exit 1
}
