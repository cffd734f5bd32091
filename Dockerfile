# The images of docker-compose.yml and deploy/kubernetes: server-gpu, server-cpu and tts-worker. docs/operations.md.
#
#   docker build --target server-gpu --tag ola-serve:gpu .
#   docker build --target server-cpu --build-arg PIP_EXTRA_INDEX_URL=... --tag ola-serve:cpu .
#   docker build --target tts-worker --tag ola-serve:tts-worker .
#
# PIP_EXTRA_INDEX_URL is pip's own variable: torch's CPU build, which vLLM's asks for, is only on PyTorch's index.

ARG PYTHON=3.11.13-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PATH=/opt/ola/bin:$PATH
WORKDIR /app
RUN python -m venv /opt/ola && touch README.md LICENSE
# The project without its source is its dependencies, the `ola` command and vLLM's plugins: a layer that only a change
# of these makes anew. The source is put beside it, on Python's path.
COPY pyproject.toml deploy/constraints.txt ./

FROM build AS build-gpu
RUN pip install --constraint constraints.txt ".[gpu,traces]"

FROM build AS build-cpu
ARG PIP_EXTRA_INDEX_URL
# As deploy/install.sh: vLLM's CPU build asks for these and works without them, but a broken one breaks Transformers.
RUN pip install --constraint constraints.txt ".[cpu,traces]" \
    && for package in torchvision torchaudio torchcodec; do \
         python -c "import $package" 2>/dev/null || pip uninstall --yes "$package"; \
       done

FROM build AS build-worker
# The file is the whole list, without torch, which silero-vad asks for and a worker with espeak does not need.
RUN pip install --no-deps --requirement constraints.txt .
# EXTRAS=cosyvoice for the voice `cosyvoice`.
ARG EXTRAS
RUN if [ -n "$EXTRAS" ]; then pip install --constraint constraints.txt ".[$EXTRAS]"; fi

# The user, and the folders that are volumes: one that is made by Docker would be root's.
FROM python:${PYTHON} AS base
RUN useradd --uid 10001 --create-home ola \
    && install --directory --owner=ola --group=ola /models /home/ola/.cache
ENV PATH=/opt/ola/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    OLA_HOST=0.0.0.0 \
    HF_HOME=/models/hub
WORKDIR /app

FROM base AS tts-worker
COPY --from=build-worker /opt/ola /opt/ola
COPY server server
COPY engine engine
COPY tts tts
USER 10001
VOLUME /models
EXPOSE 9100
HEALTHCHECK --interval=10s --timeout=10s --start-period=10m \
    CMD ["python", "-m", "server.probe", "http://127.0.0.1:9100/health"]
CMD ["ola", "tts-worker", "--host", "0.0.0.0", "--port", "9100"]

# What both servers are: a compiler, because vLLM compiles kernels at its start, and the routes.
FROM base AS server
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libnuma1 \
    && rm -rf /var/lib/apt/lists/*
VOLUME /models
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=10s --retries=4 --start-period=30m \
    CMD ["python", "-m", "server.probe", "http://127.0.0.1:8000/ready"]
CMD ["ola", "serve"]

FROM server AS server-cpu
COPY --from=build-cpu /opt/ola /opt/ola
COPY . .
USER 10001

FROM server AS server-gpu
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build-gpu /opt/ola /opt/ola
COPY . .
USER 10001
