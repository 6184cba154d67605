"""LocalStack's own server, made to heed the host in GATEWAY_LISTEN: GATEWAY_SERVER=on-host.

LocalStack listens on all interfaces whatever that says. Whoever reaches it may run code here, as a Lambda function.
"""

from localstack.runtime.server.core import RuntimeServerPlugin
from localstack.runtime.server.twisted import TwistedRuntimeServer
from rolo.serving.twisted import TwistedGateway
from twisted.internet import reactor


class LoopbackServer(TwistedRuntimeServer):
    """Plain HTTP only. Ends LocalStack when the port is taken, where its own server would go on without one."""

    def register(self, gateway, listen, ssl_creds=None):
        for address in listen:
            reactor.listenTCP(address.port, TwistedGateway(gateway), interface=address.host)


class LoopbackServerPlugin(RuntimeServerPlugin):
    name = "on-host"

    def load(self, *args, **kwargs):
        return LoopbackServer()
