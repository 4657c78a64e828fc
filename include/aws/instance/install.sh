#!/bin/bash
# Installs or upgrades Airflow and the current release on an Amazon Linux 2023 instance. Run as root:
#   install.sh ARTIFACT_BUCKET
# The metadata database is PostgreSQL on the same machine; the UI listens only on the loopback address.
set -euo pipefail

bucket=$1
home=/opt/ecommerce-etl
etc=/etc/ecommerce-etl
release=$home/release
components=(api-server scheduler dag-processor triggerer)

install_packages() {
    dnf install -y -q python3.12 postgresql16-server
    id airflow &>/dev/null || useradd --system --home-dir "$home" --shell /sbin/nologin airflow
    mkdir -p "$home/airflow" "$etc"
    chown airflow: "$home/airflow"
}

fetch_release() {
    aws s3 cp --quiet "s3://$bucket/releases/current.zip" "$home/release.zip"
    rm -rf "$release.new"
    python3 -m zipfile -e "$home/release.zip" "$release.new"
    rm -rf "$release.old"
    if [ -d "$release" ]; then mv "$release" "$release.old"; fi
    mv "$release.new" "$release"
    aws s3 cp --quiet "s3://$bucket/config/airflow.env" "$etc/airflow.env"
}

install_libraries() {
    [ -x "$home/venv/bin/python" ] || python3.12 -m venv "$home/venv"
    "$home/venv/bin/python" -m pip install --quiet --only-binary=:all: --constraint "$release/requirements.lock" \
        --requirement "$release/requirements.txt" --requirement "$release/include/aws/instance/requirements.txt"
}

start_database() {
    [ -f /var/lib/pgsql/data/PG_VERSION ] || postgresql-setup --initdb
    systemctl enable --now postgresql
    # Peer authentication by operating-system user, so there is no password.
    cd /
    runuser -u postgres -- psql -tc "SELECT 1 FROM pg_roles WHERE rolname = 'airflow'" | grep -q 1 ||
        runuser -u postgres -- createuser airflow
    runuser -u postgres -- psql -tc "SELECT 1 FROM pg_database WHERE datname = 'airflow'" | grep -q 1 ||
        runuser -u postgres -- createdb --owner airflow airflow
}

write_settings() {
    # /tmp is in memory on Amazon Linux; /var/tmp is on disk and private to each service.
    cat >"$etc/machine.env" <<SETTINGS
TMPDIR=/var/tmp
AIRFLOW_HOME=$home/airflow
PYTHONPATH=$release
AIRFLOW__CORE__DAGS_FOLDER=$release/dags
AIRFLOW__CORE__PLUGINS_FOLDER=$release/plugins
AIRFLOW__CORE__LOAD_EXAMPLES=False
AIRFLOW__CORE__EXECUTOR=LocalExecutor
AIRFLOW__CORE__PARALLELISM=4
AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://127.0.0.1:8080/execution/
AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS=admin:admin
AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE=$home/airflow/passwords.json
AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=postgresql+psycopg2:///airflow?host=/var/run/postgresql
AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC=postgresql+asyncpg:///airflow?host=/var/run/postgresql
AIRFLOW__API__HOST=127.0.0.1
AIRFLOW__API__PORT=8080
SETTINGS
    [ -f "$etc/secrets.env" ] || (umask 077 && make_secrets >"$etc/secrets.env")
}

# Generated on the machine and kept across releases.
make_secrets() {
    echo "AIRFLOW__CORE__FERNET_KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
    echo "AIRFLOW__API__SECRET_KEY=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')"
    echo "AIRFLOW__API_AUTH__JWT_SECRET=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')"
}

install_services() {
    install -m 644 "$release/include/aws/instance/ecommerce-etl@.service" /etc/systemd/system/
    install -m 755 "$release/include/aws/instance/install.sh" /usr/local/sbin/update-ecommerce-etl
    # Logs go to CloudWatch, so no log server is needed.
    echo "OPTIONS=--skip-serve-logs" | tee "$etc/scheduler.env" >"$etc/triggerer.env"
    systemctl daemon-reload
}

prepare_airflow() {
    run_airflow db migrate
    make_pool ecommerce_transform 2 "The transform needs memory: so many run at the same time."
    make_pool ecommerce_publish 1 "Publishing is serialised: one day at a time."
}

# Existing pools are kept: their size may have been changed in the UI.
make_pool() {
    run_airflow pools get "$1" &>/dev/null || run_airflow pools set "$@"
}

run_airflow() {
    systemd-run --quiet --pipe --wait --uid airflow --property "EnvironmentFile=$etc/airflow.env" \
        --property "EnvironmentFile=$etc/machine.env" --property "EnvironmentFile=$etc/secrets.env" \
        "$home/venv/bin/airflow" "$@"
}

install_packages
fetch_release
install_libraries
start_database
write_settings
install_services
prepare_airflow
for component in "${components[@]}"; do
    systemctl enable --quiet "ecommerce-etl@$component"
    systemctl restart "ecommerce-etl@$component"
done
