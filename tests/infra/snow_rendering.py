"""Run by the Python of the `snow` command line: what snow's own reader and templates make of files.

Standard input: {"files": [path], "variables": [{name: value}]}.
Standard output: for each of the variables {path: [statement], or its errors as text}.
"""

import json
import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module

# Of snowflake-cli 3.12, which is not installed where types are checked.
TEMPLATING = import_module("snowflake.cli._plugins.sql.snowsql_templating")
READER = import_module("snowflake.cli._plugins.sql.statement_reader")
TEMPLATES = import_module("snowflake.cli.api.rendering.sql_templates")
SECURE_PATH = import_module("snowflake.cli.api.secure_path")


def read(path: str, variables: Mapping[str, str]) -> list[str] | str:
    """As SqlManager.execute does before it connects."""
    syntax = TEMPLATES.SQLTemplateSyntaxConfig()
    operators = [
        TEMPLATING.transpile_snowsql_templates,
        partial(TEMPLATES.snowflake_sql_jinja_render, template_syntax_config=syntax, data=variables),
    ]
    statements = READER.files_reader([SECURE_PATH.SecurePath(path)], operators, remove_comments=True)
    errors, _, compiled = READER.compile_statements(statements)
    return str(errors) if errors else [each.statement for each in compiled]


if __name__ == "__main__":
    given = json.load(sys.stdin)
    json.dump([{path: read(path, each) for path in given["files"]} for each in given["variables"]], sys.stdout)
