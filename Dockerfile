# A static binary on an empty base, run by nobody in particular.
#   docker build -t backstay .
#   docker run --rm -v ~/.kube/config:/kubeconfig:ro -v "$PWD/chart":/chart:ro backstay deploy shop /chart --kubeconfig /kubeconfig
FROM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/source/target \
    target="$(rustc --print host-tuple)" \
 && RUSTFLAGS=-Crelocation-model=static cargo build --locked --profile dist --target "$target" --package backstay \
 && install -D "target/$target/dist/backstay" /out/usr/local/bin/backstay \
 && mkdir -p -m 1777 /out/tmp \
 && install -D /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt

FROM scratch
COPY --from=build /out/ /
ENV HOME=/tmp
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["/usr/local/bin/backstay"]
