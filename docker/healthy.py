"""Exit with 0 when the server at HEALTH_URL answers, else with 1."""

import os
import sys
import urllib.error
import urllib.request

# The server is on this machine, whatever proxies are set.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    with opener.open(os.environ["HEALTH_URL"], timeout=4) as answer:
        sys.exit(0 if answer.status < 500 else 1)
except urllib.error.HTTPError as error:
    # A login that is asked for is an answer too.
    sys.exit(0 if error.code < 500 else 1)
except OSError:
    sys.exit(1)
