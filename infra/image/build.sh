#!/bin/sh
# Builds the gateway's image with what is there: docker, podman or buildah.
#
#   infra/image/build.sh TAG [ARGUMENT…]
#
# PLATFORM: linux/amd64 unless said, the architecture that CI tests and gateway.yaml deploys. BUILDER: "docker", "podman"
# or "buildah", with global options if need be. Every ARGUMENT goes to the builder's build command.
set -eu
[ $# -ge 1 ] || { echo "usage: $0 TAG [ARGUMENT…]" >&2; exit 2; }
tag=$1
shift
cd "$(dirname "$0")/../.."

if [ -z "${BUILDER:-}" ]; then
    if docker buildx version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then BUILDER=docker
    elif command -v podman >/dev/null; then BUILDER=podman
    elif command -v buildah >/dev/null; then BUILDER=buildah
    else
        echo "$0: needs docker (with its daemon running), podman or buildah; install one and try again" >&2
        exit 1
    fi
fi
case "$BUILDER" in
    # Lambda takes a single image, no index: and an index is what provenance would make.
    docker*) build="buildx build --provenance=false --load" ;;
    *) build="build --format docker" ;;
esac

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' app/__init__.py)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
# shellcheck disable=SC2086  # both are words
exec $BUILDER $build --platform "${PLATFORM:-linux/amd64}" --tag "$tag" \
    --label "org.opencontainers.image.version=$version" --label "org.opencontainers.image.revision=$revision" "$@" .
