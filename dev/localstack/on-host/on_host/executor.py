"""Runs Lambda functions in LocalStack without Docker: LAMBDA_RUNTIME_EXECUTOR=on-host.

Each invocation is a process of its own, so nothing a function keeps in memory outlives it. Functions of any runtime can
be managed; those of nodejs* (the host's `node`) and python* (the Python that runs LocalStack, which has boto3) answer.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

BOOTSTRAPS = Path(__file__).parent / "bootstrap"


def command_for(runtime: str) -> list[str] | None:
    """The command that reads an event on its standard input and writes the answer to the file named after it."""
    if runtime.startswith("nodejs"):
        return ["node", str(BOOTSTRAPS / "node.mjs")]
    if runtime.startswith("python"):
        return [sys.executable, str(BOOTSTRAPS / "python.py")]
    return None


def failure(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


class HostExecutor(RuntimeExecutor):
    environment: dict[str, str]
    process: subprocess.Popen | None = None
    logs: str = ""

    def start(self, env_vars: dict[str, str]) -> None:
        self.environment = {name: str(value) for name, value in env_vars.items()}

    def stop(self) -> None:
        if self.process:
            self.process.kill()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        request_id = payload["invoke-id"]
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="invocation-") as scratch:
            answer, is_error, output = self._run(payload, Path(scratch))
        milliseconds = (time.monotonic() - began) * 1000
        self.logs = (
            f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}\n"
            f"{output}"
            f"END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\n"
        )
        return InvocationResult(request_id, answer, is_error, self.logs)

    def _run(self, payload: dict[str, str], scratch: Path) -> tuple[bytes, bool, str]:
        """Answers the function's payload, whether it is an error, and what the function printed."""
        config = self.function_version.config
        request_id = payload["invoke-id"]
        command = command_for(config.runtime or "")
        if not command:
            kind = config.runtime or "container image"
            return failure("Runtime.InvalidEntrypoint", f"{kind} functions cannot run on this host"), True, ""

        code = str(config.code.get_unzipped_code_location())
        answer_file, log_file = scratch / "answer", scratch / "log"
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "en_US.UTF-8",
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            **self.environment,
            "LAMBDA_TASK_ROOT": code,
            "AWS_REQUEST_ID": request_id,
            "INVOKED_FUNCTION_ARN": payload["invoked-function-arn"],
        }
        with log_file.open("wb") as log:
            # Output goes to a file: a pipe would keep us waiting for what the function leaves in the background.
            # The process stays in LocalStack's process group, so that it cannot outlive LocalStack.
            self.process = subprocess.Popen(
                [*command, str(answer_file)], cwd=code, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
            try:
                self.process.communicate((payload["payload"] or "{}").encode(), timeout=config.timeout)
                status = self.process.returncode
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                status = None
        output = log_file.read_text(errors="replace")
        if output and not output.endswith("\n"):
            output += "\n"

        if status is None:
            text = f"RequestId: {request_id} Error: Task timed out after {config.timeout:.2f} seconds"
            return failure("Sandbox.Timedout", text), True, output
        if not answer_file.exists():
            cause = f"exited with error: exit status {status}" if status else "exited without providing a reason"
            return failure("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime {cause}"), True, output
        return answer_file.read_bytes(), status != 0, output

    def get_logs(self) -> str:
        return self.logs

    def get_address(self) -> str:
        return "127.0.0.1"

    def get_endpoint_from_executor(self) -> str:
        return "127.0.0.1"

    def get_runtime_endpoint(self) -> str:
        # For runtimes that call back. Ours are called once and answer in a file.
        return ""

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        # The code's own lifetime is LocalStack's business: the version that replaces this one may share it.
        pass


class HostExecutorPlugin(RuntimeExecutorPlugin):
    name = "on-host"

    def load(self, *args, **kwargs):
        return HostExecutor
