# The operator, static, and the certificate authorities that AWS is verified against; nothing else.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache ca-certificates musl-dev
WORKDIR /source
COPY . .
RUN cargo build --release --locked

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /source/target/release/privatelink-operator /
USER 65532:65532
ENTRYPOINT ["/privatelink-operator"]
