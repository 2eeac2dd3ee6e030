# Kiket Auth as a static binary in an empty image, run by an ordinary user.
#
#   docker build -t kiket-auth .
#   docker run --rm -p 8080:8080 kiket-auth        # local trial, prints its credentials

FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /kiket-auth ./cmd/kiket-auth
# What the binary needs of an operating system, and no more.
RUN mkdir -p /image/etc/ssl/certs /owned/var/lib/kiket-auth /owned/tmp \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ \
    && echo 'kiket-auth:x:65532:65532::/var/lib/kiket-auth:/nonexistent' > /image/etc/passwd \
    && echo 'kiket-auth:x:65532:' > /image/etc/group

FROM scratch
LABEL org.opencontainers.image.title="Kiket Auth" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image/ /
COPY --from=build --chown=65532:65532 /owned/ /
COPY --from=build /kiket-auth /usr/local/bin/kiket-auth
USER 65532:65532
# Where the SQLite file and its master key are made, unless a database is named.
WORKDIR /var/lib/kiket-auth
VOLUME /var/lib/kiket-auth
# The loopback address of a container cannot be reached from outside of it.
ENV KIKET_AUTH_LISTEN=0.0.0.0:8080
EXPOSE 8080
# There is no HEALTHCHECK: it would need a shell and a client in the image.
# Orchestrators ask /healthz and /readyz themselves.
ENTRYPOINT ["/usr/local/bin/kiket-auth"]
CMD ["serve"]
