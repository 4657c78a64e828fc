"""All tasks of the local stack share what boto reads about S3."""

from airflow.providers.amazon.aws.hooks.base_aws import BaseSessionFactory

from include.local.aws_data import SharedDataSessionFactory, make_session


def test_sessions_read_the_description_of_s3_once() -> None:
    models = [
        make_session().client("s3", region_name="us-east-1").meta.service_model._service_description
        for _ in range(2)
    ]

    assert models[0]["operations"] is models[1]["operations"]


def test_airflow_uses_the_shared_session() -> None:
    factory = SharedDataSessionFactory(conn=None)
    session = factory._create_basic_session({"region_name": "eu-central-1"})

    assert isinstance(factory, BaseSessionFactory)
    assert session.region_name == "eu-central-1"
    shared = make_session()._session.get_component("data_loader")
    assert session._session.get_component("data_loader") is shared
