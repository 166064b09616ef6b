"""Files that a configuration names and that are read when it is loaded, or later.  Pure.

Whether one is there and fit for its purpose is a question for the file system: `havip.config.onsite`.
"""

from __future__ import annotations

from havip.config.kinds import Text

LONGEST_PATH = 4095  # bytes: PATH_MAX and its closing zero

#: holds certificates, each of which may vouch for a server
CA_FILE = Text("an absolute path of a file of certificates", r"^/.*[^/]$", longest=LONGEST_PATH)
#: a file that need not be there
ANY_FILE = Text("an absolute path of a file", r"^/.*[^/]$", longest=LONGEST_PATH)
#: holds a certificate that we show, its key perhaps beside it under ``key_file``
CERTIFICATE_FILE = Text("an absolute path of a file with a certificate", r"^/.*[^/]$", longest=LONGEST_PATH)
#: holds a private key
KEY_FILE = Text("an absolute path of a file with a private key", r"^/.*[^/]$", longest=LONGEST_PATH)
