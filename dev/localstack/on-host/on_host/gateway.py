"""LocalStack's own server, made to heed the host in GATEWAY_LISTEN: GATEWAY_SERVER=on-host.

LocalStack listens on all interfaces whatever that says. Whoever reaches it may run code here, as a Lambda function.
"""

from localstack.aws.serving.twisted import TLSMultiplexerFactory
from localstack.runtime.server.core import RuntimeServerPlugin
from localstack.runtime.server.twisted import TwistedRuntimeServer
from rolo.serving.twisted import TwistedGateway
from twisted.internet import reactor, ssl


class LoopbackServer(TwistedRuntimeServer):
    """HTTP and HTTPS on the same ports, the latter with the certificate that CUSTOM_SSL_CERT_PATH names or one of its
    own. Ends LocalStack when a port is taken, where its own server would go on without one."""

    def register(self, gateway, listen, ssl_creds):
        certificate, key = ssl_creds
        tls = ssl.DefaultOpenSSLContextFactory(key, certificate)
        tls.getContext().use_certificate_chain_file(certificate)
        factory = TLSMultiplexerFactory(tls, False, TwistedGateway(gateway))
        for address in listen:
            reactor.listenTCP(address.port, factory, interface=address.host)


class LoopbackServerPlugin(RuntimeServerPlugin):
    name = "on-host"

    def load(self, *args, **kwargs):
        return LoopbackServer()
