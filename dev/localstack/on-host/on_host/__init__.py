"""What LocalStack lacks to run as a process of its own, without Docker. It is loaded by LocalStack as plugins."""

import warnings

# LocalStack 4.14 says it runs on Python 3.12, and imports this, which is new in 3.13.
if not hasattr(warnings, "deprecated"):
    from typing_extensions import deprecated

    warnings.deprecated = deprecated
