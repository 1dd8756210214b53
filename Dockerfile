# OmniAgent with the HTTP server (the default command), the chat and MCP; see docs/docker.md.
# CUDA: docker build -t omniagent:cuda .
# CPU:  docker build -t omniagent:cpu --build-arg TORCH_INDEX=ADDRESS .   with PyTorch's index of CPU wheels
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm AS build
ARG TORCH_INDEX=""
ARG EXTRAS="demo,serve,mcp,langchain,heic"
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/omniagent
ENV PATH=/opt/omniagent/bin:$PATH
WORKDIR /source

# What seldom changes comes first, so that a change of the sources makes small layers only.
COPY pyproject.toml constraints.txt docker/requirements.py ./
RUN if [ -n "$TORCH_INDEX" ]; then \
      pip install --no-cache-dir -c constraints.txt --index-url "$TORCH_INDEX" torch; \
    fi \
    && python requirements.py "$EXTRAS" > requirements.txt \
    && pip install --no-cache-dir -c constraints.txt -r requirements.txt
COPY README.md LICENSE ./
COPY model model
COPY tools tools
COPY graphs graphs
COPY demo demo
COPY omniagent omniagent
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim-bookworm
LABEL org.opencontainers.image.title="OmniAgent" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 omniagent \
    && useradd --uid 10001 --gid 10001 --create-home omniagent \
    && install -d -o omniagent -g omniagent /data /data/models /data/runs /data/state
COPY --from=build /opt/omniagent /opt/omniagent
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    /opt/omniagent/bin/pip install --no-cache-dir --no-deps --no-index --find-links /wheels omniagent
COPY docker/healthy.py /opt/omniagent/healthy.py
ENV PATH=/opt/omniagent/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HF_HOME=/data/models \
    XDG_STATE_HOME=/data/state \
    OMNIAGENT_RUNS_DIR=/data/runs \
    HEALTH_URL=http://127.0.0.1:8000/healthz
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "/opt/omniagent/healthy.py"]
ENTRYPOINT ["omniagent"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
