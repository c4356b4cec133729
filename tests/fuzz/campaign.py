"""Cases of each kind until the number asked for is reached: boundaries, valid, invalid, and sequences of calls."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation.stateful.state_machine import APIStateMachine, StepInput, StepOutput

from tests.fuzz.findings import CHECKS, Finding, Findings
from tests.fuzz.home import ROLES, Home, aimed, chosen
from tests.fuzz.operations import DOCUMENT, ENDLESS, OPERATIONS

CONFIG = {
    # Roles sign in by themselves.
    "generation": {"with-security-parameters": False, "database": "none"},
    # The token of a test is worth nothing, and the command says where to put another.
    "output": {"sanitization": {"enabled": False}},
    # Refusing an answer that a state or a version stands against is refusing it too.
    "checks": {"negative_data_rejection": {"expected-statuses": [401, 403, 404, 405, 412, 413, 415, 422, 428]}},
}
STEPS = 12
SCENARIOS = 10


@dataclass
class Campaign:
    """`cases` to send, drawn from `seed`, but for the ids the server makes; what is found is in `findings`."""

    home: Home
    cases: int
    seed: int
    progress: Callable[["Campaign"], None] = lambda _: None
    on_finding: Callable[[Finding], None] = lambda _: None
    findings: Findings = field(default_factory=Findings)
    sent: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        whole = schemathesis.openapi.from_dict(DOCUMENT, config=SchemathesisConfig.from_dict(CONFIG))
        self.schema = whole.exclude(operation_id=sorted(ENDLESS))
        self.operations = [found.ok() for found in self.schema.get_all_operations() if isinstance(found, Ok)]
        assert len(self.operations) == len(OPERATIONS)
        self._random = random.Random(self.seed)
        self._impossible: set[tuple[str, GenerationMode]] = set()

    def run(self) -> Findings:
        """Send a fifth of the cases each as boundaries, valid and invalid data at most, the rest in sequences."""
        for case in self._boundaries(self.cases // 5):
            if self.sent < self.cases:
                self._try_alone(case, "boundary")
        rounds = 0
        while self.sent < self.cases:
            rounds += 1
            each = max(1, min(20, (self.cases - self.sent) // (5 * len(self.operations))))
            for operation in self._random.sample(self.operations, len(self.operations)):
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                    if self.sent < self.cases:
                        self._send_generated(operation, mode, each, rounds)
            self._sequences(2 * self.sent // rounds // 5, rounds)
        return self.findings

    def stop(self) -> None:
        """Send no more than what is being sent."""
        self.cases = min(self.cases, self.sent)

    def _boundaries(self, most: int) -> Iterator[Case[Any]]:
        """Yield what lies on the edges of the schemas: a sample of all there is, the same for the same seed."""
        some = min(len(self.operations), max(1, most // 8))
        for operation in self._random.sample(self.operations, some):
            config = self.schema.config.generation_for(operation=operation, phase="coverage")
            found = list(
                self.schema.iter_coverage_cases(
                    operation, generation_modes=list(GenerationMode), generation_config=config
                )
            )
            share = max(1, most // some)
            yield from self._random.sample(found, min(share, len(found)))

    def _try_alone(self, case: Case[Any], kind: str) -> None:
        self.home.renew_when_worn()
        self.try_one(case, kind)

    def _send_generated(self, operation: Any, mode: GenerationMode, count: int, rounds: int) -> None:
        if (operation.label, mode) in self._impossible:
            return
        try:
            self._drive(operation.as_strategy(generation_mode=mode), count, rounds, mode.value)
        except hypothesis.errors.Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE
            self._impossible.add((operation.label, mode))  # nothing about this operation can be wrong

    def _drive(self, strategy: Any, count: int, rounds: int, kind: str) -> None:
        @hypothesis.seed(self.seed + rounds)
        @hypothesis.settings(_settings(count))
        @hypothesis.given(strategy)
        def one(case: Case[Any]) -> None:
            self._try_alone(case, kind)

        one()

    def _sequences(self, cases: int, rounds: int) -> None:
        machine = hypothesis.seed(self.seed + rounds)(self._machine())
        until = self.sent + max(cases, 1)
        for number in range(1, 10_000):
            if self.sent >= min(until, self.cases):
                return
            hypothesis.seed(self.seed + 1000 * rounds + number)(machine)
            machine.run(settings=_settings(SCENARIOS))

    def _machine(self) -> type[APIStateMachine]:
        campaign, made = self, self.schema.as_state_machine()

        class Story(made):  # type: ignore[misc, valid-type]  # the base is made from the document
            def setup(self) -> None:
                campaign.home.renew_when_worn()
                self.favourite = ""

            def step(self, input: StepInput) -> StepOutput:  # noqa: A002  # the base's name for it
                linked = {name for _, name in input.applied_parameters}
                response = campaign.try_one(input.case, "sequence", linked, favourite=self.favourite)
                self.favourite = self.favourite or campaign.role
                self.recorder.record_response(case_id=input.case.id, response=response)
                return StepOutput(response, input.case)

        return Story

    role = ""

    def try_one(
        self, case: Case[Any], kind: str, linked: Iterable[str | None] = (), *, favourite: str = ""
    ) -> Response:
        """Send a case as somebody, and keep what its answer breaks."""
        self._aim(case, set(linked))
        text = f"{case.operation.label}{case.path_parameters!r}{case.body!r}"
        pick = chosen(text, 2 * len(ROLES))
        self.role = favourite if favourite and pick >= len(ROLES) else ROLES[pick % len(ROLES)]
        answer = self.home.send(case, self.role)
        self.sent += 1
        self.answers[answer.status_code] += 1
        self.kinds[kind] += 1
        response = Response.from_any(answer)
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            for new in self.findings.add(case, self.role, f"{answer.status_code} {answer.text[:300]}", group):
                self.on_finding(new)
        self.progress(self)
        return response

    def _aim(self, case: Case[Any], linked: set[str | None]) -> None:
        """Put ids of things that exist where the case has some of nothing, except in one of five."""
        if chosen(f"{case.operation.label}{case.query!r}{case.body!r}", 5) == 0:
            return
        ids = {name: values for name, values in self.home.ids.items() if name not in linked}
        for part in (case.path_parameters, case.query):
            for name, value in list(part.items()):
                part[name] = aimed(value, ids, name)
        if isinstance(case.body, (dict, list)) and None not in linked:
            case.body = aimed(case.body, ids)
        if "If-Match" in case.headers and len(str(case.headers["If-Match"])) < 200:
            case.headers["If-Match"] = "*"


def _settings(count: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=count,
        stateful_step_count=STEPS,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
