"""Runs one invocation as Lambda's Python runtime does: `python python.py ANSWER_FILE`, with the event on standard
input. The answer, or the error with exit status 1, is written to ANSWER_FILE as JSON.
"""

import importlib
import json
import os
import sys
import time
import traceback
from types import SimpleNamespace

env = os.environ
deadline = time.monotonic() + int(env["AWS_LAMBDA_FUNCTION_TIMEOUT"])


class RuntimeFailure(Exception):
    """An error that Lambda's runtime reports, not the function."""

    def __init__(self, error_type, message):
        super().__init__(message)
        self.error_type = error_type


def load(handler):
    """"dir/file.function" names a function of dir/file.py."""
    module_name, _, function_name = handler.rpartition(".")
    if not module_name:
        raise RuntimeFailure("Runtime.MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack")
    sys.path[0] = env["LAMBDA_TASK_ROOT"]
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise RuntimeFailure("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        raise RuntimeFailure("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}") from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        raise RuntimeFailure("Runtime.HandlerNotFound", text) from None


def invoke():
    event = json.load(sys.stdin)
    context = SimpleNamespace(
        aws_request_id=env["AWS_REQUEST_ID"],
        function_name=env["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=env["AWS_LAMBDA_FUNCTION_VERSION"],
        invoked_function_arn=env["INVOKED_FUNCTION_ARN"],
        log_group_name=env["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=env["AWS_LAMBDA_LOG_STREAM_NAME"],
        memory_limit_in_mb=env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        get_remaining_time_in_millis=lambda: int((deadline - time.monotonic()) * 1000),
    )
    result = load(env["_HANDLER"])(event, context)
    try:
        return json.dumps(result)
    except (TypeError, ValueError) as error:
        raise RuntimeFailure("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def describe(error):
    return {
        "errorMessage": str(error),
        "errorType": getattr(error, "error_type", type(error).__name__),
        "requestId": env["AWS_REQUEST_ID"],
        # The first two frames are ours.
        "stackTrace": [] if isinstance(error, RuntimeFailure) else traceback.format_tb(error.__traceback__)[2:],
    }


status = 0
try:
    answer = invoke()
except Exception as error:
    answer, status = json.dumps(describe(error)), 1
    print(answer, file=sys.stderr)
with open(sys.argv[1], "w") as file:
    file.write(answer)
sys.exit(status)
