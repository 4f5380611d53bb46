"""condor_store_cred over HTCondor's Python bindings, which come without one: same words, same exit codes, a process a call.

The credd is the one whose address lies in $CREDDS/<CREDD_HOST>/address, where a pool would ask its collector. What the
bindings have no way to say (scopes, an audience) is refused.
"""
import getopt
import os
import re
import sys

import htcondor2
from htcondor2.htcondor2_impl import _credd_do_store_cred

ACTIONS = {'add-oauth': 0x28, 'delete-oauth': 0x29, 'query-oauth': 0x2A}
SUCCESS_PENDING = 6


def main(command, *words):
    options, rest = getopt.gnu_getopt(words, 's:H:u:i:d')
    given = dict(options)
    if command not in ACTIONS or rest:
        return refuse(f"ERROR: Unrecognized command - '{command if command not in ACTIONS else rest[0]}'")
    if '-d' in given:
        htcondor2.enable_debug()
    user = given.get('-u')
    print(f"Account: {user or f'<current> ({os.getuid()})'}\nCredType: oauth\n", flush=True)
    credential = read_credential(given.get('-i')) if command == 'add-oauth' else None
    try:
        answer = _credd_do_store_cred(
            find_credd(), user, credential, ACTIONS[command], given.get('-s'), given.get('-H'), 1
        )
    except htcondor2.HTCondorException as error:
        return complain(str(error))
    return show[command](answer, given)


def find_credd():
    with open(os.path.join(os.environ['CREDDS'], os.environ['_condor_CREDD_HOST'], 'address')) as file:
        return file.readline().strip()


def read_credential(name):
    return sys.stdin.buffer.read() if name == '-' else open(name, 'rb').read()


def show_added(answer, _):
    pending = ' and is waiting for processing' if answer == SUCCESS_PENDING else ''
    print(f'Operation succeeded{pending}.')
    return 0


def show_deleted(*_):
    print('Operation succeeded.')
    return 0


def show_queried(answer, given):
    name = '_'.join(given[option] for option in ('-s', '-H') if option in given)
    if re.search(rf'^{re.escape(name)} = ', answer, re.MULTILINE):
        pending = ' and is valid'
    elif f'Top{name}Time' in answer:
        pending = ' and is waiting for processing'
    else:
        print('No credential is stored.')
        return 1
    print(f'A credential was stored{pending}.\n\nCredential info:\n{answer}\n')
    return 0


show = {'add-oauth': show_added, 'delete-oauth': show_deleted, 'query-oauth': show_queried}


def complain(text):
    if text == 'Communication error':
        print('Operation failed.\n    Make sure your ALLOW_WRITE setting includes this host.')
        return 1
    print(text, file=sys.stderr)
    return 2 if 'did not match requested scopes or audience' in text else 1


def refuse(text):
    print(text, file=sys.stderr)
    return 1


sys.exit(main(*sys.argv[1:]))
