"""`python -m include.aws`: validate, deploy and tear down the pipeline's AWS resources."""

import argparse
import sys
from pathlib import Path
from typing import Any

from include.aws.errors import AwsError
from include.aws.stacks import STACKS, Deployment, read_text
from include.errors import PipelineError
from include.keys import Layout

GLUE_SCRIPT = Path(__file__).parents[1] / "spark" / "job.py"


def main(arguments: list[str] | None = None) -> int:
    """Run a command. Returns 0 on success; otherwise 1, with one line on stderr after an error."""
    from botocore.exceptions import BotoCoreError, ClientError

    options = make_parser().parse_args(arguments)
    try:
        return run_command(options)
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"error: {error} Check your credentials and region.", file=sys.stderr)
    except KeyboardInterrupt:
        print("error: stopped on request", file=sys.stderr)
    return 1


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m include.aws", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    write = commands.add_parser("write-templates", help="write all templates into a folder")
    write.add_argument("folder", type=Path)
    for name, text in (
        ("validate", "check templates and policies; needs no account"),
        ("deploy", "show the changes and, after confirmation, apply them"),
        ("teardown", "delete the stacks, but keep the data unless --delete-data is given"),
        ("settings", "print Airflow's settings as environment variables"),
    ):
        add_deployment_options(commands.add_parser(name, help=text))
    deploy = commands.choices["deploy"]
    deploy.add_argument(
        "--glue-script",
        type=read_script,
        nargs="?",
        const=GLUE_SCRIPT,
        metavar="FILE",
        help="deploy the Glue job, with the pipeline's own script or FILE; default: no job",
    )
    deploy.add_argument("--instance", action="store_true", help="run Airflow on an EC2 instance")
    deploy.add_argument("--yes", action="store_true", help="skip the confirmation")
    teardown = commands.choices["teardown"]
    teardown.add_argument("--yes", action="store_true", help="skip the confirmation")
    teardown.add_argument(
        "--delete-data", default="", metavar="NAME", help="repeat the deployment's name to delete its buckets"
    )
    return parser


def add_deployment_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="ecommerce", help="prefix of all names")
    parser.add_argument("--profile", help="AWS profile; default: the usual credentials")
    parser.add_argument("--region", help="default: the profile's")
    parser.add_argument("--raw-key-template", default=Layout.raw_key_template)
    parser.add_argument("--docs-prefix", default=Layout.docs_prefix)
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="PARAMETER=VALUE",
        help="a template parameter, such as AlertEmail=data@example.com",
    )


def run_command(options: argparse.Namespace) -> int:
    match options.command:
        case "write-templates":
            for stack in STACKS:
                (options.folder / f"{stack}.yaml").write_text(read_text(stack))
            return 0
        case "validate":
            from include.aws.validate_templates import validate

            validate(make_deployment(options, account="123456789012", region=options.region or "us-east-1"))
            print("The templates are valid.")
            return 0
        case _:
            return run_with_account(options)


def run_with_account(options: argparse.Namespace) -> int:
    """The commands that need credentials."""
    session = open_session(options)
    account = session.client("sts").get_caller_identity()["Account"]
    deployment = make_deployment(
        options, account, session.region_name, session.get_partition_for_region(session.region_name)
    )
    if options.command == "settings":
        from include.aws.settings import format_environment, make_environment

        print(format_environment(make_environment(deployment)), end="")
        return 0
    return run_change(options, session, deployment)


def run_change(options: argparse.Namespace, session: Any, deployment: Deployment) -> int:
    print(f"{deployment.name} in account {deployment.account}, {deployment.region}")
    if options.command == "teardown":
        from include.aws.teardown import teardown

        is_done = teardown(
            session, deployment, always_yes if options.yes else ask, print, delete_data=options.delete_data
        )
    else:
        from include.aws.deploy import Extras, deploy
        from include.aws.validate_templates import validate

        validate(deployment)
        extras = Extras(glue_script=options.glue_script, is_on_instance=options.instance)
        is_done = deploy(session, deployment, extras, always_yes if options.yes else ask, print)
    print("Done." if is_done else "Nothing was done.")
    return 0 if is_done else 1


def ask(question: str) -> bool:
    """Ask for confirmation on the terminal. No input counts as no."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False


def always_yes(_question: str) -> bool:
    return True


def read_script(text: str) -> Path:
    if not (path := Path(text)).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


def open_session(options: argparse.Namespace) -> Any:
    import boto3

    session = boto3.Session(profile_name=options.profile, region_name=options.region)
    if not session.region_name:
        raise AwsError("No region is set. Give one with --region, or set one in your AWS profile.")
    return session


def make_deployment(
    options: argparse.Namespace, account: str, region: str, partition: str = "aws"
) -> Deployment:
    return Deployment(
        name=options.name,
        account=account,
        region=region,
        partition=partition,
        raw_key_template=options.raw_key_template,
        docs_prefix=options.docs_prefix,
        overrides=dict(read_override(text) for text in options.overrides),
    )


def read_override(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise AwsError(f"--set {text} is invalid: give PARAMETER=VALUE, such as DeadlineHour=7.")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
