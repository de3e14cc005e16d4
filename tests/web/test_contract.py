"""Whatever the OpenAPI document allows is answered as it says, and never with a fault."""

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.council import KUSATSU, NABE, Council

KNOWN = {
    "member": KUSATSU,
    "codeset": "juki",
    "code": "F040",
    "id": NABE,
    "number": "1",
    "a": 1,
    "b": 2,
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = int(os.environ.get("GAIJI_TEST_EXAMPLES", "12"))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_answers_are_as_documented(council: Council, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_asgi("/openapi.json", council.app)
    statuses: dict[str, set[int]] = {}
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        try:
            statuses[operation.label] = try_out(operation, mode, council)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # nothing can be wrong where nothing is asked
        except Exception as error:
            error.add_note(operation.label)
            raise
    if mode is GenerationMode.POSITIVE:
        assert len(statuses) > 35
        reached = {label for label, seen in statuses.items() if seen & {200, 201}}
        assert len(reached) > 25, sorted(statuses.keys() - reached)


def try_out(operation: Any, mode: GenerationMode, council: Council) -> set[int]:
    """Ask an operation in many ways and return the statuses it answered with."""
    seen: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
    def check(case: Any, known: bool) -> None:
        if known:  # a code drawn by chance is never one that is registered
            case.path_parameters.update(
                {name: KNOWN[name] for name in case.path_parameters or {} if name in KNOWN}
            )
        response = case.call(headers=council.key())
        seen.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    check()
    return seen
