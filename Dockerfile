# The image of every Airflow component. Astro's runtime by default; Airflow's own image works as well:
#   docker build --build-arg BASE_IMAGE=apache/airflow:3.3.2 .
# A tag names one build of the runtime; docs/deploy.md says how to pin it by digest.
ARG BASE_IMAGE=astrocrpublic.azurecr.io/runtime:3.3-2
FROM ${BASE_IMAGE}

# The numeric name of the unprivileged user in both images.
USER 50000:0
WORKDIR ${AIRFLOW_HOME}

# Astro's image has done this by itself at FROM, and pip finds nothing to do. All of it comes as wheels: no
# compiler is needed, and none is left behind.
# REQUIREMENTS=requirements-celery.txt adds CeleryExecutor, as compose.yaml does.
ARG REQUIREMENTS=requirements.txt
COPY --chown=50000:0 requirements.txt ./
COPY --chown=50000:0 requirements-celery.txt ./
RUN python -m pip install --no-cache-dir --only-binary=:all: --requirement "${REQUIREMENTS}"

COPY --chown=50000:0 dags ./dags
COPY --chown=50000:0 plugins ./plugins
COPY --chown=50000:0 include ./include
# Every task is a new process that imports these. Nothing is written while the container runs.
RUN python -m compileall -q dags plugins include

# `include` is imported by DAGs, plugins and the health check. The scheduler's health server answers only
# inside of its container.
ENV PYTHONPATH=${AIRFLOW_HOME} \
    PYTHONDONTWRITEBYTECODE=1 \
    GX_ANALYTICS_ENABLED=false \
    AIRFLOW__CORE__LOAD_EXAMPLES=false \
    AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK=true \
    AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST=127.0.0.1

HEALTHCHECK --interval=30s --timeout=20s --start-period=120s --retries=3 \
    CMD ["python", "-m", "include.aws.health"]
