"""Checks Kerberos tickets for the Vault stand-in.

One line in: a SPNEGO token in base64. One line out: {"principal": NAME} or {"error": TEXT}.
The keytab and the rest of Kerberos' settings come from the environment (KRB5_KTNAME, KRB5_CONFIG).
"""

import base64
import json
import sys

import gssapi


def accept(line):
    try:
        context = gssapi.SecurityContext(creds=gssapi.Credentials(usage="accept"), usage="accept")
        context.step(base64.b64decode(line))
        if not context.complete:
            return {"error": "the ticket needs more than one step"}
        return {"principal": str(context.initiator_name)}
    except Exception as error:  # whatever a client sends, the next one must be answered
        return {"error": " ".join(str(error).split())}


for line in sys.stdin:
    print(json.dumps(accept(line)), flush=True)
