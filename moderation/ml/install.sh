#!/bin/sh
# Installs detoxify into .venv-ml. Exit code 3: only a CUDA build of torch is offered (TORCH_CUDA=1 takes it all the same).
set -eu
cd "$(dirname "$0")/../.."

wanted=moderation/ml/requirements.txt
stamp=.venv-ml/installed.stamp
if [ "$stamp" -nt "$wanted" ]; then exit 0; fi

"${PYTHON:-python3}" -m venv .venv-ml
pip() { .venv-ml/bin/python -m pip --disable-pip-version-check "$@" </dev/null; }

echo "Looking for builds of detoxify and torch"
pip install -qq --dry-run --report .venv-ml/plan.json -r "$wanted"
if grep -q '"name": "nvidia-' .venv-ml/plan.json && [ "${TORCH_CUDA:-}" != 1 ]; then
    echo "Only a CUDA build of torch is offered. Tell pip of an index with CPU builds (PIP_EXTRA_INDEX_URL)," \
        "or set TORCH_CUDA=1 to install several gigabytes." >&2
    exit 3
fi
echo "Installing detoxify into .venv-ml"
pip install -qq -r "$wanted"
touch "$stamp"
