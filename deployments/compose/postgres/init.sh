#!/bin/sh
# Two databases with an account each, at the first start of an empty volume: what runs Dagster can't write the ledger.
set -eu
password() { sed -e "s/'/''/g" "${SECRETS:-/run/secrets}/$1"; }
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<SQL
CREATE ROLE dagster LOGIN PASSWORD '$(password dagster_pg_password)';
CREATE DATABASE dagster OWNER dagster;
REVOKE ALL ON DATABASE dagster FROM PUBLIC;
CREATE ROLE rod LOGIN PASSWORD '$(password ledger_pg_password)';
CREATE DATABASE ledger OWNER rod;
REVOKE ALL ON DATABASE ledger FROM PUBLIC;
SQL
