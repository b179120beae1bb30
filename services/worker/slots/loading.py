"""Imports the job modules, or says in one line which of them cannot be imported and why."""

import importlib
import pkgutil
import traceback
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Final

from services.worker.authoring.errors import JobDefinitionError
from services.worker.authoring.registry import catalogue
from shared.contracts.catalog import CatalogEntry

BUILT_IN: Final = "services.worker.jobs"


class JobModulesError(Exception):
    """A job module cannot be loaded; the text names it and the cause."""


def load(modules: Sequence[str]) -> list[CatalogEntry]:
    """Import our own jobs and `modules`; return the catalogue of what they declare.

    A package stands for itself and the modules directly in it.

    Raises:
        JobModulesError: one of them cannot be imported or declares an impossible job type.
    """
    for module in (BUILT_IN, *modules):
        try:
            for inner in _modules_in(importlib.import_module(module)):
                importlib.import_module(inner)
        except JobDefinitionError as fault:
            text = f"cannot load job module {module!r}: {fault}"
            raise JobModulesError(text) from fault
        except (Exception, SystemExit) as fault:
            text = f"cannot load job module {module!r}: {_explain(fault)}"
            raise JobModulesError(text) from fault
    return catalogue()


def _modules_in(module: ModuleType) -> Iterator[str]:
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{module.__name__}."):
        yield found.name


def _explain(fault: BaseException) -> str:
    place = traceback.extract_tb(fault.__traceback__)[-1]
    frozen = place.filename.startswith("<frozen")
    where = "" if frozen else f" ({place.filename}, line {place.lineno})"
    return f"{type(fault).__name__}: {fault}{where}"
