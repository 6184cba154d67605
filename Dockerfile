# The operator, static, and the certificate authorities that AWS is verified against; nothing else. No other image is
# pulled. dev/image (`make image`) makes the two files and calls this.
FROM scratch
COPY ca-certificates.crt /etc/ssl/certs/
COPY privatelink-operator /
USER 65532:65532
ENTRYPOINT ["/privatelink-operator"]
