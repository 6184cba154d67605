# The operator, static, and the certificate authorities that AWS is verified by; nothing else.
#
#   docker buildx build --platform linux/amd64,linux/arm64 .   compiles it, for both from whichever this machine is
#   docker build --target prebuilt .                           takes files that are there: `make image`; pulls nothing

FROM scratch AS base
USER 65532:65532
ENTRYPOINT ["/privatelink-operator"]

# Docker's older builder makes all stages before the target too, so this one comes first.
FROM base AS prebuilt
COPY ca-certificates.crt /etc/ssl/certs/
COPY privatelink-operator /

FROM --platform=$BUILDPLATFORM tonistiigi/xx:1.9.0@sha256:c64defb9ed5a91eacb37f96ccc3d4cd72521c4bd18d5442905b95e2226b0e707 AS xx

FROM --platform=$BUILDPLATFORM rust:1.95-alpine@sha256:606fd313a0f49743ee2a7bd49a0914bab7deedb12791f3a846a34a4711db7ed2 AS build
# All that is in it are the scripts for cross-compiling.
# hadolint ignore=DL3067
COPY --from=xx / /
# Alpine keeps no old versions that could be named; the base image's digest holds its release.
# hadolint ignore=DL3018
RUN apk add --no-cache ca-certificates clang lld musl-dev
ARG TARGETPLATFORM
RUN xx-apk add --no-cache gcc musl-dev
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/target,id=target-$TARGETPLATFORM \
    xx-cargo build --release --locked --target-dir /target \
    && cp "/target/$(xx-cargo --print-target-triple)/release/privatelink-operator" / \
    && xx-verify --static /privatelink-operator

FROM base
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /privatelink-operator /
