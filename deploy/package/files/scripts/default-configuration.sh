# The default configuration is for a machine that has none: before one of the other names it would be read instead.
default=/usr/lib/managed-tokens/deploy/managedTokens.yml
directory=/etc/managed-tokens
if [ -e $directory/managedTokens.yaml ] || [ -e $directory/managedTokens.json ]; then
  if cmp -s $default $directory/managedTokens.yml; then rm $directory/managedTokens.yml; fi
elif ! [ -e $directory/managedTokens.yml ]; then
  install -g managed-tokens -m 0640 $default $directory/managedTokens.yml
fi
