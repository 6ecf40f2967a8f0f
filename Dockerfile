# The image that ships: the binary, the libraries that it loads, certificates and the annotated schemas. No shell.
#
# BUILDER is pinned by digest when a release is made (docs/releasing.md). Where no image can be pulled, `scripts/image`
# builds the last stage from this machine's own build instead.

ARG BUILDER=docker.io/library/rust:1.95.0-slim-bookworm

FROM ${BUILDER} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential ca-certificates libssl-dev pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN cargo build --locked --profile dist --bin pinrelay \
    && scripts/image-root target/dist/pinrelay /image

FROM scratch
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pinrelay" \
      org.opencontainers.image.description="Kafka to Pinterest's Conversions API: every record accounted for exactly once" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image/ /
# Both TLS libraries look here: rustls for HTTP, OpenSSL for Kafka.
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
WORKDIR /
EXPOSE 9600
STOPSIGNAL SIGTERM
# For engines without probes of their own; Kubernetes asks over HTTP. The image has no shell: the binary asks itself.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=6 \
    CMD ["/usr/local/bin/pinrelay", "health", "--config", "/etc/pinrelay/config/pinrelay.yaml"]
ENTRYPOINT ["/usr/local/bin/pinrelay"]
CMD ["run", "--config", "/etc/pinrelay/config/pinrelay.yaml"]
