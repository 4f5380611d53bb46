# Completion of managed-tokens for bash: source it, or put it into /usr/share/bash-completion/completions/managed-tokens.
# What is typed, and what the configuration says, is handed on as words: nothing of it is evaluated.
_managed_tokens() {
  local line
  COMPREPLY=()
  compopt +o default 2>/dev/null
  while IFS= read -r line; do
    case $line in
      :files) compopt -o default 2>/dev/null ;;
      :directories) compopt -o dirnames 2>/dev/null ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <("$1" complete -- "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
}
complete -o default -F _managed_tokens managed-tokens
